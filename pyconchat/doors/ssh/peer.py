"""SshPeer: what all doors of SSH have in common: their channel, and who is there."""

from __future__ import annotations

from typing import cast

from pyconchat.chat.interfaces import ISession, ServerAddress
from pyconchat.domain.errors import NotSaved, PeerGone
from pyconchat.domain.public_keys import PublicKey
from pyconchat.domain.refusals import not_saved
from pyconchat.doors.context import DoorContext
from pyconchat.doors.door import Door
from pyconchat.doors.input_budget import LARGE_READ
from pyconchat.doors.ssh.channel import SessionChannel
from pyconchat.doors.ssh.visitor import Visitor

__all__ = ["SshPeer", "open_session"]


class SshPeer:
    """A door at *channel*, for *visitor*."""

    serves_files = False
    max_read = LARGE_READ
    """Maximum bytes that the channel passes on at once."""

    pays = False
    """Whether the door pays for the packets of its requests in a budget of its own."""

    channel: SessionChannel
    visitor: Visitor
    _context: DoorContext

    def begin_peer(self, channel: SessionChannel, visitor: Visitor) -> None:
        """Set the channel and the visitor."""
        self.channel, self.visitor = channel, visitor

    @property
    def key(self) -> PublicKey | None:
        """Return the key that the client has offered; None without one."""
        return self.visitor.key

    @property
    def key_proven(self) -> bool:
        """Return whether the client has signed with the key."""
        return self.visitor.proven

    @property
    def ssh_address(self) -> ServerAddress:
        """Return the address of the SSH door at which the client has connected."""
        address, reached = self.channel.getHost(), self.channel.reached
        public = self._context.services.config.public_address
        host, port = reached or (getattr(address, "host", ""), getattr(address, "port", 0))
        return ServerAddress(public[0] if public is not None else host, port)

    def _unread(self) -> int:
        return self.channel.held


async def open_session(door: Door, context: DoorContext) -> ISession:
    """Return the session of *door*, an `SshPeer`, which receives from now on. Raises `Refused`."""
    visitor = cast(SshPeer, door).visitor
    credentials = visitor.credentials_of(door.network)
    try:
        _, avatar, _ = await context.portal.login(credentials, door, ISession)
    except NotSaved:
        raise not_saved() from None
    session = cast(ISession, avatar)
    try:
        door.logged_in(session)
    except PeerGone:
        context.services.registration.dismiss(session.account)
        raise
    await session.start()
    return session

"""SshPeer: what all doors of SSH have in common: their channel and the visitor.

`PersonPeer` is the door of a person, who reads the output. `UnattendedPeer` is that
of one command or of SFTP: nobody reads it, and nobody answers questions.
"""

from __future__ import annotations

from typing import NamedTuple, cast

from twisted.internet.defer import Deferred

from pyconchat.chat.interfaces import ISession, ServerAddress
from pyconchat.domain.errors import MustAsk, NotSaved, PeerGone, Refused
from pyconchat.domain.public_keys import PublicKey
from pyconchat.domain.refusals import not_saved
from pyconchat.doors.connection_limits import Counted
from pyconchat.doors.context import DoorContext
from pyconchat.doors.door import Door
from pyconchat.doors.input_budget import LARGE_READ
from pyconchat.doors.line.door import LF, LineDoor
from pyconchat.doors.line.telnet import Client
from pyconchat.doors.ssh.channel import SessionChannel
from pyconchat.doors.ssh.visitor import Visitor

__all__ = ["Arrival", "PersonPeer", "SshPeer", "UnattendedPeer"]


REFUSED = 1
"""The exit status after a refusal."""


class Arrival(NamedTuple):
    """The arguments of each door of SSH: its channel, the count of that, and the visitor."""

    context: DoorContext
    counted: Counted
    channel: SessionChannel
    visitor: Visitor


class SshPeer(Door):
    """A door at *channel*, for *visitor*."""

    serves_files = False
    max_read = LARGE_READ
    """Maximum bytes that the channel passes on at once."""

    pays = False
    """Whether the door pays for the packets of its requests in a budget of its own."""

    channel: SessionChannel
    visitor: Visitor

    def begin_peer(self, arrival: Arrival) -> None:
        """Set the channel and the visitor."""
        self.channel, self.visitor = arrival.channel, arrival.visitor

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

    def fail(self, problem: Refused | NotSaved) -> None:
        """Write the reason to the standard error, and end with the exit status of a refusal."""
        if self.ending:
            return
        refused = problem if isinstance(problem, Refused) else not_saved()
        self.channel.complain(refused.sentence)
        self.channel.exit_status = REFUSED
        self.close()


class PersonPeer(SshPeer, LineDoor):
    """The door of a person, who begins in *group*, or at the front desk (empty)."""

    def __init__(self, arrival: Arrival, group: str) -> None:
        LineDoor.__init__(self, arrival.context, arrival.counted)
        self.begin_peer(arrival)
        self._client = Client.PLAIN  # there is nothing of telnet
        self._group = group


class UnattendedPeer(SshPeer):
    """The door of a session that nobody watches: each question is refused with `MustAsk`."""

    names_places = True
    unattended = True

    def __init__(self, arrival: Arrival) -> None:
        context = arrival.context
        super().__init__(context, arrival.counted, LF, context.limits.line_bytes)
        self.begin_peer(arrival)

    def connectionMade(self) -> None:
        super().connectionMade()
        self.run(self._begin())

    async def _begin(self) -> None:
        try:
            session = await self._open_session()
            self.in_login = False
            await self.serve(session)
        except (Refused, NotSaved) as problem:
            self.fail(problem)

    async def serve(self, session: ISession) -> None:
        """Do the work of the session. Raises `Refused` and `NotSaved`."""
        raise NotImplementedError

    async def _open_session(self) -> ISession:
        """Return the session, which receives from now on. Raises `Refused` and `NotSaved`."""
        credentials = self.visitor.credentials_of(self.network)
        _, avatar, _ = await self._context.portal.login(credentials, self, ISession)
        session = cast(ISession, avatar)
        try:
            self.logged_in(session)
        except PeerGone:
            self._context.services.registration.dismiss(session.account)
            raise
        await session.start()
        return session

    # Called by the session.

    def acknowledged(self) -> bool:
        """Return False: received entries are not displayed to a person."""
        return False

    def ask(self, prompt: str, secret: bool = False) -> Deferred[str]:
        raise MustAsk(prompt, secret)

"""PlainSession: a session without a terminal: as at nc, with the login that SSH has done."""

from __future__ import annotations

from zope.interface import implementer

from pyconchat.chat.interfaces import IKeyPeer, ILoginPeer
from pyconchat.doors.connection_limits import Counted
from pyconchat.doors.context import DoorContext
from pyconchat.doors.line.dialogue import LoginDialogue
from pyconchat.doors.line.door import LineDoor
from pyconchat.doors.line.telnet import Client
from pyconchat.doors.ssh.channel import ISshDoor, SessionChannel
from pyconchat.doors.ssh.peer import SshPeer
from pyconchat.doors.ssh.visitor import Visitor

__all__ = ["PlainSession"]


@implementer(ILoginPeer, IKeyPeer, ISshDoor)
class PlainSession(SshPeer, LineDoor):
    """Lines that end in LF, no prompt and no colours. A stranger is a guest."""

    def __init__(
        self,
        context: DoorContext,
        counted: Counted,
        channel: SessionChannel,
        visitor: Visitor,
        group: str,
    ) -> None:
        LineDoor.__init__(self, context, counted)
        self.begin_peer(channel, visitor)
        self._client = Client.PLAIN
        self._group = group

    async def _log_in(self) -> None:
        services, portal = self._context.services, self._context.portal
        dialogue = LoginDialogue(services, portal, self, group=self._group)
        await dialogue.enter_as(self.visitor.credentials_of(self.network))
        self.in_login = False

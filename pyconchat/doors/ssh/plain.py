"""PlainSession: a session without a terminal: as at nc, with the login that SSH has done."""

from __future__ import annotations

from pyconchat.doors.connection_limits import Counted
from pyconchat.doors.context import DoorContext
from pyconchat.doors.line.dialogue import LoginDialogue
from pyconchat.doors.line.door import LineDoor
from pyconchat.doors.line.telnet import Client
from pyconchat.doors.ssh.channel import SessionChannel
from pyconchat.doors.ssh.visitor import Visitor

__all__ = ["PlainSession"]


class PlainSession(LineDoor):
    """Lines that end in LF, no prompt and no colours."""

    serves_files = False

    def __init__(
        self,
        context: DoorContext,
        counted: Counted,
        channel: SessionChannel,
        visitor: Visitor,
    ) -> None:
        super().__init__(context, counted)
        self._client = Client.PLAIN
        self._channel = channel
        self._visitor = visitor

    async def _log_in(self) -> None:
        dialogue = LoginDialogue(self._context.services, self._context.portal, self)
        await dialogue.enter_as(self._visitor.credentials_of(self.network))
        self.in_login = False

    def _unread(self) -> int:
        return self._channel.held

"""JsonSession: JSON mode at SSH, already logged in."""

from __future__ import annotations

from zope.interface import implementer

from pyconchat.chat.interfaces import IKeyPeer
from pyconchat.domain.errors import NotSaved, Refused
from pyconchat.domain.refusals import not_saved
from pyconchat.doors.connection_limits import Counted
from pyconchat.doors.context import DoorContext
from pyconchat.doors.interfaces import IProgramPeer
from pyconchat.doors.json.door import JsonDoor
from pyconchat.doors.ssh.channel import ISshDoor, SessionChannel
from pyconchat.doors.ssh.peer import SshPeer
from pyconchat.doors.ssh.visitor import Visitor

__all__ = ["JsonSession"]


@implementer(IProgramPeer, IKeyPeer, ISshDoor)
class JsonSession(SshPeer, JsonDoor):
    """A program's session. It begins with the answer to a hello that nobody has to send."""

    def __init__(
        self, context: DoorContext, counted: Counted, channel: SessionChannel, visitor: Visitor
    ) -> None:
        JsonDoor.__init__(self, context, counted)
        self.begin_peer(channel, visitor)

    def connectionMade(self) -> None:
        super().connectionMade()
        self.run(self._begin())

    async def _begin(self) -> None:
        try:
            answer = await self._mode.begin_as(self.visitor.credentials_of(self.network))
        except (Refused, NotSaved) as problem:
            refused = problem if isinstance(problem, Refused) else not_saved()
            self.channel.complain(refused.sentence)
            self.channel.exit_status = 1
            self.close()
            return
        self._answer(answer)

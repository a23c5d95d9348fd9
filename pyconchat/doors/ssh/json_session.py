"""JsonSession: JSON mode at SSH, already logged in."""

from __future__ import annotations

from zope.interface import implementer

from pyconchat.chat.interfaces import IKeyPeer
from pyconchat.domain.errors import NotSaved, Refused
from pyconchat.doors.interfaces import IProgramPeer
from pyconchat.doors.json.door import JsonDoor
from pyconchat.doors.ssh.interfaces import ISshDoor
from pyconchat.doors.ssh.peer import Arrival, SshPeer

__all__ = ["JsonSession"]


@implementer(IProgramPeer, IKeyPeer, ISshDoor)
class JsonSession(SshPeer, JsonDoor):
    """A program's session. It begins with the answer to a hello that nobody has to send."""

    def __init__(self, arrival: Arrival) -> None:
        JsonDoor.__init__(self, arrival.context, arrival.counted)
        self.begin_peer(arrival)

    def connectionMade(self) -> None:
        super().connectionMade()
        self.run(self._begin())

    async def _begin(self) -> None:
        try:
            answer = await self._mode.begin_as(self.visitor.credentials_of(self.network))
        except (Refused, NotSaved) as problem:
            self.fail(problem)
            return
        self._answer(answer)

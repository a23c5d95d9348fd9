"""PlainSession: a session without a terminal: as at nc, with the login that SSH has done."""

from __future__ import annotations

from zope.interface import implementer

from pyconchat.chat.interfaces import IKeyPeer, ILoginPeer
from pyconchat.doors.line.dialogue import LoginDialogue
from pyconchat.doors.ssh.interfaces import ISshDoor
from pyconchat.doors.ssh.peer import PersonPeer

__all__ = ["PlainSession"]


@implementer(ILoginPeer, IKeyPeer, ISshDoor)
class PlainSession(PersonPeer):
    """Lines that end in LF, no prompt and no colours. A stranger is a guest."""

    async def _log_in(self) -> None:
        services, portal = self._context.services, self._context.portal
        dialogue = LoginDialogue(services, portal, self, group=self._group)
        await dialogue.enter_as(self.visitor.credentials_of(self.network))
        self.in_login = False

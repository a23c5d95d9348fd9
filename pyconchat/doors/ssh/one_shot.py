"""OneShot: one command of a script: ``ssh alice@host say tea``. Its exit status tells the result.

The answers go to the standard output, a refusal to the standard error. Nothing that the session
receives is shown, and nothing counts as shown.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.interfaces import IKeyPeer, ILoginPeer, ISession
from pyconchat.chat.places import Place, Private
from pyconchat.domain.errors import Code, NotSaved, PeerGone, Refused
from pyconchat.domain.names import person_name
from pyconchat.domain.refusals import empty_message, line_too_long
from pyconchat.domain.replies import Reply, Sent
from pyconchat.domain.text import safe_text
from pyconchat.doors.ssh.interfaces import ISshDoor
from pyconchat.doors.ssh.peer import Arrival, UnattendedPeer
from pyconchat.doors.ssh.words import Follow, Run, Say, Token, Work

__all__ = ["OneShot"]


@implementer(ILoginPeer, IKeyPeer, ISshDoor)
class OneShot(UnattendedPeer):
    """The session of one command, *work*."""

    def __init__(self, arrival: Arrival, work: Work) -> None:
        super().__init__(arrival)
        self._work = work
        self.unattended = not isinstance(work, Follow)
        self._place: Place = None  # of the lines that are said
        self._following = False

    async def serve(self, session: ISession) -> None:
        """Do the work of the command. Raises `Refused` and `NotSaved`."""
        match self._work:
            case Say(place=name, private=private, text=text):
                self._place = self._find(session, name, private)
                if text is None:
                    return  # each line of the input is said
                await self._say(text)
            case Run(line=line, group=group):
                place = self._find(session, group, False) if group else None
                await session.command(line, place, self._answer)
            case Token():
                token = await self._context.services.tokens.issue(session.account)
                if not token:
                    raise Refused(Code.GUESTS_OFF, "Only registered users have tokens.")
                self._output.write(token.encode() + b"\n")
            case Follow(group=group):
                self._follow(session, self._context.services.groups.find(session.actor, group))
                return
        self.close()

    def _follow(self, session: ISession, conversation: GroupConversation) -> None:
        """Show what happens in one group from now on, and nothing else. Raises `Refused`."""
        conversation.group.require_member(session.actor)
        self._following, self.names_places = True, False
        subscriptions = session.subscriptions
        for other in list(subscriptions.groups()):
            subscriptions.detach(other)
        session.enter(conversation)
        subscriptions.add(conversation, conversation.published)

    def _find(self, session: ISession, name: str, private: bool) -> Place:
        services = self._context.services
        if not private:
            return services.groups.find(session.actor, name)
        partner = services.accounts.find(person_name(name))
        services.chat.private.require_partner(session.account, partner)
        return Private(partner)

    # Messages.

    async def _say(self, line: str) -> None:
        """Say *line* as it is, and wait until it is stored. Raises `Refused`."""
        session, services = self.session, self._context.services
        if session is None:
            raise PeerGone
        session.require_welcome()
        text = safe_text(line)
        if not text.strip():
            raise empty_message()
        if isinstance(self._place, Private):
            receiver, seq, away = await services.chat.private.post(
                session, self._place.partner, text
            )
            online = services.presence.online(receiver.key)
            if away is not None:
                self._answer(Sent(receiver.name, online, seq, away))
            return
        assert self._place is not None, "a message has a place"
        done: Deferred[int] = Deferred()
        services.chat.posting.post(session, self._place, text, done)
        await done

    def lineReceived(self, line: bytes) -> None:
        if self._place is None:
            return  # the input of a command that reads none
        try:
            text = self.decoded(line, self.MAX_LENGTH)
        except Refused as refused:
            self.fail(refused)
            return
        if text.strip():
            self.run_task(Deferred.fromCoroutine(self._caught(self._say(text))))

    async def _caught(self, saying: Coroutine[Any, Any, None]) -> None:
        try:
            await saying
        except (Refused, NotSaved) as problem:
            self.fail(problem)

    def lineLengthExceeded(self, line: bytes) -> None:
        self.fail(line_too_long(self.MAX_LENGTH))

    def inputEnded(self) -> None:
        says = isinstance(self._work, Say) and self._work.text is None
        if says and self._task is None and self._place is not None:
            self.finish()

    # Called by the session.

    def write(self, block: bytes) -> None:
        if self._following:
            self._output.write(block)

    def write_last(self, block: bytes) -> None:
        self._output.write(block if self._following else b"")

    def _answer(self, reply: Reply) -> None:
        self._output.write(self.renderer.reply(reply))

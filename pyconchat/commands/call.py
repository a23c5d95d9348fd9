"""Call: one use of a command, with the parts of the chat that commands need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pyconchat.chat.conversations import Conversation, GroupConversation
from pyconchat.chat.interfaces import Asker, ISession
from pyconchat.chat.places import Place, Private
from pyconchat.commands.services import Services
from pyconchat.domain.accounts import Account, Accounts
from pyconchat.domain.decisions import RequestKey
from pyconchat.domain.errors import ASK_PASSWORD_AGAIN, Code, Refused
from pyconchat.domain.events import NO_TEXT, AnyEvent, GroupEvent, ServerEvent
from pyconchat.domain.group import Actor, Group
from pyconchat.domain.replies import Done, Reply
from pyconchat.domain.text import SafeText

__all__ = ["Call", "Cancelled"]

AnyEventT = TypeVar("AnyEventT", bound=AnyEvent)
T = TypeVar("T")

MAX_PASSWORDS = 3
"""Maximum answers to a question for a password."""


class Cancelled(Exception):
    """A question was answered with an empty line, or with the command *instead*."""

    def __init__(self, instead: str = "") -> None:
        super().__init__(instead)
        self.instead = instead


class Call:
    """One use of a command: its session, and the place *current* in which it was typed.

    *answer* sends a reply to the caller.
    """

    def __init__(
        self,
        services: Services,
        session: ISession,
        current: Place,
        answer: Callable[[Reply], None],
        key: RequestKey | None = None,
    ) -> None:
        self.services = services
        self.chat = services.chat
        self.session = session
        self.current = current
        self.answer = answer
        self.key = key
        self.asked = False  # whether the server asked for a missing argument
        self.named_group = ""  # the name of the group, if the line named it

    @property
    def account(self) -> Account:
        """Return the account of the session."""
        account: Account = self.session.account
        return account

    @property
    def actor(self) -> Actor:
        """Return the account as an `Actor`, for the rules."""
        actor: Actor = self.session.actor
        return actor

    @property
    def asker(self) -> Asker:
        """Return the key by which the throttle counts passwords that are hashed and checked."""
        return Asker(self.account.key, self.session.peer.network)

    def move_to(self, conversation: GroupConversation) -> None:
        """Use the command in the group that the line names, from any place."""
        self.current = conversation
        self.named_group = conversation.group.name

    def in_group(self) -> GroupConversation | None:
        """Return the current group, None at the front desk.

        Raises `Refused` in a private conversation.
        """
        if isinstance(self.current, Private):
            raise Refused(
                Code.NO_GROUP,
                "That works in groups; you are talking to {name} in private, which /desk leaves.",
                name=self.current.partner.name,
            )
        return self.current

    def here(self, may_be_named: bool = False, unknown: SafeText = NO_TEXT) -> GroupConversation:
        """Return the conversation of the current group. Raises `Refused` elsewhere.

        *may_be_named* is true if the command takes a group as its last word; *unknown* is that
        word, if it is not the name of a group.
        """
        group = self.in_group()
        if group is None:
            raise Refused(
                Code.NO_GROUP,
                "You are at the front desk{unknown}: {hint}enter a group first with /join GROUP.",
                unknown=f", and there is no group {unknown}" if unknown else "",
                hint="name the group last, or " if may_be_named else "",
            )
        return group

    def require_talk(self) -> None:
        """Raise `Refused` unless the caller may read and write in the current place."""
        if isinstance(self.current, Private):
            self.chat.private.require_partner(self.account, self.current.partner)
        else:
            self.group()

    def require_voice(self) -> None:
        """Raise `Refused` unless the caller may write in the current place, and is not quiet."""
        self.require_talk()
        if not isinstance(self.current, Private):
            self.usable().require_voice(self.actor, self.chat.now())

    async def conversation(self) -> Conversation | None:
        """Return the conversation of the current place, if the caller may read in it.

        None for a private one without entries. Raises `Refused` or `NotSaved`.
        """
        if isinstance(self.current, Private):
            return await self.chat.private.conversation(self.account, self.current.partner)
        self.group()
        return self.here()

    @property
    def receives(self) -> bool:
        """Return whether the caller is a member of the group, and so receives its events."""
        here = self.in_group()
        return here is not None and self.account.key in here.group.members

    async def find(self, name: str) -> GroupConversation:
        """Return the group of that name or number, as it is now. Raises `Refused` or `NotSaved`."""
        conversation = self.services.groups.find(self.actor, name)
        await self.chat.states.know(conversation)
        return conversation

    def usable(self) -> Group:
        """Return the current group, also for operators who are not members. Raises `Refused`."""
        return self.services.memory.usable(self.here())

    def group(self) -> Group:
        """Return the current group. Raises `Refused` if the caller is not a member."""
        group = self.usable()
        group.require_member(self.actor)
        return group

    def decide(
        self, conversation: GroupConversation, rule: Callable[[Group], list[GroupEvent]]
    ) -> Awaitable[int]:
        """As `Chat.decide`, with the key of this request; the notices cost the caller's rate."""
        return self.chat.decide(conversation, lambda group: self._charged(rule(group)), self.key)

    def operate(self, rule: Callable[[Accounts], list[ServerEvent]]) -> Awaitable[None]:
        """As `Chat.operate`, with the key of this request; the notices cost the caller's rate."""
        return self.chat.operate(lambda accounts: self._charged(rule(accounts)), self.key)

    def _charged(self, events: list[AnyEventT]) -> list[AnyEventT]:
        texts = (getattr(each, name, "") for each in events for name in ("reason", "note", "topic"))
        self.services.rates.charge(self.account, sum(len(text.encode()) for text in texts))
        return events

    def done(self, sentence: str, **fields: object) -> Done:
        """Return the reply *sentence*, with its commands as the caller's client sends them.

        As for `Refused`, only *sentence* names commands, and the *fields* in it are safe.
        """
        translator = self.session.translator
        typed = sentence if translator is None else translator.typed(sentence)
        return Done(SafeText(typed.format(**fields)))

    async def ask(self, prompt: str, secret: bool = False) -> str:
        """Ask a question and return the answer.

        Raises `Cancelled` if it is empty, or a command to be executed instead.

        Raises `Refused` if the caller has left the group when the answer comes.
        """
        self.asked = True
        answer = await self.session.ask(prompt, secret)
        if self.current is not None and not self.session.is_in(self.current):
            raise Refused(Code.NO_GROUP, "You are no longer there; nothing was done.")
        if not secret:
            answer = answer.strip()
        if not answer:
            raise Cancelled
        return answer

    async def ask_password(self, prompt: str, accept: Callable[[str], Awaitable[T]]) -> T:
        """Ask for a password until *accept* takes it, at most three times; return its result.

        After a refusal people type the next attempt at once: without a question, it would be sent
        to the group as a message. A program sends all its answers with the request, and repeats the
        request after a refusal.

        Raises `Cancelled`, and `Refused`, as `ask` and *accept* do.
        """
        attempts = 1 if self.session.peer.names_places else MAX_PASSWORDS
        for _ in range(attempts - 1):
            answer = await self.ask(prompt, secret=True)
            try:
                return await accept(answer)
            except Refused as refused:
                if refused.code not in ASK_PASSWORD_AGAIN:
                    raise
                prompt = f"{refused.sentence} Once more: "
        return await accept(await self.ask(prompt, secret=True))

"""Session: one login through one door.

It receives lines, decides whether each is a message or a command, and passes it to the chat or
executes the command. The chat has the rules; `Subscriptions` has what the session receives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from pyconchat.chat.audience import Send
from pyconchat.chat.conversations import Conversation, DirectConversation, GroupConversation
from pyconchat.chat.interfaces import IPeer, IRenderer, ISession, ITranslator
from pyconchat.chat.places import Place, Private, place_name
from pyconchat.commands import Call, Cancelled, find_command, names_command, works_at_desk
from pyconchat.commands.services import Services
from pyconchat.domain.accounts import Account
from pyconchat.domain.decisions import MoveCursor, RequestKey
from pyconchat.domain.errors import Code, NotSaved, PeerGone, Refused
from pyconchat.domain.group import Actor
from pyconchat.domain.moves import Moves
from pyconchat.domain.names import COMMAND_WORDS, Name
from pyconchat.domain.refusals import internal_error, not_saved
from pyconchat.domain.replies import Ended, EndWhy, Reply, Sent, Where
from pyconchat.domain.text import SafeText
from pyconchat.net.teardown import take_all
from pyconchat.sessions.subscription import Subscriptions
from pyconchat.sessions.typed import LEAVING, message_in, text_of

__all__ = ["Session"]


@implementer(ISession)
class Session:
    """One login of *account*, through *peer*."""

    __slots__ = (
        "__weakref__",
        "_accounts",
        "_chat",
        "_ended",
        "_leaving",
        "_memory",
        "_moves",
        "_opened",
        "_operator",
        "_partner_online",
        "_seconds",
        "_services",
        "account",
        "active_at",
        "aside",
        "awaiting",
        "away",
        "began_at",
        "current",
        "marks",
        "peer",
        "quit_reason",
        "quitting",
        "renderer",
        "starting",
        "subscriptions",
        "translator",
        "unattended",
    )

    _log = Logger()

    def __init__(self, services: Services, account: Account, peer: IPeer) -> None:
        self.account = account
        self.peer = peer
        self.renderer: IRenderer = peer.renderer.styled(account.settings)
        self.translator = cast(ITranslator, peer) if peer.translates else None
        self.unattended = peer.unattended and account.registered
        self.current: Place = None
        self.awaiting: GroupConversation | None = None
        self.starting = True
        self.marks = False
        self.away: SafeText | None = None
        self.aside: tuple[Name, int] | None = None
        self.quitting = False
        self.quit_reason = SafeText("")
        self.subscriptions = Subscriptions(services, self)
        self._services = services
        self._chat = services.chat
        self._accounts = services.accounts
        self._memory = services.memory
        self._ended = False
        self._opened = False
        self._leaving = False  # a command that ends a membership is running
        self._moves = Moves()
        self._seconds = services.chat.reactor.seconds
        self._operator: tuple[Account, str] | None = None  # with their password hash
        self._partner_online = False  # last state displayed in a private conversation
        self.began_at = self.active_at = self._seconds()

    @property
    def actor(self) -> Actor:
        actor = self.account.actor
        if self._operator is None or actor.operator:
            return actor
        account, password_hash = self._operator
        lasts = account.actor.operator and account.password_hash == password_hash
        return replace(actor, operator=lasts)

    def operate_as(self, account: Account) -> None:
        self._operator = account, account.password_hash

    # The beginning and the end.

    def start(self, since: Mapping[str, int] | None = None) -> Deferred[None]:
        # Before the log is read, so that the end of all sessions of an account includes this one.
        self._services.registry.opened(self)
        self._opened = True
        return Deferred.fromCoroutine(self._start(since or {}))

    async def _start(self, since: Mapping[str, int]) -> None:
        await self.subscriptions.find_missed(since)
        if self.subscriptions.stopped:  # a kick, a ban or a new password has ended the session
            raise PeerGone
        self.starting = False

    def catch_up(self, most: int = 0) -> Deferred[None]:
        return Deferred.fromCoroutine(self.subscriptions.deliver_missed(most))

    def close(self) -> None:
        if self._ended:
            return
        self._ended = True
        received: list[MoveCursor] = []
        take_all(
            lambda: received.extend(self.subscriptions.receipts()),
            self.subscriptions.stop,
            self.subscriptions.clear,
            lambda: self._leave(received),
        )

    def _leave(self, received: list[MoveCursor]) -> None:
        if self._opened:
            self._services.registry.closed(self, received)
        else:
            self._services.registration.dismiss(self.account)

    def end(self, why: EndWhy, reason: str) -> None:
        self.peer.close(self.renderer.reply(Ended(why, SafeText(reason))))

    def end_when_idle(self, why: EndWhy, reason: str) -> None:
        self.peer.end_when_idle(self.renderer.reply(Ended(why, SafeText(reason))))

    def quit(self, reason: SafeText) -> None:
        self.quitting = True
        self.quit_reason = reason
        self.end(EndWhy.BYE, "Bye.")

    # The current place.

    def enter(self, place: Place) -> None:
        if not self.peer.names_places:
            left, self.current = self.current, place
            self.subscriptions.set_apart()  # the events for others contain the group's name
            if isinstance(left, GroupConversation) and left is not place:
                self.subscriptions.refresh(left)
            self.awaiting = None
            if isinstance(place, Private):
                self._partner_online = self._services.presence.online(place.partner.key)
            self._moves.chose()
            self.peer.refresh_prompt()

    def move(self, place: Place) -> None:
        self.enter(place)
        if not self._leaving:
            self._moves.moved(self._seconds())

    def is_in(self, place: Place) -> bool:
        return self.peer.names_places or self.current is place

    def await_approval(self, conversation: GroupConversation) -> None:
        if self.current is None and not self.peer.names_places:
            self.awaiting = conversation

    def view_of(self, conversation: Conversation) -> Where:
        if not isinstance(conversation, DirectConversation):
            return conversation.here if self.current is conversation else conversation.elsewhere
        partner = conversation.partner_of(self.account.key)
        account = self._accounts.get(partner)
        return Where(
            other=account.name if account is not None else Name(partner),
            here=isinstance(self.current, Private) and self.current.partner is account,
            own=self.account.name,
            guests=conversation.guest_keys,
        )

    # Output.

    def restyle(self) -> None:
        self.renderer = self.peer.renderer.styled(self.account.settings)
        self.subscriptions.set_apart()

    def direct_send(self) -> Send | None:
        if self.account.ignores:
            return None
        return self.peer.direct_send(self.subscriptions.set_apart)

    def send(self, reply: Reply) -> None:
        if self.translator is not None:
            self.translator.replied(reply)
            return
        block = self.renderer.reply(reply)
        if block:
            self.peer.write(block)

    def refuse(self, refused: Refused) -> None:
        if self.translator is not None:
            self.translator.refuse(refused)
            return
        self.peer.write(self.renderer.refusal(refused))

    def not_saved(self) -> None:
        self.refuse(not_saved())

    def ask(self, prompt: str, secret: bool = False) -> Deferred[str]:
        return self.peer.ask(prompt, secret).addCallback(_not_a_command)

    # Input.

    def line(self, line: str) -> Deferred[None] | None:
        if self._moves.pending:
            try:
                if self._moves.recent(self._seconds()):
                    self._require_meant_for(line, self.current)
            except Refused as refused:
                self.refuse(refused)
                return None
        return self.line_in(line, self.current)

    def line_in(self, line: str, current: Place) -> Deferred[None] | None:
        self.active_at = self._seconds()
        try:
            message = message_in(line) if current is not None else None
            if current is None or message is None:
                if not line.strip():
                    return None
                return Deferred.fromCoroutine(self._run(line, current))
            self.require_welcome()
            text = text_of(message, line)
            if not text:
                return None
            if isinstance(current, Private):
                return Deferred.fromCoroutine(self._say_to(current, text))
            self._chat.posting.post(self, current, text)
        except Refused as refused:
            self.refuse(refused)
        return None

    async def _say_to(self, place: Private, text: SafeText) -> None:
        """Send *text* to the partner; display a change of their state: away, or offline."""
        try:
            receiver, seq, away = await self._chat.private.post(self, place.partner, text)
        except Refused as refused:
            self.refuse(refused)
            return
        except NotSaved:
            self.not_saved()
            return
        online = self._services.presence.online(receiver.key)
        if away is not None or (self._partner_online and not online):
            self.send(Sent(receiver.name, online, seq, away))
        self._partner_online = online

    def _require_meant_for(self, line: str, current: Place) -> None:
        """Raise `Refused` if *line* may have been typed before the person was moved here."""
        if line.startswith("/") or not works_at_desk(line, or_nearly=current is not None):
            return
        if self._moves.repeated(line):
            return
        self.peer.discard_input()  # more lines may have been typed before the move
        if current is None:
            raise Refused(
                Code.MOVED,
                "You are at the front desk now, where that is a command: send it again to carry it"
                " out.",
            )
        raise Refused(
            Code.MOVED,
            "You are in {place} now: send it again to {what}.",
            place=place_name(current),
            what="leave" if line in LEAVING else "say it there",
        )

    def note_activity(self) -> None:
        self.active_at = self._seconds()

    def answer_group(self, answer: str) -> Deferred[None]:
        word = answer.partition(" ")[0].lower()
        is_command = word.startswith("/") or word in COMMAND_WORDS
        return self.command(answer if is_command else f"/join {answer}", None, self.send)

    def require_welcome(self) -> None:
        if self.account.key in self._accounts.bans:  # fast path: called for each message
            self._memory.admit(self.account.name)

    def command(
        self,
        line: str,
        place: Place,
        answer: Callable[[Reply], None],
        key: RequestKey | None = None,
    ) -> Deferred[None]:
        return Deferred.fromCoroutine(self._command(line, place, answer, key))

    async def _command(
        self,
        line: str,
        place: Place,
        answer: Callable[[Reply], None],
        key: RequestKey | None,
    ) -> None:
        while True:
            try:
                await self._carry_out(line, place, answer, key)
            except Cancelled as cancelled:
                if not cancelled.instead:
                    raise Refused(Code.CANCELLED, "Cancelled.") from None
                line = cancelled.instead
                if not self.peer.names_places:
                    place = self.current  # it may have changed while the question was open
            else:
                return

    async def _carry_out(
        self,
        line: str,
        place: Place,
        answer: Callable[[Reply], None],
        key: RequestKey | None,
    ) -> None:
        """Execute the command *line*. Raises `Cancelled`, and otherwise as `command` fails."""
        self.require_welcome()
        if line.startswith("//"):
            raise Refused(Code.NO_GROUP, "You are in no group: nobody would receive that.")
        if place is None:
            self._require_no_group(line)
        stepping_out = place is not None and line in LEAVING
        found = find_command("/qqq" if stepping_out else line, at_desk=place is None)
        self._leaving = found.command.ends
        try:
            call = Call(self._services, self, place, answer, key)
            reply = await found.command.run(call, found.rest)
            if reply is not None and not self._ended:
                answer(reply)
        except NotSaved:
            raise not_saved() from None
        except (Cancelled, Refused, PeerGone):
            raise
        except Exception:
            self._log.failure("command {name} failed", name=found.command.name)
            raise internal_error() from None
        finally:
            self._leaving = False

    def _require_no_group(self, line: str) -> None:
        """Raise `Refused` if *line*, typed at the front desk, is a group and no command."""
        conversation = self._services.groups.known_to(self.account.actor, line.strip())
        if conversation is not None and not works_at_desk(line):
            raise Refused(
                Code.UNKNOWN_COMMAND,
                "{name} is a group, not a command: join {name} enters it.",
                name=conversation.group.name,
            )

    async def _run(self, line: str, place: Place) -> None:
        try:
            await self._command(line, place, self.send, None)
        except Refused as refused:
            self.refuse(refused)
        except PeerGone:
            pass


def _not_a_command(answer: str) -> str:
    """Return *answer*. Raises `Cancelled` if it is a command."""
    if names_command(answer):
        raise Cancelled(answer)
    return answer

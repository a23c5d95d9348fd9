"""Session: one login through one door; what it follows, and what it has received.

The session takes lines and knows which are messages and which are commands; the rules are the
chat's. It follows each conversation of its account by a `Subscription`: first from the store, in
pages, then live.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.chat.chat import Chat
from pyconchat.chat.conversation import Conversation
from pyconchat.chat.fanout import is_ignored, own_key
from pyconchat.chat.interfaces import IPeer, ISession
from pyconchat.commands import Call, Cancelled, find_command
from pyconchat.domain.accounts import Account
from pyconchat.domain.decisions import OPEN_END, MoveCursor, RequestKey
from pyconchat.domain.errors import Code, NotSaved, Refused
from pyconchat.domain.names import COMMAND_WORDS, Name, fold
from pyconchat.domain.replies import Ended, EndWhy, Reply, Where
from pyconchat.domain.text import SafeText, safe_text

__all__ = ["PeerGone", "Session", "message_in", "not_saved"]

PAGE = 100
"""Entries read from the store at once while catching up: of the longest, less than half of what may
wait unsent."""

# In a group these two words alone are commands, for the people who have always typed them.
_LEAVING = frozenset({"leave", "qqq"})


class PeerGone(Exception):
    """The peer went away while something was asked of it."""


class Subscription:
    """How far a session is with one conversation: received up to *read*, to end at *upto*.

    While the session is live on the conversation, *read* stands still: the conversation knows
    what has been written (see `Conversation.received`). *saved* is what the store knows.
    """

    __slots__ = ("catching_up", "conversation", "heading", "read", "saved", "told", "upto")

    def __init__(
        self, conversation: Conversation, read: int, upto: int = OPEN_END, heading: str = ""
    ) -> None:
        self.conversation = conversation
        self.read = read
        self.saved = read
        self.upto = upto
        self.heading = heading
        self.told = 0
        self.catching_up: Deferred[None] | None = None


@implementer(ISession)
class Session:
    """One login of *account*, through *peer*."""

    __slots__ = (
        "_chat",
        "_ended",
        "_finished",
        "_following",
        "_missed",
        "_subscriptions",
        "account",
        "awaiting",
        "current",
        "parting",
        "peer",
        "quitting",
        "renderer",
        "starting",
    )

    _log = Logger()

    def __init__(self, chat: Chat, account: Account, peer: IPeer) -> None:
        self.account = account
        self.peer = peer
        self.renderer = peer.renderer
        self.current: Conversation | None = None
        self.awaiting: Conversation | None = None
        self.starting = True
        self.quitting = False
        self.parting = SafeText("")
        self._chat = chat
        self._subscriptions: dict[Conversation, Subscription] = {}
        self._missed: list[Subscription] = []  # found by `start`, to be shown by `catch_up`
        self._finished: list[Subscription] = []  # followed no longer; receipt not yet known
        self._following = True  # until the last words are said
        self._ended = False

    # Coming and going.

    async def start(self, since: Mapping[str, int] | None = None) -> None:
        """Find what was missed. Raises `NotSaved` if it cannot be read.

        *since* is what the peer has of each conversation, by its place (see `_place`); of the
        others it has what its account's cursor says.
        """
        since = {place.lower(): seq for place, seq in (since or {}).items()}
        partners = [place[1:] for place in since if place.startswith("@")]
        directs = [await self._chat.direct_with(self.account, partner) for partner in partners]
        records = await self._chat.opened(self)
        if self._ended:
            return
        member_of = {record.conversation for record in records if record.upto == OPEN_END}
        for record in records:
            conversation = self._chat.conversations.of_cursor(record)
            subscription = Subscription(
                conversation, record.read, record.upto, "While you were away"
            )
            has = since.get(self._place(conversation))
            if has is not None and has <= conversation.published:  # else it is of another time
                if record.upto == OPEN_END:
                    subscription.read = has
                elif record.conversation in member_of:
                    continue  # the open cursor of the membership has it all
                else:  # who is no member any more gets only what the cursor leaves over
                    subscription.read = max(has, subscription.read)
            if record.upto == OPEN_END:
                self._subscriptions[conversation] = subscription
            self._missed.append(subscription)
        for direct in directs:  # of which the account has everything, but perhaps not this peer
            if direct is not None and direct not in self._subscriptions:
                has = since[self._place(direct)]
                if has > direct.published:
                    continue
                self._subscriptions[direct] = Subscription(
                    direct, has, heading="While you were away"
                )
                self._missed.append(self._subscriptions[direct])
        self.starting = False

    async def catch_up(self) -> None:
        """Show what was missed, then go live."""
        missed, self._missed = self._missed, []
        for subscription in missed:  # one after another: in order, and within what may wait unsent
            await self._begin(subscription)

    def close(self) -> None:
        """Let go of everything: the peer is gone, or about to be cut off."""
        if self._ended:
            return
        self._ended = True
        received = self.receipts()
        self.let_go()
        self._subscriptions.clear()
        self._chat.closed(self, received)

    def let_go(self) -> None:
        """Follow nothing any more: what is shown from now on is for the next login."""
        self._following = False
        for conversation, subscription in self._subscriptions.items():
            subscription.read = self._position(subscription)
            conversation.sessions.pop(self, None)
            conversation.due.pop(self, None)

    def end(self, why: EndWhy, reason: str) -> None:
        self.peer.hang_up(self.renderer.reply(Ended(why, SafeText(reason))))

    def quit(self, reason: SafeText) -> None:
        self.quitting = True
        self.parting = reason
        self.end(EndWhy.BYE, "Bye.")

    def receipts(self) -> list[MoveCursor]:
        if not self.account.registered:
            self._finished.clear()  # a guest has no cursors
            return []
        moved = [
            subscription
            for subscription in (*self._subscriptions.values(), *self._finished)
            if self._position(subscription) > subscription.saved
        ]
        if not moved or not self.peer.acknowledged():
            return []
        moves: list[MoveCursor] = []
        for subscription in moved:
            subscription.saved = self._position(subscription)
            moves.append(
                MoveCursor(
                    self.account.key,
                    subscription.conversation.id,
                    subscription.saved,
                    subscription.upto,
                )
            )
        self._finished = [
            subscription for subscription in self._finished if subscription.read < subscription.upto
        ]
        return moves

    # What it follows.

    def hears(self, conversation: Conversation) -> bool:
        return conversation in self._subscriptions

    def attach(self, conversation: Conversation, after: int, told: int = 0) -> None:
        subscription = Subscription(conversation, after, heading="Earlier")
        subscription.told = told
        self._subscriptions[conversation] = subscription
        subscription.catching_up = self._begin(subscription)

    def caught_up(self, conversation: Conversation) -> Deferred[None]:
        subscription = self._subscriptions.get(conversation)
        live: Deferred[None] = Deferred()
        if subscription is None or subscription.catching_up is None:
            live.callback(None)
        else:
            subscription.catching_up.addBoth(lambda _: live.callback(None))
        return live

    def detach(self, conversation: Conversation, upto: int) -> None:
        subscription = self._subscriptions.pop(conversation)
        if self in conversation.sessions:
            del conversation.sessions[self]
            subscription.read = upto
        subscription.upto = upto  # one that is catching up goes on to there
        self._finished.append(subscription)
        if self.current is conversation:
            self.enter(None)

    def was_told(self, conversation: Conversation, seq: int) -> None:
        if self._following:
            subscription = Subscription(conversation, seq - 1, seq)
            subscription.read = seq
            self._finished.append(subscription)

    def enter(self, conversation: Conversation | None) -> None:
        if not self.peer.program:  # which says with each request where it is
            self.current = conversation
            self.awaiting = None
            self.peer.refresh()

    def is_at(self, conversation: Conversation) -> bool:
        return self.peer.program or self.current is conversation

    def wait_for(self, conversation: Conversation) -> None:
        if self.current is None and not self.peer.program:
            self.awaiting = conversation

    def unread(self, conversation: Conversation) -> int:
        subscription = self._subscriptions.get(conversation)
        return 0 if subscription is None else conversation.published - self._position(subscription)

    def where(self, conversation: Conversation) -> Where:
        if conversation.parties is None:
            return conversation.here if self.current is conversation else conversation.elsewhere
        one, other = (own_key(party) for party in conversation.parties)
        partner = other if one == self.account.key else one
        account = self._chat.accounts.get(partner)
        return Where(other=account.name if account is not None else Name(partner))

    def memberships(self) -> list[tuple[Conversation, int]]:
        """Return the groups that are followed, each with the number of unread entries."""
        groups = [each for each in self._subscriptions if each.group is not None]
        return [(group, self.unread(group)) for group in groups]

    def _place(self, conversation: Conversation) -> str:
        """Return a group's name, or ``@`` and the partner's, folded."""
        where = self.where(conversation)
        return fold(f"@{where.other}" if where.other is not None else f"{where.group}")

    def _position(self, subscription: Subscription) -> int:
        conversation = subscription.conversation
        live = (
            self in conversation.sessions and self._subscriptions.get(conversation) is subscription
        )
        return conversation.received(self) if live else subscription.read

    def _begin(self, subscription: Subscription) -> Deferred[None]:
        catching_up = Deferred.fromCoroutine(self._catch_up(subscription))
        catching_up.addErrback(self._could_not_read)
        return catching_up

    async def _catch_up(self, subscription: Subscription) -> None:
        """Show the entries after `Subscription.read`; in the turn that reaches the end, go live."""
        conversation = subscription.conversation
        while self._following:
            upto = min(conversation.published, subscription.upto)
            if subscription.read >= upto:
                if subscription.upto == OPEN_END:
                    conversation.sessions[self] = None
                elif subscription not in self._finished:
                    self._finished.append(subscription)
                return
            entries = await self._chat.journal.read(
                self._chat.store.entries, conversation.id, subscription.read, upto, PAGE
            )
            if not self._following:
                return
            subscription.read = entries[-1].seq if entries else upto
            where = self.where(conversation)
            group, key, ignores = conversation.group, self.account.key, self.account.ignores
            block = self.renderer.replay(
                [
                    entry
                    for entry in entries
                    if entry.seq != subscription.told
                    and (group is None or group.may_read(entry.event, key))
                    and not (ignores and is_ignored(entry, ignores))
                ],
                where,
                key,
                subscription.heading,
            )
            if block:
                subscription.heading = ""
                self.peer.write(block)
            drained = self.peer.drained()
            if drained is not None:
                await drained

    def _could_not_read(self, failure: Failure) -> None:
        if isinstance(failure.value, PeerGone):
            return
        if not isinstance(failure.value, NotSaved):
            self._log.failure("catching up failed", failure)
        # Nothing is lost: the cursor stands where it stood, and the next login starts there.
        self.end(EndWhy.TROUBLE, "The server cannot read its log now; try again soon.")

    # What it is told.

    def say(self, reply: Reply) -> None:
        block = self.renderer.reply(reply)
        if block:
            self.peer.write(block)

    def refuse(self, refused: Refused) -> None:
        self.peer.write(self.renderer.refusal(refused))

    def not_saved(self) -> None:
        self.refuse(not_saved())

    def ask(self, prompt: str, secret: bool = False) -> Deferred[str]:
        return self.peer.ask(prompt, secret)

    # What is typed.

    def line(self, line: str) -> Deferred[None] | None:
        """Do what a person's *line* says. Returns None when done, or what fires when it is."""
        try:
            current = self.current
            message = message_in(line) if current is not None else None
            if current is None or message is None:
                if not line.strip():
                    return None
                return Deferred.fromCoroutine(self._run(line))
            self.require_welcome()
            text = safe_text(message)
            if text and not text.isspace():
                self._chat.say(self, current, text)
        except Refused as refused:
            self.refuse(refused)
        return None

    def answer_group(self, answer: str) -> Deferred[None] | None:
        """Enter the group that *answer* names; as `line`. A command is one here too."""
        word = answer.partition(" ")[0].lower()
        is_command = word.startswith("/") or word in COMMAND_WORDS
        return self.line(answer if is_command else f"/join {answer}")

    def require_welcome(self) -> None:
        """Raise `Refused` if the account was banned: the end is on its way."""
        if self.account.key in self._chat.accounts.bans:
            self._chat.accounts.admit(self.account.name)

    async def command(
        self,
        line: str,
        place: Conversation | None,
        say: Callable[[Reply], None],
        key: RequestKey | None = None,
    ) -> None:
        """Carry out the command *line*, typed in *place*; answer with *say*.

        Raises `Refused`, also for what fails: that is logged. Raises `PeerGone`.
        """
        self.require_welcome()
        if line.startswith("//"):
            raise Refused(Code.NO_GROUP, "You are in no group: nobody would read that.")
        found = find_command(line, at_desk=place is None)
        try:
            reply = await found.command.run(Call(self._chat, self, place, say, key), found.rest)
            if reply is not None and not self._ended:
                say(reply)
        except Cancelled:
            raise Refused(Code.CANCELLED, "Cancelled.") from None
        except NotSaved:
            raise not_saved() from None
        except (Refused, PeerGone):
            raise
        except Exception:
            self._log.failure("command {name} failed", name=found.command.name)
            raise Refused(Code.TROUBLE, "Something went wrong here; it has been logged.") from None

    async def _run(self, line: str) -> None:
        try:
            await self.command(line, self.current, self.say)
        except Refused as refused:
            self.refuse(refused)
        except PeerGone:
            pass


def message_in(line: str) -> str | None:
    """Return what *line*, typed in a group, says there; None if it is a command."""
    if line.startswith("//"):
        return line[1:]
    return None if line.startswith("/") or line in _LEAVING else line


def not_saved() -> Refused:
    """Return what somebody is told whose words could not be stored."""
    return Refused(Code.NOT_SAVED, "Not saved: the server cannot store messages now.")

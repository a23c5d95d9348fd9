"""Subscriptions: the conversations that a session receives, from the store and then live.

Each `Subscription` first reads from the store in pages what the session has not received; in the
turn in which it reaches the head, the session is added to `Conversation.sessions`, and receives
live. So no entry is missed, and none is delivered twice.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any
from weakref import ref

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.chat.chat import Chat
from pyconchat.chat.conversations import Conversation, DirectConversation, GroupConversation
from pyconchat.chat.interfaces import ISession, ISubscriptions
from pyconchat.commands.services import Services
from pyconchat.domain.decisions import OPEN_END, MoveCursor
from pyconchat.domain.errors import NotSaved, PeerGone
from pyconchat.domain.events import Entry, is_coming_or_going
from pyconchat.domain.ignoring import as_seen
from pyconchat.domain.names import fold
from pyconchat.domain.refusals import CANNOT_READ_LOG
from pyconchat.domain.replies import EndWhy, Missed
from pyconchat.domain.stored import CursorRecord
from pyconchat.sessions.newest import PAGE, Newest, newest_entries

__all__ = ["Subscriptions"]

EARLIER = "Earlier"

MAX_PIECE = 6144
"""Maximum characters of text that are rendered at once, unless one message has more. The slowest
to render, with hundreds of tabs, take 3 ms."""


class Subscription:
    """The position of a session in one conversation: it has received entries up to *read*.

    The subscription ends at *upto*. While the session is live, *read* does not change: the
    position is then `Conversation.received`. *saved* is the position in the store.
    """

    __slots__ = ("catching_up", "conversation", "read", "running", "saved", "upto")

    def __init__(self, conversation: Conversation, read: int, upto: int = OPEN_END) -> None:
        self.conversation = conversation
        self.read = read
        self.saved = read
        self.upto = upto
        self.running = False  # entries are being read from the store
        self.catching_up: Deferred[None] | None = None


@implementer(ISubscriptions)
class Subscriptions:
    """The conversations that *session* receives."""

    __slots__ = ("_active", "_chat", "_ended", "_missed", "_receiving", "_reference", "_services")

    _log = Logger()

    def __init__(self, services: Services, session: ISession) -> None:
        self._services = services
        self._chat: Chat = services.chat
        self._reference = ref(session)  # no cycle: the cyclic GC runs rarely
        self._active: dict[Conversation, Subscription] = {}
        self._missed: list[Subscription] = []  # found by `find_missed`, for `deliver_missed`
        self._ended: list[Subscription] = []  # until their receipt is known
        self._receiving = True

    def __contains__(self, conversation: Conversation) -> bool:
        return conversation in self._active

    @property
    def _session(self) -> ISession:
        session = self._reference()
        assert session is not None, "what outlives the session checks `_receiving` first"
        return session

    @property
    def stopped(self) -> bool:
        """Return whether the session no longer receives."""
        return not self._receiving

    def groups(self) -> Iterator[GroupConversation]:
        return (each for each in self._active if isinstance(each, GroupConversation))

    # The start of a session.

    async def find_missed(self, since: Mapping[str, int]) -> None:
        """Find the missed entries. *since* is as for `ISession.start`. Raises `NotSaved`."""
        since = {name.lower(): seq for name, seq in since.items()}
        partners = [name[1:] for name in since if name.startswith("@")]
        account = self._session.account
        directs = [
            await self._chat.private.known_with(account, partner)
            for partner in partners
            if self._receiving
        ]
        if not self._receiving:
            return
        records = await self._services.registry.missed(self._session)
        if not self._receiving:
            return
        members = {record.conversation for record in records if record.upto == OPEN_END}
        for record in records:
            self._add_missed(record, since, member=record.conversation in members)
        for direct in directs:
            if direct is not None:
                self._add_direct(direct, since)

    def _add_missed(self, record: CursorRecord, since: Mapping[str, int], member: bool) -> None:
        conversation = self._services.conversations.of_cursor(record)
        self._session.account.show(conversation.id, record.shown)
        if record.named:
            self._session.account.named[conversation.id] = list(record.named)
        missed = Subscription(conversation, record.read, record.upto)
        is_open = record.upto == OPEN_END
        has = since.get(self._name_of(conversation))
        # A number beyond the log is of another log: a group of that name that was closed.
        if has is not None and has <= conversation.published:
            if is_open:
                missed.read = has
            elif member:
                return  # the membership's open cursor covers it
            else:  # a former member gets only what the account's cursor leaves
                missed.read = max(has, missed.read)
        if is_open:
            self._active[conversation] = missed
        self._missed.append(missed)

    def _add_direct(self, direct: DirectConversation, since: Mapping[str, int]) -> None:
        """Add a private conversation that the account has received, but this peer has not."""
        has = since[self._name_of(direct)]
        if direct not in self._active and has <= direct.published:
            self._active[direct] = Subscription(direct, has)
            self._missed.append(self._active[direct])

    async def deliver_missed(self, most: int) -> None:
        """Deliver the missed entries, one conversation after another, then receive live.

        *most* is as for `ISession.catch_up`.
        """
        missed, self._missed = self._missed, []
        for subscription in missed:
            await self._begin(subscription, self._deliver_newest(subscription, most))

    # Changes.

    def add(self, conversation: Conversation, after: int, earlier: int = 0) -> None:
        subscription = Subscription(conversation, after)
        self._active[conversation] = subscription
        opening = self._deliver_earlier(subscription, earlier)
        subscription.catching_up = self._begin(subscription, opening)

    def end(self, conversation: Conversation, upto: int) -> None:
        subscription = self._active.pop(conversation)
        if self._session in conversation.sessions or self._is_muted(conversation):
            conversation.sessions.pop(self._session, None)
            subscription.read = upto  # waiting entries of a muted group are not delivered later
        subscription.upto = upto  # one that is catching up continues to there
        self._ended.append(subscription)
        if self._session.current is conversation:
            self._session.move(None)

    def refresh(self, conversation: Conversation) -> None:
        subscription = self._active.get(conversation)
        if subscription is None or self._session.peer.program:
            return
        if self._is_muted(conversation):
            subscription.read = self._position(subscription)
            conversation.sessions.pop(self._session, None)
            conversation.pending.pop(self._session, None)
        elif not subscription.running:
            if self._session not in conversation.sessions:
                shown = conversation.published - self.unread(conversation)
                subscription.read = max(subscription.read, shown)
            most = self._services.config.limits.missed_entries
            opening = self._deliver_newest(subscription, most)
            subscription.catching_up = self._begin(subscription, opening)

    def waits(self, conversation: Conversation) -> bool:
        return conversation in self._active and self._is_muted(conversation)

    def _is_muted(self, conversation: Conversation) -> bool:
        session = self._session
        muted = conversation.id in session.account.muted
        return muted and not session.peer.program and session.current is not conversation

    def delivered(self, conversation: Conversation, seq: int) -> None:
        if self._receiving:
            subscription = Subscription(conversation, seq - 1, seq)
            subscription.read = seq
            self._ended.append(subscription)

    def when_live(self, conversation: Conversation) -> Deferred[None]:
        subscription = self._active.get(conversation)
        live: Deferred[None] = Deferred()
        if subscription is None or subscription.catching_up is None:
            live.callback(None)
        else:
            subscription.catching_up.addBoth(lambda _: live.callback(None))
        return live

    def stop(self) -> None:
        self._receiving = False
        for conversation, subscription in self._active.items():
            subscription.read = self._position(subscription)
            conversation.sessions.pop(self._session, None)
            conversation.pending.pop(self._session, None)

    def clear(self) -> None:
        """Drop all subscriptions: the session has ended."""
        self._active.clear()
        self._missed.clear()
        self._ended.clear()

    # Positions.

    def unread(self, conversation: Conversation) -> int:
        subscription = self._active.get(conversation)
        return 0 if subscription is None else conversation.published - self._shown(subscription)

    def _shown(self, subscription: Subscription) -> int:
        """Return the number of the newest entry that is not new to the session."""
        session, position = self._session, self._position(subscription)
        shown: int = session.account.shown.get(subscription.conversation.id, 0)
        if session.marks:
            return shown
        return position if session.peer.program else max(position, shown)

    def mentions(self, conversation: Conversation) -> int:
        subscription = self._active.get(conversation)
        if subscription is None:
            return 0
        return self._count_mentions(conversation, self._shown(subscription))

    def _count_mentions(self, conversation: Conversation, after: int, upto: int = OPEN_END) -> int:
        named = self._session.account.named.get(conversation.id, ())
        return sum(after < seq <= upto for seq in named)

    def receipts(self) -> list[MoveCursor]:
        account = self._session.account
        if not account.registered:
            self._ended.clear()  # a guest has no cursors
            return []
        moved = [
            each
            for each in (*self._active.values(), *self._ended)
            if self._position(each) > each.saved
        ]
        if not moved or not self._session.peer.acknowledged():
            return []
        moves: list[MoveCursor] = []
        for each in moved:
            each.saved = self._position(each)
            shown = 0 if self._session.marks else each.saved
            if shown:
                self._services.registry.show(self._session, each.conversation, shown)
            move = MoveCursor(account.key, each.conversation.id, each.saved, each.upto, shown)
            moves.append(move)
        self._ended = [each for each in self._ended if each.read < each.upto]
        return moves

    def _position(self, subscription: Subscription) -> int:
        conversation = subscription.conversation
        live = self._session in conversation.sessions
        if live and self._active.get(conversation) is subscription:
            return conversation.received(self._session)
        return subscription.read

    def _name_of(self, conversation: Conversation) -> str:
        """Return a group's name, or ``@`` and the partner's, folded, as in *since*."""
        where = self._session.view_of(conversation)
        return fold(f"@{where.other}" if where.other is not None else f"{where.group}")

    # Catching up.

    def _begin(
        self, subscription: Subscription, opening: Coroutine[Deferred[Any], Any, None]
    ) -> Deferred[None]:
        """Deliver the output of *opening*, and then the entries after it."""

        async def begin() -> None:
            if subscription.running or self._session in subscription.conversation.sessions:
                opening.close()
                return
            subscription.running = True
            try:
                await opening
                await self._catch_up(subscription)
            finally:
                subscription.running = False

        catching_up = Deferred.fromCoroutine(begin())
        catching_up.addErrback(self._cannot_read)
        return catching_up

    async def _deliver_newest(self, subscription: Subscription, most: int) -> None:
        """Deliver at most *most* of the missed entries, the newest, and skip the others."""
        conversation = subscription.conversation
        after, upto = subscription.read, min(conversation.published, subscription.upto)
        if not most or not self._receiving or after >= upto or self.waits(conversation):
            return
        newest = await self._newest(conversation, after, upto, most)
        oldest = newest.entries[:1]
        if newest.older and self._receiving:
            oldest = await self._read(conversation, after, after + 1) or oldest
        if not self._receiving:
            return
        session = self._session
        key = session.account.key
        count = sum(not is_coming_or_going(entry.event, key) for entry in newest.entries)
        if count:
            where = session.view_of(conversation)
            now = self._chat.now()
            named = self._count_mentions(conversation, after, upto)
            older, since = newest.older, oldest[0].at
            session.send(Missed(where.group, where.other, count, older, since, now, named))
        await self._write(subscription, newest.entries, "")
        if self._receiving:
            subscription.read = upto

    async def _deliver_earlier(self, subscription: Subscription, most: int) -> None:
        """Deliver at most *most* entries before the subscription's first one."""
        if most:
            before = subscription.read - 1
            newest = await self._newest(subscription.conversation, 0, before, most)
            await self._write(subscription, newest.entries, EARLIER)

    async def _newest(self, conversation: Conversation, after: int, upto: int, most: int) -> Newest:
        """Return the newest entries that are shown to the session; none after it has ended."""

        async def read(first: int, last: int) -> Sequence[Entry]:
            if not self._receiving:
                return []
            return await self._read(conversation, first, last)

        def is_shown(entry: Entry) -> bool:
            seen = self._as_seen(conversation, entry) if self._receiving else None
            if seen is None:
                return False
            session = self._session
            key = session.account.key
            if session.peer.program:
                return True
            where = session.view_of(conversation)
            shows = session.renderer.entry(seen, where, key) != ""
            return shows and not is_coming_or_going(entry.event, key)

        return await newest_entries(read, after, upto, most, is_shown)

    async def _write(
        self, subscription: Subscription, entries: Sequence[Entry], heading: str
    ) -> None:
        """Write *entries* in pieces, as fast as the peer reads them."""
        for number, piece in enumerate(_pieces(entries)):
            if number:
                await self._chat.give_way()
            if not self._receiving:
                return
            await self._write_block(self._replay(subscription, piece, heading))
            heading = ""

    async def _write_block(self, block: bytes) -> None:
        peer = self._session.peer
        if block:
            peer.write(block)
        writable = peer.when_writable()
        if writable is not None:
            await writable

    async def _catch_up(self, subscription: Subscription) -> None:
        """Deliver the entries after `Subscription.read`; at the head, receive live."""
        conversation = subscription.conversation
        while self._receiving:
            upto = min(conversation.published, subscription.upto)
            if self.waits(conversation):
                return
            if subscription.read >= upto:
                if subscription.upto == OPEN_END:
                    conversation.sessions[self._session] = None
                elif subscription not in self._ended:
                    self._ended.append(subscription)
                return
            entries = await self._read(conversation, subscription.read, upto)
            for number, piece in enumerate(_pieces(entries)):
                if number:
                    await self._chat.give_way()
                if not self._receiving:
                    return
                subscription.read = piece[-1].seq if piece else upto
                await self._write_block(self._replay(subscription, piece, ""))

    async def _read(self, conversation: Conversation, after: int, upto: int) -> list[Entry]:
        return await self._chat.entries(self._session, conversation, after, upto, PAGE)

    def _replay(self, subscription: Subscription, entries: Sequence[Entry], heading: str) -> bytes:
        """Return the block of those *entries* that the session may see and does not ignore."""
        session, conversation = self._session, subscription.conversation
        seen = (self._as_seen(conversation, entry) for entry in entries)
        shown = [entry for entry in seen if entry is not None]
        where = session.view_of(conversation)
        block: bytes = session.renderer.replay(shown, where, session.account.key, heading)
        return block

    def _as_seen(self, conversation: Conversation, entry: Entry) -> Entry | None:
        """Return *entry* as the session may see it; None if it may not."""
        account = self._session.account
        if not conversation.may_read(entry.event, account.key):
            return None
        return as_seen(entry, account.ignores)

    def _cannot_read(self, failure: Failure) -> None:
        if isinstance(failure.value, PeerGone) or not self._receiving:
            return
        if not isinstance(failure.value, NotSaved):
            self._log.failure("catching up failed", failure)
        # Nothing is lost: the next login starts at the cursor, which has not moved.
        self._session.end(EndWhy.TROUBLE, CANNOT_READ_LOG)


def _pieces(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Yield *entries* in pieces of up to MAX_PIECE characters: at least one piece."""
    begin = size = 0
    for end, entry in enumerate(entries):
        size += len(getattr(entry.event, "text", ""))
        if size > MAX_PIECE and end > begin:
            yield entries[begin:end]
            begin, size = end, len(getattr(entry.event, "text", ""))
    yield entries[begin:]

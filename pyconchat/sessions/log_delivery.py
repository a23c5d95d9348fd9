"""LogDelivery: delivers entries of the log from the store to one session, until it receives live.

The unreceived entries are read in pages, as fast as the peer reads. In the reactor turn in which it
reaches the head, the session is added to `Conversation.sessions`, and receives live. So no entry is
missed, and none is delivered twice.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Sequence
from typing import Any
from weakref import ref

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.chat.chat import Chat
from pyconchat.chat.conversations import Conversation
from pyconchat.chat.interfaces import ISession
from pyconchat.domain.decisions import OPEN_END
from pyconchat.domain.errors import NotSaved, PeerGone
from pyconchat.domain.events import NOT_FOR_NEWCOMERS, Entry, is_coming_or_going
from pyconchat.domain.ignoring import as_seen
from pyconchat.domain.names import NOBODY, Key
from pyconchat.domain.refusals import CANNOT_READ_LOG
from pyconchat.domain.replies import EndWhy, Missed
from pyconchat.sessions.newest import PAGE, Newest, newest_entries

__all__ = ["MAX_PIECE", "LogDelivery", "Subscription"]

EARLIER = "Earlier"

MAX_SEARCHED = 10_000
"""Maximum entries before a join that are searched for entries other than joins and leaves. The
store takes some milliseconds for all of them."""

MAX_EARLIER_PAGES = 5
"""Maximum pages of them that are read, if most of the entries are hidden."""

MAX_PIECE = 6144
"""Maximum characters of text that are rendered at once, unless one message has more. The slowest
to render, with hundreds of tabs, take 3 ms."""


class Subscription:
    """The position of a session in one conversation: it has received entries up to *read*.

    The subscription ends at *upto*. While the session is live, *read* does not change: the
    position is then `Conversation.received`. *saved* is the position in the store, which does not
    move while *held* is true: the peer has not requested its missed entries yet.
    """

    __slots__ = ("catching_up", "conversation", "held", "read", "running", "saved", "upto")

    def __init__(self, conversation: Conversation, read: int, upto: int = OPEN_END) -> None:
        self.conversation = conversation
        self.read = read
        self.saved = read
        self.upto = upto
        self.held = False
        self.running = False  # entries are being read from the store
        self.catching_up: Deferred[None] | None = None


class LogDelivery:
    """Delivers entries to *session*."""

    __slots__ = ("_chat", "_ended", "_receiving", "_reference")

    _log = Logger()

    def __init__(self, chat: Chat, session: ISession) -> None:
        self._chat = chat
        self._reference = ref(session)  # no cycle: the cyclic GC runs rarely
        self._ended: list[Subscription] = []  # until their receipt is known
        self._receiving = True

    @property
    def _session(self) -> ISession:
        session = self._reference()
        assert session is not None, "what outlives the session checks `_receiving` first"
        return session

    @property
    def stopped(self) -> bool:
        """Return whether the session no longer receives."""
        return not self._receiving

    def waits(self, conversation: Conversation) -> bool:
        """Return whether *conversation* is muted: its new entries are not delivered."""
        raise NotImplementedError

    def count_mentions(self, conversation: Conversation, after: int, upto: int = OPEN_END) -> int:
        named = self._session.account.named.get(conversation.id, ())
        return sum(after < seq <= upto for seq in named)

    def begin(
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

    async def deliver_newest(self, subscription: Subscription, most: int) -> None:
        """Deliver at most *most* of the missed entries, the newest, and skip the others."""
        conversation = subscription.conversation
        after, upto = subscription.read, min(conversation.published, subscription.upto)
        if not most or not self._receiving or after >= upto or self.waits(conversation):
            return
        key = self._session.account.key
        newest = await self._newest(conversation, after, upto, most, key)
        oldest = newest.entries[:1]
        if newest.older and self._receiving:
            oldest = await self._read(conversation, after, after + 1) or oldest
        if not self._receiving:
            return
        session = self._session
        count = sum(not is_coming_or_going(entry.event, key) for entry in newest.entries)
        if count:
            where = session.view_of(conversation)
            now = self._chat.now()
            named = self.count_mentions(conversation, after, upto)
            older, since = newest.older, oldest[0].at
            session.send(Missed(where.group, where.other, count, older, since, now, named))
        await self._write(subscription, newest.entries, key)
        if self._receiving:
            subscription.read = upto

    async def deliver_earlier(self, subscription: Subscription, most: int) -> None:
        """Deliver at most *most* entries before the subscription's first one.

        Joins, leaves and requests to join are left out, also the reader's own.
        """
        if most:
            account = self._session.account
            # Events about an earlier guest of the same name are not about this one.
            reader = account.key if account.registered else NOBODY
            entries = await self._earlier(
                subscription.conversation, subscription.read - 1, most, reader
            )
            await self._write(subscription, entries, reader, EARLIER)

    async def _earlier(
        self, conversation: Conversation, upto: int, most: int, reader: Key
    ) -> list[Entry]:
        """Return the newest *most* entries up to *upto* that are visible to *reader*."""
        reading, found = self._chat.reading, list[Entry]()
        page = await reading.newest(
            self._session, conversation, PAGE, MAX_SEARCHED, NOT_FOR_NEWCOMERS
        )
        for _ in range(MAX_EARLIER_PAGES):
            shown = [
                each
                for each in page
                if each.seq <= upto and self._is_shown(conversation, each, reader)
            ]
            found[:0] = shown
            if len(found) >= most or len(page) < PAGE or not self._receiving:
                break
            last = min(upto, page[0].seq - 1)
            page = await reading.page(
                conversation.id,
                max(0, last - MAX_SEARCHED),
                last,
                PAGE,
                newest=True,
                without=NOT_FOR_NEWCOMERS,
            )
        return found[-most:]

    async def _newest(
        self, conversation: Conversation, after: int, upto: int, most: int, reader: Key
    ) -> Newest:
        """Return the newest entries that are visible to *reader*; none after the session's end."""

        async def read(first: int, last: int) -> Sequence[Entry]:
            if not self._receiving:
                return []
            return await self._read(conversation, first, last)

        def is_shown(entry: Entry) -> bool:
            return self._is_shown(conversation, entry, reader)

        return await newest_entries(read, after, upto, most, is_shown)

    def _is_shown(self, conversation: Conversation, entry: Entry, reader: Key) -> bool:
        """Return whether *entry* is visible to *reader*; nothing is after the session's end."""
        seen = self._as_seen(conversation, entry) if self._receiving else None
        if seen is None:
            return False
        session = self._session
        if session.peer.program:
            return True
        if is_coming_or_going(entry.event, reader):  # first: often most entries are
            return False
        shows: bool = session.renderer.entry(seen, session.view_of(conversation), reader) != ""
        return shows

    async def _write(
        self,
        subscription: Subscription,
        entries: Sequence[Entry],
        reader: Key,
        heading: str = "",
        moves: bool = False,
    ) -> None:
        """Write *entries* in pieces, as fast as the peer reads, with reactor turns in between.

        If *moves* is true, the position advances with each piece.
        """
        for number, piece in enumerate(_pieces(entries)):
            if number:
                await self._chat.reading.give_way()
            if not self._receiving:
                return
            if moves:
                subscription.read = piece[-1].seq
            await self._write_block(self._replay(subscription, piece, reader, heading))
            heading = ""

    async def _write_block(self, block: bytes) -> None:
        peer = self._session.peer
        peer.wake()
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
                    conversation.audience.add(self._session)
                elif subscription not in self._ended:
                    self._ended.append(subscription)
                return
            entries = await self._read(conversation, subscription.read, upto)
            if entries:
                await self._write(subscription, entries, self._session.account.key, moves=True)
            elif self._receiving:
                subscription.read = upto
                self._session.peer.wake()

    async def _read(self, conversation: Conversation, after: int, upto: int) -> list[Entry]:
        return await self._chat.reading.entries(self._session, conversation, after, upto, PAGE)

    def _replay(
        self, subscription: Subscription, entries: Sequence[Entry], reader: Key, heading: str
    ) -> bytes:
        """Return the block of those *entries* that the session may see and does not ignore.

        The sentences of entries about *reader* address them ("You are …").
        """
        session, conversation = self._session, subscription.conversation
        seen = (self._as_seen(conversation, entry) for entry in entries)
        shown = [entry for entry in seen if entry is not None]
        where = session.view_of(conversation)
        block: bytes
        if session.translator is not None:
            block = session.translator.past(shown, where, reader, heading)
        else:
            block = session.renderer.replay(shown, where, reader, heading)
        return block

    def _as_seen(self, conversation: Conversation, entry: Entry) -> Entry | None:
        """Return *entry* as the session may see it; None if it is hidden."""
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
    """Yield *entries* in pieces of up to MAX_PIECE characters."""
    begin = size = 0
    for end, entry in enumerate(entries):
        size += len(getattr(entry.event, "text", ""))
        if size > MAX_PIECE and end > begin:
            yield entries[begin:end]
            begin, size = end, len(getattr(entry.event, "text", ""))
    if entries:
        yield entries[begin:]

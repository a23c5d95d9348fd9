"""Reading: entries of the log, read in turns with other readers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyconchat.chat.conversations import Conversation
from pyconchat.chat.interfaces import IJournal, IPresence, ISession, IStore
from pyconchat.chat.page_turns import PageTurns
from pyconchat.chat.search_indexer import SearchIndexer
from pyconchat.chat.shared_reads import SharedReads
from pyconchat.domain.accounts import Account
from pyconchat.domain.decisions import OPEN_END
from pyconchat.domain.events import AnyEvent, Entry
from pyconchat.domain.search import Found, Query
from pyconchat.domain.stored import DirectRecord

__all__ = ["EntryPlace", "Reading"]

EntryPlace = tuple[int, int]
"""Where an entry is: its conversation, and its number there."""


class Reading:
    """Reads from *store*; the sessions in *presence* may end before their read does."""

    def __init__(
        self,
        store: IStore,
        journal: IJournal,
        turns: PageTurns,
        indexer: SearchIndexer,
        presence: IPresence,
    ) -> None:
        self._store = store
        self._journal = journal
        self._turns = turns
        self._shared = SharedReads(turns)
        self._indexer = indexer
        self._presence = presence

    async def entries(
        self, session: ISession, conversation: Conversation, after: int, upto: int, limit: int
    ) -> list[Entry]:
        """Read the first *limit* entries after *after* up to *upto*, in turns with other readers.

        Requests for the same entries share a read. The read is cancelled if *session*
        ends. Raises `NotSaved`.
        """
        last = min(upto, after + limit)  # numbers have no gaps

        def read(after: int, upto: int, wanted: Callable[[], bool]) -> list[Entry]:
            return self._store.entries(conversation.id, after, upto, upto - after, wanted)

        def part(entries: Sequence[Entry]) -> list[Entry]:
            return [entry for entry in entries if after < entry.seq <= last]

        span = (after, last)
        return await self._shared.read(conversation.id, span, read, part, self._wanted_by(session))

    async def newest(
        self,
        session: ISession,
        conversation: Conversation,
        limit: int,
        within: int,
        without: tuple[type[AnyEvent], ...],
    ) -> list[Entry]:
        """Read the newest *limit* of the last *within* entries, but those *without*, as `entries`.

        All who wait for a conversation's newest entries share the read. Raises `NotSaved`.
        """

        def read(_after: int, upto: int, _wanted: Callable[[], bool]) -> list[Entry]:
            after = max(0, conversation.published - within)
            return self._store.page(
                conversation.id, after, upto, limit, newest=True, without=without
            )

        what = (conversation.id, limit, within, without)
        return await self._shared.read(what, (0, OPEN_END), read, list, self._wanted_by(session))

    async def mentions(self, account: Account) -> list[EntryPlace]:
        """Return where *account* was mentioned, the newest first. Raises `NotSaved`."""
        if not account.registered:
            return account.mentions[::-1]
        return await self._journal.read_in_order(self._store.mentions, account.key)

    async def numbered(self, session: ISession, places: Sequence[EntryPlace]) -> list[Entry]:
        """Read the entries at *places*, as `entries`. Raises `NotSaved`."""
        return await self._turns.read(self._store.numbered, places, self._wanted_by(session))

    async def page(
        self,
        conversation: int,
        after: int,
        upto: int,
        limit: int,
        kinds: Sequence[type[AnyEvent]] = (),
        newest: bool = False,
        without: Sequence[type[AnyEvent]] = (),
    ) -> list[Entry]:
        """As `IStore.page`, in turns with other readers. Raises `NotSaved`."""
        return await self._turns.read(
            self._store.page, conversation, after, upto, limit, kinds, newest, without
        )

    async def seq_at(self, conversation: int, at: int, head: int) -> int:
        """As `IStore.seq_at`, in turns with other readers. Raises `NotSaved`."""
        return await self._turns.read(self._store.seq_at, conversation, at, head)

    async def directs(self, party: str) -> list[DirectRecord]:
        """As `IStore.directs`, in turns with other readers. Raises `NotSaved`."""
        return await self._turns.read(self._store.directs, party)

    async def give_way(self) -> None:
        """Wait for the turns of the other readers and for the current commit."""
        await self._turns.give_way()

    def _wanted_by(self, session: ISession) -> Callable[[], bool]:
        """Return a thread-safe function that returns whether *session* still exists."""
        key, presence = session.account.key, self._presence
        return lambda: session in presence.sessions(key)

    async def search(
        self, session: ISession, conversation: Conversation, query: Query, before: int, limit: int
    ) -> Found:
        """Return the newest *limit* entries before *before* that *query* finds.

        The search ends with *session*. Raises `Refused` or `NotSaved`.
        """
        key, wanted = session.account.key, self._wanted_by(session)
        return await self._indexer.search(key, conversation.id, query, before, limit, wanted)

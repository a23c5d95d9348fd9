"""SearchIndexer: adds new messages to the search index while the server is not busy; searches.

It also makes the store overwrite, in pieces, the remaining text of removed messages on disk.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from pyconchat.chat.interfaces import IStore, IThreads
from pyconchat.domain.errors import Code, NotSaved, Refused, TimedOut
from pyconchat.domain.events import Entry
from pyconchat.domain.names import Key
from pyconchat.domain.search import Found, Query

__all__ = ["SearchIndexer"]

INTERVAL = 1.0
"""Seconds between two checks of the index."""

MAX_SEARCHES = 16
"""Maximum searches that wait for the one thread that searches."""

MAX_BEHIND = 200_000
"""Maximum entries that the index is behind, also while the server is busy.

A search that first indexes so many takes a second.
"""


REST_BELOW = 5_000
"""Entries that the index may be behind while there is traffic. A search indexes them in 0.2 s."""

SMALL_STEP = 50
"""Entries for one `IStore.index` while there is traffic: commits wait for it, some 2 ms."""

MAX_SECONDS = 2.0
"""Maximum seconds in which a search begins its steps; as many before it, to index the rest."""


class SearchIndexer:
    """Indexes the entries of *store* when *busy* returns that nothing else is to be stored.

    While *active* returns that there was something a moment ago, it rests, or takes small steps. A
    search first indexes the rest of its own conversation.
    """

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        threads: IThreads,
        reactor: IReactorTime,
        busy: Callable[[], bool],
        active: Callable[[], bool],
    ) -> None:
        self._store = store
        self._threads = threads
        self._busy = busy
        self._active = active
        self._searching: set[Key] = set()
        self._checks = LoopingCall(self._check)
        self._checks.clock = reactor
        self._seconds = reactor.seconds

    def start(self) -> None:
        """Start checking the index."""
        self._checks.start(INTERVAL, now=False)

    def stop(self) -> None:
        """Stop. The next run indexes the rest."""
        if self._checks.running:
            self._checks.stop()

    async def search(
        self,
        asker: Key,
        conversation: int,
        query: Query,
        before: int,
        limit: int,
        wanted: Callable[[], bool],
    ) -> Found:
        """Return the newest *limit* entries before *before* that *query* finds.

        If it takes long, it returns those of the entries searched so far (see `Found.rest`). An
        account searches once at a time. The search ends when *wanted*, which threads may call,
        returns false. Raises `Refused` or `NotSaved`.
        """
        if asker in self._searching or len(self._searching) >= MAX_SEARCHES:
            raise Refused(Code.BUSY, "Too many searches are waiting. Try again soon.")
        self._searching.add(asker)
        try:
            await self._catch_up(conversation, wanted)
            return await self._search(conversation, query, before, limit, wanted)
        finally:
            self._searching.remove(asker)

    async def _search(
        self, conversation: int, query: Query, before: int, limit: int, wanted: Callable[[], bool]
    ) -> Found:
        """As `search`, in steps."""
        ends = self._seconds() + MAX_SECONDS
        found: list[Entry] = []
        rest = before
        while rest and len(found) < limit and (rest == before or self._seconds() < ends):
            try:
                step: Found = await self._threads.search(
                    self._store.search, conversation, query, rest, limit - len(found), wanted
                )
            except TimedOut:
                if rest != before and wanted():
                    break
                raise Refused(
                    Code.BUSY, "The search took too long. Search for fewer words, or rarer ones."
                ) from None
            found = step.entries + found
            rest = step.rest
        return Found(found, rest)

    async def _catch_up(self, conversation: int, wanted: Callable[[], bool]) -> None:
        """Index the rest of *conversation* while *wanted* returns true.

        If the index cannot be stored, a search finds only what is indexed. Raises `Refused` if
        there is very much to index, as after an upgrade.
        """
        step = self._store.index_step
        pieces: int | None = None
        ends = self._seconds() + MAX_SECONDS
        try:
            while (
                pieces != 0
                and wanted()
                and await self._threads.write(self._store.index, step, conversation)
            ):
                if pieces is None:  # only now the store knows the entries of other nodes there
                    pieces = self._store.behind // step + 1
                else:
                    pieces -= 1
                if self._seconds() > ends:
                    raise Refused(
                        Code.BUSY,
                        "The search index is being built, {count} messages are missing. Try again"
                        " soon.",
                        count=f"{self._store.behind:,}",
                    )
        except NotSaved as error:
            self._log.warn("the search index is behind: {reason}", reason=error)

    async def _index_new(self) -> None:
        try:
            while self._checks.running and (behind := self._store.behind):
                step = self._next_step(behind)
                if not step:
                    return
                more = await self._threads.write(self._store.index, step)
                if not more and self._store.behind >= behind:
                    return  # another node is indexing
            if self._checks.running and self._store.unclean and not self._busy():
                await self._threads.write(self._store.clean)
        except NotSaved as error:
            self._log.warn("the search index is behind: {reason}", reason=error)

    def _next_step(self, behind: int) -> int:
        """Return how many of the entries that it is *behind* are indexed now; 0: none."""
        step: int = self._store.index_step
        if behind >= MAX_BEHIND:
            return step
        if self._busy() or (self._active() and behind < REST_BELOW):
            return 0
        return min(step, SMALL_STEP) if self._active() else step

    def _check(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._index_new()).addErrback(
            lambda failure: self._log.failure("indexing failed", failure)
        )

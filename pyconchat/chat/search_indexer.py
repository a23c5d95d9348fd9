"""SearchIndexer: adds new messages to the search index while the server is not busy."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from pyconchat.chat.interfaces import IStore, IThreads
from pyconchat.domain.errors import NotSaved

__all__ = ["SearchIndexer"]

INTERVAL = 1.0
"""Seconds between two checks of the index."""

MAX_PER_COMMIT = 500
"""Maximum entries indexed in one transaction: a commit waits some milliseconds for it."""

MAX_BEHIND = 200_000
"""Maximum entries that the index is behind, also while the server is busy.

A search that first indexes so many takes a second.
"""


class SearchIndexer:
    """Indexes the entries of *store* when *busy* returns that nothing else is to be stored.

    A search first indexes the rest of its own conversation.
    """

    _log = Logger()

    def __init__(
        self, store: IStore, threads: IThreads, reactor: IReactorTime, busy: Callable[[], bool]
    ) -> None:
        self._store = store
        self._threads = threads
        self._busy = busy
        self._checks = LoopingCall(self._check)
        self._checks.clock = reactor

    def start(self) -> None:
        """Start checking the index."""
        self._checks.start(INTERVAL, now=False)

    def stop(self) -> None:
        """Stop. The next run indexes the rest."""
        if self._checks.running:
            self._checks.stop()

    async def catch_up(self, conversation: int) -> None:
        """Index the rest of *conversation*.

        If the index cannot be stored, a search finds only what is indexed.
        """
        pieces = self._store.behind // MAX_PER_COMMIT + 1
        try:
            while pieces and await self._threads.write(
                self._store.index, MAX_PER_COMMIT, conversation
            ):
                pieces -= 1
        except NotSaved as error:
            self._log.warn("the search index is behind: {reason}", reason=error)

    async def _index_new(self) -> None:
        try:
            while self._checks.running and self._store.behind:
                if self._busy() and self._store.behind < MAX_BEHIND:
                    return
                await self._threads.write(self._store.index, MAX_PER_COMMIT)
        except NotSaved as error:
            self._log.warn("the search index is behind: {reason}", reason=error)

    def _check(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._index_new()).addErrback(
            lambda failure: self._log.failure("indexing failed", failure)
        )

"""SearchIndexer: lets the index of words follow the log, when there is time for it."""

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
"""Seconds between two looks at how far the index is behind."""

PIECE = 500
"""Entries that are indexed in one transaction: commits wait for it some milliseconds at most."""

MAX_BEHIND = 200_000
"""Entries that the index may be behind while the server is busy.

A search that has so many to index first takes a second.
"""


class SearchIndexer:
    """Has *store* index what was said: when nothing else is to be stored, as *busy* tells.

    A search brings the index up to date itself, for its conversation.
    """

    _log = Logger()

    def __init__(
        self, store: IStore, threads: IThreads, reactor: IReactorTime, busy: Callable[[], bool]
    ) -> None:
        self._store = store
        self._threads = threads
        self._busy = busy
        self._looks = LoopingCall(self._look)
        self._looks.clock = reactor

    def start(self) -> None:
        """Begin to follow."""
        self._looks.start(INTERVAL, now=False)

    def stop(self) -> None:
        """Follow no longer: the rest is for the next run."""
        if self._looks.running:
            self._looks.stop()

    async def catch_up(self, conversation: int) -> None:
        """Have everything found that was said in *conversation* so far.

        If that cannot be stored, a search finds what it can.
        """
        pieces = self._store.behind // PIECE + 1
        try:
            while pieces and await self._threads.write(self._store.index, PIECE, conversation):
                pieces -= 1
        except NotSaved as error:
            self._log.warn("the index of words is behind: {reason}", reason=error)

    async def _follow(self) -> None:
        try:
            while self._looks.running and self._store.behind:
                if self._busy() and self._store.behind < MAX_BEHIND:
                    return
                await self._threads.write(self._store.index, PIECE)
        except NotSaved as error:
            self._log.warn("the index of words is behind: {reason}", reason=error)

    def _look(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._follow()).addErrback(
            lambda failure: self._log.failure("indexing failed", failure)
        )

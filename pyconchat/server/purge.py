"""Purge: removes closed groups, and their files, when they have been kept for 30 days."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from pyconchat.chat.interfaces import IStore, IThreads
from pyconchat.domain.errors import NotSaved

__all__ = ["Purge"]

INTERVAL = 3600.0
"""Seconds between two checks whether another day has passed."""

MAX_PER_COMMIT = 500
"""Maximum entries that are removed in one transaction: a commit waits some milliseconds for it."""

PAUSE = 0.05
"""Seconds between two of these transactions, for other commits."""


class Purge:
    """Removes groups from *store*; calls *purged* with the id of each removed group.

    *now* returns the time in milliseconds since the epoch.
    """

    _log = Logger(namespace="pyconchat")

    def __init__(
        self,
        store: IStore,
        threads: IThreads,
        reactor: IReactorTime,
        now: Callable[[], int],
        purged: Callable[[int], None],
    ) -> None:
        self._store = store
        self._threads = threads
        self._reactor = reactor
        self._now = now
        self._purged = purged
        self._checks = LoopingCall(self._check)
        self._checks.clock = reactor

    def start(self) -> None:
        """Check now, and then every hour."""
        self._checks.start(INTERVAL, now=True)

    def stop(self) -> None:
        """Stop after the current piece. The next run continues."""
        if self._checks.running:
            self._checks.stop()

    async def _remove_expired(self) -> None:
        try:
            for group in await self._threads.write(self._store.count_day, self._now()):
                while await self._threads.write(self._store.purge, group, MAX_PER_COMMIT):
                    await deferLater(self._reactor, PAUSE)
                    if not self._checks.running:
                        return
                self._purged(group)
                self._log.info("removed the deleted group id:{group}", group=group)
        except NotSaved as error:
            self._log.warn("could not remove deleted groups: {reason}", reason=error)

    def _check(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._remove_expired()).addErrback(
            lambda failure: self._log.failure("removing deleted groups failed", failure)
        )

"""IdBlocks: ids of conversations, which a node gets in blocks, so that no other node has them."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.chat.interfaces import INodeStore, IThreads
from pyconchat.domain.errors import Code, NotSaved, Refused

__all__ = ["LASTS_SECONDS", "IdBlocks"]

SIZE = 100
"""Ids that are got at once."""

LASTS_SECONDS = 60.0
"""Seconds after which the ids that were not used are replaced: others see soon which are used."""

MAX_AGE_SECONDS = 1.5 * LASTS_SECONDS
"""Seconds after which ids are not used that could not be replaced (see `Comparing`)."""


class IdBlocks:
    """Ids from *store*. The next block is got while half of the last one is left."""

    _log = Logger()

    def __init__(self, store: INodeStore, threads: IThreads, reactor: IReactorTime) -> None:
        self._store = store
        self._threads = threads
        self._seconds = reactor.seconds
        self._ids: deque[int] = deque()
        self._fetching = False
        self._fetched_at = reactor.seconds()

    def fill(self) -> int:
        """Get the first block, and return its first id. Blocks. Raises `NotSaved`."""
        first = self._store.ids(SIZE)
        self._take(first)
        return first

    def next(self) -> int:
        """Return an id that no conversation ever had. Raises `Refused` if none is left for now."""
        if self._seconds() - self._fetched_at >= MAX_AGE_SECONDS:
            self._ids.clear()  # the database was away, and others may look for them no longer
        if len(self._ids) <= SIZE // 2:
            self._fetch()
        if not self._ids:
            raise Refused(Code.BUSY, "The server is busy. Try again soon.")
        return self._ids.popleft()

    def renew(self) -> None:
        """Replace the ids that were not used in time."""
        if self._seconds() - self._fetched_at >= LASTS_SECONDS:
            self._fetch()

    def _fetch(self) -> None:
        if not self._fetching:
            self._fetching = True
            fetching: Deferred[int] = self._threads.write(self._store.ids, SIZE)
            fetching.addCallbacks(self._take, self._failed).addBoth(self._fetched)

    def _take(self, first: int) -> None:
        self._ids = deque(range(first, first + SIZE))
        self._fetched_at = self._seconds()

    def _fetched(self, _result: object) -> None:
        self._fetching = False

    def _failed(self, failure: Failure) -> None:
        if not isinstance(failure.value, NotSaved):
            self._log.failure("no ids for conversations", failure)

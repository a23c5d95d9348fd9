"""IdBlocks: ids of conversations, which a node gets in blocks, so that no other node has them."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.chat.interfaces import INodeStore, IThreads
from pyconchat.domain.errors import Code, NotSaved, Refused

__all__ = ["IdBlocks"]

SIZE = 100
"""Ids that are got at once."""


class IdBlocks:
    """Ids from *store*. The next block is got while half of the last one is left."""

    _log = Logger()

    def __init__(self, store: INodeStore, threads: IThreads) -> None:
        self._store = store
        self._threads = threads
        self._ids: deque[int] = deque()
        self._fetching = False

    def fill(self) -> None:
        """Get the first block. Blocks. Raises `NotSaved`."""
        self._take(self._store.ids(SIZE))

    def next(self) -> int:
        """Return an id that no conversation ever had. Raises `Refused` if none is left for now."""
        if len(self._ids) <= SIZE // 2:
            self._fetch()
        if not self._ids:
            raise Refused(Code.BUSY, "The server is busy. Try again soon.")
        return self._ids.popleft()

    def _fetch(self) -> None:
        if not self._fetching:
            self._fetching = True
            fetching: Deferred[int] = self._threads.write(self._store.ids, SIZE)
            fetching.addCallbacks(self._take, self._failed).addBoth(self._fetched)

    def _take(self, first: int) -> None:
        self._ids = deque(range(first, first + SIZE))

    def _fetched(self, _result: object) -> None:
        self._fetching = False

    def _failed(self, failure: Failure) -> None:
        if not isinstance(failure.value, NotSaved):
            self._log.failure("no ids for conversations", failure)

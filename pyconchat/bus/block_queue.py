"""A bounded queue of blocks. When it is full, it drops the oldest: nodes read them from the log."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from threading import Lock
from typing import TypeAlias

__all__ = ["MAX_BLOCKS", "MAX_BYTES", "BlockQueue", "Told"]

Told: TypeAlias = tuple[str, bytes]
"""A topic, and a block for it."""

MAX_BLOCKS = 10_000
"""Maximum waiting blocks: one second of blocks at ten times the load of one node."""

MAX_BYTES = 8 * 2**20
"""Maximum bytes of the waiting blocks."""


class BlockQueue:
    """A queue of at most *most* blocks with *size* bytes together. It is thread-safe."""

    def __init__(self, most: int = MAX_BLOCKS, size: int = MAX_BYTES) -> None:
        self.dropped = 0
        self._most = most
        self._max_size = size
        self._size = 0
        self._waiting: deque[Told] = deque()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, told: Told) -> bool:
        """Append *told*; return whether the queue was empty."""
        with self._lock:
            first = not self._waiting
            self._waiting.append(told)
            self._size += len(told[1])
            self._drop()
        return first

    def put_back(self, blocks: Iterable[Told]) -> None:
        """Put taken *blocks* back before all others; the oldest are dropped as in `put`."""
        with self._lock:
            blocks = list(blocks)
            self._waiting.extendleft(reversed(blocks))
            self._size += sum([len(block) for _, block in blocks])
            self._drop()

    def take(self, most: int, size: int) -> list[Told]:
        """Remove and return the oldest blocks: at most *most* in *size* bytes, or one larger."""
        with self._lock:
            waiting = self._waiting
            taken: list[Told] = []
            while waiting and len(taken) < most:
                size -= len(waiting[0][1])
                if size < 0 and taken:
                    break
                taken.append(waiting.popleft())
                self._size -= len(taken[-1][1])
        return taken

    def _drop(self) -> None:
        while len(self._waiting) > self._most or self._size > self._max_size:
            self._size -= len(self._waiting.popleft()[1])
            self.dropped += 1

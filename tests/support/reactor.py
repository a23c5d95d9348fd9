"""The process's reactor, turned by a test: for sockets and threads that a test cannot replace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.servers import PATIENCE

__all__ = ["Turning", "turning"]


class Turning:
    """Turns *reactor* until something is so."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor

    def until(self, condition: Callable[[], object]) -> None:
        """Turn it until *condition* returns true. Fails after `PATIENCE`."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it has not happened"
            self.reactor.iterate(0.01)


@contextmanager
def turning() -> Iterator[Turning]:
    """Return the reactor, with the threads in which it resolves names."""
    from twisted.internet import reactor

    found: Any = reactor
    pool = found.getThreadPool()
    pool.start()
    try:
        yield Turning(found)
    finally:
        pool.stop()
        found.threadpool = None

"""Runs the process's reactor in a test that needs real sockets or threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.servers import PATIENCE

__all__ = ["Turning", "turning"]


class Turning:
    """Runs *reactor* until a condition is true."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor

    def until(self, condition: Callable[[], object]) -> None:
        """Run it until *condition* returns true. Fails after `PATIENCE`."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it has not happened"
            self.reactor.iterate(0.01)

    def for_seconds(self, seconds: float) -> None:
        """Run it for *seconds*, in which something must not happen."""
        end = self.reactor.seconds() + seconds
        self.until(lambda: self.reactor.seconds() > end)


@contextmanager
def turning() -> Iterator[Turning]:
    """Yield the reactor, with its threads, in which it resolves names."""
    from twisted.internet import reactor

    found: Any = reactor
    pool = found.getThreadPool()
    pool.start()
    try:
        yield Turning(found)
    finally:
        pool.stop()
        found.threadpool = None

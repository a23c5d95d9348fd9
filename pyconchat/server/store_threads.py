"""The threads in which the store reads and writes, so that the reactor never blocks on the disk."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.chat.interfaces import IThreads

__all__ = ["StoreThreads"]

T = TypeVar("T")

_Work = tuple[Callable[..., Any], tuple[object, ...], "Deferred[Any]"]


@implementer(IThreads)
class StoreThreads:
    """One thread that writes, *readers* threads that read, and one that searches."""

    def __init__(self, reactor: IReactorFromThreads, readers: int) -> None:
        self._writer = _ThreadPool(reactor, "pyconchat-writer", 1)
        self._readers = _ThreadPool(reactor, "pyconchat-reader", readers)
        self._searcher = _ThreadPool(reactor, "pyconchat-searcher", 1)
        self._pools = (self._searcher, self._readers, self._writer)

    def start(self) -> None:
        """Start the threads."""
        for pool in self._pools:
            pool.start()

    def stop(self) -> None:
        """Finish the queued calls and end the threads. Blocks until they have ended."""
        for pool in self._pools:
            pool.stop()

    def write(self, call: Callable[..., T], *args: object) -> Deferred[T]:
        return self._writer.call(call, *args)

    def read(self, call: Callable[..., T], *args: object) -> Deferred[T]:
        return self._readers.call(call, *args)

    def search(self, call: Callable[..., T], *args: object) -> Deferred[T]:
        return self._searcher.call(call, *args)


class _ThreadPool:
    """A fixed number of threads that share one queue of work.

    Every message passes through the writer's queue. Twisted's `ThreadPool`, which starts and ends
    threads on demand, takes twice as long for that (docs/performance.rst).
    """

    def __init__(self, reactor: IReactorFromThreads, name: str, count: int) -> None:
        self._reactor = reactor
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._threads = [
            Thread(target=self._run, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()

    def call(self, function: Callable[..., T], *args: object) -> Deferred[T]:
        done: Deferred[T] = Deferred()
        self._work.put((function, args, done))
        return done

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            function, args, done = work
            try:
                result = function(*args)
            except BaseException:
                failure = Failure()  # type: ignore[no-untyped-call]
                self._reactor.callFromThread(done.errback, failure)
            else:
                self._reactor.callFromThread(done.callback, result)

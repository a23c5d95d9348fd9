"""Threads: where the store blocks, so that the reactor need not."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from pyconchat.interfaces import IThreads

__all__ = ["Threads"]

T = TypeVar("T")

_Work = tuple[Callable[..., Any], tuple[object, ...], "Deferred[Any]"]


@implementer(IThreads)
class Threads:
    """The threads of a running server: one that writes, and *readers*."""

    def __init__(self, reactor: IReactorFromThreads, readers: int) -> None:
        self._reactor = reactor
        self._writer = _Worker(reactor, "pyconchat-writer")
        self._readers = ThreadPool(0, readers, "pyconchat-reader")

    def start(self) -> None:
        """Start the threads."""
        self._writer.start()
        self._readers.start()

    def stop(self) -> None:
        """Finish what was given and end the threads. Blocks until then."""
        self._readers.stop()
        self._writer.stop()

    def write(self, call: Callable[..., T], *args: object) -> Deferred[T]:
        return self._writer.do(call, *args)

    def read(self, call: Callable[..., T], *args: object) -> Deferred[T]:
        return deferToThreadPool(self._reactor, self._readers, call, *args)


class _Worker:
    """One thread, and the work that waits for it, in order.

    Every message goes to the writer and back. A `ThreadPool` takes twice as long for that, because
    it could have many threads (docs/performance.rst).
    """

    def __init__(self, reactor: IReactorFromThreads, name: str) -> None:
        self._reactor = reactor
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._work.put(None)
        self._thread.join()

    def do(self, call: Callable[..., T], *args: object) -> Deferred[T]:
        done: Deferred[T] = Deferred()
        self._work.put((call, args, done))
        return done

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            call, args, done = work
            try:
                result = call(*args)
            except BaseException:
                failure = Failure()  # type: ignore[no-untyped-call]
                self._reactor.callFromThread(done.errback, failure)
            else:
                self._reactor.callFromThread(done.callback, result)

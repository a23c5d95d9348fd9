"""The store's threads call functions in order and return their results to the reactor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import Queue
from threading import Event, get_ident
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads

from pyconchat.domain.errors import NotSaved
from pyconchat.server.store_threads import StoreThreads


class FakeReactor:
    """A reactor that runs the calls of other threads only in `wait_for`."""

    def __init__(self) -> None:
        self._calls: Queue[tuple[Callable[..., object], tuple[Any, ...]]] = Queue()

    def callFromThread(self, call: Callable[..., object], *args: Any) -> None:
        self._calls.put((call, args))

    def wait_for(self, *deferreds: Deferred[Any]) -> None:
        """Run the calls of other threads until all of *deferreds* have fired."""
        while not all(each.called for each in deferreds):
            call, args = self._calls.get(timeout=10)
            call(*args)


@pytest.fixture
def reactor() -> FakeReactor:
    return FakeReactor()


@pytest.fixture
def threads(reactor: FakeReactor) -> Iterator[StoreThreads]:
    threads = StoreThreads(cast(IReactorFromThreads, reactor), 1)
    threads.start()
    yield threads
    threads.stop()


def test_searches_do_not_keep_others_from_reading(
    threads: StoreThreads, reactor: FakeReactor
) -> None:
    """Reads and writes are called while a search runs and others wait."""
    end = Event()
    searches = [threads.search(end.wait, 10) for _ in range(5)]
    reactor.wait_for(threads.read(int), threads.write(int))
    assert not any(each.called for each in searches)
    end.set()
    reactor.wait_for(*searches)


def test_writes_are_called_in_order(threads: StoreThreads, reactor: FakeReactor) -> None:
    """All in one thread, which is not the reactor's; each result fires its own Deferred."""
    called: list[int] = []
    writers: set[int] = set()

    def write(number: int) -> int:
        called.append(number)
        writers.add(get_ident())
        return -number

    results: list[int] = []
    written = [threads.write(write, number).addCallback(results.append) for number in range(100)]
    reactor.wait_for(*written)
    assert called == list(range(100))
    assert results == [-number for number in range(100)]
    assert len(writers) == 1
    assert get_ident() not in writers


def test_a_failure_fires_the_errback(threads: StoreThreads, reactor: FakeReactor) -> None:
    """Later calls are not affected."""

    def fail() -> None:
        raise NotSaved("the disk is full")

    failures: list[str] = []
    failing = threads.write(fail)
    failing.addErrback(lambda failure: failures.append(failure.getErrorMessage()))
    after = threads.write(int)
    reactor.wait_for(failing, after)
    assert failures == ["the disk is full"]


def test_reads_do_not_wait_for_writes(threads: StoreThreads, reactor: FakeReactor) -> None:
    """A read finishes while a write is blocked."""
    may_write: Queue[int] = Queue()
    writing = threads.write(may_write.get)
    reading = threads.read(lambda: "read")
    reactor.wait_for(reading)
    assert not writing.called
    may_write.put(1)
    reactor.wait_for(writing)


def test_stop_finishes_the_waiting_calls(reactor: FakeReactor) -> None:
    """A server that has stopped has stored everything."""
    threads = StoreThreads(cast(IReactorFromThreads, reactor), 1)
    threads.start()
    called: list[int] = []
    for number in range(100):
        threads.write(called.append, number)
    threads.stop()
    assert called == list(range(100))

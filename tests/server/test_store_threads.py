"""The threads of the store: what they are given is done in order, and comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import Queue
from threading import get_ident
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads

from pyconchat.domain.errors import NotSaved
from pyconchat.server.store_threads import StoreThreads


class Reactor:
    """Does what other threads ask of it when it is told to."""

    def __init__(self) -> None:
        self._asked: Queue[tuple[Callable[..., object], tuple[Any, ...]]] = Queue()

    def callFromThread(self, call: Callable[..., object], *args: Any) -> None:
        self._asked.put((call, args))

    def wait_for(self, *deferreds: Deferred[Any]) -> None:
        """Do what is asked until all of *deferreds* have fired."""
        while not all(each.called for each in deferreds):
            call, args = self._asked.get(timeout=10)
            call(*args)


@pytest.fixture
def reactor() -> Reactor:
    return Reactor()


@pytest.fixture
def threads(reactor: Reactor) -> Iterator[StoreThreads]:
    threads = StoreThreads(cast(IReactorFromThreads, reactor), 1)
    threads.start()
    yield threads
    threads.stop()


def test_what_is_written_is_written_in_order(threads: StoreThreads, reactor: Reactor) -> None:
    """All of it by one thread, which is not ours; each result comes back to who asked."""
    done: list[int] = []
    writers: set[int] = set()

    def write(number: int) -> int:
        done.append(number)
        writers.add(get_ident())
        return -number

    results: list[int] = []
    written = [threads.write(write, number).addCallback(results.append) for number in range(100)]
    reactor.wait_for(*written)
    assert done == list(range(100))
    assert results == [-number for number in range(100)]
    assert len(writers) == 1
    assert get_ident() not in writers


def test_a_failure_comes_back(threads: StoreThreads, reactor: Reactor) -> None:
    """And what was given after it is done all the same."""

    def fail() -> None:
        raise NotSaved("the disk is full")

    failures: list[str] = []
    failing = threads.write(fail)
    failing.addErrback(lambda failure: failures.append(failure.getErrorMessage()))
    after = threads.write(int)
    reactor.wait_for(failing, after)
    assert failures == ["the disk is full"]


def test_reading_is_beside_it(threads: StoreThreads, reactor: Reactor) -> None:
    """Who reads does not wait for who writes."""
    may_write: Queue[int] = Queue()
    writing = threads.write(may_write.get)
    reading = threads.read(lambda: "read")
    reactor.wait_for(reading)
    assert not writing.called
    may_write.put(1)
    reactor.wait_for(writing)


def test_a_stop_waits_for_what_was_given(reactor: Reactor) -> None:
    """A server that stops has stored everything."""
    threads = StoreThreads(cast(IReactorFromThreads, reactor), 1)
    threads.start()
    done: list[int] = []
    for number in range(100):
        threads.write(done.append, number)
    threads.stop()
    assert done == list(range(100))

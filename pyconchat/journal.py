"""Journal: the tick. Gathers what was decided, has it stored, then has it published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from pyconchat.decisions import Decision, Repeated
from pyconchat.errors import Conflict, NotSaved
from pyconchat.events import Entry
from pyconchat.interfaces import IJournal, IStore, IThreads
from pyconchat.statistics import Statistics

__all__ = ["Journal", "Threads"]

T = TypeVar("T")

MOST_WAITING = 8192
"""Decisions that may wait for the commit under way before sessions stop reading."""


@implementer(IThreads)
class Threads:
    """The threads of a running server, from Twisted's pools."""

    def __init__(self, reactor: IReactorFromThreads, readers: int) -> None:
        self._reactor = reactor
        self._writer = ThreadPool(1, 1, "pyconchat-writer")
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
        return deferToThreadPool(self._reactor, self._writer, call, *args)

    def read(self, call: Callable[..., T], *args: object) -> Deferred[T]:
        return deferToThreadPool(self._reactor, self._readers, call, *args)


@implementer(IJournal)
class Journal:
    """Commits once per tick, or, while a commit is under way, as soon as it is done.

    *publish* is called with each decision that was stored and its entries, in order;
    *recover* with those that were not, because the store failed or they came too late.
    """

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        threads: IThreads,
        reactor: IReactorTime,
        publish: Callable[[Sequence[Decision], Sequence[Sequence[Entry]]], None],
        recover: Callable[[Sequence[Decision]], None],
        statistics: Statistics,
    ) -> None:
        self._store = store
        self._threads = threads
        self._reactor = reactor
        self._publish = publish
        self._recover = recover
        self._statistics = statistics
        self._waiting: list[Decision] = []
        self._committing = False
        self._began = 0.0  # when the commit under way did, in seconds
        self._room: list[Deferred[None]] = []
        self._idle: list[Deferred[None]] = []

    @property
    def full(self) -> bool:
        return len(self._waiting) >= MOST_WAITING

    @property
    def waiting(self) -> int:
        """Return how many decisions wait for the commit under way."""
        return len(self._waiting)

    def append(self, decision: Decision) -> None:
        self._waiting.append(decision)
        if not self._committing:
            self._committing = True
            # Not at once: the rest of what this turn of the reactor reads comes along.
            self._reactor.callLater(0, self._commit)

    def in_order(self, read: Callable[..., T], *args: object) -> Deferred[T]:
        return self._threads.write(read, *args)

    def read(self, read: Callable[..., T], *args: object) -> Deferred[T]:
        return self._threads.read(read, *args)

    def when_not_full(self) -> Deferred[None]:
        if not self.full:
            return succeed(None)
        room: Deferred[None] = Deferred()
        self._room.append(room)
        return room

    def when_idle(self) -> Deferred[None]:
        """Fire when everything that was appended is stored and published."""
        if not self._committing:
            return succeed(None)
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        return idle

    def _commit(self) -> None:
        batch, self._waiting = self._waiting, []
        _fire(self._room)
        self._began = self._reactor.seconds()
        committing = self._threads.write(self._store.commit, batch)
        committing.addCallbacks(
            self._committed, self._failed, callbackArgs=(batch,), errbackArgs=(batch,)
        )
        committing.addErrback(self._broken)
        committing.addBoth(self._next)

    def _next(self, _result: object) -> None:
        if self._waiting:
            self._commit()
        else:
            self._committing = False
            _fire(self._idle)

    def _committed(
        self, results: Sequence[list[Entry] | Repeated | Conflict], batch: Sequence[Decision]
    ) -> None:
        self._statistics.commits.note(self._reactor.seconds() - self._began)
        stored: list[Decision] = []
        entries: list[list[Entry]] = []
        late: list[Decision] = []
        repeated: list[tuple[Decision, int]] = []
        for decision, result in zip(batch, results, strict=True):
            if isinstance(result, Conflict):
                late.append(decision)
            elif isinstance(result, Repeated):
                repeated.append((decision, result.seq))
            else:
                stored.append(decision)
                entries.append(result)
        late += self._standing_on(late)
        self._publish(stored, entries)
        for decision, numbered in zip(stored, entries, strict=True):
            if decision.done is not None:
                decision.done.callback(numbered[0].seq if numbered else 0)
        for decision, seq in repeated:
            if decision.done is not None:
                decision.done.callback(seq)
        if late:
            self._recover(late)

    def _standing_on(self, late: Sequence[Decision]) -> list[Decision]:
        """Take from what waits the decisions that were made on the same old state as *late*."""
        groups = {part.conversation for each in late for part in each.parts}
        standing = [
            decision
            for decision in self._waiting
            if any(
                part.version is not None and part.conversation in groups for part in decision.parts
            )
        ]
        self._waiting = [decision for decision in self._waiting if decision not in standing]
        return standing

    def _failed(self, failure: Failure, batch: Sequence[Decision]) -> None:
        """Tell all whose words were lost: nobody has seen them.

        What was decided while the commit was under way may stand on what is lost, so it
        goes the same way.
        """
        if isinstance(failure.value, NotSaved):
            self._log.error("not saved: {reason}", reason=failure.getErrorMessage())
        else:
            self._log.failure("the store failed", failure)
        lost = [*batch, *self._waiting]
        self._statistics.not_saved += len(lost)
        self._waiting = []
        for decision in lost:
            decision.again = None  # a failing store is not asked twice
        self._recover([each for each in lost if not each.empty])
        for decision in lost:
            if decision.empty and decision.done is not None:
                decision.done.callback(0)  # nothing of it was to be stored
        _fire(self._room)

    def _broken(self, failure: Failure) -> None:
        self._log.failure("publishing failed", failure)


def _fire(waiting: list[Deferred[None]]) -> None:
    ready, waiting[:] = list(waiting), []
    for deferred in ready:
        deferred.callback(None)

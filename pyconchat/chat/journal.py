"""Journal: the tick. Gathers what was decided, has it stored, then has it published.

While one batch is shown to a large group, a piece in each turn of the reactor, the next one is
read and stored: the disk and the network work at the same time.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.chat.interfaces import IJournal, IStore, IThreads
from pyconchat.chat.statistics import Statistics
from pyconchat.domain.decisions import Decision, Repeated
from pyconchat.domain.errors import Conflict, NotSaved
from pyconchat.domain.events import Entry

__all__ = ["Journal"]

T = TypeVar("T")

MAX_WAITING = 8192
"""Decisions that may wait for the commit under way before sessions stop reading."""

MAX_TURNS = 6
"""Turns of the reactor in which a batch gathers at most."""

AT_ONCE = 50
"""Writes to connections in one turn of the reactor, while a batch is published."""


@implementer(IJournal)
class Journal:
    """Commits once per tick, or, while a commit is under way, as soon as it is done.

    *publish* is called with each decision that was stored and its entries, in order, and yields,
    now and then, to how many connections it has written; *recover* is called with those that were
    not stored, because the store failed or they came too late.

    At most two batches are under way: one is shown, the next one is stored or waits to be shown.
    """

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        threads: IThreads,
        reactor: IReactorTime,
        publish: Callable[[Sequence[Decision], Sequence[Sequence[Entry]]], Iterator[int]],
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
        self._committing = False  # or gathering what is to be committed
        self._turns = 0
        self._usual = 1  # decisions in a batch, of late
        self._publications: deque[Iterator[int]] = deque()  # the first one is under way
        self._publishing = False  # in this moment
        self._due = False  # more of it, in the next turn
        self._began = 0.0  # when the commit under way did, in seconds
        self._room: list[Deferred[None]] = []
        self._idle: list[Deferred[None]] = []

    @property
    def full(self) -> bool:
        return len(self._waiting) >= MAX_WAITING

    @property
    def waiting(self) -> int:
        """Return how many decisions wait for the commit under way."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Return whether anything is being stored, or waits for that."""
        return self._committing or bool(self._waiting)

    def append(self, decision: Decision) -> None:
        self._waiting.append(decision)
        self._go_on()

    def in_order(self, read: Callable[..., T], *args: object) -> Deferred[T]:
        def published(result: T) -> T:
            self._publish_the_rest()
            return result

        return self._threads.write(read, *args).addBoth(published)

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
        if not self._committing and not self._publications:
            return succeed(None)
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        return idle

    def _go_on(self) -> None:
        """Begin with the next batch if there is one and it may be begun."""
        if self._committing or len(self._publications) > 1:
            return
        if self._waiting:
            self._committing = True
            self._turns = 0
            # Not at once: the rest of what this turn of the reactor reads comes along.
            self._reactor.callLater(0, self._gather)
        elif not self._publications:
            _fire(self._idle)

    def _gather(self) -> None:
        """Commit what waits, unless it is less than of late: then more may be on its way.

        Many who answer the same message are read in several turns: one transaction and one write
        to each connection for them all is much less work than two. While the batch before is
        still shown, this one could not be shown anyway, and has time.
        """
        self._turns += not self._publications
        if len(self._waiting) < self._usual and self._turns < MAX_TURNS:
            self._reactor.callLater(0, self._gather)
        else:
            self._commit()

    def _commit(self) -> None:
        batch, self._waiting = self._waiting, []
        self._usual = max(len(batch), self._usual // 2)
        _fire(self._room)
        self._began = self._reactor.seconds()
        committing = self._threads.write(self._store.commit, batch)
        committing.addCallbacks(
            self._committed, self._failed, callbackArgs=(batch,), errbackArgs=(batch,)
        )
        committing.addErrback(self._broken)
        committing.addBoth(self._next)

    def _next(self, _result: object) -> None:
        self._committing = False
        self._go_on()

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
        self._publications.append(self._publication(stored, entries, repeated))
        if not self._due:
            self._publish_more()
        if late:
            self._publish_the_rest()
            self._recover(late)

    def _publication(
        self,
        stored: Sequence[Decision],
        entries: Sequence[Sequence[Entry]],
        repeated: Sequence[tuple[Decision, int]],
    ) -> Iterator[int]:
        """Show what was stored, then tell those who wait for it."""
        try:
            yield from self._publish(stored, entries)
        except Exception:
            self._log.failure("publishing failed")
        for decision, numbered in zip(stored, entries, strict=True):
            if decision.done is not None:
                decision.done.callback(numbered[0].seq if numbered else 0)
        for decision, seq in repeated:
            if decision.done is not None:
                decision.done.callback(seq)

    def _publish_more(self) -> None:
        """Go on with what is to be published, as far as it may go in this turn."""
        self._due = False
        self._publish_until(AT_ONCE)
        if self._publications and not self._due:
            self._due = True
            self._reactor.callLater(0, self._publish_more)
        self._go_on()

    def _publish_the_rest(self) -> None:
        """Publish now whatever was stored: something is to happen after it."""
        if not self._publishing:
            self._publish_until(sys.maxsize)

    def _publish_until(self, writes: int) -> None:
        """Publish, until so many *writes* to connections have been made."""
        self._publishing = True
        written = 0
        try:
            while self._publications and written < writes:
                try:
                    written += next(self._publications[0])
                except StopIteration:
                    self._publications.popleft()
        finally:
            self._publishing = False

    def _standing_on(self, late: Sequence[Decision]) -> list[Decision]:
        """Take from what waits the decisions that were made on the same old state as *late*."""
        groups = {new.conversation for each in late for new in each.entries}
        standing = [
            decision
            for decision in self._waiting
            if any(
                new.version is not None and new.conversation in groups for new in decision.entries
            )
        ]
        self._waiting = [decision for decision in self._waiting if decision not in standing]
        return standing

    def _failed(self, failure: Failure, batch: Sequence[Decision]) -> None:
        """Tell all whose words were lost: nobody has seen them.

        What was decided while the commit was under way may stand on what is lost, so it
        goes the same way.
        """
        self._publish_the_rest()
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

"""Journal: group commit.

It gathers the decisions of one to six turns of the reactor (a tick), stores them in one
transaction, then publishes them.

While one batch is published to a large group, a piece in each turn of the reactor, the next one
is gathered and stored: the disk and the network work at the same time.
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

from pyconchat.chat.interfaces import ICommits, IJournal, ISession, IThreads
from pyconchat.chat.pending import PendingDecision
from pyconchat.chat.statistics import Statistics
from pyconchat.domain.decisions import Decision, Repeated
from pyconchat.domain.errors import Conflict, NotSaved, Unknown
from pyconchat.domain.events import Entry
from pyconchat.net.waiters import Waiters

__all__ = ["Journal"]

T = TypeVar("T")

MAX_PENDING = 8192
"""Maximum decisions that wait for the current commit before doors stop reading."""

MAX_TURNS = 6
"""Maximum turns of the reactor in which a batch gathers."""

SETTLE_INTERVAL = 1.0
"""Seconds between attempts to find out what became of a commit."""

REST = 0.1
"""Seconds without a commit after which the store has time for other work."""

MAX_WRITES_PER_TURN = 50
"""Maximum writes to connections in one turn of the reactor, while a batch is published."""

Publish = Callable[[Sequence[PendingDecision], Sequence[Sequence[Entry]]], Iterator[int]]
Recover = Callable[[IJournal, Sequence[PendingDecision]], None]


@implementer(IJournal)
class Journal:
    """Commits once per tick, or, during a commit, as soon as that one is done.

    *publish* is called with each batch of stored decisions and their entries, in order. What it
    returns is iterated over later; it yields, now and then, the count of connections that it has
    written to. *recover* is called with the
    decisions that were not stored, because the store failed or after a conflict.

    At most two batches are in progress: one is published while the next is stored. Storing and
    publishing share the state of a batch, so the class has more than 250 lines.
    """

    _log = Logger()

    def __init__(
        self,
        store: ICommits,
        threads: IThreads,
        reactor: IReactorTime,
        publish: Publish,
        recover: Recover,
        statistics: Statistics,
    ) -> None:
        self._store = store
        self._threads = threads
        self._reactor = reactor
        self._publish = publish
        self._recover = recover
        self._statistics = statistics
        self._waiting: list[PendingDecision] = []
        self._committing = False  # from the first turn of gathering to the commit's end
        self._in_doubt: Sequence[PendingDecision] = ()  # a batch that may have been stored
        self._undone: Sequence[PendingDecision] = ()  # the same, when it has turned out not to be
        self._turns = 0  # of gathering, so far
        self._recent_size = 1  # decisions in a batch, decaying
        self._publications: deque[Iterator[int]] = deque()  # the first one is in progress
        self._publishing = False  # `_publish_until` is running
        self._publish_scheduled = False  # for the next turn
        self._commit_started = float("-inf")  # seconds
        self.failing = False
        self._room = Waiters()
        self._idle = Waiters()
        self._between = Waiters()  # for the end of the current commit
        self._readers: list[Deferred[int]] = []  # for the batch of the current commit

    @property
    def full(self) -> bool:
        return len(self._waiting) >= MAX_PENDING

    @property
    def waiting(self) -> int:
        """Return the count of decisions that wait for the current commit."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Return whether anything is being stored, or waits to be stored."""
        return self._committing or bool(self._waiting)

    @property
    def active(self) -> bool:
        """Return whether something was stored within the last `REST` seconds."""
        return self._reactor.seconds() - self._commit_started < REST

    def append(
        self,
        decision: Decision,
        origin: ISession | None = None,
        done: Deferred[int] | None = None,
        retry: Callable[[], None] | None = None,
    ) -> None:
        self._waiting.append(PendingDecision(decision, origin, done, retry))
        self._begin_next()

    def read_in_order(self, read: Callable[..., T], *args: object) -> Deferred[T]:
        def publish_earlier(result: T) -> T:
            self._publish_the_rest()
            return result

        return self._threads.write(read, *args).addBoth(publish_earlier)

    def read(self, read: Callable[..., T], *args: object) -> Deferred[T]:
        return self._threads.read(read, *args)

    def settled(self) -> Deferred[int]:
        done: Deferred[int] = Deferred()
        self.append(Decision(0), done=done)  # nothing to store; it only takes its turn
        return done

    def when_published(self) -> Deferred[int]:
        done: Deferred[int] = Deferred()
        if self._waiting or self._in_doubt:
            self.append(Decision(0), done=done)  # nothing to store; it only takes its turn
        elif self._committing:
            self._readers.append(done)
        elif self._publications:
            self._publications.append(_firing([done]))
        else:
            done.callback(0)
        return done

    def when_not_full(self) -> Deferred[None]:
        return self._room.wait(not self.full)

    def when_committed(self) -> Deferred[None]:
        return self._between.wait(not self.busy)

    def when_idle(self) -> Deferred[None]:
        return self._idle.wait(not self._committing and not self._publications)

    # Storing.

    def _begin_next(self) -> None:
        """Begin to gather the next batch, if there is one and it may begin."""
        if self._committing or len(self._publications) > 1:
            return
        if self._waiting:
            self._committing = True
            self._turns = 0
            # Not at once: what else this turn of the reactor reads joins the batch.
            self._reactor.callLater(0, self._gather)
        elif not self._publications:
            self._idle.fire()

    def _gather(self) -> None:
        """Commit the waiting decisions, or wait up to MAX_TURNS turns for more of them.

        It waits while there are fewer than in recent batches. The answers to one message are
        read in several turns: one transaction and one write to each connection for all of them
        is much less work than two. While the previous batch is being published, this one could
        not be published yet, so waiting costs nothing.
        """
        self._turns += not self._publications
        if len(self._waiting) < self._recent_size and self._turns < MAX_TURNS:
            self._reactor.callLater(0, self._gather)
        else:
            self._commit()

    def _commit(self) -> None:
        batch, self._waiting = self._waiting, []
        self._recent_size = max(len(batch), self._recent_size // 2)
        self._room.fire()
        self._commit_started = self._reactor.seconds()
        decisions = [pending.decision for pending in batch]
        committing = self._settle()
        committing.addCallback(lambda _: self._threads.write(self._store.commit, decisions))
        committing.addCallbacks(
            self._committed, self._failed, callbackArgs=(batch,), errbackArgs=(batch,)
        )
        committing.addErrback(self._broken)
        committing.addBoth(self._commit_done)

    def _settle(self) -> Deferred[object]:
        """Publish or undo the batch in doubt, if there is one, before the next commit."""
        if not self._in_doubt:
            return succeed(None)
        return self._threads.write(self._store.settle).addCallback(self._settled)

    def _settled(
        self, results: Sequence[list[Entry] | Repeated | Conflict | NotSaved] | None
    ) -> None:
        batch, self._in_doubt = self._in_doubt, ()
        if results is None:
            self._undone = batch
            raise NotSaved("nor was what it depends on")
        self._committed(results, batch)

    def _retry_settling(self) -> None:
        if self._in_doubt:
            self.append(Decision(0))  # each commit settles first

    def _commit_done(self, _result: object) -> None:
        self._committing = False
        if self._readers:
            self._fire_published()
        self._between.fire()
        self._begin_next()

    def _fire_published(self) -> None:
        """Fire the Deferreds of `when_published`, once the batch is published."""
        readers, self._readers = self._readers, []
        if self._in_doubt:  # the next commit settles first
            for done in readers:
                self.append(Decision(0), done=done)
        else:
            self.publish(_firing(readers))

    def _committed(
        self,
        results: Sequence[list[Entry] | Repeated | Conflict | NotSaved],
        batch: Sequence[PendingDecision],
    ) -> None:
        self._statistics.commits.record(self._reactor.seconds() - self._commit_started)
        if self.failing:  # a batch without anything to store says nothing
            self.failing = all(pending.decision.empty for pending in batch)
        stored: list[PendingDecision] = []
        entries: list[list[Entry]] = []
        conflicts: list[PendingDecision] = []
        repeated: list[tuple[PendingDecision, int]] = []
        for pending, result in zip(batch, results, strict=True):
            if type(result) is list:
                stored.append(pending)
                entries.append(result)
            elif isinstance(result, Conflict):
                conflicts.append(pending)
            elif isinstance(result, NotSaved):
                self._log.error("not saved: {reason}", reason=result)
                self._statistics.not_saved += 1
                pending.retry = None
                conflicts.append(pending)
            elif isinstance(result, Repeated):
                repeated.append((pending, result.seq))
        if conflicts:
            conflicts += self._take_dependent(conflicts)
        publication = self._publish(stored, entries)
        self.publish(self._publication(publication, stored, entries, repeated))
        if conflicts:
            self._publish_the_rest()
            self._recover(self, conflicts)

    def _take_dependent(self, conflicts: Sequence[PendingDecision]) -> list[PendingDecision]:
        """Remove, and return, the waiting decisions that were made on a state of *conflicts*."""
        groups = {new.conversation for each in conflicts for new in each.decision.entries}
        dependent = [
            pending
            for pending in self._waiting
            if any(
                new.version is not None and new.conversation in groups
                for new in pending.decision.entries
            )
        ]
        self._waiting = [pending for pending in self._waiting if pending not in dependent]
        return dependent

    def _failed(self, failure: Failure, batch: Sequence[PendingDecision]) -> None:
        """Refuse all decisions that were lost: nobody has seen them.

        Decisions that were made during the commit may depend on a lost one, so they are lost too.
        """
        self._publish_the_rest()
        self.failing = True
        if isinstance(failure.value, Unknown):
            self._doubt(failure, batch)
            return
        if isinstance(failure.value, NotSaved):
            self._log.error("not saved: {reason}", reason=failure.getErrorMessage())
        else:
            self._log.failure("the store failed", failure)
        if self._in_doubt:
            self._reactor.callLater(SETTLE_INTERVAL, self._retry_settling)
        lost = [*self._undone, *batch, *self._waiting]
        self._undone = ()
        self._statistics.not_saved += len(lost)
        self._waiting = []
        for pending in lost:
            pending.retry = None  # a failing store gets no second request
        self._recover(self, [each for each in lost if not each.decision.empty])
        for pending in lost:
            if pending.decision.empty:
                pending.succeeded(0)  # it had nothing to store
        self._room.fire()

    def _doubt(self, failure: Failure, batch: Sequence[PendingDecision]) -> None:
        """Tell who has sent *batch* that it may have been stored; find out later."""
        self._log.error("unknown: {reason}", reason=failure.getErrorMessage())
        self._in_doubt = batch
        for pending in batch:
            if pending.decision.empty:
                pending.succeeded(0)
                pending.done = None
            pending.unknown()
        self._reactor.callLater(SETTLE_INTERVAL, self._retry_settling)

    def _broken(self, failure: Failure) -> None:
        self._log.failure("publishing failed", failure)

    # Publishing.

    def publish(self, publication: Iterator[int]) -> None:
        """Publish *publication*, which yields as *publish*, after the current publications."""
        self._publications.append(publication)
        if not (
            self._publish_scheduled or self._publishing
        ):  # then it is published after the others
            self._publish_more()

    def _publication(
        self,
        publication: Iterator[int],
        stored: Sequence[PendingDecision],
        entries: Sequence[Sequence[Entry]],
        repeated: Sequence[tuple[PendingDecision, int]],
    ) -> Iterator[int]:
        """Publish the stored entries, then fire the Deferreds of their decisions."""
        try:
            yield from publication
        except Exception:
            self._log.failure("publishing failed")
        for pending, numbered in zip(stored, entries, strict=True):
            if pending.done is not None:
                pending.done.callback(numbered[0].seq if numbered else 0)
        for pending, seq in repeated:
            pending.succeeded(seq)

    def _publish_more(self) -> None:
        """Continue publishing, up to the maximum for this turn."""
        self._publish_scheduled = False
        self._publish_until(MAX_WRITES_PER_TURN)
        if self._publications and not self._publish_scheduled:
            self._publish_scheduled = True
            self._reactor.callLater(0, self._publish_more)
        self._begin_next()

    def _publish_the_rest(self) -> None:
        """Publish now everything that is stored: what happens next must come after it."""
        if not self._publishing:
            self._publish_until(sys.maxsize)

    def _publish_until(self, writes: int) -> None:
        """Publish until *writes* writes to connections have been made."""
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


def _firing(readers: Sequence[Deferred[int]]) -> Iterator[int]:
    """Return the publication that only fires *readers*: all earlier ones have ended."""
    for done in readers:
        done.callback(0)
    yield from ()

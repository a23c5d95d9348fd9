"""The journal alone: batches, their order, and what it does when a commit fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar, cast

import pytest
from twisted.internet.defer import Deferred

from pyconchat.chat.interfaces import IJournal, IStore
from pyconchat.chat.journal import MAX_PENDING, MAX_TURNS, MAX_WRITES_PER_TURN, Journal
from pyconchat.chat.pending import PendingDecision
from pyconchat.chat.statistics import Statistics
from pyconchat.domain.decisions import Decision, NewEntry
from pyconchat.domain.errors import Conflict, NotSaved, Refused
from pyconchat.domain.events import Entry, Message
from pyconchat.domain.names import Name
from pyconchat.domain.text import SafeText
from tests.support.threads import SlowThreads
from tests.support.turns import Turns

T = TypeVar("T")


class Bench:
    """A journal alone, with a slow store that records all calls in *happened*."""

    def __init__(self) -> None:
        self.clock = Turns()
        self.threads = SlowThreads()
        self.threads.slow = True
        self.batches: list[list[str]] = []
        self.happened: list[str] = []
        self.result: Exception | None = None  # raised by the next commit
        self.pieces = 1  # turns in which a batch is published
        self.conflicting: set[str] = set()  # decisions that the store refuses with a conflict
        self.refused: set[str] = set()  # decisions that the store cannot store
        store = cast("IStore", self)  # a journal only calls `commit`
        self.journal = Journal(
            store,
            self.threads,
            self.clock,
            self._publish,
            self._recover,
            Statistics(self.clock.seconds),
        )

    def append(self, *names: str) -> None:
        """Append one decision for each name."""
        for name in names:
            done: Deferred[None] = Deferred()
            done.addCallbacks(
                lambda _, name=name: self.happened.append(f"done {name}"),
                lambda failure, name=name: failure.trap(NotSaved, Refused),
            )
            message = Message(Name("alice"), SafeText(name))
            self.journal.append(Decision(0, [NewEntry(2, message)]), done=done)

    def work(self) -> None:
        """Run one call of the store thread, and what follows in the reactor."""
        self.threads.work()
        self.clock.advance(0)

    def finish_gathering(self) -> None:
        """Let the maximum number of turns pass in which a batch gathers."""
        for _ in range(MAX_TURNS):
            self.clock.advance(0)

    def commit(self, batch: Sequence[Decision]) -> list[list[Entry] | Conflict | NotSaved]:
        names = [name_of(decision) for decision in batch]
        self.batches.append(names)
        if self.result is not None:
            error, self.result = self.result, None
            raise error
        self.happened.append(f"stored {' '.join(names)}")
        return [
            Conflict() if name in self.conflicting else NotSaved() if name in self.refused else []
            for name in names
        ]

    def _publish(
        self, decisions: Sequence[PendingDecision], entries: Sequence[Sequence[Entry]]
    ) -> Iterator[int]:
        assert len(decisions) == len(entries)
        if not decisions:
            return
        names = " ".join(name_of(pending.decision) for pending in decisions)
        for piece in range(self.pieces - 1):
            self.happened.append(f"piece {piece} {names}")
            yield MAX_WRITES_PER_TURN
        self.happened.append(f"published {names}")
        yield 1

    def _recover(self, journal: IJournal, decisions: Sequence[PendingDecision]) -> None:
        names = " ".join(name_of(pending.decision) for pending in decisions)
        self.happened.append(f"lost {names}")
        for pending in decisions:
            pending.not_saved()


def name_of(decision: Decision) -> str:
    """Return the name of *decision*; empty if there is nothing to store."""
    if decision.empty:
        return ""
    event = decision.entries[0].event
    assert isinstance(event, Message)
    return event.text


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_tick_is_one_commit(bench: Bench) -> None:
    """All decisions of one turn of the reactor are one batch, in order."""
    bench.append("a", "b")
    bench.append("c")
    assert bench.batches == []
    bench.clock.advance(0)
    bench.work()
    assert bench.batches == [["a", "b", "c"]]
    bench.clock.advance(0)
    bench.append("d")
    bench.finish_gathering()
    bench.work()
    assert bench.batches == [["a", "b", "c"], ["d"]]


def test_decisions_during_a_commit_are_the_next_batch(bench: Bench) -> None:
    """There is only one commit at a time."""
    bench.append("a")
    bench.clock.advance(0)
    bench.append("b")
    bench.clock.advance(0)
    bench.append("c")
    bench.clock.advance(0)
    bench.work()
    assert bench.batches == [["a"]]
    bench.work()
    assert bench.batches == [["a"], ["b", "c"]]


def test_nothing_is_published_before_it_is_stored(bench: Bench) -> None:
    """Each batch is stored, then published; then its Deferreds fire."""
    bench.append("a", "b")
    bench.clock.advance(0)
    bench.append("c")
    assert bench.happened == []
    bench.work()
    first = ["stored a b", "published a b", "done a", "done b"]
    assert bench.happened == first
    bench.finish_gathering()
    bench.work()
    assert bench.happened == [*first, "stored c", "published c", "done c"]


def test_a_failed_commit_also_loses_the_waiting_decisions(bench: Bench) -> None:
    """They may depend on a decision that was lost."""
    bench.append("a")
    bench.clock.advance(0)
    bench.append("b")
    bench.result = NotSaved("the disk is full")
    bench.work()
    assert bench.happened == ["lost a b"]
    bench.append("c")
    bench.clock.advance(0)
    bench.work()
    assert bench.happened == ["lost a b", "stored c", "published c", "done c"]
    assert bench.batches == [["a"], ["c"]]


def test_a_conflict_affects_one_decision(bench: Bench) -> None:
    """The others of its batch are published, and the waiting ones stored next."""
    bench.conflicting = {"b"}
    bench.append("a", "b", "c")
    bench.clock.advance(0)
    bench.append("d")
    bench.work()
    assert bench.happened == ["stored a b c", "published a c", "done a", "done c", "lost b"]
    bench.finish_gathering()
    bench.work()
    assert bench.happened[5:] == ["stored d", "published d", "done d"]


def test_a_decision_that_the_store_refuses(bench: Bench) -> None:
    """It is lost alone, and is not decided once more; the others are published."""
    bench.refused = {"b"}
    bench.append("a", "b", "c")
    bench.clock.advance(0)
    bench.append("d")
    bench.work()
    assert bench.happened == ["stored a b c", "published a c", "done a", "done c", "lost b"]
    bench.finish_gathering()
    bench.work()
    assert bench.happened[5:] == ["stored d", "published d", "done d"]


def test_reading_in_order(bench: Bench) -> None:
    """A read in order follows the current commit and its publication, and precedes the next one."""
    bench.append("a")
    bench.clock.advance(0)
    bench.append("b")
    reading = bench.journal.read_in_order(lambda: list(bench.happened))
    bench.work()
    bench.work()
    assert_fired(reading, ["stored a", "published a", "done a"])
    bench.work()
    assert bench.batches == [["a"], ["b"]]


def assert_fired(deferred: Deferred[T], result: T) -> None:
    """Check that *deferred* has fired with *result*."""
    results: list[T] = []
    deferred.addCallback(results.append)
    assert results == [result]


def test_the_journal_is_full_at_its_maximum(bench: Bench) -> None:
    """There is room again when the next commit begins."""
    bench.append("first")
    bench.clock.advance(0)
    bench.append(*["waits"] * (MAX_PENDING - 1))
    assert not bench.journal.full
    assert_fired(bench.journal.when_not_full(), None)
    bench.append("last")
    assert bench.journal.full
    fired: list[None] = []
    for _ in range(2):
        bench.journal.when_not_full().addCallback(fired.append)
    assert fired == []
    bench.work()
    assert not bench.journal.full
    assert fired == [None, None]
    assert_fired(bench.journal.when_not_full(), None)
    bench.work()
    assert len(bench.batches[1]) == MAX_PENDING


def test_there_is_room_after_a_failure(bench: Bench) -> None:
    """`when_not_full` fires also when the waiting decisions are lost."""
    bench.append("first")
    bench.clock.advance(0)
    bench.append(*["waits"] * MAX_PENDING)
    room = bench.journal.when_not_full()
    bench.result = NotSaved("the disk is full")
    bench.work()
    assert_fired(room, None)
    assert not bench.journal.full


def test_the_journal_is_idle_when_everything_is_published(bench: Bench) -> None:
    """`when_idle` fires after the last publication."""
    assert_fired(bench.journal.when_idle(), None)
    bench.append("a")
    fired: list[None] = []
    bench.journal.when_idle().addCallback(fired.append)
    bench.clock.advance(0)
    bench.append("b")
    bench.work()
    assert fired == []
    bench.work()
    assert fired == [None]
    assert bench.happened[-1] == "done b"


def begin_commit(bench: Bench, *names: str) -> None:
    """Append *names*, and begin to commit them."""
    bench.append(*names)
    bench.clock.advance(0)


def test_a_batch_waits_for_as_many_decisions_as_in_recent_batches(bench: Bench) -> None:
    """A smaller batch waits MAX_TURNS turns."""
    begin_commit(bench, "a", "b", "c", "d")
    bench.work()
    begin_commit(bench, "e")
    bench.append("f", "g")
    begin_commit(bench, "h")
    bench.work()
    assert bench.batches == [["a", "b", "c", "d"], ["e", "f", "g", "h"]]
    bench.append("i")
    for _ in range(MAX_TURNS - 1):
        bench.clock.advance(0)
    assert bench.threads.idle
    bench.clock.advance(0)
    bench.work()
    assert bench.batches[2:] == [["i"]]


def test_a_batch_is_stored_while_the_previous_one_is_published(bench: Bench) -> None:
    """It is published when the previous one is complete."""
    bench.pieces = 3
    begin_commit(bench, "a")
    bench.append("b")
    bench.threads.work()
    expected = ["stored a", "piece 0 a"]
    assert bench.happened == expected
    bench.clock.advance(0)
    bench.threads.work()
    expected += ["piece 1 a", "stored b"]
    assert bench.happened == expected
    bench.append("c")
    bench.clock.advance(0)
    assert bench.threads.idle, "one is being published and one waits: no third is being stored"
    expected += ["published a", "done a", "piece 0 b"]
    assert bench.happened == expected
    bench.clock.advance(0)
    bench.threads.work()
    assert bench.happened == [*expected, "piece 1 b", "stored c"]


def test_a_small_batch_waits_while_a_large_one_is_published(bench: Bench) -> None:
    """It could not be published earlier, and further decisions join it."""
    begin_commit(bench, "a", "b")
    bench.pieces = MAX_TURNS + 3
    bench.work()
    bench.append("c")
    for _ in range(MAX_TURNS):
        bench.clock.advance(0)
    assert bench.threads.idle
    begin_commit(bench, "d")
    bench.work()
    assert bench.batches == [["a", "b"], ["c", "d"]]


@pytest.mark.parametrize("trouble", ["a failure", "a conflict", "a read in order"])
def test_a_publication_is_completed_before_what_follows(bench: Bench, trouble: str) -> None:
    """Before a failure, a conflict, and a read in order."""
    bench.pieces = 3
    begin_commit(bench, "a")
    bench.threads.work()
    begin_commit(bench, "b")
    assert bench.happened == ["stored a", "piece 0 a", "piece 1 a"]
    match trouble:
        case "a failure":
            bench.result = NotSaved("the disk is full")
            bench.threads.work()
            assert bench.happened[3:] == ["published a", "done a", "lost b"]
        case "a conflict":
            bench.conflicting = {"b"}
            bench.threads.work()
            assert bench.happened[3:] == ["stored b", "published a", "done a", "lost b"]
        case _:
            reading = bench.journal.read_in_order(lambda: None)
            reading.addCallback(lambda _: bench.happened.append("read"))
            bench.threads.work()
            bench.threads.work()
            assert bench.happened[-2:] == ["done b", "read"]
    fired: list[None] = []
    bench.journal.when_idle().addCallback(fired.append)
    bench.clock.advance(0)
    assert fired == [None]


def test_the_journal_is_not_idle_during_a_publication(bench: Bench) -> None:
    """`when_idle` waits for its last piece."""
    bench.pieces = 2
    begin_commit(bench, "a")
    bench.threads.work()
    fired: list[None] = []
    bench.journal.when_idle().addCallback(fired.append)
    assert fired == []
    bench.clock.advance(0)
    assert fired == [None]


def test_a_publication_that_begins_in_another_one(bench: Bench) -> None:
    """The inner publication is published after the outer one."""

    def publication(name: str) -> Iterator[int]:
        bench.happened.append(f"begin {name}")
        if name == "outer":
            bench.journal.publish(publication("inner"))
        bench.happened.append(f"end {name}")
        yield 1

    bench.journal.publish(publication("outer"))
    bench.clock.advance(0)
    assert bench.happened == ["begin outer", "end outer", "begin inner", "end inner"]

"""`when_published` of the journal: it waits for earlier decisions, and for nothing else."""

from __future__ import annotations

import pytest

from pyconchat.domain.errors import NotSaved, Unknown
from tests.chat.test_journal import Bench, begin_commit


def settle(bench: Bench) -> None:
    """Note in *happened* when everything is settled."""
    bench.journal.when_published().addCallback(lambda _: bench.happened.append("settled"))


def test_with_nothing_pending_it_fires_at_once() -> None:
    """Nothing is stored, and no thread has to answer."""
    bench = Bench()
    settle(bench)
    assert bench.happened == ["settled"]
    bench.finish_gathering()
    assert bench.threads.idle


def test_it_waits_for_the_decisions_that_wait() -> None:
    """Decisions of the next batch, and decisions that wait for the end of the current commit."""
    bench = Bench()
    begin_commit(bench, "a")
    bench.append("b")
    settle(bench)
    bench.work()
    bench.finish_gathering()
    assert bench.happened == ["stored a", "published a", "done a"]
    bench.work()
    assert bench.happened[3:] == ["stored b ", "published b ", "done b", "settled"]


def test_during_a_commit_it_waits_for_its_publication_only() -> None:
    """No commit follows, and later decisions are not waited for."""
    bench = Bench()
    bench.pieces = 2
    begin_commit(bench, "a")
    settle(bench)
    bench.append("b")
    bench.threads.work()
    assert bench.happened == ["stored a", "piece 0 a"]
    bench.clock.advance(0)
    assert bench.happened[2:] == ["published a", "done a", "settled"]
    assert bench.batches == [["a"]]


def test_during_a_publication_it_waits_for_its_end() -> None:
    """It fires when all readers have the stored entries."""
    bench = Bench()
    bench.pieces = 3
    begin_commit(bench, "a")
    bench.threads.work()
    settle(bench)
    bench.clock.advance(0)
    assert bench.happened == ["stored a", "piece 0 a", "piece 1 a"]
    bench.clock.advance(0)
    assert bench.happened[3:] == ["published a", "done a", "settled"]
    bench.finish_gathering()
    assert bench.threads.idle


def test_it_fires_after_a_commit_that_fails() -> None:
    """It does not wait for lost decisions, nor for dependent ones."""
    bench = Bench()
    bench.result = NotSaved("the disk is full")
    begin_commit(bench, "a")
    settle(bench)
    bench.append("b")
    bench.work()
    assert bench.happened == ["lost a b", "settled"]


def test_a_commit_in_doubt_is_settled_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decisions in doubt are settled by the store first."""
    bench = Bench()

    def settle_store(_: Bench) -> None:
        bench.happened.append("found")  # that it was not stored

    monkeypatch.setattr(Bench, "settle", settle_store, raising=False)
    bench.result = Unknown("the connection was lost")
    begin_commit(bench, "a")
    settle(bench)
    bench.work()
    assert bench.happened == []
    bench.finish_gathering()
    settle(bench)
    bench.work()
    bench.work()
    assert bench.happened == ["found", "lost a", "settled", "settled"]

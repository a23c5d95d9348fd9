"""`IStore.entries` and `IStore.seq_at`; the deadlines of reads."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sqlalchemy import text

from pyconchat.domain.decisions import Decision, NewEntry
from pyconchat.domain.errors import TimedOut
from pyconchat.domain.events import Message
from pyconchat.domain.search import Query, phrases
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore
from pyconchat.store.transactions import reading
from pyconchat.testing import make_store
from tests.contracts.building import ALICE, AT, NO_LIMIT, commit, create, say, texts
from tests.support.servers import PATIENCE

# Deadlines.

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n)"
    " SELECT max(i) FROM n",
    "postgresql": "SELECT max(i) FROM generate_series(1, 1000000000000) AS i",
}


def test_a_read_ends_at_its_deadline(store: SqlStore) -> None:
    """The connection then serves the next read, which may take as long as it likes."""
    create(store, 2)
    engine = store._reading
    started = time.monotonic()
    for _ in range(3):
        with pytest.raises(TimedOut), reading(engine, 0.1) as connection:
            connection.execute(text(ENDLESS[engine.dialect.name]))
    assert time.monotonic() - started < PATIENCE
    assert len(store.entries(2, 0, NO_LIMIT, 10)) == 1
    assert len(store.load().groups) == 1


def test_a_search_that_nobody_waits_for(store: SqlStore) -> None:
    """It does not begin."""
    with pytest.raises(TimedOut):
        store.search(2, Query(phrases("tea")), NO_LIMIT, 10, lambda: False)


def test_a_search_whose_asker_disconnects(tmp_path: Path) -> None:
    """SQLite ends it at once."""
    store = make_store(tmp_path)
    asked = iter([True] * 5)
    with (
        pytest.raises(TimedOut),
        reading(store._reading, PATIENCE, lambda: next(asked, False)) as connection,
    ):
        connection.execute(text(ENDLESS["sqlite"]))
    store.close()


# Pages.


def test_reading_page_by_page(store: SqlStore) -> None:
    """Every entry up to the given one is read once, in order."""
    create(store, 2)
    commit(store, say(2, *map(str, range(2, 11))))
    commit(store, say(2, "too new"))
    pages: list[list[int]] = []
    after = 0
    while page := store.entries(2, after, 10, 4):
        pages.append([entry.seq for entry in page])
        after = page[-1].seq
    assert pages == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


def test_the_limits_of_a_page(store: SqlStore) -> None:
    """A page begins after *after*, ends with *upto*, and has at most *limit* entries."""
    create(store, 2)
    commit(store, say(2, "a", "b", "c", "d"))
    for after, upto, limit, seqs in (
        (0, NO_LIMIT, 100, [1, 2, 3, 4, 5]),
        (2, 4, 100, [3, 4]),
        (2, NO_LIMIT, 2, [3, 4]),
        (5, NO_LIMIT, 100, []),
        (3, 3, 100, []),
        (4, 2, 100, []),
        (0, NO_LIMIT, 0, []),
    ):
        assert [entry.seq for entry in store.entries(2, after, upto, limit)] == seqs


def test_a_page_has_one_conversation(store: SqlStore) -> None:
    """Entries of other conversations are not in it. An unknown conversation is empty."""
    create(store, 2, "tea")
    create(store, 3, "coffee")
    commit(store, say(2, "in tea"), say(3, "in coffee"))
    assert texts(store.entries(2, 1, NO_LIMIT, 10)) == ["in tea"]
    assert store.entries(99, 0, NO_LIMIT, 10) == []


# Times.


def test_the_newest_entry_before_a_time(store: SqlStore) -> None:
    """By the times of the entries; 0 before the first, and in an unknown conversation."""
    create(store, 2)
    times = [*range(0, 60, 10), *range(60, 70)]
    for after in times:
        commit(store, Decision(AT + after, [NewEntry(2, Message(ALICE.name, SafeText("x")))]))
    for at in range(-1, 75):
        older = sum(after < at for after in times)
        expected = older + 1 if at > 0 else 0  # the group's creation is at 0, too
        assert store.seq_at(2, AT + at, len(times) + 1) == expected, at
    assert store.seq_at(99, AT, 0) == 0

"""Batches of plain messages in SQLite, whose heads the store remembers.

What they store is tested in test_message_batches.py; this tests when `Batch` stores them instead.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pyconchat.domain.decisions import Decision, NewEntry, Repeated, RequestKey
from pyconchat.domain.errors import Conflict, NotSaved
from pyconchat.domain.events import Message, TopicChanged
from pyconchat.domain.group import Group
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore, plain_batches
from pyconchat.store.batch import Batch
from tests.contracts.building import ALICE, AT, NO_LIMIT, commit, create, say, store_events, texts
from tests.support.stores import quick_store, share_statements


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """A store in SQLite."""
    store = quick_store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def tea(store: SqlStore) -> Group:
    """A group with one message."""
    tea = create(store, 2)
    commit(store, say(2, "a"))
    return tea


@pytest.fixture
def other(store: SqlStore, tmp_path: Path) -> Iterator[SqlStore]:
    """The same database, opened by another process."""
    other = share_statements(SqlStore(f"sqlite:///{tmp_path / 'pyconchat.db'}"))
    yield other
    other.close()


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the batches that `Batch` stores."""
    batches: list[int] = []
    decide = Batch.decide

    def counting(batch: Batch, decisions: Any) -> Any:
        batches.append(len(decisions))
        return decide(batch, decisions)

    monkeypatch.setattr(Batch, "decide", counting)
    return batches


def keyed(text: str, key: str = "", version: int | None = None) -> Decision:
    """Return the decision that alice says *text* in tea, with *key*, on the state *version*."""
    entry = NewEntry(2, Message(ALICE.name, SafeText(text)), version)
    return Decision(AT, [entry], key=RequestKey("alice", key) if key else None)


def log(store: SqlStore) -> list[tuple[int, str]]:
    """Return the numbers and texts of all messages in tea."""
    said = [each for each in store.entries(2, 0, NO_LIMIT, 10_000) if type(each.event) is Message]
    return list(zip([each.seq for each in said], texts(said), strict=True))


def test_plain_messages(store: SqlStore, tea: Group, batches: list[int]) -> None:
    """With and without keys and versions, `Batch` is not needed for them."""
    create(store, 3)
    batches.clear()
    commit(store, keyed("b", "b"), say(3, "other"), keyed("c", version=tea.version))
    commit(store, keyed("d", "d", tea.version))
    assert batches == []
    assert log(store) == [(2, "a"), (3, "b"), (4, "c"), (5, "d")]
    assert store.request_seq(RequestKey("alice", "d")) == 5


def test_after_other_batches(store: SqlStore, tea: Group, batches: list[int]) -> None:
    """The state and the number that they have left are read."""
    store_events(store, tea, tea.change_topic(ALICE, SafeText("green")))
    commit(store, keyed("b", version=tea.version))
    assert batches == [1]
    assert log(store) == [(2, "a"), (4, "b")]


def test_another_process_has_written(
    store: SqlStore, tea: Group, other: SqlStore, batches: list[int]
) -> None:
    """The remembered number is wrong. What it wrote remains, and the message is stored after it."""
    commit(other, say(2, "theirs"))
    commit(store, say(2, "b"))
    assert batches == [1]
    commit(store, say(2, "c"))
    assert batches == [1]
    assert log(store) == [(2, "a"), (3, "theirs"), (4, "b"), (5, "c")]
    assert store.load().groups[2].head == 5


def test_another_process_has_changed_the_group(
    store: SqlStore, tea: Group, other: SqlStore, tmp_path: Path
) -> None:
    """The remembered version is wrong: a message on that version is a conflict."""
    commit(store, keyed("b", version=tea.version))
    with closing(sqlite3.connect(tmp_path / "pyconchat.db")) as connection, connection:
        connection.execute("UPDATE conversations SET version = version + 1 WHERE id = 2")
    [conflict, stored] = store.commit([keyed("stale", version=tea.version), keyed("c")])
    assert isinstance(conflict, Conflict)
    assert isinstance(stored, list)
    assert log(store) == [(2, "a"), (3, "b"), (4, "c")]


def test_a_number_too_high(store: SqlStore, tea: Group, tmp_path: Path) -> None:
    """As when the file was replaced by an older one, for example: no number is left out."""
    commit(store, say(2, "b"))
    with closing(sqlite3.connect(tmp_path / "pyconchat.db")) as connection, connection:
        connection.execute("DELETE FROM entries WHERE conversation = 2 AND seq = 3")
        connection.execute("UPDATE conversations SET head = 2 WHERE id = 2")
    commit(store, say(2, "c"))
    assert log(store) == [(2, "a"), (3, "c")]


def test_repeated_requests(store: SqlStore, tea: Group, batches: list[int]) -> None:
    """Nothing of their batch is stored twice, and the next one is quick again."""
    commit(store, keyed("b", "b"))
    _, repeated, same = store.commit([keyed("c", "c"), keyed("b", "b"), keyed("c", "c")])
    assert (repeated, same) == (Repeated(3), Repeated(4))
    commit(store, keyed("d", "d"))
    assert batches == [3]
    assert log(store) == [(2, "a"), (3, "b"), (4, "c"), (5, "d")]


def test_a_conversation_that_is_gone(store: SqlStore, tea: Group, tmp_path: Path) -> None:
    """Its messages are not saved, although its head is remembered; the others of the batch are."""
    create(store, 3)
    commit(store, say(3, "x"))
    with closing(sqlite3.connect(tmp_path / "pyconchat.db")) as connection, connection:
        connection.execute("DELETE FROM conversations WHERE id = 3")
    refused, kept = store.commit([say(3, "lost"), say(2, "kept")])
    assert isinstance(refused, NotSaved)
    assert isinstance(kept, list)
    assert len(store.entries(3, 0, NO_LIMIT, 10)) == 2


STATEMENTS = {
    "begin": (sqlite3.SQLITE_TRANSACTION, "BEGIN"),
    "insert": (sqlite3.SQLITE_INSERT, "entries"),
    "move": (sqlite3.SQLITE_UPDATE, "conversations"),
    "keep": (sqlite3.SQLITE_INSERT, "request_keys"),
    "commit": (sqlite3.SQLITE_TRANSACTION, "COMMIT"),
}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_that_fails(
    store: SqlStore, tea: Group, statement: str, batches: list[int]
) -> None:
    """Nothing is saved, and nothing remains of the transaction: the next batches are stored.

    The heads that the failed batch has moved are not remembered.
    """
    commit(store, keyed("b", "b"))
    kept = store._writer._kept._kept
    assert kept is not None
    driver: Any = kept.connection.driver_connection
    refused = STATEMENTS[statement]

    def authorize(action: int, name: str | None, *_: object) -> int:
        return sqlite3.SQLITE_DENY if (action, name) == refused else sqlite3.SQLITE_OK

    driver.set_authorizer(authorize)
    with pytest.raises(NotSaved):
        store.commit([say(2, "lost"), keyed("lost", "c")])
    driver.set_authorizer(None)
    assert not driver.in_transaction
    assert log(store) == [(2, "a"), (3, "b")]
    commit(store, keyed("c", "c"))
    commit(store, keyed("d"))
    assert log(store) == [(2, "a"), (3, "b"), (4, "c"), (5, "d")]
    assert batches == []


def test_remembered_heads_are_bounded(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, batches: list[int]
) -> None:
    """They are forgotten when there are too many, and read again."""
    monkeypatch.setattr(plain_batches, "MAX_REMEMBERED", 3)
    ids = range(2, 10)
    for id in ids:
        create(store, id)
    batches.clear()
    for _ in range(2):
        for id in ids:
            commit(store, say(id, "x"), say(2, "y"))
    assert batches == []
    assert store._commits._plain is not None
    assert len(store._commits._plain._remembered) <= 3 + 2
    assert [store.load().groups[id].head for id in ids] == [19, *[3] * 7]


def test_normal_durability(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that flushes the WAL is told of each batch."""
    quick_store(tmp_path).close()
    store = share_statements(SqlStore(f"sqlite:///{tmp_path / 'pyconchat.db'}", "normal"))
    tea = create(store, 2)
    assert store._flusher is not None
    told: list[int] = []
    monkeypatch.setattr(store._flusher, "stored", lambda: told.append(1))
    commit(store, say(2, "a"))
    store_events(store, tea, [TopicChanged(SafeText("green"), ALICE.name)])
    assert told == [1, 1]
    store.close()

"""Concurrent transactions of nodes on one PostgreSQL: their locks and waits."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, insert, select, text, update

from pyconchat.domain.decisions import Decision, NewEntry, Register, SetPassword
from pyconchat.domain.errors import Conflict, NotSaved, TimedOut, Unknown
from pyconchat.domain.events import Edit
from pyconchat.domain.names import fold
from pyconchat.domain.stored import ChangedHead, OnlineRecord
from pyconchat.domain.text import SafeText
from pyconchat.server.admin import main
from pyconchat.store import BadStore, SqlStore, engines, lock, schema
from pyconchat.store.sharing import CURRENT_STEP, count_up, lock_name, try_lock_index
from tests.contracts.building import ALICE, AT, BOB, GUS, commit, create, register, say, search
from tests.contracts.postgres import Databases
from tests.contracts.test_repeated_batches import PATIENCE, until_waiting
from tests.support.stores import share_statements


@pytest.fixture
def thread() -> Iterator[Executor]:
    """The writer's thread."""
    with ThreadPoolExecutor(1) as thread:
        yield thread


@pytest.fixture
def opened(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., SqlStore]]:
    """Return a function that opens a locked store, shared or not."""
    monkeypatch.setattr(lock, "ADVISORY_WAIT", 100)
    stores: list[SqlStore] = []

    def open_store(shared: bool = True) -> SqlStore:
        stores.append(share_statements(SqlStore(postgresql_url, shared=shared)))
        stores[-1].lock()
        stores[-1].open()
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[..., SqlStore]) -> SqlStore:
    """The store of a node."""
    store = opened()
    store.nodes.begin("one")
    return store


# The lock of the database.


def test_nodes_exclude_a_server_without_nodes(opened: Callable[..., SqlStore]) -> None:
    """And the other way round. Nodes do not exclude each other."""
    one, two = opened(), opened()
    one.close()
    with pytest.raises(BadStore, match=r"the database .* is in use by another server$"):
        opened(shared=False)
    two.close()
    alone = opened(shared=False)
    with pytest.raises(BadStore, match=r"in use by a server that shares it with no other node$"):
        opened()
    alone.close()
    opened()


@pytest.mark.parametrize(
    "command",
    [
        ["copy-database", "sqlite:///{folder}/new.db"],
        ["delete-group", "--yes", "tea"],
        ["restore-group", "tea"],
    ],
    ids=lambda words: words[0],
)
def test_what_needs_all_nodes_stopped(
    opened: Callable[..., SqlStore],
    postgresql_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
) -> None:
    """One node that runs is enough to refuse it, also to another node's administrator."""
    create(opened(), 2)
    config = tmp_path / "pyconchat.toml"
    config.write_text(f'[store]\nurl = "{postgresql_url}"\n[node]\nname = "two"\n')
    words = [each.format(folder=tmp_path) for each in command]
    assert main(["--config", str(config), *words]) == 1
    assert "is in use by another server: stop it first" in capsys.readouterr().err
    assert list(tmp_path.glob("new.db")) == []


def test_nodes_that_start_at_the_same_time_on_an_empty_database(databases: Databases) -> None:
    """One of them creates the tables."""
    url = databases.url(name := databases.create("template0"))
    stores = [SqlStore(url, shared=True) for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(SqlStore.open, stores))
    assert [store.load().server.accounts for store in stores] == [[], []]
    for store in stores:
        store.close()
    databases.drop(name)


def test_several_nodes_need_postgresql(tmp_path: Path) -> None:
    """One line says so."""
    store = SqlStore(f"sqlite:///{tmp_path / 'chat.db'}", shared=True)
    with closing(store), pytest.raises(BadStore, match=r"^several nodes need PostgreSQL$"):
        store.lock()


# What became of a commit.


def cut(store: SqlStore) -> None:
    """Cut the writer's connection. PostgreSQL does not notice that while it is busy."""
    kept = store._writer._kept._kept
    assert kept is not None
    driver: Any = kept.connection.driver_connection
    with closing(socket.socket(fileno=os.dup(driver.fileno()))) as own:
        own.shutdown(socket.SHUT_RDWR)


def test_a_call_that_goes_on_after_its_connection_was_lost(
    store: SqlStore, engine: Engine, other: Connection, thread: Executor
) -> None:
    """It is ended before the node asks what it has stored: nothing, and nothing later."""
    create(store, 2)
    commit(store, say(2, "before"))
    other.execute(text("SELECT 1 FROM conversations WHERE id = 2 FOR UPDATE"))
    storing = thread.submit(store.commit, [say(2, "lost")])
    until_waiting(engine, 1)
    cut(store)
    with pytest.raises(NotSaved) as refused:
        storing.result(PATIENCE)
    assert not isinstance(refused.value, Unknown)
    other.rollback()
    assert [entry.seq for entry in store.entries(2, 0, 9, 9)] == [1, 2]
    ((entry,),) = commit(store, say(2, "after"))
    assert entry.seq == 3


def test_results_are_kept_while_there_are_nodes(
    store: SqlStore, opened: Callable[..., SqlStore]
) -> None:
    """A node that starts does not delete those that another one may ask for."""
    create(store, 2)
    commit(store, say(2, "hello"))
    results = text("SELECT count(*) FROM writers")
    opened()
    with store._reading.connect() as connection:
        assert connection.scalar(results) == 2  # of a call and of a commit
    store.nodes.end()
    opened()
    with store._reading.connect() as connection:
        assert connection.scalar(results) == 0


# Names.


def test_a_name_that_is_just_registered_elsewhere(
    store: SqlStore, engine: Engine, other: Connection, thread: Executor
) -> None:
    """Whether a guest can have it is known when that is committed."""
    lock_name(other, fold(GUS.name))
    account = {"key": "gus", "name": "gus", "password_hash": "", "created_at": AT}
    other.execute(insert(schema.accounts).values(account))
    claiming = thread.submit(store.nodes.claim_guest, GUS.name, "gus~1")
    until_waiting(engine, 1)
    other.commit()
    assert not claiming.result(PATIENCE)


def test_a_name_that_just_becomes_a_guest_s_elsewhere(
    store: SqlStore, engine: Engine, other: Connection, thread: Executor
) -> None:
    """Its registration waits, and is a conflict. The rest of the batch is stored."""
    create(store, 2)
    lock_name(other, fold(GUS.name))
    guest = {"key": "gus", "node": 9, "name": "gus", "party": "gus~1", "sessions": 1}
    other.execute(insert(schema.online).values(guest))
    batch = [say(2, "before"), Decision(AT, writes=[Register(GUS.name, "hash")]), say(2, "after")]
    storing = thread.submit(store.commit, batch)
    until_waiting(engine, 1)
    other.commit()
    assert [type(each) for each in storing.result(PATIENCE)] == [list, Conflict, list]


# Accounts.


def test_revisions_are_in_the_order_of_commits(
    store: SqlStore, engine: Engine, other: Connection, thread: Executor
) -> None:
    """Nobody can see a revision while a lower one is still to come."""
    register(store, ALICE)
    before, _ = store.nodes.changed_accounts(0)
    earlier = count_up(other, "accounts", 1)
    write = SetPassword(fold(ALICE.name), "new")
    storing = thread.submit(commit, store, Decision(AT, writes=[write]))
    until_waiting(engine, 1)
    with engine.connect() as third:
        assert third.scalar(select(schema.counters.c.value).filter_by(name="accounts")) == before
    other.commit()
    storing.result(PATIENCE)
    assert store.nodes.changed_accounts(earlier) == (earlier + 1, ["alice"])


# The search index.


def test_one_node_indexes_at_a_time(
    store: SqlStore, engine: Engine, other: Connection, thread: Executor
) -> None:
    """The others do not wait for it, except before a search."""
    create(store, 2)
    commit(store, say(2, "hello"))
    assert try_lock_index(other)
    assert not store.index(10)
    assert store.behind == 2
    indexing = thread.submit(store.index, 10, 2)
    until_waiting(engine, 1)
    other.commit()
    assert not indexing.result(PATIENCE)
    assert store.behind == 0
    assert len(search(store, 2, "hello")) == 1


def test_a_message_that_is_edited_while_another_node_indexes_it(
    store: SqlStore, engine: Engine, other: Connection, thread: Executor
) -> None:
    """It is found by its new words only."""
    create(store, 2)
    commit(store, say(2, "secret"))
    assert try_lock_index(other)
    edit = Edit(2, ALICE.name, text=SafeText("public"))
    editing = thread.submit(commit, store, Decision(AT, [NewEntry(2, edit)]))
    until_waiting(engine, 1)
    words = "INSERT INTO words (conversation, seq, tokens) VALUES (2, 2, '''#2'' ''secret''')"
    other.execute(text(words))
    other.execute(text("INSERT INTO indexed (conversation, upto) VALUES (2, 2)"))
    other.commit()
    editing.result(PATIENCE)
    with engine.connect() as third:
        stored = third.scalar(text("SELECT array_agg(tokens::text) FROM words WHERE seq = 2"))
    assert len(stored) == 1
    assert "secret" not in stored[0]
    assert len(search(store, 2, "public")) == 1


# Look-ups.


def test_a_blocked_lookup(
    opened: Callable[..., SqlStore], other: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends at its deadline, and the next one reads again; commits have no such deadline."""
    monkeypatch.setattr(engines, "READ_SECONDS", 0.2)
    store = opened()
    store.nodes.begin("one")
    create(store, 2)
    assert store.nodes.heads([2]) == {2: 1}
    other.execute(text("LOCK TABLE conversations IN ACCESS EXCLUSIVE MODE"))
    for _ in range(2):
        with pytest.raises(TimedOut):
            store.nodes.heads([2])
    other.rollback()
    assert store.nodes.heads([2]) == {2: 1}
    with store._writer.call() as connection:
        connection.execute(text("SELECT pg_sleep(0.3)"))


def test_lookups_do_not_write(store: SqlStore) -> None:
    """Nor do they see less than what this node has committed."""
    create(store, 2)
    commit(store, say(2, "a"))
    assert store.nodes.heads([2]) == {2: 2}
    with pytest.raises(NotSaved, match="read-only"), store._writer.lookup() as connection:
        connection.execute(text("UPDATE conversations SET head = 9 WHERE id = 2"))


# Changed conversations.


def take_numbers(store: SqlStore, count: int) -> None:
    """Use up the numbers of that many transactions."""
    body = "BEGIN INSERT INTO few VALUES (1); EXCEPTION WHEN others THEN END"
    with store._writer.transaction() as connection:
        for statement in (
            "CREATE TEMP TABLE few (one integer) ON COMMIT DROP",
            "CREATE OR REPLACE FUNCTION pg_temp.take() RETURNS void LANGUAGE plpgsql"
            f" AS 'BEGIN {body}; END'",
            f"SELECT pg_temp.take() FROM generate_series(1, {count})",
        ):
            connection.execute(text(statement))


def test_a_commit_that_ends_after_later_ones(store: SqlStore, other: Connection) -> None:
    """It was in no answer yet: it is in the next one, however many commits came between."""
    create(store, 2)
    create(store, 3)
    start, _ = store.nodes.changes(None)
    moved = {"head": 7, "changed": CURRENT_STEP}
    other.execute(update(schema.conversations).where(schema.conversations.c.id == 2).values(moved))
    take_numbers(store, 3000)
    commit(store, say(3, "hello"))
    newest, heads = store.nodes.changes(start)
    assert ChangedHead(3, 2) in heads
    assert ChangedHead(2, 7) not in heads
    other.commit()
    later, heads = store.nodes.changes(newest)
    assert ChangedHead(2, 7) in heads
    assert later > newest
    assert ChangedHead(2, 7) not in store.nodes.changes(later)[1]


def test_old_changes_are_not_read(store: SqlStore, engine: Engine) -> None:
    """Nor is what a copy of another database has, with numbers of transactions to come."""
    create(store, 2)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE conversations SET changed = txid_current() + 99 WHERE id = 2")
        )
        connection.execute(text("UPDATE conversations SET changed = 0 WHERE id = 1"))
    newest, _ = store.nodes.changes(None)
    assert newest >= 0
    assert store.nodes.changes(1)[1] == []


# Leases.


def test_one_node_removes_another(store: SqlStore, engine: Engine, other: Connection) -> None:
    """The second one does not wait, and gets no users."""
    node = schema.nodes.c
    dead = {"id": 99, "name": "dead", "incarnation": 1, "lease": 0}
    row = {"key": "bob", "node": 99, "name": "Bob", "party": "bob", "sessions": 1}
    with engine.begin() as connection:
        connection.execute(insert(schema.nodes).values(dead))
        connection.execute(insert(schema.online).values(row))
    other.execute(select(node.id).where(node.id == 99).with_for_update())
    assert store.nodes.expire().counts == {}
    other.rollback()
    assert store.nodes.expire().records == [OnlineRecord(99, BOB.name, "bob", 1)]


# Round trips.


def test_a_look_up_is_no_transaction(store: SqlStore) -> None:
    """But what the same thread executes otherwise is one, also after an error."""
    with store._writer.lookup() as connection:
        connection.execute(text("SELECT 1"))
        assert status_of(connection) == TransactionStatus.IDLE
    with pytest.raises(NotSaved), store._writer.lookup() as connection:
        connection.execute(text("SELECT 1 / 0"))
    for _ in range(2):
        assert store.cursors(fold(ALICE.name)) == []
        with store._writer.transaction() as connection:
            connection.execute(text("SELECT 1"))
            assert status_of(connection) == TransactionStatus.INTRANS


def status_of(connection: Connection) -> int:
    driver: Any = connection.connection.driver_connection
    return int(driver.info.transaction_status)

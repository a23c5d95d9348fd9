"""Batches that PostgreSQL ends in favour of other transactions: they are repeated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from sqlalchemy import Connection, Engine, create_engine, make_url, text

from pyconchat.domain.decisions import Decision, MoveCursor, NewEntry
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.events import TopicChanged
from pyconchat.domain.names import fold
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore, commits, engines
from pyconchat.store.transactions import Contended
from tests.contracts.building import ALICE, AT, BOB, CAROL, commit, create, register, say
from tests.support.stores import share_statements

PATIENCE = 20.0
GROUPS = (2, 3, 4)


@pytest.fixture
def others(postgresql_url: str) -> Iterator[Engine]:
    """For connections of other nodes."""
    url = make_url(postgresql_url).set(drivername="postgresql+psycopg")
    engine = create_engine(url, connect_args={"options": "-c deadlock_timeout=60s"})
    yield engine
    engine.dispose()


@pytest.fixture
def settings() -> dict[str, str]:
    """PostgreSQL's settings for the store's connections; `pytest.mark.parametrize` changes them."""
    return {}


@pytest.fixture
def store(
    postgresql_url: str, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[SqlStore]:
    """A store with three groups, whose transactions have *settings*."""
    options = {"lock_timeout": "20s", "deadlock_timeout": "20ms"} | settings
    words = " ".join(f"-c {name}={value}" for name, value in options.items())
    monkeypatch.setattr(engines, "_POSTGRESQL", engines._POSTGRESQL | {"options": words})
    store = share_statements(SqlStore(postgresql_url))
    store.open()
    for id in GROUPS:
        create(store, id, f"group{id}")
    yield store
    store.close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses before repetitions, none of which is waited for."""
    pauses: list[float] = []
    monkeypatch.setattr(commits, "sleep", pauses.append)
    return pauses


def messages() -> list[Decision]:
    """Return a batch that is stored by one call of the function."""
    return [say(id, "hello") for id in reversed(GROUPS)]


def changes() -> list[Decision]:
    """Return a batch that is stored by several statements."""
    topic = TopicChanged(SafeText("green"), ALICE.name)
    return [*messages(), Decision(AT, [NewEntry(2, topic, 1)])]


BATCHES = pytest.mark.parametrize("batch", [messages, changes])


def lock(connection: Connection, id: int) -> None:
    """Lock the head of the conversation *id*."""
    connection.execute(text(f"SELECT 1 FROM conversations WHERE id = {id} FOR UPDATE"))


def until_waiting(engine: Engine, count: int) -> None:
    """Wait until *count* transactions wait for locks."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + PATIENCE
    with engine.connect() as connection:
        while connection.scalar(waiting) != count:
            connection.rollback()
            assert time.monotonic() < deadline
            time.sleep(0.005)


def check(store: SqlStore, batch: Sequence[Decision]) -> None:
    """Check that *batch* was stored once."""
    for id in GROUPS:
        added = sum(new.conversation == id for each in batch for new in each.entries)
        seqs = [entry.seq for entry in store.entries(id, 0, 99, 99)]
        assert seqs == list(range(1, 2 + added))


@BATCHES
def test_a_deadlock(
    store: SqlStore,
    others: Engine,
    batch: Callable[[], list[Decision]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The batch is stored once the other transaction has ended."""
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        locking.result(PATIENCE)  # the other transaction continues

    monkeypatch.setattr(commits, "sleep", sleep)
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(2))
        one, two = (stack.enter_context(others.connect()) for _ in range(2))
        lock(one, 3)
        lock(two, 4)
        storing = threads.submit(store.commit, batch())  # locks 2, and waits for 3
        until_waiting(others, 1)
        locking = threads.submit(lock, two, 2)  # waits for the store
        until_waiting(others, 2)
        one.rollback()  # the store gets 3, and waits for 4
        locking.result(PATIENCE)
        two.rollback()
        assert all(isinstance(each, list) for each in storing.result(PATIENCE))
    assert pauses == [commits.REPEAT_PAUSES[0]]
    check(store, batch())


@BATCHES
@pytest.mark.parametrize("settings", [{"default_transaction_isolation": "repeatable\\ read"}])
def test_a_serialization_failure(
    store: SqlStore, others: Engine, pauses: list[float], batch: Callable[[], list[Decision]]
) -> None:
    """A database whose transactions see no later commits ends them; the repetition sees those."""
    with ThreadPoolExecutor(1) as thread, others.connect() as other:
        lock(other, 3)
        storing = thread.submit(store.commit, batch())
        until_waiting(others, 1)
        other.execute(text("UPDATE conversations SET head_at = head_at + 1 WHERE id = 3"))
        other.commit()
        assert all(isinstance(each, list) for each in storing.result(PATIENCE))
    assert pauses == [commits.REPEAT_PAUSES[0]]
    check(store, batch())


@BATCHES
@pytest.mark.parametrize("settings", [{"lock_timeout": "20ms"}])
def test_a_lock_timeout(
    store: SqlStore,
    others: Engine,
    batch: Callable[[], list[Decision]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The batch is repeated three times, each after a longer pause."""
    with others.connect() as other:
        lock(other, 3)
        pauses: list[float] = []

        def sleep(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == len(commits.REPEAT_PAUSES):
                other.rollback()

        monkeypatch.setattr(commits, "sleep", sleep)
        assert all(isinstance(each, list) for each in store.commit(batch()))
    assert tuple(pauses) == commits.REPEAT_PAUSES
    assert pauses == sorted(set(pauses))
    check(store, batch())


@BATCHES
@pytest.mark.parametrize("settings", [{"lock_timeout": "20ms"}])
def test_a_lock_that_is_not_released(
    store: SqlStore, others: Engine, pauses: list[float], batch: Callable[[], list[Decision]]
) -> None:
    """After three repetitions nothing of the batch is saved. The next one is."""
    with others.connect() as other:
        lock(other, 3)
        with pytest.raises(NotSaved, match="lock timeout") as refused:
            store.commit(batch())
        assert isinstance(refused.value, Contended)
    assert tuple(pauses) == commits.REPEAT_PAUSES
    check(store, [])
    assert all(isinstance(each, list) for each in store.commit(batch()))
    check(store, batch())


def test_cursors_are_locked_in_one_order(store: SqlStore, others: Engine) -> None:
    """Two nodes that move the same cursors cannot deadlock, in whatever order the moves come."""
    register(store, ALICE, BOB, CAROL)
    owners = [fold(each.name) for each in (ALICE, BOB, CAROL)]
    opening = text("INSERT INTO cursors (owner, conversation, upto, read) VALUES (:o, 2, 99, 0)")
    with others.begin() as other:
        other.execute(opening, [{"o": owner} for owner in owners])
    moves = [MoveCursor(owner, 2, 1, 99) for owner in reversed(owners)]
    locking = "SELECT owner FROM cursors WHERE upto = 99 AND owner {} FOR UPDATE SKIP LOCKED"
    with ThreadPoolExecutor(1) as thread, others.connect() as other:
        other.execute(text(locking.format("= 'bob'")))
        moving = thread.submit(commit, store, Decision(AT, writes=moves))
        until_waiting(others, 1)
        with others.connect() as third:
            free = third.scalars(text(locking.format("IS NOT NULL"))).all()
        other.rollback()
        moving.result(PATIENCE)
    assert free == ["carol"]
    moved = [each.read for owner in owners for each in store.cursors(owner) if each.upto == 99]
    assert moved == [1, 1, 1]

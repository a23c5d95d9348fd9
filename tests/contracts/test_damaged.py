"""Entries that cannot be read: they are skipped, reported, and do not hinder anything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from twisted.internet.task import Clock

from pyconchat.domain.events import Damaged
from pyconchat.store import SqlStore
from pyconchat.testing import TestUser, make_chat
from tests.contracts.building import NO_LIMIT, commit, create, say, search
from tests.support.stores import copy_empty

Damage = Callable[..., None]

ANY = ["{}", "[1]", '{"type":"nonsense"}', '{"type":"message","sender":1}']
NO_JSON = ["", "\x00", '{"type":"message","sender":"alice","text":"cut o', b"\xff\xfe", 7]


@pytest.fixture
def reports() -> list[tuple[int, int]]:
    return []


@pytest.fixture
def store(url: str, tmp_path: Path, reports: list[tuple[int, int]]) -> Iterator[SqlStore]:
    copy_empty(tmp_path)
    store = SqlStore(url, report=lambda *place: reports.append(place))
    store.open()
    yield store
    store.close()


@pytest.fixture
def damage(url: str) -> Iterator[Damage]:
    """Change the stored body of entry *seq* in conversation 2."""
    address = make_url(url)
    if address.get_backend_name() == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    engine = create_engine(address)

    def write(seq: int, body: object) -> None:
        statement = text("UPDATE entries SET body = :body WHERE conversation = 2 AND seq = :seq")
        if isinstance(body, bytes):  # stored as text
            statement = text(str(statement).replace(":body", "CAST(:body AS TEXT)"))
        with engine.begin() as connection:
            assert connection.execute(statement, {"body": body, "seq": seq}).rowcount == 1

    yield write
    engine.dispose()


def check_the_rest(
    store: SqlStore, damage: Damage, reports: list[tuple[int, int]], body: object
) -> None:
    """Damage one entry in the middle, and check that everything else is read, found and stored."""
    create(store, 2)
    commit(store, *(say(2, f"word {n}") for n in range(5)))
    damage(4, body)
    for _ in range(2):
        log = store.entries(2, 0, NO_LIMIT, 100)
        assert [entry.seq for entry in log] == [1, 2, 3, 4, 5, 6]
        assert [entry.seq for entry in log if isinstance(entry.event, Damaged)] == [4]
    assert reports == [(2, 4)]
    assert store.problems() == ["conversation 2: entry 4 is damaged"]
    while store.index(100):
        pass
    assert store.behind == 0
    assert [entry.seq for entry in search(store, 2, "word")] == [2, 3, 5, 6]
    commit(store, say(2, "and on"))
    assert store.load().groups[2].head == 7


@pytest.mark.parametrize("body", ANY)
def test_an_entry_of_no_known_event(
    store: SqlStore, damage: Damage, reports: list[tuple[int, int]], body: object
) -> None:
    """It is read as `Damaged`, in its place, and reported once."""
    check_the_rest(store, damage, reports, body)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("body", NO_JSON)
def test_an_entry_that_is_no_json(
    store: SqlStore, damage: Damage, reports: list[tuple[int, int]], body: object
) -> None:
    """As above. Only SQLite stores bytes that are no text."""
    check_the_rest(store, damage, reports, body)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_reader_of_a_damaged_entry(store: SqlStore, damage: Damage) -> None:
    """Somebody who has not read it logs in, sees one neutral line where it was, and the rest."""
    chat = make_chat(store, Clock())
    alice = TestUser(chat, "alice", "secret of alice")
    alice.types("/create tea open")
    bob = TestUser(chat, "bob", "secret of bob")
    bob.types("/join tea")
    bob.leaves()
    alice.types("one", "two", "three")
    head = max(each.head for each in store.load().groups.values())
    (id,) = store.load().groups
    assert id == 2
    damage(head - 1, "damaged")
    bob = TestUser(chat, "bob", "secret of bob")
    heading, one, damaged, three = bob.sees()
    assert heading.startswith("* — 3 new in tea since ")
    assert one.endswith(": one")
    assert damaged.endswith("* [tea] An entry of the log is damaged and cannot be shown.")
    assert three.endswith(": three")
    assert any("damaged" in line for line in bob.types("/join tea", "/history"))
    bob.leaves()
    assert TestUser(chat, "bob", "secret of bob").sees() == []

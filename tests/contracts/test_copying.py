"""A database is copied into another one, of the same or of another kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from twisted.internet.task import Clock

from pyconchat.domain.decisions import Decision
from pyconchat.store import BadStore, SqlStore, schema
from tests.contracts.building import NO_LIMIT, create, search, texts
from tests.support.programs import MemoryServer
from tests.support.stores import copy_empty, share_statements

TABLES = {
    *("accounts", "conversations", "entries", "groups", "members", "requests"),
    *("invitations", "bans", "moderators", "hooks", "invite_codes", "pins", "reactions"),
    *("cursors", "ignores", "mutes", "account_settings", "mentions", "tokens", "request_keys"),
}
"""Tables in which the evening leaves rows."""


@pytest.fixture
def target(url: str) -> Iterator[SqlStore]:
    """A new database."""
    target = SqlStore(url)
    target.open()
    yield target
    target.close()


@pytest.fixture
def evening(tmp_path: Path) -> Iterator[SqlStore]:
    """A database in SQLite after an evening in which something of every kind has happened."""
    folder = tmp_path / "old"
    folder.mkdir()
    copy_empty(folder)
    store = share_statements(SqlStore(f"sqlite:///{folder / 'pyconchat.db'}", "normal"))
    store.open()
    server = MemoryServer(store, Clock())
    alice = server.program("alice", "password")
    bob, carol, dave = (server.person(name, "password") for name in ("bob", "carol", "dave"))
    alice.does(f"/claim {server.chat.accounts.claim_code}")
    for line in ("/create tea open", "/create chess approval"):
        alice.does(line)
    for person in (bob, carol):
        person.types("/join tea")
    bob.types("the kettle sings", "/react 4 👍", "/mute tea", "/ignore carol", "/set times on")
    dave.types("/join chess please")
    for line in (
        *(
            "/moderator bob",
            "/topic cups",
            "/hook add ci",
            "/invite code 3",
            "/pin 4",
            "/ban carol",
        ),
        *("/invite dave", "/msg bob are you there, @bob?"),
    ):
        alice.asks(line, group="tea", key=line)
    alice.asks(text="@bob, what does it sing?", group="tea")
    server.stop()
    yield store
    store.close()


def rows(store: SqlStore) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of all tables."""
    with store._writer.transaction() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in schema.metadata.sorted_tables
        }


def test_everything_is_copied(evening: SqlStore, target: SqlStore) -> None:
    told: dict[str, int] = {}
    before = rows(evening)
    assert {name for name in TABLES if not before[name]} == set()
    evening.copy_to(target, told.__setitem__)
    assert target.load() == evening.load()
    after = rows(target)
    assert {name: after[name] for name in told} == {name: before[name] for name in told}
    assert told["entries"] == len(before["entries"])
    assert rows(evening) == before
    target.open()  # as the next start does
    while target.behind:
        target.index(100)
    assert texts(search(target, 2, "kettle")) == ["the kettle sings"]
    create(target, 50)
    assert target.entries(2, 0, NO_LIMIT, 100) == evening.entries(2, 0, NO_LIMIT, 100)


def test_nodes_use_new_ids_afterwards(evening: SqlStore, postgresql_url: str) -> None:
    target = SqlStore(postgresql_url, shared=True)
    target.open()
    evening.copy_to(target, lambda table, count: None)
    target.nodes.begin("one")
    assert target.nodes.ids(1) > max(evening.load().groups)
    target.close()


def test_a_database_in_use_is_not_overwritten(evening: SqlStore, target: SqlStore) -> None:
    create(target, 2)
    before = rows(target)
    with pytest.raises(BadStore, match="it must be a new one"):
        evening.copy_to(target, lambda table, count: None)
    assert rows(target) == before


def test_a_copy_that_fails_leaves_nothing(evening: SqlStore, target: SqlStore) -> None:
    before = rows(target)

    def fail(table: str, count: int) -> None:
        if table == "entries":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evening.copy_to(target, fail)
    assert rows(target) == before
    assert target.commit([Decision(1)]) == [[]]

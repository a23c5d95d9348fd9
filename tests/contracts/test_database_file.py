"""An SQLite file that is removed or replaced while a server uses it: nothing is lost unnoticed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyconchat.domain.decisions import Decision, Register
from pyconchat.domain.errors import NotSaved
from pyconchat.store import SqlStore
from tests.contracts.building import AT, BOB, commit, create, say
from tests.support.stores import copy_empty, share_statements

TEA = 2

DECISIONS = [say(TEA, "hello"), Decision(AT, writes=[Register(BOB.name, "hash")])]
"""One that is stored by a few statements, and one that needs a whole transaction."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with an empty database."""
    state = tmp_path / "state"
    state.mkdir()
    copy_empty(state)
    return state


@pytest.fixture
def store(state: Path) -> Iterator[SqlStore]:
    """The store of a server that has started, with the group tea."""
    store = SqlStore(f"sqlite:///{state / 'pyconchat.db'}")
    share_statements(store)
    store.open()
    store.prepare()
    create(store, TEA)
    yield store
    store.close()


@pytest.mark.parametrize("decision", DECISIONS)
def test_a_folder_that_is_moved(store: SqlStore, state: Path, decision: Decision) -> None:
    """Nothing is stored while the database is elsewhere, and everything when it is back."""
    elsewhere = state.rename(state.with_name("elsewhere"))
    with pytest.raises(NotSaved, match="No such file"):
        commit(store, decision)
    elsewhere.rename(state)
    commit(store, decision)


@pytest.mark.parametrize("decision", DECISIONS)
def test_a_file_that_is_replaced(store: SqlStore, state: Path, decision: Decision) -> None:
    """Nothing is stored after a backup was put in its place: the server must be restarted."""
    database = state / "pyconchat.db"
    backup = shutil.copy(database, state / "backup.db")
    Path(backup).rename(database)
    with pytest.raises(NotSaved, match="restart the server"):
        commit(store, decision)

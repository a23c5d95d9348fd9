"""The index of words follows the log when there is time, and a search does not wait for that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from pyconchat.chat import search_indexer as indexer
from pyconchat.chat.search_indexer import INTERVAL, SearchIndexer
from pyconchat.domain.errors import NotSaved
from pyconchat.store import SqlStore
from pyconchat.testing import InlineThreads, TestUser, make_chat
from tests.support.stores import quick_store


class Full(SqlStore):
    """A store in which there is no room for an index."""

    def index(self, most: int, only: int | None = None) -> bool:
        raise NotSaved("the disk is full")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    store = quick_store(tmp_path)
    yield store
    store.close()


class Scene:
    """Somebody who has said *count* things in a group, and an indexer that may find time."""

    def __init__(self, store: SqlStore, count: int) -> None:
        self.clock = Clock()
        self.store = store
        self.alice = TestUser(make_chat(store), "alice")
        self.alice.types("/create tea open", *[f"green tea {number}" for number in range(count)])
        self.busy = False
        self.indexer = SearchIndexer(store, InlineThreads(), self.clock, lambda: self.busy)
        self.indexer.start()


def test_it_follows_when_nothing_else_is_stored(store: SqlStore) -> None:
    """A second later at most; while there is something else to do, it waits."""
    scene = Scene(store, 3)
    scene.busy = True
    scene.clock.advance(INTERVAL)
    assert store.behind == 4
    scene.busy = False
    scene.clock.advance(INTERVAL)
    assert store.behind == 0
    scene.alice.types("black tea")
    scene.indexer.stop()
    scene.clock.advance(INTERVAL)
    assert store.behind == 1


def test_it_follows_a_busy_server_too(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never behind by more than its bound for long."""
    monkeypatch.setattr(indexer, "MAX_BEHIND", 4)
    monkeypatch.setattr(indexer, "MAX_PER_COMMIT", 3)
    scene = Scene(store, 9)
    scene.busy = True
    scene.clock.advance(INTERVAL)
    assert store.behind == 1


def test_a_search_finds_what_was_said_just_now(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It brings the index up to date itself, piece by piece."""
    monkeypatch.setattr(indexer, "MAX_PER_COMMIT", 2)
    scene = Scene(store, 6)
    assert len(scene.alice.types("/search green")) == 7
    assert store.behind == 0


def test_a_search_without_room_for_the_index(tmp_path: Path) -> None:
    """It finds what was indexed before; nobody is told that something could not be saved."""
    quick_store(tmp_path).close()
    store = Full(f"sqlite:///{tmp_path / 'pyconchat.db'}")
    store.open()
    scene = Scene(store, 2)
    assert scene.alice.types("/search green") == ["* Nothing found for: green"]
    scene.clock.advance(INTERVAL)
    assert store.behind == 3
    store.close()

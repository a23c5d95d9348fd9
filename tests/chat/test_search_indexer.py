"""The search index follows the log when the server is idle; a search brings it up to date."""

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


class FullStore(SqlStore):
    """A store on a disk that has no room for the index."""

    def index(self, most: int, only: int | None = None) -> bool:
        raise NotSaved("the disk is full")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    store = quick_store(tmp_path)
    yield store
    store.close()


class Scene:
    """A group with *count* messages, and an indexer whose server is *busy* or not."""

    def __init__(self, store: SqlStore, count: int) -> None:
        self.clock = Clock()
        self.store = store
        self.alice = TestUser(make_chat(store), "alice")
        self.alice.types("/create tea open", *[f"green tea {number}" for number in range(count)])
        self.busy = False
        self.indexer = SearchIndexer(store, InlineThreads(), self.clock, lambda: self.busy)
        self.indexer.start()


def test_the_index_is_updated_when_the_server_is_idle(store: SqlStore) -> None:
    """Within a second. While the server is busy, the indexer waits."""
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


def test_the_index_of_a_busy_server_has_a_maximum_lag(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When too many entries are not indexed, the indexer does not wait."""
    monkeypatch.setattr(indexer, "MAX_BEHIND", 4)
    monkeypatch.setattr(indexer, "MAX_PER_COMMIT", 3)
    scene = Scene(store, 9)
    scene.busy = True
    scene.clock.advance(INTERVAL)
    assert store.behind == 1


def test_a_search_finds_recent_messages(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It updates the index first, a few entries at a time."""
    monkeypatch.setattr(indexer, "MAX_PER_COMMIT", 2)
    scene = Scene(store, 6)
    assert len(scene.alice.types("/search green")) == 7
    assert store.behind == 0


def test_a_search_without_room_for_the_index(tmp_path: Path) -> None:
    """It finds what was indexed before, and nobody receives an error."""
    quick_store(tmp_path).close()
    store = FullStore(f"sqlite:///{tmp_path / 'pyconchat.db'}")
    store.open()
    scene = Scene(store, 2)
    assert scene.alice.types("/search green") == ["* Nothing found for: green"]
    scene.clock.advance(INTERVAL)
    assert store.behind == 3
    store.close()

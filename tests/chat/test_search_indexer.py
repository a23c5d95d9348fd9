"""The search index follows the log when the server is idle; a search brings it up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pyconchat.chat import search_indexer as indexer
from pyconchat.chat.search_indexer import INTERVAL, MAX_SECONDS, SearchIndexer
from pyconchat.domain.errors import Code, NotSaved, Refused, TimedOut
from pyconchat.domain.events import Entry, Message
from pyconchat.domain.names import Key, Name
from pyconchat.domain.search import Found, Query, phrases
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore
from pyconchat.testing import InlineThreads, TestUser, make_chat
from tests.contracts.building import commit, say
from tests.support.stores import copy_empty, quick_store, share_statements

TEA = Query(phrases("tea"))


class FullStore(SqlStore):
    """A store on a disk that has no room for the index."""

    def index(self, most: int, only: int | None = None) -> bool:
        raise NotSaved("the disk is full")


class Waiting(InlineThreads):
    """Threads whose searches wait for the test."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[Any]] = []

    def search(self, call: Callable[..., Any], *args: object) -> Deferred[Any]:
        self.waiting.append(Deferred())
        return self.waiting[-1]


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
        self.busy = self.active = False
        self.indexer = SearchIndexer(
            store, InlineThreads(), self.clock, lambda: self.busy, lambda: self.active
        )
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
    monkeypatch.setattr(SqlStore, "index_step", 3)
    scene = Scene(store, 9)
    scene.busy = True
    scene.clock.advance(INTERVAL)
    assert store.behind == 1


def test_the_index_rests_while_there_is_traffic(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes only small steps, and these only when it is far behind."""
    steps: list[int] = []
    index = store.index

    def note(most: int, only: int | None = None) -> bool:
        steps.append(most)
        return index(most, only)

    monkeypatch.setattr(store, "index", note)
    monkeypatch.setattr(indexer, "SMALL_STEP", 3)
    scene = Scene(store, 9)
    scene.active = True
    scene.clock.advance(INTERVAL)
    assert steps == []
    monkeypatch.setattr(indexer, "REST_BELOW", 5)
    scene.clock.advance(INTERVAL)
    assert (steps, store.behind) == ([3, 3], 4)
    scene.active = False
    scene.clock.advance(INTERVAL)
    assert (steps[2:], store.behind) == ([store.index_step], 0)


def test_a_search_finds_recent_messages(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It updates the index first, a few entries at a time."""
    monkeypatch.setattr(SqlStore, "index_step", 2)
    scene = Scene(store, 6)
    assert len(scene.alice.types("/search green")) == 7
    assert store.behind == 0


def test_a_search_finds_what_another_node_has_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many entries these are, and though this node has not indexed any of its own."""
    monkeypatch.setattr(SqlStore, "index_step", 2)
    copy_empty(tmp_path)
    one, two = (
        share_statements(SqlStore(f"sqlite:///{tmp_path / 'pyconchat.db'}", shared=True))
        for _ in range(2)
    )
    for store in (one, two):
        store.open()
    scene = Scene(one, 0)
    assert one.behind == 1
    one.index(2)
    commit(two, say(2, *[f"green tea {number}" for number in range(9)]))
    assert one.behind == 0
    found = scene.indexer.search(Key("alice"), 2, TEA, 99, 9, lambda: True)
    results: list[Found] = []
    Deferred.fromCoroutine(found).addCallback(results.append)
    assert [len(each.entries) for each in results] == [9]
    scene.indexer.stop()
    for store in (one, two):
        store.close()


def test_an_index_that_another_node_updates(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The indexer tries again a second later."""
    tried: list[int] = []

    def index(most: int, only: int | None = None) -> bool:
        tried.append(most)
        return False

    scene = Scene(store, 3)
    monkeypatch.setattr(store, "index", index)
    for times in (1, 2):
        scene.clock.advance(INTERVAL)
        assert len(tried) == times


def test_one_search_at_a_time(store: SqlStore) -> None:
    """A second search of an account is refused while the first one waits; so is a 17th."""
    threads = Waiting()
    searcher = SearchIndexer(store, threads, Clock(), lambda: False, lambda: False)

    def search(asker: str) -> Deferred[Found]:
        found = searcher.search(Key(asker), 2, TEA, 9, 5, lambda: True)
        return Deferred.fromCoroutine(found)

    failed: list[Failure] = []
    first = search("alice")
    search("alice").addErrback(failed.append)
    others = [search(f"guest{n}") for n in range(15)]
    search("bob").addErrback(failed.append)
    assert [cast(Refused, each.value).code for each in failed] == [Code.BUSY] * 2
    assert not any(each.called for each in (first, *others))
    threads.waiting[0].callback(Found([], 0))
    search("alice").addErrback(failed.append)
    assert len(failed) == 2
    threads.waiting[1].errback(TimedOut("too long"))
    others[0].addErrback(failed.append)
    assert cast(Refused, failed[2].value).sentence.startswith("The search took too long.")


def found_entry(seq: int) -> Entry:
    return Entry(2, seq, 0, Message(Name("alice"), SafeText("tea")))


def test_a_long_search_is_done_in_steps(store: SqlStore) -> None:
    """Until there are enough results; after a time it returns what it has, and where it was."""
    threads, clock = Waiting(), Clock()
    searcher = SearchIndexer(store, threads, clock, lambda: False, lambda: False)

    def search(limit: int) -> list[Found]:
        results: list[Found] = []
        found = searcher.search(Key("alice"), 2, TEA, 90, limit, lambda: True)
        Deferred.fromCoroutine(found).addCallback(results.append)
        return results

    enough = search(2)
    threads.waiting[0].callback(Found([found_entry(80)], 70))
    assert enough == []
    threads.waiting[1].callback(Found([found_entry(60)], 60))
    assert enough == [Found([found_entry(60), found_entry(80)], 60)]
    late = search(2)
    threads.waiting[2].callback(Found([], 70))
    clock.advance(MAX_SECONDS)
    threads.waiting[3].callback(Found([found_entry(60)], 50))
    assert late == [Found([found_entry(60)], 50)]
    slow = search(2)
    threads.waiting[4].callback(Found([found_entry(80)], 70))
    threads.waiting[5].errback(TimedOut("too long"))
    assert slow == [Found([found_entry(80)], 70)]


class SlowStore(SqlStore):
    """A store that has very much to index; a step takes *clock* half a second."""

    clock: Clock
    index_step = 1

    def index(self, most: int, only: int | None = None) -> bool:
        self.clock.advance(0.5)
        super().index(1, only)
        return True


def test_a_search_does_not_wait_for_a_whole_log(tmp_path: Path) -> None:
    """As after an upgrade: it is refused, with the number of entries that are missing."""
    quick_store(tmp_path).close()
    store = SlowStore(f"sqlite:///{tmp_path / 'pyconchat.db'}")
    store.clock = Clock()
    store.open()
    scene = Scene(store, 15)
    searcher = SearchIndexer(store, InlineThreads(), store.clock, lambda: False, lambda: False)
    failed: list[Failure] = []
    search = searcher.search(scene.alice.account.key, 2, TEA, 9, 5, lambda: True)
    Deferred.fromCoroutine(search).addErrback(failed.append)
    refused = cast(Refused, failed[0].value)
    assert refused.code is Code.BUSY
    assert "is being built, 11 messages are missing" in refused.sentence
    store.close()


def test_a_search_ends_with_its_asker(store: SqlStore) -> None:
    """It is not wanted any more once its session has ended."""
    scene = Scene(store, 1)
    wanted: list[Callable[[], bool]] = []
    find = store.search

    def search(*args: Any) -> Found:
        wanted.append(args[-1])
        return find(*args)

    store.search = search  # type: ignore[method-assign]
    assert len(scene.alice.types("/search green")) == 2
    assert wanted[0]()
    scene.alice.leaves()
    assert not wanted[0]()


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

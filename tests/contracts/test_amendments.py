"""Removed and replaced text is deleted from the database: in SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from pyconchat.domain.decisions import Decision, NewEntry
from pyconchat.domain.events import (
    NO_TEXT,
    Action,
    Edit,
    Entry,
    GroupEvent,
    Message,
    MessageRemoved,
    Quote,
    Reaction,
    Unsay,
)
from pyconchat.domain.names import fold
from pyconchat.domain.text import Emoji, SafeText
from pyconchat.store import SqlStore
from tests.contracts import building
from tests.contracts.building import ALICE, AT, BOB, NO_LIMIT, commit, create, decide, say

SECRET = SafeText("xyzzysecret plughsecret")
LOG = 2


def tables(store: SqlStore) -> str:
    """Return everything that is in the tables."""
    with store._reading.connect() as connection:
        names = inspect(connection).get_table_names()
        found = [
            connection.execute(text(f'SELECT * FROM "{name}"')).all()
            for name in names
            if not name.startswith("words")
        ]
    return str(found)


def entries(store: SqlStore) -> list[Entry]:
    return store.entries(LOG, 0, NO_LIMIT, 100)


def search(store: SqlStore, word: str) -> list[int]:
    return [entry.seq for entry in building.search(store, LOG, word)]


@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize("together", [True, False])
def test_a_removed_message_leaves_no_text(store: SqlStore, indexed: bool, together: bool) -> None:
    """Whether the index has it already or not; also in one commit with its edit and its removal."""
    group = create(store, LOG)
    talk = say(LOG, "hello", SECRET, "hello again")
    events: list[GroupEvent] = [
        Edit(3, ALICE.name, SafeText(f"{SECRET} edited")),
        Reaction(3, BOB.name, Emoji("👍")),
        Edit(3, ALICE.name, SafeText(f"{SECRET} again")),
        Unsay(3, ALICE.name, ALICE.name),
    ]
    answer = Decision(AT, [NewEntry(LOG, Message(BOB.name, SafeText("yes"), reply_to=3))])
    if together:
        commit(store, talk, answer, decide(group, events))
    else:
        commit(store, talk)
        for event in events:
            if indexed:
                search(store, "hello")
            commit(store, decide(group, [event]))
        commit(store, answer)
    assert "secret" not in tables(store)
    assert search(store, "xyzzysecret") == []
    assert search(store, "hello") == [2, 4]
    log = entries(store)
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
    assert log[2] == Entry(LOG, 3, AT, MessageRemoved(ALICE.name, ALICE.name))
    quotes = {type(each.event): each.quote for each in log if each.quote is not None}
    assert quotes == dict.fromkeys((Edit, Reaction, Unsay, Message), Quote(ALICE.name))
    assert store.problems() == []


def test_a_correction_replaces_the_text_and_its_words(store: SqlStore) -> None:
    """Search finds the new words only, whether the message was indexed or not."""
    group = create(store, LOG)
    commit(store, say(LOG, "green tee", "black tee"))
    search(store, "tee")
    commit(store, say(LOG, "white tee"))
    for seq in (2, 4):
        new = SafeText("red coffee")
        (stored,) = commit(store, decide(group, [Edit(seq, ALICE.name, new)]))
        assert stored[0].quote == Quote(ALICE.name, new)
        message = entries(store)[seq - 1].event
        assert message == Message(ALICE.name, new, edited=stored[0].seq)
    assert search(store, "coffee") == [2, 4]
    assert search(store, "tee") == [3]


def test_actions_are_amended_too(store: SqlStore) -> None:
    """They keep their kind until they are removed."""
    group = create(store, LOG)
    commit(store, Decision(AT, [NewEntry(LOG, Action(ALICE.name, SafeText("waves")))]))
    commit(store, decide(group, [Edit(2, ALICE.name, SafeText("bows"))]))
    assert entries(store)[1].event == Action(ALICE.name, SafeText("bows"), edited=3)
    commit(store, decide(group, [Unsay(2, ALICE.name, BOB.name)]))
    assert [each.event for each in entries(store)[1:3]] == [
        MessageRemoved(ALICE.name, BOB.name),
        Edit(2, ALICE.name, NO_TEXT),
    ]


def test_a_removed_message_stays_removed(store: SqlStore) -> None:
    """A later edit, from another node, restores no text."""
    group = create(store, LOG)
    commit(store, say(LOG, "hello"))
    commit(store, decide(group, [Unsay(2, ALICE.name, ALICE.name)]))
    commit(store, decide(group, [Edit(2, ALICE.name, SECRET)]))
    assert entries(store)[1].event == MessageRemoved(ALICE.name, ALICE.name)
    assert search(store, "xyzzysecret") == []


def test_targets(store: SqlStore) -> None:
    """The last message of a person, or an entry by its number."""
    group = create(store, LOG)
    alice, bob = fold(ALICE.name), fold(BOB.name)
    commit(store, say(LOG, "one", "two"), decide(group, group.join(BOB, AT)))
    commit(store, say(LOG, "three", by=BOB))
    commit(store, decide(group, [Reaction(2, BOB.name, Emoji("👍"))]))
    last, bobs = store.target(LOG, None, alice), store.target(LOG, None, bob)
    assert last is not None
    assert bobs is not None
    assert (last.seq, last.own, bobs.seq, bobs.own) == (3, True, 5, True)
    first, join = store.target(LOG, 2, bob), store.target(LOG, 4, bob)
    assert first is not None
    assert join is not None
    assert (first.own, list(first.reactions)) == (False, [(bob, "👍")])
    assert join.own is False
    assert store.target(LOG, 99, alice) is None
    assert store.target(LOG, None, fold("carol")) is None
    commit(store, decide(group, group.leave(BOB)))
    commit(store, decide(group, group.join(BOB, AT)))
    assert store.target(LOG, None, bob) is None, "what was said before they left"


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[SqlStore]:
    store = SqlStore(sqlite_url)
    store.open()
    yield store
    store.close()


def test_removed_text_is_overwritten_in_the_files(sqlite_store: SqlStore, tmp_path: Path) -> None:
    """The text is in neither the database, nor its write-ahead log, nor the index."""
    store = sqlite_store
    group = create(store, LOG)
    commit(store, say(LOG, *["hello"] * 300), say(LOG, SECRET), say(LOG, *["bye"] * 300))
    search(store, "hello")
    files = [tmp_path / "pyconchat.db", tmp_path / "pyconchat.db-wal"]
    assert b"secret" in b"".join(each.read_bytes() for each in files)
    commit(store, decide(group, [Unsay(302, ALICE.name, ALICE.name)]))
    for _ in range(20):
        store.clean()
    assert not store.unclean
    assert b"xyzzy" not in b"".join(each.read_bytes() for each in files)
    assert b"plugh" not in b"".join(each.read_bytes() for each in files)
    assert len(search(store, "bye")) == 10

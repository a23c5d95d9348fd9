"""`IStore.page`, `seq_at` and `directs`, times that never go back, and detached groups."""

from __future__ import annotations

from pyconchat.domain.accounts import deleted_party
from pyconchat.domain.decisions import (
    Decision,
    DeleteAccount,
    Detach,
    MarkRead,
    NewEntry,
    OpenDirect,
)
from pyconchat.domain.events import (
    Action,
    AnyEvent,
    MemberJoined,
    MemberLeft,
    Message,
    TopicChanged,
    Via,
    Why,
)
from pyconchat.domain.names import Key, Name
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore
from tests.contracts.building import ALICE, AT, BOB, commit, create, register, store_events, texts

TEA = 2


def talk(store: SqlStore, count: int, first: int = 0) -> None:
    """Store *count* messages in a new group, ten seconds apart, with a topic after each."""
    group = create(store, TEA)
    for number in range(first, first + count):
        text = SafeText(f"{number}")
        events = [Message(ALICE.name, text), TopicChanged(text, ALICE.name)]
        store_events(store, group, events, AT + number * 10_000)


def test_pages_by_kind(store: SqlStore) -> None:
    """The first or the newest, oldest first; only the kinds that are asked for count."""
    talk(store, 6)
    talking = (Message, Action)
    assert texts(store.page(TEA, 0, 99, 3, talking)) == ["0", "1", "2"]
    assert texts(store.page(TEA, 0, 99, 3, talking, newest=True)) == ["3", "4", "5"]
    assert [each.seq for each in store.page(TEA, 3, 99, 2)] == [4, 5]
    assert [each.seq for each in store.page(TEA, 3, 8, 2, newest=True)] == [7, 8]
    assert [each.seq for each in store.page(TEA, 0, 99, 9, (TopicChanged,), True)] == [
        *range(3, 14, 2)
    ]
    assert store.page(TEA, 99, 100, 5) == []


def test_pages_without_kinds(store: SqlStore) -> None:
    """Neither returned nor counted, also if they are the newest entries of the log."""
    talk(store, 4)
    events: list[AnyEvent] = []
    for number in range(60):
        name = Name(f"guest{number}")
        events += [MemberJoined(name, Via.OPEN, True), MemberLeft(name, Why.GUEST_GONE)]
    commit(store, Decision(AT + 99_000, [NewEntry(TEA, each) for each in events]))
    left_out = (MemberJoined, MemberLeft)
    read = store.page(TEA, 0, 2**62, 3, newest=True, without=left_out)
    assert [each.seq for each in read] == [7, 8, 9]
    assert texts(store.page(TEA, 0, 2**62, 2, (Message,), True, without=left_out)) == ["2", "3"]
    assert [each.seq for each in store.page(TEA, 9, 2**62, 2, without=left_out)] == []
    assert len(store.page(TEA, 9, 2**62, 500)) == 120


def test_the_entry_before_a_time(store: SqlStore) -> None:
    """The number of the last entry before it, of those up to the head; 0 before the first."""
    talk(store, 6, first=1)
    numbers = [store.seq_at(TEA, AT + number * 10_000, 13) for number in range(9)]
    assert numbers == [0, 1, 3, 5, 7, 9, 11, 13, 13]
    assert store.seq_at(TEA, AT + 70_000, 5) == 5
    assert store.seq_at(99, AT, 0) == 0


def test_times_do_not_go_back(store: SqlStore) -> None:
    """An entry is not earlier than the one before it, also after the store is opened again."""
    talk(store, 2, first=1)
    late = Message(ALICE.name, SafeText("x"))
    (entries,) = commit(store, Decision(AT - 50_000, [NewEntry(TEA, late)]))
    assert entries[0].at == AT + 20_000
    assert store.entries(TEA, 5, 99, 1)[0].at == AT + 20_000


def test_private_conversations_of_a_party(store: SqlStore) -> None:
    """Those in which it is either side, with the newest first."""
    register(store, ALICE, BOB)
    talks = ((5, ("alice", "bob"), 3), (6, ("aaron", "alice"), 9), (7, ("bob", "c"), 1))
    for id, parties, at in talks:
        event = Message(ALICE.name, SafeText("x"))
        write = OpenDirect(id, parties, ())
        commit(store, Decision(AT + at, [NewEntry(id, event)], [write]))
    found = store.directs("alice")
    assert [(each.id, each.head, each.at, each.parties) for each in found] == [
        (6, 1, AT + 9, ("aaron", "alice")),
        (5, 1, AT + 3, ("alice", "bob")),
    ]
    assert store.directs("nobody") == []


def test_detached_groups(store: SqlStore) -> None:
    """They are loaded at the next start, and attached when the membership ends."""
    register(store, ALICE, BOB)
    group = create(store, TEA)
    bob = Key("bob")
    store_events(store, group, [MemberJoined(BOB.name, Via.OPEN)])
    commit(store, Decision(AT, (), [Detach(bob, TEA, True), Detach(bob, TEA, True)]))
    assert store.load().server.detached == [(bob, TEA)]
    store_events(store, group, [MemberLeft(BOB.name)])
    assert store.load().server.detached == []
    commit(store, Decision(AT, (), [Detach(bob, TEA, True)]))
    commit(store, Decision(AT, (), [Detach(bob, TEA, False)]))
    assert store.load().server.detached == []


def test_read_markers(store: SqlStore) -> None:
    """They are loaded at the next start, one for each target, the oldest first."""
    register(store, ALICE, BOB)
    bob = Key("bob")
    for target, at in (("#tea", 7), ("alice", 8), ("#tea", 9)):
        commit(store, Decision(AT, (), [MarkRead(bob, target, at)]))
    assert store.load().server.read_markers == [(bob, "alice", 8), (bob, "#tea", 9)]
    commit(store, Decision(AT, (), [MarkRead(bob, "alice", 0)]))
    assert store.load().server.read_markers == [(bob, "#tea", 9)]
    commit(store, Decision(AT, (), [DeleteAccount(bob, deleted_party(bob))]))
    assert store.load().server.read_markers == []

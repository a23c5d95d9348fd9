"""Closed groups are kept for thirty days, then removed completely, in pieces."""

from __future__ import annotations

from pyconchat.domain.decisions import Decision, NewEntry
from pyconchat.domain.events import FileShared, GroupClosed
from pyconchat.domain.group import Group
from pyconchat.domain.names import fold
from pyconchat.domain.text import SafeText
from pyconchat.store import KEPT_DAYS, SqlStore
from tests.contracts.building import (
    ALICE,
    AT,
    BOB,
    GUS,
    NO_LIMIT,
    commit,
    create,
    register,
    say,
    search,
    store_events,
)

BOB_KEY = fold(BOB.name)
DAY = 24 * 3600 * 1000


def closed(store: SqlStore, id: int = 2) -> Group:
    """Store a group with members, a ban, files, and messages about dragons; and delete it."""
    register(store, ALICE, BOB)
    group = create(store, id)
    store_events(store, group, [*group.join(BOB, AT), *group.join(GUS, AT)])
    store_events(store, group, [FileShared(1, SafeText("a.txt"), ALICE.name, 3, "5a", "aa1")])
    commit(store, say(id, *(f"dragon {number}" for number in range(20))))
    store_events(store, group, [*group.ban(ALICE, GUS.name, AT), GroupClosed(ALICE.name)])
    return group


def pass_days(store: SqlStore, days: int, start: int = AT) -> list[int]:
    """Count *days* days; return the groups to be removed after the last one."""
    return [store.count_day(start + day * DAY) for day in range(days)][-1]


def test_a_deleted_group_is_kept_with_members_and_files(store: SqlStore) -> None:
    """It is not loaded, but its files are known; the members' cursors end with the log."""
    group = closed(store)
    loaded, (kept,) = store.load(), store.closed()
    assert loaded.groups == {}
    assert [file.id for file in loaded.closed_files[2]] == ["aa1"]
    assert (kept.id, kept.closed_at, kept.days) == (2, AT, 0)
    assert kept.stored.state == group.state
    assert {member.name for member in kept.stored.state.members} == {"alice", "Bob"}
    assert [each.upto for each in store.cursors(BOB_KEY)] == [kept.stored.head]


def test_a_restored_group(store: SqlStore) -> None:
    """It has its members again, each with an open cursor, and they get the event."""
    group = closed(store)
    store_events(store, group, group.reopen(ALICE.name, group.name, 7))
    stored = store.load().groups[2]
    assert stored.state == group.state
    assert (stored.state.number, stored.state.closed) == (7, False)
    assert store.closed() == []
    ends = {each.upto: each.read for each in store.cursors(BOB_KEY)}
    assert ends[max(ends)] == stored.head - 1
    assert pass_days(store, KEPT_DAYS + 5) == []


def test_days_are_counted_while_a_server_runs(store: SqlStore) -> None:
    """One in 24 hours: neither a clock that is set, nor many checks a day, shorten the time."""
    closed(store)
    assert pass_days(store, KEPT_DAYS) == []
    assert store.closed()[0].days == KEPT_DAYS
    for at in (AT + (KEPT_DAYS - 1) * DAY, AT + KEPT_DAYS * DAY - 1):
        assert store.count_day(at) == []
    assert store.count_day(AT + KEPT_DAYS * DAY) == [2]


def test_a_clock_that_is_set_forward_and_back(store: SqlStore) -> None:
    """Each time costs one day at most."""
    closed(store)
    for at in (AT, AT + 4000 * DAY, AT, AT + 1):
        assert store.count_day(at) == []
    assert store.closed()[0].days == 3


def test_a_group_is_removed_in_pieces(store: SqlStore) -> None:
    """A stop between two pieces leaves no defect; in the end the group is removed completely."""
    closed(store)
    other = create(store, 3, "other")
    commit(store, say(3, "dragon elsewhere"))
    while store.index(7):
        pass
    assert pass_days(store, KEPT_DAYS + 1) == [2]
    assert store.purge(2, 5)
    assert store.problems() == []
    pieces = 2
    while store.purge(2, 5):
        pieces += 1
    assert pieces == 6  # of 26 entries
    assert store.closed() == []
    assert store.load().closed_files == {}
    assert store.cursors(BOB_KEY) == []
    assert store.entries(2, 0, NO_LIMIT, 100) == []
    assert search(store, 2, "dragon") == []
    assert len(search(store, 3, "dragon")) == 1
    assert store.problems() == []
    assert store.load().highest_conversation == 3
    assert store.count_day(AT + 100 * DAY) == []
    event = store.load().groups[3].state
    assert event == other.state


def test_a_group_whose_entries_are_not_indexed_yet(store: SqlStore) -> None:
    """Removed entries are not indexed afterwards."""
    closed(store)
    store.index(5)
    pass_days(store, KEPT_DAYS + 1)
    while store.purge(2, 5):
        store.index(100)
    assert store.behind == 0
    group = create(store, 3, "new")
    commit(store, Decision(AT, [NewEntry(3, group.post(ALICE, SafeText("a dragon"), AT))]))
    while store.index(100):
        pass
    assert search(store, 2, "dragon") == []
    assert len(search(store, 3, "dragon")) == 1

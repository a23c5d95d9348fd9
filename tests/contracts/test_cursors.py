"""`IStore.cursors`: exactly what somebody has yet to receive."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyconchat.domain.decisions import OPEN_END, Decision, MoveCursor, NewEntry, OpenDirect
from pyconchat.domain.events import GroupEvent, Message, Policy, Why
from pyconchat.domain.group import Actor, Group
from pyconchat.domain.names import Name, fold
from pyconchat.domain.stored import CursorRecord
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore
from tests.contracts.building import (
    ALICE,
    AT,
    BOB,
    CAROL,
    GUS,
    commit,
    create,
    register,
    say,
    store_events,
)

OPERATOR = Actor(Name("olga"), operator=True)
TEA = Name("tea")


@pytest.fixture(autouse=True)
def _accounts(store: SqlStore) -> None:
    register(store, ALICE, BOB, CAROL)


def cursors(store: SqlStore, actor: Actor) -> list[tuple[int, int, int]]:
    """Return conversation, read and upto of each cursor of *actor*."""
    records = store.cursors(fold(actor.name))
    return [(record.conversation, record.read, record.upto) for record in records]


def move(store: SqlStore, actor: Actor, read: int, upto: int = OPEN_END, id: int = 2) -> None:
    """Store that *actor* has received a conversation up to *read*."""
    commit(store, Decision(AT, writes=[MoveCursor(fold(actor.name), id, read, upto)]))


# Memberships.


def test_a_membership_has_an_open_cursor(store: SqlStore) -> None:
    """A member receives all entries from the one with which they joined."""
    group = create(store, 2)
    commit(store, say(2, "before bob"))
    store_events(store, group, group.join(BOB, AT))
    commit(store, say(2, "after bob"))
    assert store.cursors(fold(ALICE.name)) == [CursorRecord(2, 0, OPEN_END, 4, None, TEA)]
    assert store.cursors(fold(BOB.name)) == [CursorRecord(2, 2, OPEN_END, 4, None, TEA, shown=2)]


def test_a_membership_without_unread_entries(store: SqlStore) -> None:
    """It has a cursor too, from which a session learns its groups."""
    create(store, 2)
    move(store, ALICE, 1)
    assert cursors(store, ALICE) == [(2, 1, OPEN_END)]


def test_cursors_are_ordered_by_conversation(store: SqlStore) -> None:
    """Each group has its own cursor, the oldest group first. Other members' are not included."""
    create(store, 3, "coffee")
    create(store, 2, "tea")
    create(store, 4, "cocoa", by=BOB)
    assert [record.group for record in store.cursors(fold(ALICE.name))] == ["tea", "coffee"]


Ending = Callable[[Group], list[GroupEvent]]


@pytest.mark.parametrize(
    "ending",
    [
        lambda group: group.leave(BOB),
        lambda group: group.kick(ALICE, Name("bob")),
        lambda group: group.ban(ALICE, Name("BOB"), AT),
        lambda group: group.forget("bob", Why.SERVER_BAN),
    ],
    ids=["leave", "kick", "ban", "server-ban"],
)
def test_the_end_of_a_membership_closes_its_cursor(store: SqlStore, ending: Ending) -> None:
    """A former member receives the entry that ended the membership, and nothing after it."""
    group = create(store, 2)
    store_events(store, group, group.join(BOB, AT))
    commit(store, say(2, "missed"))
    store_events(store, group, ending(group))
    commit(store, say(2, "not for bob"))
    assert cursors(store, BOB) == [(2, 1, 4)]
    assert cursors(store, ALICE) == [(2, 0, OPEN_END)]


def test_a_member_who_left_and_joined_again(store: SqlStore) -> None:
    """There is a cursor for each membership, the first one's first."""
    group = create(store, 2)
    store_events(store, group, group.join(BOB, AT))
    store_events(store, group, group.leave(BOB))
    commit(store, say(2, "not for bob"))
    store_events(store, group, group.join(BOB, AT))
    assert cursors(store, BOB) == [(2, 1, 3), (2, 4, OPEN_END)]


def test_the_cursor_of_a_closed_group(store: SqlStore) -> None:
    """The last member has yet to receive its end, and gets the name of the group."""
    group = create(store, 2)
    store_events(store, group, group.leave(ALICE))
    assert store.cursors(fold(ALICE.name)) == [CursorRecord(2, 0, 2, 3, None, TEA)]


def test_guests_have_no_cursors(store: SqlStore) -> None:
    """A guest receives entries only while connected."""
    group = create(store, 2, by=GUS)
    gina = Actor(Name("gina"), guest=True)
    store_events(store, group, group.join(gina, AT))
    store_events(store, group, group.kick(GUS, Name("gina")))
    store_events(store, group, group.ban(GUS, gina.name, AT))
    store_events(store, group, group.unban(GUS, Name("gina"), AT))
    assert cursors(store, GUS) == cursors(store, gina) == []


def test_a_guest_who_registers_gets_a_cursor(store: SqlStore) -> None:
    """It begins with the registration."""
    group = create(store, 2, by=GUS)
    commit(store, say(2, "seen live", by=GUS))
    register(store, GUS)
    store_events(store, group, group.register("gus"))
    assert cursors(store, GUS) == [(2, 2, OPEN_END)]


def test_an_applicant_who_registers_gets_none(store: SqlStore) -> None:
    """An applicant does not receive the group's messages."""
    group = create(store, 2, policy=Policy.APPROVAL)
    store_events(store, group, group.join(GUS, AT))
    register(store, GUS)
    store_events(store, group, group.register("gus"))
    assert cursors(store, GUS) == []
    store_events(store, group, group.approve(ALICE, [Name("gus")]))
    assert cursors(store, GUS) == [(2, 3, OPEN_END)]


# Notices to people outside the group.


@pytest.mark.parametrize(
    ("asks", "notice"),
    [
        (True, lambda group: group.reject(ALICE, Name("bob"), SafeText("no"))),
        (True, lambda group: group.ban(ALICE, Name("bob"), AT)),
        (False, lambda group: group.ban(ALICE, Name("bob"), AT)),
        (False, lambda group: group.ban(OPERATOR, Name("bob"), AT)),
        (False, lambda group: group.invite(ALICE, BOB, AT)),
    ],
    ids=["reject", "ban-who-asked", "ban", "ban-by-operator", "invite"],
)
def test_outsiders_receive_the_one_entry_about_them(
    store: SqlStore, asks: bool, notice: Ending
) -> None:
    """They receive no other entry of the group."""
    group = create(store, 2, policy=Policy.APPROVAL)
    if asks:
        store_events(store, group, group.join(BOB, AT))
    commit(store, say(2, "not for bob"))
    (entry,) = store_events(store, group, notice(group))
    commit(store, say(2, "nor this"))
    assert cursors(store, BOB) == [(2, entry.seq - 1, entry.seq)]


def test_the_notices_of_a_ban_and_of_its_end(store: SqlStore) -> None:
    """Each is a cursor of one entry."""
    group = create(store, 2)
    store_events(store, group, group.ban(ALICE, BOB.name, AT))
    commit(store, say(2, "not for bob"))
    store_events(store, group, group.unban(ALICE, Name("bob"), AT))
    assert cursors(store, BOB) == [(2, 1, 2), (2, 3, 4)]


@pytest.mark.parametrize(
    "ending",
    [lambda group: group.leave(BOB), lambda group: group.forget("bob", Why.SERVER_BAN)],
    ids=["withdrawn", "server-ban"],
)
def test_a_withdrawn_request_leaves_no_cursor(store: SqlStore, ending: Ending) -> None:
    """The applicant has nothing to receive."""
    group = create(store, 2, policy=Policy.APPROVAL)
    store_events(store, group, group.join(BOB, AT))
    store_events(store, group, ending(group))
    assert cursors(store, BOB) == []


def test_outsiders_without_an_account_get_no_notice(store: SqlStore) -> None:
    """Nothing is stored for guests, nor for unknown names."""
    group = create(store, 2, policy=Policy.APPROVAL)
    store_events(store, group, group.join(GUS, AT))
    store_events(store, group, group.reject(ALICE, Name("gus")))
    store_events(store, group, group.invite(ALICE, GUS, AT))
    store_events(store, group, group.forget("gus", Why.GUEST_GONE))
    store_events(store, group, group.ban(ALICE, Name("nobody"), AT))
    assert cursors(store, GUS) == cursors(store, Actor(Name("nobody"))) == []


# Receiving.


def test_a_cursor_moves_only_forward(store: SqlStore) -> None:
    """A slower device does not make entries unread that another has received."""
    create(store, 2)
    commit(store, say(2, "one", "two", "three"))
    move(store, ALICE, 3)
    move(store, ALICE, 2)
    assert cursors(store, ALICE) == [(2, 3, OPEN_END)]
    move(store, ALICE, 4)
    assert cursors(store, ALICE) == [(2, 4, OPEN_END)]


def test_moves_in_one_batch(store: SqlStore) -> None:
    """Of several moves in a batch the furthest counts, in any order."""
    create(store, 2, "tea")
    create(store, 3, "coffee")
    commit(store, say(2, "one", "two", "three"))
    key = fold(ALICE.name)
    moves = [MoveCursor(key, 2, 2), MoveCursor(key, 3, 1), MoveCursor(key, 2, 4)]
    commit(store, Decision(AT, writes=moves), Decision(AT, writes=[MoveCursor(key, 2, 3)]))
    assert cursors(store, ALICE) == [(2, 4, OPEN_END), (3, 1, OPEN_END)]


def test_a_cursor_that_reaches_its_end(store: SqlStore) -> None:
    """It is deleted. Other cursors do not change."""
    group = create(store, 2)
    store_events(store, group, group.join(BOB, AT))
    store_events(store, group, group.leave(BOB))
    store_events(store, group, group.join(BOB, AT))
    assert cursors(store, BOB) == [(2, 1, 3), (2, 3, OPEN_END)]
    move(store, BOB, 2, upto=3)
    assert cursors(store, BOB) == [(2, 2, 3), (2, 3, OPEN_END)]
    move(store, BOB, 3, upto=3)
    assert cursors(store, BOB) == [(2, 3, OPEN_END)]


def test_moving_a_cursor_that_does_not_exist(store: SqlStore) -> None:
    """Nothing happens, and no cursor is created."""
    group = create(store, 2)
    store_events(store, group, group.join(BOB, AT))
    store_events(store, group, group.leave(BOB))
    move(store, BOB, 3)
    move(store, CAROL, 3)
    move(store, GUS, 3, upto=3)
    assert cursors(store, BOB) == [(2, 1, 3)]
    assert cursors(store, CAROL) == cursors(store, GUS) == []


def test_a_move_in_a_decision_with_an_entry(store: SqlStore) -> None:
    """Both are stored in the same commit."""
    create(store, 2)
    move = MoveCursor(fold(ALICE.name), 2, 2)
    commit(store, Decision(AT, say(2, "one").entries, [move]))
    assert cursors(store, ALICE) == [(2, 2, OPEN_END)]


# Private conversations.


def test_the_cursors_of_a_private_conversation(store: SqlStore) -> None:
    """Each side has one, which is listed while it has entries that were not shown."""
    alice, bob = fold(ALICE.name), fold(BOB.name)
    opening = Decision(AT, say(2, "psst").entries, [OpenDirect(2, ("alice", "bob"), (alice, bob))])
    commit(store, opening)
    waiting = [CursorRecord(2, 0, OPEN_END, 1, ("alice", "bob"), Name(""))]
    assert store.cursors(alice) == store.cursors(bob) == waiting
    move(store, BOB, 1)
    assert cursors(store, BOB) == [(2, 1, OPEN_END)]
    commit(store, Decision(AT, writes=[MoveCursor(bob, 2, 0, shown=1)]))
    assert store.cursors(bob) == []
    assert store.cursors(alice) == waiting
    commit(store, say(2, "are you there?"))
    assert cursors(store, BOB) == [(2, 1, OPEN_END)]


def test_a_private_conversation_with_a_guest(store: SqlStore) -> None:
    """Only the side with an account has a cursor."""
    opening = OpenDirect(2, ("alice", "gus~1"), (fold(ALICE.name),))
    commit(store, Decision(AT, say(2, "psst", by=GUS).entries, [opening]))
    assert cursors(store, ALICE) == [(2, 0, OPEN_END)]
    assert cursors(store, GUS) == []


def test_private_conversations_are_found_by_their_parties(store: SqlStore) -> None:
    """`direct` finds the conversation of exactly these two."""
    opening = OpenDirect(2, ("alice", "bob"), (fold(ALICE.name), fold(BOB.name)))
    commit(store, Decision(AT, writes=[opening]))
    assert store.direct(("alice", "bob")) == (2, 0)
    commit(store, say(2, "one", "two"))
    assert store.direct(("alice", "bob")) == (2, 2)
    assert store.direct(("alice", "carol")) is None
    assert store.direct(("alice", "bob~1")) is None


def test_what_was_shown(store: SqlStore) -> None:
    """It only increases, independently of the received entries, and determines unread mentions."""
    create(store, 2)
    alice = fold(ALICE.name)
    mention = Message(BOB.name, SafeText("x"), mentions=(ALICE.name,))
    commit(store, Decision(AT, [NewEntry(2, mention)] * 3))
    for read, shown, expected in [(4, 0, (4, 0)), (0, 2, (4, 2)), (3, 1, (4, 2)), (4, 3, (4, 3))]:
        commit(store, Decision(AT, writes=[MoveCursor(alice, 2, read, shown=shown)]))
        [cursor] = store.cursors(alice)
        assert (cursor.read, cursor.shown) == expected
    assert cursor.named == (4,)

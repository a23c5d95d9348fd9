"""What `IStore.cursors` promises: what somebody has still to receive, no more and no less."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyconchat.domain.decisions import OPEN_END, Decision, MoveCursor, OpenDirect
from pyconchat.domain.events import GroupEvent, Policy, Why
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
    happen,
    register,
    say,
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
    """A member receives everything from the entry on that made them one."""
    group = create(store, 2)
    commit(store, say(2, "before bob"))
    happen(store, group, group.join(BOB))
    commit(store, say(2, "after bob"))
    assert store.cursors(fold(ALICE.name)) == [CursorRecord(2, 0, OPEN_END, 4, None, TEA)]
    assert store.cursors(fold(BOB.name)) == [CursorRecord(2, 2, OPEN_END, 4, None, TEA)]


def test_a_membership_has_its_cursor_when_nothing_is_unread(store: SqlStore) -> None:
    """The cursors are how a session knows of which groups it is a member."""
    create(store, 2)
    move(store, ALICE, 1)
    assert cursors(store, ALICE) == [(2, 1, OPEN_END)]


def test_cursors_come_in_the_order_of_the_conversations(store: SqlStore) -> None:
    """Each group has its own cursor, the oldest group first; others' are not among them."""
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
        lambda group: group.ban(ALICE, Name("BOB")),
        lambda group: group.forget("bob", Why.SERVER_BAN),
    ],
    ids=["leave", "kick", "ban", "server-ban"],
)
def test_the_end_of_a_membership_closes_its_cursor(store: SqlStore, ending: Ending) -> None:
    """Who is out receives the entry that put them out, and nothing after it."""
    group = create(store, 2)
    happen(store, group, group.join(BOB))
    commit(store, say(2, "missed"))
    happen(store, group, ending(group))
    commit(store, say(2, "not for bob"))
    assert cursors(store, BOB) == [(2, 1, 4)]
    assert cursors(store, ALICE) == [(2, 0, OPEN_END)]


def test_who_comes_back_has_both_cursors(store: SqlStore) -> None:
    """What was missed of the first membership is received before the second one's."""
    group = create(store, 2)
    happen(store, group, group.join(BOB))
    happen(store, group, group.leave(BOB))
    commit(store, say(2, "not for bob"))
    happen(store, group, group.join(BOB))
    assert cursors(store, BOB) == [(2, 1, 3), (2, 4, OPEN_END)]


def test_the_last_one_out_learns_how_it_ended(store: SqlStore) -> None:
    """A closed group is named to those who have still to receive its end."""
    group = create(store, 2)
    happen(store, group, group.leave(ALICE))
    assert store.cursors(fold(ALICE.name)) == [CursorRecord(2, 0, 2, 3, None, TEA)]


def test_guests_have_no_cursors(store: SqlStore) -> None:
    """A guest is there while connected: nothing waits for one."""
    group = create(store, 2, by=GUS)
    gina = Actor(Name("gina"), guest=True)
    happen(store, group, group.join(gina))
    happen(store, group, group.kick(GUS, Name("gina")))
    happen(store, group, group.ban(GUS, gina.name))
    happen(store, group, group.unban(GUS, Name("gina")))
    assert cursors(store, GUS) == cursors(store, gina) == []


def test_a_guest_who_registers_gets_a_cursor(store: SqlStore) -> None:
    """From the moment of registering, what is missed waits."""
    group = create(store, 2, by=GUS)
    commit(store, say(2, "seen live", by=GUS))
    register(store, GUS)
    happen(store, group, group.register("gus"))
    assert cursors(store, GUS) == [(2, 2, OPEN_END)]


def test_a_guest_who_registers_and_asks_gets_none(store: SqlStore) -> None:
    """Who only asks to join does not receive what is said."""
    group = create(store, 2, policy=Policy.APPROVAL)
    happen(store, group, group.join(GUS))
    register(store, GUS)
    happen(store, group, group.register("gus"))
    assert cursors(store, GUS) == []
    happen(store, group, group.approve(ALICE, [Name("gus")]))
    assert cursors(store, GUS) == [(2, 3, OPEN_END)]


# Notices to those outside.


@pytest.mark.parametrize(
    ("asks", "notice"),
    [
        (True, lambda group: group.reject(ALICE, Name("bob"), SafeText("no"))),
        (True, lambda group: group.ban(ALICE, Name("bob"))),
        (False, lambda group: group.ban(ALICE, Name("bob"))),
        (False, lambda group: group.ban(OPERATOR, Name("bob"))),
        (False, lambda group: group.invite(ALICE, BOB)),
    ],
    ids=["reject", "ban-who-asked", "ban", "ban-by-operator", "invite"],
)
def test_outsiders_receive_the_one_entry_about_them(
    store: SqlStore, asks: bool, notice: Ending
) -> None:
    """A registered outsider receives the entry that concerns them, and no other."""
    group = create(store, 2, policy=Policy.APPROVAL)
    if asks:
        happen(store, group, group.join(BOB))
    commit(store, say(2, "not for bob"))
    (entry,) = happen(store, group, notice(group))
    commit(store, say(2, "nor this"))
    assert cursors(store, BOB) == [(2, entry.seq - 1, entry.seq)]


def test_who_may_come_back_is_told(store: SqlStore) -> None:
    """A ban and its end are two notices, each of one entry."""
    group = create(store, 2)
    happen(store, group, group.ban(ALICE, BOB.name))
    commit(store, say(2, "not for bob"))
    happen(store, group, group.unban(ALICE, Name("bob")))
    assert cursors(store, BOB) == [(2, 1, 2), (2, 3, 4)]


@pytest.mark.parametrize(
    "ending",
    [lambda group: group.leave(BOB), lambda group: group.forget("bob", Why.SERVER_BAN)],
    ids=["withdrawn", "server-ban"],
)
def test_who_asks_no_more_has_nothing_to_receive(store: SqlStore, ending: Ending) -> None:
    """A request leaves no cursor behind when it is taken back."""
    group = create(store, 2, policy=Policy.APPROVAL)
    happen(store, group, group.join(BOB))
    happen(store, group, ending(group))
    assert cursors(store, BOB) == []


def test_outsiders_without_an_account_get_no_notice(store: SqlStore) -> None:
    """Nothing is kept for guests, nor for names that nobody has."""
    group = create(store, 2, policy=Policy.APPROVAL)
    happen(store, group, group.join(GUS))
    happen(store, group, group.reject(ALICE, Name("gus")))
    happen(store, group, group.invite(ALICE, GUS))
    happen(store, group, group.forget("gus", Why.GUEST_GONE))
    happen(store, group, group.ban(ALICE, Name("nobody")))
    assert cursors(store, GUS) == cursors(store, Actor(Name("nobody"))) == []


# Receiving.


def test_a_cursor_moves_only_forward(store: SqlStore) -> None:
    """What one device has received, a slower one does not make unread again."""
    create(store, 2)
    commit(store, say(2, "one", "two", "three"))
    move(store, ALICE, 3)
    move(store, ALICE, 2)
    assert cursors(store, ALICE) == [(2, 3, OPEN_END)]
    move(store, ALICE, 4)
    assert cursors(store, ALICE) == [(2, 4, OPEN_END)]


def test_moves_in_one_batch(store: SqlStore) -> None:
    """Of several moves in a batch the furthest counts, in whatever order they come."""
    create(store, 2, "tea")
    create(store, 3, "coffee")
    commit(store, say(2, "one", "two", "three"))
    key = fold(ALICE.name)
    moves = [MoveCursor(key, 2, 2), MoveCursor(key, 3, 1), MoveCursor(key, 2, 4)]
    commit(store, Decision(AT, writes=moves), Decision(AT, writes=[MoveCursor(key, 2, 3)]))
    assert cursors(store, ALICE) == [(2, 4, OPEN_END), (3, 1, OPEN_END)]


def test_a_cursor_is_gone_at_its_end(store: SqlStore) -> None:
    """What was received in full comes no second time; other cursors stay as they are."""
    group = create(store, 2)
    happen(store, group, group.join(BOB))
    happen(store, group, group.leave(BOB))
    happen(store, group, group.join(BOB))
    assert cursors(store, BOB) == [(2, 1, 3), (2, 3, OPEN_END)]
    move(store, BOB, 2, upto=3)
    assert cursors(store, BOB) == [(2, 2, 3), (2, 3, OPEN_END)]
    move(store, BOB, 3, upto=3)
    assert cursors(store, BOB) == [(2, 3, OPEN_END)]


def test_what_nobody_has_cannot_be_moved(store: SqlStore) -> None:
    """A receipt for a cursor that has gone in between does no harm, and makes none."""
    group = create(store, 2)
    happen(store, group, group.join(BOB))
    happen(store, group, group.leave(BOB))
    move(store, BOB, 3)
    move(store, CAROL, 3)
    move(store, GUS, 3, upto=3)
    assert cursors(store, BOB) == [(2, 1, 3)]
    assert cursors(store, CAROL) == cursors(store, GUS) == []


def test_a_receipt_is_stored_with_what_is_said(store: SqlStore) -> None:
    """Cursors move in the same commits as everything else."""
    create(store, 2)
    move = MoveCursor(fold(ALICE.name), 2, 2)
    commit(store, Decision(AT, say(2, "one").entries, [move]))
    assert cursors(store, ALICE) == [(2, 2, OPEN_END)]


# Private conversations.


def test_a_private_conversation_appears_while_it_holds_something_unread(store: SqlStore) -> None:
    """Private messages wait for both sides, and are listed only until they are received."""
    alice, bob = fold(ALICE.name), fold(BOB.name)
    opening = Decision(AT, say(2, "psst").entries, [OpenDirect(2, ("alice", "bob"), (alice, bob))])
    commit(store, opening)
    waiting = [CursorRecord(2, 0, OPEN_END, 1, ("alice", "bob"), Name(""))]
    assert store.cursors(alice) == store.cursors(bob) == waiting
    move(store, BOB, 1)
    assert store.cursors(bob) == []
    assert store.cursors(alice) == waiting
    commit(store, say(2, "are you there?"))
    assert cursors(store, BOB) == [(2, 1, OPEN_END)]


def test_private_messages_wait_only_for_those_who_have_an_account(store: SqlStore) -> None:
    """A conversation with a guest queues for the other side alone."""
    opening = OpenDirect(2, ("alice", "gus~1"), (fold(ALICE.name),))
    commit(store, Decision(AT, say(2, "psst", by=GUS).entries, [opening]))
    assert cursors(store, ALICE) == [(2, 0, OPEN_END)]
    assert cursors(store, GUS) == []


def test_private_conversations_are_found_by_their_parties(store: SqlStore) -> None:
    """`direct` finds exactly the conversation of the two who are named."""
    opening = OpenDirect(2, ("alice", "bob"), (fold(ALICE.name), fold(BOB.name)))
    commit(store, Decision(AT, writes=[opening]))
    assert store.direct(("alice", "bob")) == (2, 0)
    commit(store, say(2, "one", "two"))
    assert store.direct(("alice", "bob")) == (2, 2)
    assert store.direct(("alice", "carol")) is None
    assert store.direct(("alice", "bob~1")) is None

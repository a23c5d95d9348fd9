"""`IStore.load` and `IStore.state`: exactly the state that was stored."""

from __future__ import annotations

import msgspec
import pytest

from pyconchat.domain.decisions import SERVER, Decision, Ignore, NewEntry, SetPassword
from pyconchat.domain.errors import Refused
from pyconchat.domain.events import (
    GroupEvent,
    OperatorMade,
    Policy,
    ServerBanned,
    ServerKicked,
    ServerUnbanned,
    Why,
)
from pyconchat.domain.group import Actor
from pyconchat.domain.group_state import Ban, GroupState, JoinRequest, Member
from pyconchat.domain.names import MAX_NAME, Name, fold, group_name, person_name
from pyconchat.domain.stored import AccountRecord, StoredGroup
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
    on_server,
    register,
    say,
    store_events,
)

ZOE, DAVE, EVE = Actor(Name("Zoe")), Actor(Name("dave")), Actor(Name("eve"))


def test_an_empty_database(store: SqlStore) -> None:
    """A new server has only the claim code and its own conversation."""
    loaded = store.load()
    assert loaded.groups == {}
    assert (loaded.server.accounts, loaded.server.ignores, loaded.server.bans) == ([], [], [])
    assert loaded.server.claim_code
    assert (loaded.highest_conversation, loaded.highest_number) == (SERVER, 0)
    assert loaded.server_head == 0


# Groups.


def test_summaries(store: SqlStore) -> None:
    """They are those of the whole states, without lists of people and files."""
    register(store, ALICE, BOB)
    tea, empty, closed = (create(store, id) for id in (2, 3, 4))
    store_events(store, tea, tea.join(BOB, AT))
    stories: list[list[GroupEvent]] = [
        tea.change_topic(ALICE, SafeText("cups")),
        tea.make_moderator(ALICE, BOB.name),
        tea.ban(ALICE, CAROL.name, AT),
        tea.add_hook(ALICE, Name("ci"), "5a"),
        tea.share(BOB, SafeText("notes"), 7, "5a", "0" * 32, AT),
        tea.make_code(ALICE, "5a", 1, AT, AT + 1000),
    ]
    for events in stories:
        store_events(store, tea, events)
    store_events(store, closed, closed.close(ALICE))
    whole, loaded = store.load(), store.load(summaries=True)
    assert loaded.groups == {
        id: msgspec.structs.replace(each, state=each.state.summary())
        for id, each in whole.groups.items()
    }
    assert loaded.groups.keys() == {2, 3}
    assert loaded.groups[2].state.member_count == 2
    assert loaded.groups[2].state.hooks == whole.groups[2].state.hooks != []
    assert msgspec.structs.replace(loaded, groups={}) == msgspec.structs.replace(whole, groups={})
    assert empty.state.member_count is None


def test_all_of_a_group_is_stored(store: SqlStore) -> None:
    """Names keep their spelling; times, notes and guests are stored."""
    group = create(store, 2, "Tea", policy=Policy.APPROVAL, number=9)
    stories: list[list[GroupEvent]] = [
        group.join(DAVE, AT, SafeText("note 'of' dave")),
        group.join(GUS, AT, SafeText("茶?")),
        group.join(EVE, AT),
        group.invite(ALICE, CAROL, AT),
        group.invite(ALICE, Actor(Name("Gina"), guest=True), AT),
        group.ban(ALICE, Name("Mallory"), AT, SafeText("why not")),
        group.ban(ALICE, Name("trudy"), AT),
        group.change_topic(ALICE, SafeText("über Tee")),
        group.change_policy(ALICE, Policy.PASSWORD, "$argon2id$x"),
    ]
    for minute, events in enumerate(stories):
        store_events(store, group, events, AT + minute)
    store_events(store, group, group.reject(ALICE, Name("eve")))
    stored = store.load().groups
    assert list(stored) == [2]
    assert stored[2].state == GroupState(
        number=9,
        name=Name("Tea"),
        policy=Policy.PASSWORD,
        admin=Name("alice"),
        password_hash="$argon2id$x",
        topic=SafeText("über Tee"),
        topic_by=Name("alice"),
        topic_at=AT + 7,
        members=[Member(Name("alice"))],
        requests=[
            JoinRequest(Name("dave"), AT, SafeText("note 'of' dave")),
            JoinRequest(Name("gus"), AT + 1, SafeText("茶?"), guest=True),
        ],
        invitations=[Member(Name("carol")), Member(Name("Gina"), guest=True)],
        bans=[
            Ban(Name("Mallory"), Name("alice"), AT + 5, SafeText("why not")),
            Ban(Name("trudy"), Name("alice"), AT + 6),
        ],
    )
    assert stored[2].state == group.state


def test_members_are_in_the_order_in_which_they_joined(store: SqlStore) -> None:
    """The oldest member is first. One who left and joined again is last."""
    group = create(store, 2, by=ZOE)
    for actor in (CAROL, BOB, ALICE):
        store_events(store, group, group.join(actor, AT))
    store_events(store, group, group.leave(CAROL))
    store_events(store, group, group.join(CAROL, AT))
    state = store.load().groups[2].state
    assert [member.name for member in state.members] == ["Zoe", "Bob", "alice", "carol"]


def test_the_version_and_the_head(store: SqlStore) -> None:
    """The version counts changes of the state; the head is the number of the newest entry."""
    group = create(store, 2)
    commit(store, say(2, "one", "two"))
    store_events(store, group, group.join(BOB, AT))
    assert store.load().groups[2] == StoredGroup(group.state, version=2, head=4)


def test_a_new_admin(store: SqlStore) -> None:
    """The new admin is stored, after a transfer and after the admin left."""
    group = create(store, 2)
    store_events(store, group, group.join(BOB, AT))
    store_events(store, group, group.transfer(ALICE, Name("BOB")))
    assert store.load().groups[2].state.admin == "Bob"
    store_events(store, group, group.leave(BOB))
    assert store.load().groups[2].state.admin == "alice"


def test_a_guest_who_registers_is_no_longer_a_guest(store: SqlStore) -> None:
    """The membership in one group and the request in another are no longer a guest's."""
    tea = create(store, 2, "tea", by=GUS)
    coffee = create(store, 3, "coffee", policy=Policy.APPROVAL)
    store_events(store, coffee, coffee.join(GUS, AT))
    store_events(store, tea, tea.register("GUS"))
    store_events(store, coffee, coffee.register("gus"))
    groups = store.load().groups
    assert groups[2].state.members == [Member(GUS.name, guest=False)]
    assert groups[3].state.requests == [JoinRequest(GUS.name, AT, guest=False)]


def test_a_closed_group_is_not_loaded(store: SqlStore) -> None:
    """`load` leaves it out; `state` returns it."""
    group = create(store, 2, policy=Policy.APPROVAL)
    store_events(store, group, group.join(BOB, AT))
    store_events(store, group, group.invite(ALICE, CAROL, AT))
    store_events(store, group, group.ban(ALICE, DAVE.name, AT))
    store_events(store, group, group.close(ALICE))
    loaded = store.load()
    assert loaded.groups == {}
    assert loaded.highest_conversation == 2
    groups, _ = store.state([2])
    assert groups[2].state == group.state
    assert groups[2].state.closed


def test_the_name_of_a_closed_group_is_used_again(store: SqlStore) -> None:
    """The new group has the same name and number, and nothing else of the closed one."""
    group = create(store, 2, "77", number=77)
    store_events(store, group, group.change_topic(ALICE, SafeText("old")))
    store_events(store, group, group.close(ALICE))
    again = create(store, 3, "77", by=BOB, number=77)
    assert store.load().groups == {3: StoredGroup(again.state, version=1, head=1)}
    assert store.entries(3, 0, 9, 9)[0].event != store.entries(2, 0, 9, 9)[0].event


def test_the_highest_number_of_a_group(store: SqlStore) -> None:
    """Closed groups count; numbers that were chosen as names do not."""
    create(store, 2, "tea", number=1)
    coffee = create(store, 3, "coffee", number=2)
    create(store, 4, "500", number=500)
    store_events(store, coffee, coffee.close(ALICE))
    loaded = store.load()
    assert loaded.highest_number == 2
    assert loaded.highest_conversation == 4


def test_state_reads_only_the_given_groups(store: SqlStore) -> None:
    """It returns the same as `load`. A group that was never stored is left out.

    The server's state, with all accounts, is read only if it is asked for.
    """
    create(store, 2, "tea")
    coffee = create(store, 3, "coffee")
    store_events(store, coffee, coffee.join(BOB, AT))
    assert store.state([3, 99]) == ({3: StoredGroup(coffee.state, version=2, head=2)}, None)
    assert store.state([SERVER]) == ({}, store.load().server)


# The server.


def test_accounts(store: SqlStore) -> None:
    """An account keeps the first spelling of its name, and has the newest password."""
    register(store, ALICE, BOB)
    commit(store, Decision(AT, writes=[SetPassword(fold(BOB.name), "new hash")]))
    accounts = sorted(store.load().server.accounts, key=lambda account: fold(account.name))
    assert accounts == [
        AccountRecord(Name("alice"), "hash", False, created_at=AT),
        AccountRecord(Name("Bob"), "new hash", False, created_at=AT),
    ]


def test_operators(store: SqlStore) -> None:
    """An operator with a new password is still an operator."""
    register(store, ALICE, BOB, CAROL)
    commit(store, on_server(OperatorMade(ALICE.name)))
    commit(store, on_server(OperatorMade(BOB.name, by=ALICE.name)))
    commit(store, Decision(AT, writes=[SetPassword(fold(BOB.name), "new hash")]))
    operators = {each.name: each.operator for each in store.load().server.accounts}
    assert operators == {"alice": True, "Bob": True, "carol": False}


def test_the_claim_code_works_once(store: SqlStore, url: str) -> None:
    """The code is the same after a restart, and is gone for ever once it was used."""
    register(store, ALICE, BOB)
    code = store.load().server.claim_code
    assert code
    store.close()
    store = SqlStore(url)
    store.open()
    assert store.load().server.claim_code == code
    commit(store, on_server(OperatorMade(ALICE.name)))
    assert store.load().server.claim_code is None
    store.close()
    store = SqlStore(url)
    store.open()
    assert store.load().server.claim_code is None
    _, server = store.state([SERVER])
    assert server is not None
    assert server.claim_code is None
    store.close()


def test_an_operator_makes_another(store: SqlStore) -> None:
    """The claim code stays valid."""
    register(store, BOB)
    commit(store, on_server(OperatorMade(BOB.name, by=ALICE.name)))
    assert store.load().server.claim_code


def test_server_bans(store: SqlStore) -> None:
    """They are stored, oldest first, until they are lifted."""
    banned = [
        ServerBanned(Name("Mallory"), ALICE.name, SafeText("spam, 'spam'")),
        ServerBanned(Name("eve"), ALICE.name),
        ServerBanned(Name("trudy"), ALICE.name),
    ]
    for minute, event in enumerate(banned):
        commit(store, on_server(event, at=AT + minute))
    commit(store, on_server(ServerUnbanned(Name("EVE"), ALICE.name)))
    commit(store, on_server(ServerKicked(BOB.name, ALICE.name)))
    assert store.load().server.bans == [
        Ban(Name("Mallory"), ALICE.name, AT, SafeText("spam, 'spam'")),
        Ban(Name("trudy"), ALICE.name, AT + 2),
    ]
    assert store.load().server_head == 5


def test_a_server_ban_ends_memberships_in_the_same_commit(store: SqlStore) -> None:
    """The ban and its consequences in the groups are one decision."""
    group = create(store, 2)
    store_events(store, group, group.join(BOB, AT))
    version = group.version
    (left,) = group.forget("bob", Why.SERVER_BAN)
    decision = on_server(ServerBanned(BOB.name, ALICE.name))
    entries = [*decision.entries, NewEntry(2, left, version)]
    commit(store, msgspec.structs.replace(decision, entries=entries))
    loaded = store.load()
    assert [ban.name for ban in loaded.server.bans] == ["Bob"]
    assert loaded.groups[2].state.members == [Member(ALICE.name)]


def test_ignores(store: SqlStore) -> None:
    """Each ignored name is stored once, in its newest spelling."""
    alice, bob = fold(ALICE.name), fold(BOB.name)
    for write in (
        Ignore(alice, Name("Mallory"), True),
        Ignore(alice, Name("MALLORY"), True),
        Ignore(bob, Name("Mallory"), True),
        Ignore(bob, Name("trudy"), True),
        Ignore(bob, Name("mallory"), False),
        Ignore(bob, Name("nobody"), False),
    ):
        commit(store, Decision(AT, writes=[write]))
    assert sorted(store.load().server.ignores) == [("alice", "MALLORY"), ("bob", "trudy")]


# Names.


@pytest.mark.parametrize("letter", ["A", "é", "ß", "İ", "山", "\U00020000"])
def test_the_longest_names_are_stored(store: SqlStore, letter: str) -> None:
    """The columns hold every valid name and its key, which may be longer than the name."""
    longest = Actor(_longest(letter))
    guest = Actor(longest.name, guest=True)
    register(store, ALICE, longest)
    group = create(store, 2, longest.name, by=longest)
    store_events(store, group, group.ban(longest, ALICE.name, AT))
    other = create(store, 3, "tea", policy=Policy.APPROVAL)
    store_events(store, other, other.join(guest, AT, SafeText("please")))
    third = create(store, 4, "ale", policy=Policy.INVITE)
    store_events(store, third, third.invite(ALICE, longest, AT))
    commit(store, on_server(ServerBanned(longest.name, longest.name)))
    commit(store, Decision(AT, writes=[Ignore(fold(ALICE.name), longest.name, True)]))
    commit(store, Decision(AT, writes=[Ignore(fold(longest.name), ALICE.name, True)]))
    loaded = store.load()
    assert longest.name in [record.name for record in loaded.server.accounts]
    assert [ban.name for ban in loaded.server.bans] == [longest.name]
    assert loaded.groups[2].state.admin == longest.name == loaded.groups[2].state.name
    assert [each.name for each in loaded.groups[3].state.requests] == [longest.name]
    assert [each.name for each in loaded.groups[4].state.invitations] == [longest.name]
    assert store.cursors(fold(longest.name))


def _longest(letter: str) -> Name:
    """Return the longest valid name of that letter alone."""
    for length in range(MAX_NAME, 0, -1):
        try:
            return group_name(person_name(letter * length))
        except Refused:
            continue
    raise AssertionError(letter)

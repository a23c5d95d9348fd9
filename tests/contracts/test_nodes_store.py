"""`INodeStore`: the leases of nodes, their online users, and what other nodes have stored."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from sqlalchemy import func, select, text, update

from pyconchat.domain.decisions import (
    SERVER,
    Decision,
    DeleteAccount,
    Detach,
    EndTokens,
    Ignore,
    MarkRead,
    Mute,
    NewEntry,
    NoteLogin,
    NoteSeen,
    OpenDirect,
    Register,
    RemoveKey,
    Repeated,
    RequestKey,
    SaveKey,
    SaveSetting,
    SaveToken,
    SetPassword,
    UseKey,
    UseToken,
    Write,
)
from pyconchat.domain.errors import Conflict, LeaseLost
from pyconchat.domain.events import (
    MemberLeft,
    Message,
    OperatorMade,
    OperatorRemoved,
    Policy,
    ServerKicked,
    TopicChanged,
)
from pyconchat.domain.names import Name, fold
from pyconchat.domain.public_keys import PublicKey
from pyconchat.domain.stored import (
    AccountRecord,
    AccountState,
    Caught,
    ChangedHead,
    NodeRecord,
    Online,
    OnlineRecord,
)
from pyconchat.domain.text import SafeText
from pyconchat.store import BadStore, SqlStore, schema
from tests.contracts.building import (
    ALICE,
    AT,
    BOB,
    CAROL,
    GUS,
    commit,
    create,
    decide,
    on_server,
    register,
    say,
    search,
    store_events,
    texts,
)

A, B = fold(ALICE.name), fold(BOB.name)
GUEST = "gus~1"
"""The party of a guest."""

NOBODY = Online({}, [])
KEY = PublicKey("ssh-ed25519", "AAAA", "laptop", AT)


def names(store: SqlStore) -> list[str]:
    """Renew the lease; return the names of the living nodes."""
    return [node.name for node in store.nodes.renew()]


def end_lease(store: SqlStore, name: str) -> None:
    """Let the lease of the node *name* expire now, by means of *store*."""
    with store._writer.transaction() as connection:
        node = schema.nodes.c
        connection.execute(update(schema.nodes).where(node.name == name).values(lease=node.id))


def here(name: Name, sessions: int = 1, party: str = "") -> OnlineRecord:
    """Return the record of an online user; its node does not matter."""
    return OnlineRecord(0, name, party or fold(name), sessions)


def seen(store: SqlStore) -> list[tuple[str, int]]:
    """Return the users online at other nodes, with their counts of sessions."""
    return [(each.name, each.sessions) for each in store.nodes.online().records]


# Leases.


def test_living_nodes(one: SqlStore, two: SqlStore) -> None:
    """Each has an id of its own, and sees all."""
    nodes: list[NodeRecord] = one.nodes.renew()
    assert nodes == two.nodes.renew()
    assert [node.name for node in nodes] == ["one", "two"]
    assert len({node.id for node in nodes}) == 2


def test_a_node_with_another_bus(one: SqlStore, two: SqlStore) -> None:
    """It takes no lease while a living node uses another one."""
    for store in (one, two):
        store.nodes.end()
    one.nodes.begin("one", "NOTIFY")
    for _ in range(2):
        with pytest.raises(BadStore) as refused:
            two.nodes.begin("two", "redis://h:6379/0")
    assert str(refused.value) == (
        "the node one uses the bus NOTIFY, and this one redis://h:6379/0:"
        " set the same bus.url at all nodes"
    )
    assert names(one) == ["one"]
    two.nodes.begin("two", "NOTIFY")
    assert names(one) == ["one", "two"]
    two.nodes.end()
    end_lease(one, "one")
    two.nodes.begin("two", "redis://h:6379/0")


def test_the_name_of_a_living_node(one: SqlStore, two: SqlStore) -> None:
    """A second node cannot have it until the first one has ended, or its lease."""
    with pytest.raises(BadStore, match="another node with the name one"):
        two.nodes.begin("one")
    assert names(two) == ["one", "two"]
    one.nodes.end()
    assert names(two) == ["two"]
    one.nodes.begin("one")
    end_lease(two, "two")
    one.nodes.begin("two")


def test_a_lease_that_has_ended(one: SqlStore, two: SqlStore) -> None:
    """The node does not count as living. It continues if no other node has removed it."""
    end_lease(one, "two")
    assert names(one) == ["one"]
    assert names(two) == ["one", "two"]


def test_a_node_that_was_removed(one: SqlStore, two: SqlStore) -> None:
    """It can do nothing as a node until it begins again, with another id."""
    (_, before) = two.nodes.renew()
    two.nodes.set_online([here(ALICE.name, 2)])
    end_lease(one, "two")
    for _ in range(2):  # again, if its answer was lost
        ended = one.nodes.expire()
        assert ended == Online({before.id: 0}, [OnlineRecord(before.id, ALICE.name, A, 2)])
    for call in (
        two.nodes.renew,
        lambda: two.nodes.set_online([here(ALICE.name)]),
        lambda: two.nodes.claim_guest(GUS.name, GUEST),
    ):
        with pytest.raises(LeaseLost):
            call()
    assert seen(one) == []
    one.nodes.remove(ended.counts)
    assert one.nodes.expire() == NOBODY
    assert two.nodes.begin("two") not in (before.id, 0)
    assert names(two) == ["one", "two"]
    assert seen(one) == []


def test_a_dead_node_belongs_to_one_other(
    one: SqlStore, two: SqlStore, opened: Callable[[], SqlStore]
) -> None:
    """The claimer ends its guests; if the claimer dies, too, another node claims both."""
    three = opened()
    dead = three.nodes.begin("three")
    three.nodes.set_online([here(GUS.name, 1, GUEST)])
    end_lease(one, "three")
    gus = OnlineRecord(dead, GUS.name, GUEST, 1)
    assert one.nodes.expire().records == [gus]
    assert two.nodes.expire() == NOBODY
    two.nodes.remove([dead])  # it is not that node's
    assert not two.nodes.claim_guest(GUS.name, "gus~2")
    end_lease(two, "one")
    ended = two.nodes.expire()
    assert ended.records == [gus]
    assert len(ended.counts) == 2
    two.nodes.remove(ended.counts)
    assert names(two) == ["two"]
    assert two.nodes.claim_guest(GUS.name, "gus~2")


def test_the_own_lease_has_ended(one: SqlStore, two: SqlStore) -> None:
    """A node does not remove itself, and no node that is alive."""
    end_lease(one, "one")
    assert one.nodes.expire() == NOBODY
    assert names(one) == ["one", "two"]


def test_the_clocks_of_the_nodes_do_not_matter(
    one: SqlStore, two: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease ends by the database's clock, ten seconds after it was renewed."""
    monkeypatch.setattr("time.time", lambda: 0.0)
    one.nodes.renew()
    with two._writer.transaction() as connection:
        now = func.now() if connection.dialect.name == "postgresql" else func.datetime("now")
        epoch = "extract(epoch FROM now())" if str(now) == "now()" else "strftime('%s', 'now')"
        lease = connection.scalar(select(schema.nodes.c.lease).where(schema.nodes.c.name == "one"))
        left = connection.scalar(text(f"SELECT {lease} / 1000.0 - {epoch}"))
    assert 0 < left < 12


# Who is online.


def test_who_is_online_at_other_nodes(one: SqlStore, two: SqlStore) -> None:
    """Each node sees the others' people, with the newest numbers of sessions."""
    id = one.nodes.renew()[0].id
    one.nodes.set_online([here(ALICE.name), here(BOB.name), here(CAROL.name), here(ALICE.name, 3)])
    one.nodes.set_online([here(CAROL.name, 0), here(BOB.name, 2), here(GUS.name, 0)])
    one.nodes.set_online([])
    assert seen(one) == []
    assert two.nodes.online().records == [
        OnlineRecord(id, ALICE.name, A, 3),
        OnlineRecord(id, BOB.name, B, 2),
    ]
    two.nodes.set_online([here(ALICE.name)])
    assert seen(one) == [("alice", 1)]
    end_lease(two, "one")
    assert seen(two) == []
    one.nodes.end()
    one.nodes.begin("one")
    assert seen(two) == []


def test_who_is_away(one: SqlStore, two: SqlStore) -> None:
    """Until their node stores that they are back."""
    at_lunch = replace(here(ALICE.name), away="at lunch", away_at=AT)
    one.nodes.set_online([at_lunch, here(BOB.name)])
    found = two.nodes.online().records
    assert [(each.away, each.away_at) for each in found] == [("at lunch", AT), (None, 0)]
    one.nodes.set_online([here(ALICE.name)])
    assert [each.away for each in two.nodes.online().records] == [None, None]


def test_what_a_node_has_stored_is_counted(one: SqlStore, two: SqlStore) -> None:
    """Old records, too; and the other nodes read some nodes' users with that count."""
    id, other = (node.id for node in one.nodes.renew())
    assert one.nodes.set_online([here(ALICE.name), here(BOB.name)]) == 2
    assert one.nodes.set_online([here(ALICE.name, 0)]) == 3
    assert one.nodes.claim_guest(GUS.name, GUEST) == 4
    assert one.nodes.claim_guest(GUS.name, "gus~2") == 0
    assert [node.count for node in two.nodes.renew()] == [4, 0]
    online = two.nodes.online([id, other, 99])
    assert online.counts == {id: 4}
    assert [each.name for each in online.records] == [BOB.name, GUS.name]
    assert two.nodes.online([]).records == []
    with two._writer.transaction() as connection:
        connection.execute(text("DELETE FROM online"))
    one.nodes.renew()  # stores them again
    assert two.nodes.online().counts == {id: 5}


def test_a_crash_of_the_database_empties_who_is_online(one: SqlStore, two: SqlStore) -> None:
    """The next renewal of its lease stores all users of the node again."""
    one.nodes.set_online([here(ALICE.name, 2), here(BOB.name)])
    assert one.nodes.claim_guest(GUS.name, GUEST)
    one.nodes.set_online([here(BOB.name, 0)])
    with two._writer.transaction() as connection:
        connection.execute(text("DELETE FROM online"))
    one.nodes.set_online([here(CAROL.name)])
    one.nodes.renew()
    assert seen(two) == [("alice", 2), ("carol", 1), ("gus", 1)]


def test_a_guest_s_name_is_free_at_one_node_only(one: SqlStore, two: SqlStore) -> None:
    """Whatever the case of its letters, until the guest has left or its node has ended."""
    assert one.nodes.claim_guest(GUS.name, GUEST)
    assert seen(two) == [("gus", 1)]
    for store in (one, two):
        assert not store.nodes.claim_guest(Name("GUS"), "gus~2")
    one.nodes.set_online([here(GUS.name, 0, GUEST)])
    assert two.nodes.claim_guest(Name("GUS"), "gus~2")
    end_lease(one, "two")
    assert not one.nodes.claim_guest(GUS.name, GUEST)
    ended = one.nodes.expire()
    assert [(was.name, was.party) for was in ended.records] == [("GUS", "gus~2")]
    assert not one.nodes.claim_guest(GUS.name, GUEST)
    one.nodes.remove(ended.counts)
    assert one.nodes.claim_guest(GUS.name, GUEST)


def test_the_name_of_an_account_is_no_guest_s(one: SqlStore, two: SqlStore) -> None:
    """Also while nobody is online under it."""
    register(one, ALICE)
    assert not two.nodes.claim_guest(Name("Alice"), "alice~1")


def test_a_guest_s_name_cannot_be_registered_elsewhere(one: SqlStore, two: SqlStore) -> None:
    """That is a conflict; but at its own node, the guest itself can register it."""
    assert one.nodes.claim_guest(GUS.name, GUEST)
    registering = Decision(AT, writes=[Register(Name("Gus"), "hash")])
    refused, stored = two.commit([registering, Decision(AT, writes=[Register(BOB.name, "hash")])])
    assert isinstance(refused, Conflict)
    assert isinstance(stored, list)
    assert one.commit([registering]) == [[]]
    one.nodes.set_online([here(GUS.name, 1)])
    assert isinstance(two.commit([registering])[0], Conflict)


# Ids, heads and entries.


def test_ids_are_given_once(one: SqlStore, two: SqlStore) -> None:
    """They are above those of all conversations that there are."""
    assert one.nodes.ids(3) == SERVER + 1
    assert two.nodes.ids(1) == SERVER + 4
    create(one, 40)
    assert two.nodes.ids(10) == 41
    assert one.nodes.ids(1) == 51


def test_heads(one: SqlStore, two: SqlStore) -> None:
    """Those of the conversations that exist."""
    for id in (2, 3):
        create(one, id)
    commit(one, say(2, "a", "b"))
    commit(one, Decision(AT, writes=[OpenDirect(6, ("alice", "bob"), ())]))
    assert two.nodes.heads([]) == {}
    assert two.nodes.heads([2, 3, 6, 99]) == {2: 3, 3: 1, 6: 0}
    assert two.nodes.heads(range(1, 2000)) == {SERVER: 0, 2: 3, 3: 1, 6: 0}


def test_changes(one: SqlStore, two: SqlStore) -> None:
    """Changes after an answer are in the next one, which may have more."""
    create(one, 2)
    start, nothing = two.nodes.changes(None)
    assert nothing == []
    create(one, 3)
    commit(one, Decision(AT, writes=[OpenDirect(4, ("alice", "bob"), ())]))
    commit(one, say(2, "a", "b"), say(4, "a"))
    first, heads = two.nodes.changes(start)
    found = [ChangedHead(2, 3), ChangedHead(3, 1), ChangedHead(4, 1, ("alice", "bob"))]
    assert all(each in heads for each in found)
    commit(one, on_server(ServerKicked(BOB.name, ALICE.name)), say(2, "c"))
    _, heads = two.nodes.changes(first)
    assert {ChangedHead(SERVER, 1), ChangedHead(2, 4)} <= set(heads)
    _, everything = two.nodes.changes(2**60)  # the database has gone back
    assert {each.id for each in everything} == {SERVER, 2, 3, 4}


def test_the_groups_of_a_person(one: SqlStore, two: SqlStore) -> None:
    """Open ones in which they are members, ask to be or are invited; and those that are named."""
    register(one, ALICE, BOB)
    tea, chess, closed, invited = (create(one, id) for id in (2, 3, 4, 5))
    create(one, 6)
    store_events(one, tea, tea.join(BOB, AT))
    store_events(one, closed, closed.join(BOB, AT))
    store_events(one, closed, closed.close(ALICE))
    store_events(one, chess, chess.change_policy(ALICE, Policy.APPROVAL))
    store_events(one, chess, chess.join(BOB, AT))
    store_events(one, invited, invited.invite(ALICE, BOB, AT))
    key = fold(BOB.name)
    heads = two.nodes.heads([2, 3, 5, 6])
    assert two.nodes.connected(key, []) == {id: heads[id] for id in (2, 3, 5)}
    assert two.nodes.connected(key, [3, 6, 99]) == heads
    assert two.nodes.connected(fold(ALICE.name), []).keys() == {2, 3, 5, 6}


def test_groups_with_invite_codes_of_a_person(one: SqlStore, two: SqlStore) -> None:
    """Open ones in which a code of one of the named people has not ended."""
    register(one, ALICE, BOB)
    tea, chess, closed, ended = (create(one, id) for id in (2, 3, 4, 5))
    create(one, 6)
    for group in (tea, chess, closed, ended):
        store_events(one, group, group.make_code(ALICE, f"{group.id}", 1, AT, AT + 1000))
    store_events(one, closed, closed.close(ALICE))
    store_events(one, ended, ended.end_code(ALICE, 1, AT))
    assert two.nodes.with_codes([ALICE.name, BOB.name]) == two.nodes.heads([2, 3])
    assert two.nodes.with_codes([BOB.name]) == two.nodes.with_codes([]) == {}


def test_members_online(one: SqlStore, two: SqlStore) -> None:
    """Each is counted once, at whichever nodes they are."""
    register(one, ALICE, BOB)
    tea = create(one, 2)
    store_events(one, tea, tea.join(BOB, AT))
    create(one, 3)
    create(one, 4)
    for store in (one, two):
        store.nodes.set_online([here(ALICE.name)])
    assert one.nodes.count_online([2, 3, 99]) == {2: 1, 3: 1}
    two.nodes.set_online([here(BOB.name), here(CAROL.name)])
    assert one.nodes.count_online([2]) == {2: 2}
    for store in (one, two):
        store.nodes.set_online([here(ALICE.name, 0)])
    assert one.nodes.count_online([2, 3]) == {2: 1}


def test_a_group_by_its_name(one: SqlStore, two: SqlStore) -> None:
    """In any case of letters, or by its number, while it is open."""
    create(one, 2)
    tea = create(one, 3)
    name, number = tea.name, str(tea.number)
    heads = two.nodes.heads([3])
    assert two.nodes.named(name) == two.nodes.named(name.upper()) == heads
    assert two.nodes.named(number) == heads
    for other in ("nothing", "99", "9" * 40, "no group"):
        assert two.nodes.named(other) == {}
    store_events(one, tea, tea.close(ALICE))
    assert two.nodes.named(name) == two.nodes.named(number) == {}


def test_what_another_node_has_stored(one: SqlStore, two: SqlStore) -> None:
    """Entries, states and parties are as the other node has them."""
    register(one, ALICE, BOB)
    tea = create(one, 2)
    create(one, 3)
    commit(one, Decision(AT, writes=[OpenDirect(4, ("alice", "bob"), (A, B))]))
    store_events(one, tea, tea.join(BOB, AT))
    commit(one, say(2, "hello"), say(4, "psst"), on_server(ServerKicked(BOB.name, ALICE.name)))
    answer = Message(BOB.name, SafeText("yes"), reply_to=3)
    commit(one, Decision(AT, [NewEntry(2, answer)]))
    caught: dict[int, Caught] = two.nodes.catch_up({SERVER: 0, 2: 1, 3: 1, 4: 0, 9: 0}, 10)
    groups = one.load().groups
    assert caught == {
        SERVER: Caught(1, one.entries(SERVER, 0, 9, 9)),
        2: Caught(4, one.entries(2, 1, 9, 9), groups[2]),
        3: Caught(1, [], groups[3]),
        4: Caught(1, one.entries(4, 0, 9, 9), None, ("alice", "bob")),
    }
    assert caught[2].entries[-1].quote is not None
    known = {id: group.version for id, group in groups.items()}
    known[3] -= 1
    caught = two.nodes.catch_up({2: 1, 3: 1}, 10, known)
    assert [caught[id].group for id in (2, 3)] == [None, groups[3]]
    assert len(caught[2].entries) == 3
    assert two.nodes.catch_up({}, 10) == {}


def test_more_entries_than_were_asked_for(one: SqlStore, two: SqlStore) -> None:
    """The first ones are returned, and that there are more."""
    create(one, 2)
    create(one, 3)
    commit(one, say(2, *"abcde"), say(3, "a", "b"))
    caught = two.nodes.catch_up({2: 1, 3: 1}, 2)
    assert texts(caught[2].entries) == ["a", "b"]
    assert (caught[2].more, caught[2].head) == (True, 6)
    assert texts(caught[3].entries) == ["a", "b"]
    assert (caught[3].more, caught[3].head) == (False, 3)
    rest = two.nodes.catch_up({2: 3}, 3)[2]
    assert texts(rest.entries) == ["c", "d", "e"]
    assert not rest.more


def test_a_database_that_went_back(one: SqlStore) -> None:
    """The head is below the known one: there are no entries after it."""
    create(one, 2)
    caught = one.nodes.catch_up({2: 7}, 10)[2]
    assert (caught.head, caught.entries, caught.more) == (1, [], False)


def test_a_group_that_was_removed(one: SqlStore, two: SqlStore) -> None:
    """It does not exist any more."""
    tea = create(one, 2)
    store_events(one, tea, tea.close(ALICE))
    assert not one.purge(2, 100)
    assert two.nodes.heads([2]) == {}
    assert two.nodes.catch_up({2: 0}, 10) == {}


# Accounts.


def test_an_account(one: SqlStore, two: SqlStore) -> None:
    """All that is stored of it, and of no other one."""
    assert two.nodes.account(A) is None
    register(one, ALICE, BOB)
    create(one, 2)
    for owner in (A, B):
        changes: list[Write] = [
            *(Ignore(owner, CAROL.name, True), SaveSetting(owner, f"bell-{owner}", False)),
            *(Mute(owner, 2, True), Detach(owner, 2, True), MarkRead(owner, "#tea", AT)),
            *(SaveKey(Name(owner), KEY), NoteLogin(owner)),
        ]
        commit(one, Decision(AT + 1, writes=changes))
    commit(one, on_server(OperatorMade(ALICE.name, BOB.name)))
    assert two.nodes.account(A) == AccountState(
        AccountRecord(ALICE.name, "hash", True, AT, AT + 1, None, (KEY,)),
        ignores=[CAROL.name],
        settings=[("bell-alice", False)],
        mutes=[2],
        detached=[2],
        read_markers=[("#tea", AT)],
    )
    assert two.nodes.account(A).record in one.load().server.accounts


CHANGES: list[Write] = [
    SetPassword(A, "new"),
    EndTokens(A),
    Ignore(A, BOB.name, True),
    SaveSetting(A, "bell", False),
    Mute(A, 2, True),
    Detach(A, 2, True),
    MarkRead(A, "#tea", AT),
    SaveKey(ALICE.name, PublicKey("ssh-ed25519", "BBBB", "", AT)),
    RemoveKey(A, KEY.blob),
    DeleteAccount(A, "alice~1"),
]


@pytest.fixture
def changed(one: SqlStore, two: SqlStore) -> Callable[[], list[str]]:
    """Return a function that returns the accounts that have changed since the last call."""
    register(one, BOB)
    create(one, 2, by=BOB)
    commit(one, Decision(AT, writes=[Register(ALICE.name, "hash"), SaveKey(ALICE.name, KEY)]))
    last, first = two.nodes.changed_accounts(0)
    assert first == [B, A]
    position = [last]

    def since() -> list[str]:
        position[0], keys = two.nodes.changed_accounts(position[0])
        assert two.nodes.changed_accounts(position[0]) == (position[0], [])
        return list(keys)

    return since


def test_changes_of_an_account(
    one: SqlStore, two: SqlStore, changed: Callable[[], list[str]]
) -> None:
    """Other nodes learn of everything that changes what `account` returns."""
    for write in CHANGES:
        before = two.nodes.account(A)
        commit(one, Decision(AT, writes=[write]))
        assert two.nodes.account(A) != before
        assert changed() == ["alice"]


def test_operators_and_members_that_leave(one: SqlStore, changed: Callable[[], list[str]]) -> None:
    """Other nodes learn of the effects of events on accounts, too."""
    commit(one, on_server(OperatorMade(ALICE.name, BOB.name)))
    assert changed() == ["alice"]
    commit(one, on_server(OperatorRemoved(ALICE.name, BOB.name)))
    assert changed() == ["alice"]
    tea = create(one, 3)
    store_events(one, tea, tea.join(BOB, AT))
    assert changed() == []
    commit(one, Decision(AT, writes=[Detach(B, 3, True)]))
    assert changed() == ["bob"]
    commit(one, decide(tea, [MemberLeft(BOB.name)]))
    assert changed() == ["bob"]


def test_what_is_no_change_of_an_account(one: SqlStore, changed: Callable[[], list[str]]) -> None:
    """Times are noted often, and nobody has to read an account again for them."""
    commit(
        one,
        Decision(AT, writes=[NoteLogin(A), NoteSeen(A), UseKey(A, KEY.blob)]),
        Decision(AT, writes=[SaveToken(A, "digest"), UseToken("digest")]),
        say(2, "hello"),
    )
    assert changed() == []


def test_a_server_without_nodes_notes_no_changes(store: SqlStore) -> None:
    """It does not share the database."""
    register(store, ALICE, BOB)
    assert store.nodes.changed_accounts(0) == (0, [])


# What two nodes decide at the same time.


def test_a_claim_code_that_both_nodes_know(one: SqlStore, two: SqlStore) -> None:
    """It makes one operator."""
    register(one, ALICE, BOB)
    code = one.load().server.claim_code
    assert code is not None
    assert two.load().server.claim_code == code
    commit(one, on_server(OperatorMade(ALICE.name)))
    second, other = two.commit(
        [on_server(OperatorMade(BOB.name)), on_server(ServerKicked(BOB.name, ALICE.name))]
    )
    assert isinstance(second, Conflict)
    assert isinstance(other, list)
    assert [each.name for each in two.load().server.accounts if each.operator] == ["alice"]


def test_a_private_conversation_that_both_nodes_open(one: SqlStore, two: SqlStore) -> None:
    """There is one; the second node's decision is a conflict."""
    opening = [Decision(AT, writes=[OpenDirect(id, ("alice", "bob"), ())]) for id in (2, 3)]
    commit(one, opening[0])
    assert isinstance(two.commit([opening[1]])[0], Conflict)
    assert two.direct(("alice", "bob")) == (2, 0)


def message(version: int | None, mentions: tuple[Name, ...] = (), key: str = "") -> Decision:
    """Return the decision that bob says something in tea, on the state *version* of it."""
    said = Message(BOB.name, SafeText("hello"), mentions=mentions)
    return Decision(AT, [NewEntry(2, said, version)], key=RequestKey(B, key) if key else None)


OTHER_WAYS = pytest.mark.parametrize(
    "others",
    [[], [message(None, (ALICE.name,))], [Decision(AT, writes=[NoteSeen(B)])]],
    ids=["in one call", "with mentions", "with other writes"],
)


@OTHER_WAYS
def test_a_message_after_a_kick_at_another_node(
    one: SqlStore, two: SqlStore, others: list[Decision]
) -> None:
    """It is a conflict, however it is stored. What depends on no state is stored."""
    register(one, ALICE, BOB)
    tea = create(one, 2)
    commit(one, Decision(AT, writes=[OpenDirect(3, ("alice", "bob"), (A, B))]))
    store_events(one, tea, tea.join(BOB, AT))
    before = tea.version
    commit(two, message(before), message(before, key="early"))
    store_events(one, tea, tea.kick(ALICE, BOB.name, SafeText("")))
    results = two.commit(
        [
            *(message(before), message(before, key="late"), message(before, key="early")),
            *(message(None, key="free"), say(3, "psst")),
            *others,
        ]
    )
    late, keyed, repeated, *rest = results
    assert isinstance(late, Conflict)
    assert isinstance(keyed, Conflict)
    assert repeated == Repeated(4)
    assert all(isinstance(each, list) for each in rest)
    assert two.request_seq(RequestKey(B, "late")) is None
    assert two.request_seq(RequestKey(B, "free")) == 6
    assert isinstance(two.commit([message(before, (ALICE.name,)), *others])[0], Conflict)
    assert isinstance(two.commit([message(tea.version), *others])[0], list)


def test_a_change_after_a_message_that_came_too_late(one: SqlStore, two: SqlStore) -> None:
    """It may depend on the message, so it is a conflict, too; alone it is stored."""
    tea = create(one, 2)
    topic = Decision(AT, [NewEntry(2, TopicChanged(SafeText("green"), ALICE.name), tea.version)])
    late, changing, free = two.commit([message(tea.version - 1), topic, message(None)])
    assert isinstance(late, Conflict)
    assert isinstance(changing, Conflict)
    assert isinstance(free, list)
    assert isinstance(two.commit([topic])[0], list)


# The search index.


def test_a_search_finds_what_another_node_has_stored(one: SqlStore, two: SqlStore) -> None:
    """Before it, the rest of the conversation is indexed, whoever stored it."""
    create(one, 2)
    commit(one, say(2, *(f"cup {n}" for n in range(5))))
    commit(two, say(2, "my cup"))
    commit(one, say(2, "last cup"))
    assert (one.behind, two.behind) == (8, 1)
    assert two.index(3, 2)
    assert two.index(3, 2)
    assert not two.index(3, 2)
    assert two.behind == 0
    assert len(search(two, 2, "cup")) == 7
    assert texts(search(one, 2, "last")) == ["last cup"]
    assert one.behind == 0
    assert not two.index(3, 2)
    assert not two.index(3, 99)


def test_two_nodes_index_each_message_once(one: SqlStore, two: SqlStore) -> None:
    """Whichever nodes have stored the messages of a conversation, and however far they know."""
    create(one, 2)
    create(one, 3)
    for nth in range(4):
        commit(one, say(2, f"cup {nth}"), say(3, f"pot {nth}"))
        commit(two, say(2, f"mug {nth}"))
    while one.behind or two.behind:
        one.index(2)
        assert one.behind >= 0
        two.index(2)
        assert two.behind >= 0
    assert len(search(one, 2, "cup")) == len(search(two, 2, "mug")) == 4
    assert len(search(two, 3, "pot")) == 4
    with one._writer.transaction() as connection:
        upto = dict(connection.execute(text("SELECT conversation, upto FROM indexed")).all())
    assert upto == {2: 9, 3: 5}

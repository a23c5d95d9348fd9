"""`IStore.commit`: numbers without gaps, all or nothing, and conflicts."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, make_url, text

from pyconchat.domain.decisions import SERVER, Decision, NewEntry, OpenDirect, Register
from pyconchat.domain.errors import Conflict, NotSaved
from pyconchat.domain.events import (
    GroupCreated,
    MemberJoined,
    Message,
    Policy,
    ServerKicked,
    TopicChanged,
    Via,
)
from pyconchat.domain.group import Group
from pyconchat.domain.names import Name, fold
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore
from pyconchat.store.batch import Batch
from tests.contracts.building import (
    ALICE,
    AT,
    BOB,
    CAROL,
    NO_LIMIT,
    commit,
    create,
    decide,
    on_server,
    say,
    search,
    store_events,
    texts,
)


@pytest.fixture
def other(store: SqlStore, url: str) -> Iterator[SqlStore]:
    """The same database, opened by another node."""
    other = SqlStore(url)
    other.open()
    yield other
    other.close()


def log(store: SqlStore, id: int) -> list[int]:
    """Return the numbers of all entries of the conversation *id*, in the order of the store."""
    return [entry.seq for entry in store.entries(id, 0, NO_LIMIT, 1000)]


# Numbers.


def test_numbers_count_from_1_without_gaps(store: SqlStore) -> None:
    """The entries of a conversation are numbered from 1, across commits."""
    group = create(store, 2)
    stored = commit(store, say(2, "one"), say(2, "two", "three"))
    assert [[entry.seq for entry in entries] for entries in stored] == [[2], [3, 4]]
    (joined,) = store_events(store, group, group.join(BOB, AT))
    assert joined.seq == 5
    assert log(store, 2) == [1, 2, 3, 4, 5]


def test_conversations_in_one_batch_have_separate_numbers(store: SqlStore) -> None:
    """Entries of several conversations may alternate, in a batch and in a decision."""
    create(store, 2, "tea")
    create(store, 3, "coffee")
    both = Decision(AT, [*say(3, "both").entries, *say(2, "both").entries])
    stored = commit(store, say(2, "a"), say(3, "b"), say(2, "c"), both, say(3, "d"))
    places = [[(entry.conversation, entry.seq) for entry in entries] for entries in stored]
    assert places == [[(2, 2)], [(3, 2)], [(2, 3)], [(3, 3), (2, 4)], [(3, 4)]]
    assert log(store, 2) == log(store, 3) == [1, 2, 3, 4]


def test_a_new_group_and_its_messages_in_one_batch(store: SqlStore) -> None:
    """A group can be used in the batch that creates it."""
    event = GroupCreated(1, Name("tea"), ALICE.name, Policy.OPEN)
    stored = commit(store, Decision(AT, [NewEntry(2, event, 0)]), say(2, "first"))
    assert [entries[0].seq for entries in stored] == [1, 2]


def test_a_new_private_conversation(store: SqlStore) -> None:
    """The conversation and its first message are one decision."""
    opening = OpenDirect(2, ("alice", "bob"), (fold(ALICE.name), fold(BOB.name)))
    first = Decision(AT, say(2, "psst").entries, [opening])
    assert [entry.seq for entry in commit(store, first)[0]] == [1]
    assert store.direct(("alice", "bob")) == (2, 1)


def test_the_log_of_the_server(store: SqlStore) -> None:
    """Events of the server are numbered like those of groups."""
    stored = commit(store, on_server(ServerKicked(BOB.name, ALICE.name)))
    assert [(entry.conversation, entry.seq) for entry in stored[0]] == [(SERVER, 1)]
    assert store.load().server_head == 1


def test_entries_are_read_as_they_were_stored(store: SqlStore) -> None:
    """An entry that is read equals the one that `commit` returned."""
    create(store, 2)
    said = Decision(AT + 5, [NewEntry(2, Message(ALICE.name, SafeText("naïve \\ \" ' 茶 😀")))])
    (entries,) = commit(store, said)
    assert store.entries(2, 1, NO_LIMIT, 10) == entries
    assert entries[0].at == AT + 5


def test_a_database_that_is_opened_again(store: SqlStore, url: str) -> None:
    """It has everything that was committed, and the numbers continue."""
    group = create(store, 2)
    store_events(store, group, group.join(BOB, AT))
    commit(store, say(2, "hello"))
    before, log_before = store.load(), store.entries(2, 0, NO_LIMIT, 10)
    store.close()
    again = SqlStore(url)
    again.open()
    assert again.load() == before
    assert again.entries(2, 0, NO_LIMIT, 10) == log_before
    assert commit(again, say(2, "again"))[0][0].seq == 4
    again.close()


def test_two_nodes_write_at_the_same_time(store: SqlStore, other: SqlStore) -> None:
    """The numbers of a conversation have no gaps and no repeats."""
    create(store, 2, "tea")
    create(store, 3, "coffee")

    def talk(node: SqlStore, first: int, second: int) -> list[tuple[int, int]]:
        batches = [commit(node, say(first, "x"), say(second, "y")) for _ in range(20)]
        return [(e.conversation, e.seq) for batch in batches for entries in batch for e in entries]

    with ThreadPoolExecutor(2) as nodes:
        # In opposite orders: the nodes must not deadlock.
        one, two = nodes.map(talk, (store, other), (2, 3), (3, 2))
    assert sorted(one + two) == [(id, seq) for id in (2, 3) for seq in range(2, 42)]
    assert log(store, 2) == log(store, 3) == list(range(1, 42))


# All or nothing.


def test_a_failing_commit_stores_nothing(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the store fails, none of the batch is stored. The next commit works."""
    group = create(store, 2)
    before = store.load()
    batch = [
        say(2, "lost"),
        Decision(AT, writes=[Register(BOB.name, "hash")]),
        decide(group, group.join(BOB, AT)),
    ]
    with monkeypatch.context() as patch:
        patch.setattr(Batch, "finish", _fail)
        with pytest.raises(NotSaved):
            store.commit(batch)
    assert store.load() == before
    assert log(store, 2) == [1]
    assert search(store, 2, "lost") == []
    assert store.cursors(fold(BOB.name)) == []
    assert commit(store, say(2, "kept"))[0][0].seq == 2


def _fail(*_: object) -> None:
    raise NotSaved("the disk is full")


UNSTORABLE = {
    "a taken id": Decision(
        AT, [NewEntry(2, GroupCreated(7, Name("coffee"), BOB.name, Policy.OPEN), 0)]
    ),
    "no text": Decision(AT, [NewEntry(2, Message(ALICE.name, SafeText("\ud800")))]),
    "too large": Decision(2**80, [NewEntry(2, Message(ALICE.name, SafeText("late")))]),
}


@pytest.mark.parametrize("why", UNSTORABLE)
@pytest.mark.parametrize("at", [0, 3, 6])
def test_a_decision_that_the_database_refuses(store: SqlStore, why: str, at: int) -> None:
    """It is not saved, nor is what depends on it; the rest of its batch is stored, in order."""
    group = create(store, 2)
    batch = [say(2, f"{n}") for n in range(4)]
    batch += [
        Decision(AT, writes=[Register(BOB.name, "hash")]),
        decide(group, group.join(BOB, AT)),
    ]
    batch.insert(at, UNSTORABLE[why])
    results = store.commit(batch)
    assert [n for n, each in enumerate(results) if isinstance(each, NotSaved)] == [at]
    assert texts(store.entries(2, 1, NO_LIMIT, 4)) == ["0", "1", "2", "3"]
    assert log(store, 2) == [1, 2, 3, 4, 5, 6]
    assert [each.name for each in store.load().server.accounts] == [BOB.name]


def test_a_text_with_nul(store: SqlStore) -> None:
    """PostgreSQL cannot store it; SQLite can. Nothing else fails with it."""
    create(store, 2)
    nul = Decision(AT, [NewEntry(2, Message(ALICE.name, SafeText("a\0b")))])
    before, _, after = store.commit([say(2, "before"), nul, say(2, "after")])
    assert isinstance(before, list)
    assert isinstance(after, list)


def test_what_depends_on_a_refused_decision(store: SqlStore) -> None:
    """A decision that was made on a state that was not stored is a conflict."""
    group = create(store, 2)
    bad = decide(group, [TopicChanged(SafeText("\ud800"), ALICE.name)])
    refused, conflict, said = store.commit(
        [bad, decide(group, group.join(BOB, AT)), say(2, "hello")]
    )
    assert isinstance(refused, NotSaved)
    assert isinstance(conflict, Conflict)
    assert isinstance(said, list)


def test_the_reason_of_a_failure(store: SqlStore) -> None:
    """`NotSaved` has the message of the database."""
    opening = [OpenDirect(id, ("alice", "bob"), ()) for id in (2, 3)]
    (result,) = store.commit([Decision(AT, writes=opening)])
    assert isinstance(result, NotSaved)
    assert "unique" in str(result).lower()


# Conflicts.


@pytest.mark.parametrize("behind", [1, -1])
def test_a_stale_decision_is_a_conflict(store: SqlStore, behind: int) -> None:
    """A decision on another state than the stored one stores nothing."""
    group = create(store, 2)
    store_events(store, group, group.join(BOB, AT))
    before = store.load()
    event = TopicChanged(SafeText("stale"), ALICE.name)
    save = Register(CAROL.name, "hash")
    stale = Decision(AT, [NewEntry(2, event, group.version - behind)], [save])
    (result,) = store.commit([stale])
    assert isinstance(result, Conflict)
    assert store.load() == before
    assert log(store, 2) == [1, 2]


def test_the_rest_of_a_batch_with_a_conflict(store: SqlStore) -> None:
    """Messages, and changes of other groups, are stored without gaps."""
    create(store, 2, "tea")
    coffee = create(store, 3, "coffee")
    stale = Decision(AT, [NewEntry(2, TopicChanged(SafeText("stale"), ALICE.name), 0)])
    joining = decide(coffee, coffee.join(BOB, AT))
    results = store.commit([say(2, "before"), stale, joining, say(2, "after"), say(3, "hello")])
    assert isinstance(results[1], Conflict)
    numbers = [[entry.seq for entry in each] for each in results if isinstance(each, list)]
    assert numbers == [[2], [2], [3], [3]]
    assert log(store, 2) == log(store, 3) == [1, 2, 3]
    assert store.load().groups[2].state.topic == ""
    assert store.load().groups[3].state == coffee.state


def test_a_decision_is_stored_as_a_whole_or_not_at_all(store: SqlStore) -> None:
    """A decision on two groups, one of which has changed, changes neither."""
    tea, coffee = create(store, 2, "tea"), create(store, 3, "coffee")
    joining = NewEntry(2, MemberJoined(BOB.name, Via.OPEN), tea.version)
    late = NewEntry(3, TopicChanged(SafeText("late"), ALICE.name), coffee.version - 1)
    (result,) = store.commit([Decision(AT, [joining, late])])
    assert isinstance(result, Conflict)
    assert store.load().groups[2].state == tea.state
    assert log(store, 2) == log(store, 3) == [1]


def test_several_changes_of_a_group_in_a_batch(store: SqlStore) -> None:
    """Each change may depend on the one before, in a batch and in a decision."""
    group = create(store, 2)
    decisions = [
        decide(group, group.join(BOB, AT)),
        decide(group, group.transfer(ALICE, Name("bob"))),
        decide(
            group, [*group.kick(BOB, Name("alice")), *group.change_topic(BOB, SafeText("mine"))]
        ),
    ]
    commit(store, *decisions)
    stored = store.load().groups[2]
    assert (stored.state, stored.version, stored.head) == (group.state, group.version, 5)


def test_a_decision_after_a_stale_one(store: SqlStore, other: SqlStore) -> None:
    """A later change of the same group in the batch is a conflict too, whatever its version."""
    group = create(store, 2)
    here = Group(2, group.state, group.version)
    store_events(other, group, group.change_topic(ALICE, SafeText("theirs")))
    late = decide(here, here.change_topic(ALICE, SafeText("ours")))
    on_top = decide(here, here.change_policy(ALICE, Policy.INVITE))
    results = store.commit([late, on_top, say(2, "hello")])
    assert [isinstance(result, Conflict) for result in results] == [True, True, False]
    assert store.load().groups[2].state == group.state


def test_two_nodes_change_the_same_state(store: SqlStore, other: SqlStore) -> None:
    """The second decision is a conflict."""
    group = create(store, 2)
    version = group.version
    store_events(store, group, group.change_topic(ALICE, SafeText("first")))
    second = Decision(AT, [NewEntry(2, TopicChanged(SafeText("second"), ALICE.name), version)])
    (result,) = other.commit([second])
    assert isinstance(result, Conflict)
    assert other.load().groups[2].state.topic == "first"


def test_messages_are_never_stale(store: SqlStore) -> None:
    """A message changes no state, so it never conflicts with a change."""
    group = create(store, 2)
    said = say(2, "said before the change")
    store_events(store, group, group.change_topic(ALICE, SafeText("new")))
    commit(store, said)
    store_events(store, group, group.change_topic(ALICE, SafeText("newer")))
    assert texts(store.entries(2, 2, 3, 10)) == ["said before the change"]
    assert store.load().groups[2].version == group.version


def test_connections_that_the_database_has_ended(postgresql_url: str) -> None:
    """The store reconnects, for example after a restart of the database."""
    store = SqlStore(postgresql_url)
    store.open()
    create(store, 2)
    assert store.load().groups
    other = create_engine(make_url(postgresql_url).set(drivername="postgresql+psycopg"))
    with other.connect() as connection:
        mine = "datname = current_database() AND pid <> pg_backend_pid()"
        # With a timeout, in ms, it waits until they have ended.
        end = text(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {mine}")
        assert len(connection.execute(end).all()) == 2, "one that writes and one that reads"
    other.dispose()
    assert commit(store, say(2, "hello"))[0][0].seq == 2
    assert log(store, 2) == [1, 2]
    store.close()

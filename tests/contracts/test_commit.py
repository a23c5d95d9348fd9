"""What `IStore.commit` promises: numbers, all or nothing, and no decision on a state gone by."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, make_url, text

from pyconchat.domain.decisions import SERVER, Decision, NewEntry, OpenDirect, SaveAccount
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
from tests.contracts.building import (
    ALICE,
    AT,
    BOB,
    CAROL,
    EVER,
    commit,
    create,
    decide,
    happen,
    on_server,
    say,
    texts,
)


@pytest.fixture
def other(store: SqlStore, url: str) -> Iterator[SqlStore]:
    """The same database, as another node has it open."""
    other = SqlStore(url)
    other.open()
    yield other
    other.close()


def log(store: SqlStore, id: int) -> list[int]:
    """Return the numbers of all entries of the conversation *id*, as they come."""
    return [entry.seq for entry in store.entries(id, 0, EVER, 1000)]


# Numbers.


def test_numbers_count_from_1_without_gaps(store: SqlStore) -> None:
    """Each conversation's entries are numbered from 1, over any number of commits."""
    group = create(store, 2)
    stored = commit(store, say(2, "one"), say(2, "two", "three"))
    assert [[entry.seq for entry in entries] for entries in stored] == [[2], [3, 4]]
    (joined,) = happen(store, group, group.join(BOB))
    assert joined.seq == 5
    assert log(store, 2) == [1, 2, 3, 4, 5]


def test_conversations_in_one_batch_are_numbered_apart(store: SqlStore) -> None:
    """Entries of several conversations may alternate, in a batch and in a decision."""
    create(store, 2, "tea")
    create(store, 3, "coffee")
    both = Decision(AT, [*say(3, "both").entries, *say(2, "both").entries])
    stored = commit(store, say(2, "a"), say(3, "b"), say(2, "c"), both, say(3, "d"))
    places = [[(entry.conversation, entry.seq) for entry in entries] for entries in stored]
    assert places == [[(2, 2)], [(3, 2)], [(2, 3)], [(3, 3), (2, 4)], [(3, 4)]]
    assert log(store, 2) == log(store, 3) == [1, 2, 3, 4]


def test_a_group_and_what_is_said_in_it_fit_one_batch(store: SqlStore) -> None:
    """A group that is made in a batch can be used in the same batch."""
    event = GroupCreated(1, Name("tea"), ALICE.name, Policy.OPEN)
    stored = commit(store, Decision(AT, [NewEntry(2, event, 0)]), say(2, "first"))
    assert [entries[0].seq for entries in stored] == [1, 2]


def test_a_private_conversation_begins_with_what_is_said(store: SqlStore) -> None:
    """A private conversation and its first message are one decision."""
    opening = OpenDirect(2, ("alice", "bob"), (fold(ALICE.name), fold(BOB.name)))
    first = Decision(AT, say(2, "psst").entries, [opening])
    assert [entry.seq for entry in commit(store, first)[0]] == [1]
    assert store.direct(("alice", "bob")) == (2, 1)


def test_the_server_has_a_log_too(store: SqlStore) -> None:
    """What operators do is numbered like everything else."""
    stored = commit(store, on_server(ServerKicked(BOB.name, ALICE.name)))
    assert [(entry.conversation, entry.seq) for entry in stored[0]] == [(SERVER, 1)]
    assert store.load().server_head == 1


def test_entries_come_back_as_they_were_stored(store: SqlStore) -> None:
    """What is read is what `commit` returned: the event, its number and its time."""
    create(store, 2)
    said = Decision(AT + 5, [NewEntry(2, Message(ALICE.name, SafeText("naïve \\ \" ' 茶 😀")))])
    (entries,) = commit(store, said)
    assert store.entries(2, 1, EVER, 10) == entries
    assert entries[0].at == AT + 5


def test_what_is_stored_is_there_after_reopening(store: SqlStore, url: str) -> None:
    """Nothing that was committed needs the store that committed it."""
    group = create(store, 2)
    happen(store, group, group.join(BOB))
    commit(store, say(2, "hello"))
    before, log_before = store.load(), store.entries(2, 0, EVER, 10)
    store.close()
    again = SqlStore(url)
    again.open()
    assert again.load() == before
    assert again.entries(2, 0, EVER, 10) == log_before
    assert commit(again, say(2, "again"))[0][0].seq == 4
    again.close()


def test_two_nodes_write_at_once(store: SqlStore, other: SqlStore) -> None:
    """Numbers have no gap and no repeat, whoever else appends to the same conversations."""
    create(store, 2, "tea")
    create(store, 3, "coffee")

    def talk(node: SqlStore, first: int, second: int) -> list[tuple[int, int]]:
        batches = [commit(node, say(first, "x"), say(second, "y")) for _ in range(20)]
        return [(e.conversation, e.seq) for batch in batches for entries in batch for e in entries]

    with ThreadPoolExecutor(2) as nodes:
        # Each in another order: neither may wait for the other for ever.
        one, two = nodes.map(talk, (store, other), (2, 3), (3, 2))
    assert sorted(one + two) == [(id, seq) for id in (2, 3) for seq in range(2, 42)]
    assert log(store, 2) == log(store, 3) == list(range(1, 42))


# All or nothing.


def test_a_failing_commit_stores_nothing(store: SqlStore) -> None:
    """If one decision cannot be stored, none of the batch is, and the next commit goes on."""
    group = create(store, 2)
    before = store.load()
    taken = GroupCreated(7, Name("coffee"), BOB.name, Policy.OPEN)
    account = Decision(AT, writes=[SaveAccount(BOB.name, "hash")])
    joining = decide(group, group.join(BOB))
    with pytest.raises(NotSaved):
        store.commit([say(2, "lost"), account, joining, Decision(AT, [NewEntry(2, taken, 0)])])
    assert store.load() == before
    assert log(store, 2) == [1]
    assert store.search(2, ["lost"], 5) == []
    assert store.cursors(fold(BOB.name)) == []
    assert commit(store, say(2, "kept"))[0][0].seq == 2


def test_the_reason_of_a_failure_is_told(store: SqlStore) -> None:
    """`NotSaved` carries what the database said, for the log."""
    opening = [OpenDirect(id, ("alice", "bob"), ()) for id in (2, 3)]
    with pytest.raises(NotSaved, match=r"(?i)unique"):
        store.commit([Decision(AT, writes=opening)])


# Decisions on a state that has passed.


@pytest.mark.parametrize("behind", [1, -1])
def test_a_stale_decision_is_refused(store: SqlStore, behind: int) -> None:
    """A change decided on another state than the stored one stores nothing and says so."""
    group = create(store, 2)
    happen(store, group, group.join(BOB))
    before = store.load()
    event = TopicChanged(SafeText("stale"), ALICE.name)
    save = SaveAccount(CAROL.name, "hash")
    stale = Decision(AT, [NewEntry(2, event, group.version - behind)], [save])
    (result,) = store.commit([stale])
    assert isinstance(result, Conflict)
    assert store.load() == before
    assert log(store, 2) == [1, 2]


def test_the_rest_of_the_batch_is_stored(store: SqlStore) -> None:
    """A conflict is one group's: messages and other groups' changes are stored, without gaps."""
    create(store, 2, "tea")
    coffee = create(store, 3, "coffee")
    stale = Decision(AT, [NewEntry(2, TopicChanged(SafeText("stale"), ALICE.name), 0)])
    joining = decide(coffee, coffee.join(BOB))
    results = store.commit([say(2, "before"), stale, joining, say(2, "after"), say(3, "hello")])
    assert isinstance(results[1], Conflict)
    numbers = [[entry.seq for entry in each] for each in results if isinstance(each, list)]
    assert numbers == [[2], [2], [3], [3]]
    assert log(store, 2) == log(store, 3) == [1, 2, 3]
    assert store.load().groups[2].state.topic == ""
    assert store.load().groups[3].state == coffee.state


def test_a_decision_is_stored_as_a_whole_or_not_at_all(store: SqlStore) -> None:
    """A decision about two groups, one of which has changed, changes neither."""
    tea, coffee = create(store, 2, "tea"), create(store, 3, "coffee")
    joining = NewEntry(2, MemberJoined(BOB.name, Via.OPEN), tea.version)
    late = NewEntry(3, TopicChanged(SafeText("late"), ALICE.name), coffee.version - 1)
    (result,) = store.commit([Decision(AT, [joining, late])])
    assert isinstance(result, Conflict)
    assert store.load().groups[2].state == tea.state
    assert log(store, 2) == log(store, 3) == [1]


def test_changes_of_one_group_follow_each_other_in_a_batch(store: SqlStore) -> None:
    """Each change in a batch, and in a decision, may stand on the one before."""
    group = create(store, 2)
    decisions = [
        decide(group, group.join(BOB)),
        decide(group, group.transfer(ALICE, Name("bob"))),
        decide(
            group, [*group.kick(BOB, Name("alice")), *group.change_topic(BOB, SafeText("mine"))]
        ),
    ]
    commit(store, *decisions)
    stored = store.load().groups[2]
    assert (stored.state, stored.version, stored.head) == (group.state, group.version, 5)


def test_what_stands_on_a_stale_decision_is_stale(store: SqlStore, other: SqlStore) -> None:
    """A change decided after one that is refused is refused too, whatever its version says."""
    group = create(store, 2)
    here = Group(2, group.state, group.version)
    happen(other, group, group.change_topic(ALICE, SafeText("theirs")))
    late = decide(here, here.change_topic(ALICE, SafeText("ours")))
    on_top = decide(here, here.change_policy(ALICE, Policy.INVITE))
    results = store.commit([late, on_top, say(2, "hello")])
    assert [isinstance(result, Conflict) for result in results] == [True, True, False]
    assert store.load().groups[2].state == group.state


def test_the_quicker_of_two_nodes_wins(store: SqlStore, other: SqlStore) -> None:
    """Of two nodes that change the same state, one is refused, whichever comes second."""
    group = create(store, 2)
    version = group.version
    happen(store, group, group.change_topic(ALICE, SafeText("first")))
    second = Decision(AT, [NewEntry(2, TopicChanged(SafeText("second"), ALICE.name), version)])
    (result,) = other.commit([second])
    assert isinstance(result, Conflict)
    assert other.load().groups[2].state.topic == "first"


def test_messages_are_never_stale(store: SqlStore) -> None:
    """What people say changes no state, so no change comes in its way, nor it in theirs."""
    group = create(store, 2)
    said = say(2, "said before the change")
    happen(store, group, group.change_topic(ALICE, SafeText("new")))
    commit(store, said)
    happen(store, group, group.change_topic(ALICE, SafeText("newer")))
    assert texts(store.entries(2, 2, 3, 10)) == ["said before the change"]
    assert store.load().groups[2].version == group.version


def test_connections_that_the_database_ends_are_made_anew(postgresql_url: str) -> None:
    """A database that was restarted, or that ends idle connections, is used again at once."""
    store = SqlStore(postgresql_url)
    store.open()
    create(store, 2)
    assert store.load().groups
    other = create_engine(make_url(postgresql_url).set(drivername="postgresql+psycopg"))
    with other.connect() as connection:
        mine = "datname = current_database() AND pid <> pg_backend_pid()"
        end = text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}")
        assert len(connection.execute(end).all()) == 2, "one that writes and one that reads"
    other.dispose()
    assert commit(store, say(2, "hello"))[0][0].seq == 2
    assert log(store, 2) == [1, 2]
    store.close()

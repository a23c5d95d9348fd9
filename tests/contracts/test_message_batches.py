"""Batches of plain messages, which PostgreSQL stores by one call of a function."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
from psycopg import OperationalError
from sqlalchemy import Connection, text

from pyconchat.domain.decisions import Decision, NewEntry, NoteSeen, Repeated, RequestKey
from pyconchat.domain.errors import Conflict, NotSaved, Unknown
from pyconchat.domain.events import Action, MemberLeft, Message, TopicChanged
from pyconchat.domain.group import Group
from pyconchat.domain.names import fold
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore, commits
from pyconchat.store.batch import Stored
from pyconchat.store.message_batches import MessageBatches, only_messages, only_plain
from tests.contracts.building import (
    ALICE,
    AT,
    BOB,
    NO_LIMIT,
    commit,
    create,
    decide,
    register,
    say,
    search,
    texts,
)
from tests.support.stores import share_statements


@pytest.fixture
def tea(store: SqlStore) -> Group:
    return create(store, 2)


def said(text: str, key: str = "", version: int | None = None, at: int = AT) -> Decision:
    """Return the decision that alice says *text* in tea, with *key*, on the state *version*."""
    entry = NewEntry(2, Message(ALICE.name, SafeText(text)), version)
    return Decision(at, [entry], key=RequestKey("alice", key) if key else None)


def numbered(result: Stored) -> int | Repeated:
    """Return the number of a stored message, or how it is repeated."""
    assert not isinstance(result, Conflict | NotSaved)
    return result if isinstance(result, Repeated) else result[0].seq


def log(store: SqlStore) -> list[str]:
    """Return the texts of all messages in tea."""
    return texts(store.entries(2, 1, NO_LIMIT, 10_000))


def test_what_the_function_stores() -> None:
    """Only what has no effects but its own row: everything else needs more statements."""
    message = Message(ALICE.name, SafeText("tea?"))
    assert only_messages([say(2, "one"), said("two", "key", 7)])
    for other in (
        Decision(AT),
        say(2, "two", "messages"),
        Decision(AT, [NewEntry(2, MemberLeft(BOB.name), 1)]),
        Decision(AT, [NewEntry(2, message)], [NoteSeen(fold(ALICE.name))]),
    ):
        assert not only_messages([say(2, "one"), other])
    assert not only_messages([])


def test_what_takes_one_round_trip() -> None:
    """Messages of which nothing else is stored than their own rows, and keys."""
    assert only_plain([say(2, "one"), said("two", "key", 7)])
    for message in (
        Message(ALICE.name, SafeText("@bob"), mentions=(BOB.name,)),
        Action(ALICE.name, SafeText("thanks bob"), mentions=(BOB.name,)),
        Message(ALICE.name, SafeText("yes"), reply_to=1),
    ):
        batch = [say(2, "one"), Decision(AT, [NewEntry(2, message)])]
        assert only_messages(batch)
        assert not only_plain(batch)


def test_mentions_and_answers_among_other_messages(store: SqlStore, tea: Group) -> None:
    """The mention is noted, and the answer has a quote; both follow the numbers of the batch."""
    register(store, BOB)
    hello = Message(ALICE.name, SafeText("hello bob"), mentions=(BOB.name,))
    answer = Message(ALICE.name, SafeText("yes"), reply_to=2)
    batch = [
        said("a", "a"),
        Decision(AT, [NewEntry(2, hello)]),
        Decision(AT, [NewEntry(2, answer)]),
    ]
    stored = commit(store, *batch)
    assert [numbered(each) for each in stored] == [2, 3, 4]
    quote = stored[2][0].quote
    assert quote is not None
    assert quote.text == "a"
    assert store.entries(2, 1, NO_LIMIT, 9) == [each[0] for each in stored]
    assert store.mentions(fold(BOB.name)) == [(2, 3)]
    assert [numbered(each) for each in store.commit(batch)] == [Repeated(2), 5, 6]
    assert texts(search(store, 2, "hello")) == ["hello bob", "hello bob"]


def test_a_message_on_the_present_state(store: SqlStore, tea: Group) -> None:
    """A message with a version is stored on that state, which it does not change."""
    commit(store, said("one", version=tea.version), said("two", version=tea.version))
    joining = decide(tea, tea.join(BOB, AT))
    commit(store, joining, said("three", version=tea.version))
    assert texts(store.entries(2, 1, 3, 9)) == ["one", "two"]
    assert texts(store.entries(2, 4, 5, 9)) == ["three"]
    assert store.load().groups[2].version == tea.version


@pytest.mark.parametrize("behind", [1, -1])
def test_a_message_on_another_state(store: SqlStore, tea: Group, behind: int) -> None:
    """It is a conflict, and the next ones are that depend on a state: they must not overtake it.

    The numbers of the others have no gap, and its key is not stored.
    """
    batch = [
        *(said("a"), said("b", version=tea.version), said("c", "c", tea.version - behind)),
        *(said("d"), said("e", "e", tea.version), said("f", "f")),
    ]
    one, two, stale, four, late, six = store.commit(batch)
    assert isinstance(stale, Conflict)
    assert isinstance(late, Conflict)
    assert [numbered(each) for each in (one, two, four, six)] == [2, 3, 4, 5]
    assert log(store) == ["a", "b", "d", "f"]
    keys = [store.request_seq(RequestKey("alice", key)) for key in ("c", "e", "f")]
    assert keys == [None, None, 5]
    assert store.load().groups[2].head == 5


def test_repeated_messages_among_others(store: SqlStore, tea: Group) -> None:
    """Those stored before, and those of the same batch, are stored once."""
    commit(store, said("a", "a"), said("plain"))
    results = store.commit(
        [said("b", "b"), said("a", "a"), said("plain"), said("b", "b"), said("a", "a")]
    )
    assert [numbered(each) for each in results] == [4, Repeated(2), 5, Repeated(4), Repeated(2)]
    assert log(store) == ["a", "plain", "b", "plain"]


def test_a_repeated_message_on_an_old_state(store: SqlStore, tea: Group) -> None:
    """It was stored, so it is `Repeated`, whatever has changed since."""
    before = tea.version
    commit(store, said("a", "a", before))
    commit(store, decide(tea, tea.join(BOB, AT)))
    assert store.commit([said("a", "a", before)]) == [Repeated(2)]


def test_times_never_decrease(store: SqlStore, tea: Group) -> None:
    """Not even if the clock was set back, in a batch or between two."""
    create(store, 3)
    times = [AT + 9, AT + 5, AT + 20, AT + 1]
    stored = commit(store, *(said("x", at=at) for at in times), say(3, "other"))
    later = commit(store, said("x", at=AT + 2))
    assert [entries[0].at for entries in stored] == [AT + 9, AT + 9, AT + 20, AT + 20, AT]
    assert later[0][0].at == AT + 20
    assert [entry.at for entry in store.entries(2, 1, NO_LIMIT, 9)][-1] == AT + 20
    assert commit(store, say(2, "and in a transaction", "of many statements"))[0][0].at == AT + 20


def test_a_large_batch(store: SqlStore, tea: Group) -> None:
    """As many messages as can wait for a commit, with all kinds of characters."""
    said_texts = [f"{n} \U0001f375 \\ \" ' {{}} ," for n in range(8192)]
    stored = commit(store, *(say(2, each) for each in said_texts))
    assert [entries[0].seq for entries in stored] == list(range(2, 8194))
    assert log(store) == said_texts


def test_a_conversation_that_does_not_exist(store: SqlStore, tea: Group) -> None:
    """The message is not saved; the others of its batch are."""
    before, lost, after = store.commit([say(2, "before"), say(9, "lost"), say(2, "after")])
    assert isinstance(lost, NotSaved)
    assert (numbered(before), numbered(after)) == (2, 3)


# The answer to the call is lost.


@pytest.mark.parametrize("often", [1, 20])
@pytest.mark.parametrize("mention", [False, True])
def test_messages_after_a_rollback(store: SqlStore, tea: Group, often: int, mention: bool) -> None:
    """The driver then deallocates all prepared statements, if it has prepared some itself."""
    mentions = (ALICE.name,) if mention else ()
    good = Decision(AT, [NewEntry(2, Message(ALICE.name, SafeText("b"), mentions=mentions))])
    for nth in range(often):
        commit(store, said("a"))
        commit(store, decide(tea, [TopicChanged(SafeText(str(nth)), ALICE.name)]))
    for _ in range(2):
        (refused,) = store.commit([Decision(2**80, [NewEntry(2, good.entries[0].event)])])
        assert isinstance(refused, NotSaved)
        commit(store, good)


@pytest.fixture
def remote(postgresql_url: str) -> Iterator[SqlStore]:
    """A store in PostgreSQL, with the group tea."""
    store = share_statements(SqlStore(postgresql_url))
    store.open()
    create(store, 2)
    yield store
    store.close()


def lose(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """Close the connection once, *when* the function is called: before or after it."""
    original = MessageBatches._call

    def call(batches: MessageBatches, connection: Connection, arguments: Sequence[bytes]) -> Any:
        monkeypatch.setattr(MessageBatches, "_call", original)
        driver: Any = connection.connection.driver_connection
        if when == "after":
            original(batches, connection, arguments)
        driver.close()
        raise OperationalError("the connection was lost")

    monkeypatch.setattr(MessageBatches, "_call", call)


BATCH = [said("b"), said("a", "a"), said("stale", version=7), said("c", "c"), said("c", "c")]


def test_the_results_of_a_lost_answer(remote: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read from the database, and are the same. The messages are found, too."""
    commit(remote, said("a", "a", at=AT + 7))
    lose(monkeypatch, "after")
    first, *rest = remote.commit(BATCH)
    assert isinstance(first, list)
    assert first == remote.entries(2, 2, 3, 10)
    assert first[0].at == AT + 7
    repeated, conflict, *rest = rest
    assert isinstance(conflict, Conflict)
    assert [numbered(each) for each in (repeated, *rest)] == [Repeated(2), 4, Repeated(4)]
    assert texts(search(remote, 2, "b")) == ["b"]
    assert commit(remote, said("d"))[0][0].seq == 5


def test_a_call_that_was_not_executed(remote: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its messages are not saved, which is certain. The next ones are."""
    commit(remote, said("a", "a"))
    lose(monkeypatch, "before")
    with pytest.raises(NotSaved, match="the connection was lost") as refused:
        remote.commit(BATCH)
    assert not isinstance(refused.value, Unknown)
    assert log(remote) == ["a"]
    assert isinstance(remote.commit(BATCH)[0], list)
    assert log(remote) == ["a", "b", "c"]


def test_what_is_settled_later_is_found(remote: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of which it was not known for a while whether they are stored are indexed."""
    monkeypatch.setattr(commits, "SETTLE_SECONDS", 0)
    lose(monkeypatch, "after")
    with monkeypatch.context() as patch:
        patch.setattr(MessageBatches, "result", _fail)
        with pytest.raises(Unknown):
            remote.commit([said("perhaps")])
    settled = remote.settle()
    assert settled is not None
    assert settled == [remote.entries(2, 1, NO_LIMIT, 10)]
    commit(remote, said("certainly"))
    assert texts(search(remote, 2, "perhaps")) == ["perhaps"]


def _fail(*_: object) -> None:
    raise NotSaved("the database is down")


def test_a_server_forgets_the_results_of_earlier_ones(remote: SqlStore) -> None:
    """A server that has the database for itself deletes what the others have left."""
    commit(remote, said("a"))
    with closing(SqlStore(remote._writing.url.render_as_string(False))) as next:
        next.lock()
        next.open()
        with next._reading.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM writers")) == 0
        commit(next, said("b"))
        assert log(next) == ["a", "b"]

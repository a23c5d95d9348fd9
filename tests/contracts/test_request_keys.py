"""Request keys: a repeated request is stored once, and gets the same number again."""

from __future__ import annotations

import pytest

from pyconchat.domain.decisions import Decision, NewEntry, Repeated, RequestKey
from pyconchat.domain.errors import Conflict
from pyconchat.domain.events import Message
from pyconchat.domain.group import Group
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore, request_keys
from tests.contracts.building import ALICE, AT, BOB, NO_LIMIT, commit, create, decide, say, texts

KEY = RequestKey("alice", "k")


@pytest.fixture
def tea(store: SqlStore) -> Group:
    return create(store, 2)


def keyed(text: str, key: RequestKey = KEY, at: int = AT) -> Decision:
    """Return the decision that alice says *text* in tea, with *key*."""
    return Decision(at, [NewEntry(2, Message(ALICE.name, SafeText(text)))], key=key)


def said(store: SqlStore) -> list[str]:
    """Return the texts of all messages in tea."""
    return texts([e for e in store.entries(2, 0, NO_LIMIT, 10_000) if isinstance(e.event, Message)])


def test_a_key_is_known_once_it_is_stored(store: SqlStore, tea: Group) -> None:
    """Then `request_seq` returns the number of the first entry."""
    assert store.request_seq(KEY) is None
    commit(store, keyed("a"))
    assert store.request_seq(KEY) == 2
    assert store.request_seq(RequestKey("bob", "k")) is None
    assert store.request_seq(RequestKey("alice", "K")) is None


def test_a_message_repeated_in_a_later_batch(store: SqlStore, tea: Group) -> None:
    """It is `Repeated`, with its first number. The rest of the batch is stored."""
    commit(store, keyed("a"))
    before, repeated, after = store.commit([say(2, "b"), keyed("a"), say(2, "c")])
    assert repeated == Repeated(2)
    assert isinstance(before, list)
    assert isinstance(after, list)
    assert (before[0].seq, after[0].seq) == (3, 4)
    assert said(store) == ["a", "b", "c"]


def test_a_message_repeated_in_the_same_batch(store: SqlStore, tea: Group) -> None:
    """Only the first is stored."""
    _, *rest = store.commit([keyed("a"), keyed("a"), keyed("a")])
    assert rest == [Repeated(2), Repeated(2)]
    assert said(store) == ["a"]


def test_the_same_key_of_two_owners(store: SqlStore, tea: Group) -> None:
    """Both requests are stored."""
    commit(store, keyed("a"), keyed("b", RequestKey("bob", "k")))
    assert said(store) == ["a", "b"]


def test_a_repeated_change_is_a_conflict(store: SqlStore, tea: Group) -> None:
    """It is not stored, nor is a decision that depends on it."""
    [joined] = tea.join(BOB, AT)
    first = Decision(AT, [NewEntry(2, joined, tea.version)], key=KEY)
    tea.apply(joined, AT)
    commit(store, first)
    again = Decision(AT, [NewEntry(2, joined, tea.version)], key=KEY)
    tea.apply(joined, AT)
    standing = decide(tea, tea.leave(BOB))
    stored = store.commit([again, standing, say(2, "a")])
    assert [type(each) for each in stored] == [Conflict, Conflict, list]
    assert store.entries(2, 0, NO_LIMIT, 10)[-1].seq == 3


def test_a_decision_without_an_entry_has_number_0(store: SqlStore) -> None:
    """Its key is stored, too."""
    commit(store, Decision(AT, key=KEY))
    assert store.request_seq(KEY) == 0
    assert store.commit([Decision(AT, key=KEY)]) == [Repeated(0)]


def test_the_key_of_a_conflict(store: SqlStore, tea: Group) -> None:
    """It is not stored, so the request can be repeated."""
    [joined] = tea.join(BOB, AT)
    [stored] = store.commit([Decision(AT, [NewEntry(2, joined, tea.version - 1)], key=KEY)])
    assert isinstance(stored, Conflict)
    assert store.request_seq(KEY) is None
    commit(store, Decision(AT, [NewEntry(2, joined, tea.version)], key=KEY))
    assert store.request_seq(KEY) == 2


def test_many_keys_in_one_batch(store: SqlStore, tea: Group) -> None:
    """More keys than one statement can look up are all found."""
    batch = [keyed(f"{n}", RequestKey("alice", f"k{n}")) for n in range(900)]
    commit(store, *batch)
    assert store.commit(batch) == [Repeated(n + 2) for n in range(900)]
    assert len(said(store)) == 900


HOUR = 3600 * 1000


def hourly(store: SqlStore, first: int, hours: int, at: int = AT) -> None:
    """Store a key for each hour from *first* on."""
    for n in range(first, first + hours):
        commit(store, keyed(f"{n}", RequestKey("alice", f"{n}"), at + n * HOUR))


def test_keys_expire_after_7_days(
    store: SqlStore, tea: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expired keys are deleted after a certain number of new ones."""
    monkeypatch.setattr(request_keys, "SWEEP_EVERY", 1)
    hourly(store, 0, 7 * 24 + 1)
    assert store.request_seq(RequestKey("alice", "0")) == 2
    hourly(store, 7 * 24 + 1, 1)
    assert store.request_seq(RequestKey("alice", "0")) is None
    assert store.request_seq(RequestKey("alice", "1")) == 3


@pytest.mark.parametrize("jump", [365 * 24 * HOUR, -365 * 24 * HOUR])
def test_a_wrong_time_of_day(
    store: SqlStore, tea: Group, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    """Keys expire by their order: no jump of the clock deletes new ones, or keeps old ones."""
    monkeypatch.setattr(request_keys, "SWEEP_EVERY", 1)
    hourly(store, 0, 3)
    hourly(store, 3, 3, AT + jump)
    hourly(store, 6, 3)
    for n in range(9):
        assert store.request_seq(RequestKey("alice", f"{n}")) == n + 2
    hourly(store, 9, 7 * 24)
    assert store.request_seq(RequestKey("alice", "2")) is None
    assert store.request_seq(RequestKey("alice", "9")) is not None


def test_expired_keys_are_deleted_in_pieces(
    store: SqlStore, tea: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One commit deletes a bounded number; the next ones continue."""
    monkeypatch.setattr(request_keys, "SWEEP_EVERY", 250)
    monkeypatch.setattr(request_keys, "MAX_DELETED", 100)
    monkeypatch.setattr(request_keys, "LIFETIME", HOUR // 2)
    old = [RequestKey("alice", f"old {n}") for n in range(249)]
    commit(store, *(keyed("old", key) for key in old))
    left = []
    for n in range(1, 5):
        hourly(store, n, 1)
        left.append(sum(store.request_seq(key) is not None for key in old))
    assert left == [149, 49, 0, 0]


@pytest.mark.parametrize("key", ["x" * 64, "\u017c" * 64, "\U0001f375" * 64, "%_'\"\\", " "])
def test_keys_of_any_characters(store: SqlStore, tea: Group, key: str) -> None:
    """A key has up to 64 characters, of any kind."""
    commit(store, keyed("a", RequestKey("alice", key)))
    assert store.request_seq(RequestKey("alice", key)) == 2


def test_the_longest_owner(store: SqlStore, tea: Group) -> None:
    """A guest's `party` is the name and a random suffix."""
    owner = "x" * 32 + "~" + "f" * 16
    commit(store, keyed("a", RequestKey(owner, "k" * 64)))
    assert store.request_seq(RequestKey(owner, "k" * 64)) == 2

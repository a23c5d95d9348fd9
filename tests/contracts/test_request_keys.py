"""What the store promises about the keys of requests: once, and the same number again."""

from __future__ import annotations

import pytest

from pyconchat.domain.decisions import Decision, NewEntry, Repeated, RequestKey
from pyconchat.domain.errors import Conflict
from pyconchat.domain.events import Message
from pyconchat.domain.group import Group
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore, request_keys
from tests.contracts.building import ALICE, AT, BOB, EVER, commit, create, decide, say, texts

KEY = RequestKey("alice", "k")


@pytest.fixture
def tea(store: SqlStore) -> Group:
    return create(store, 2)


def keyed(text: str, key: RequestKey = KEY, at: int = AT) -> Decision:
    """Return that alice says *text* in tea, under *key*."""
    return Decision(at, [NewEntry(2, Message(ALICE.name, SafeText(text)))], key=key)


def said(store: SqlStore) -> list[str]:
    """Return all that was said in tea."""
    return texts([e for e in store.entries(2, 0, EVER, 10_000) if isinstance(e.event, Message)])


def test_a_key_is_known_once_it_is_stored(store: SqlStore, tea: Group) -> None:
    """With the number of the first entry; before, there is none."""
    assert store.request_seq(KEY) is None
    commit(store, keyed("a"))
    assert store.request_seq(KEY) == 2
    assert store.request_seq(RequestKey("bob", "k")) is None
    assert store.request_seq(RequestKey("alice", "K")) is None


def test_a_repeated_message_is_left_out(store: SqlStore, tea: Group) -> None:
    """In a later batch, with the number of then; the others of the batch are stored."""
    commit(store, keyed("a"))
    before, repeated, after = store.commit([say(2, "b"), keyed("a"), say(2, "c")])
    assert repeated == Repeated(2)
    assert isinstance(before, list)
    assert isinstance(after, list)
    assert (before[0].seq, after[0].seq) == (3, 4)
    assert said(store) == ["a", "b", "c"]


def test_a_message_repeated_in_the_same_batch_is_left_out(store: SqlStore, tea: Group) -> None:
    """The first is stored."""
    _, *rest = store.commit([keyed("a"), keyed("a"), keyed("a")])
    assert rest == [Repeated(2), Repeated(2)]
    assert said(store) == ["a"]


def test_the_key_of_another_owner_is_another(store: SqlStore, tea: Group) -> None:
    """Both are stored."""
    commit(store, keyed("a"), keyed("b", RequestKey("bob", "k")))
    assert said(store) == ["a", "b"]


def test_a_repeated_change_is_a_conflict(store: SqlStore, tea: Group) -> None:
    """Nothing of it is stored, nor what stands on it; the caller looks again."""
    [joined] = tea.join(BOB)
    first = Decision(AT, [NewEntry(2, joined, tea.version)], key=KEY)
    tea.apply(joined, AT)
    commit(store, first)
    again = Decision(AT, [NewEntry(2, joined, tea.version)], key=KEY)
    tea.apply(joined, AT)
    standing = decide(tea, tea.leave(BOB))
    stored = store.commit([again, standing, say(2, "a")])
    assert [type(each) for each in stored] == [Conflict, Conflict, list]
    assert store.entries(2, 0, EVER, 10)[-1].seq == 3


def test_a_decision_without_an_entry_has_number_0(store: SqlStore) -> None:
    """It is remembered all the same."""
    commit(store, Decision(AT, key=KEY))
    assert store.request_seq(KEY) == 0
    assert store.commit([Decision(AT, key=KEY)]) == [Repeated(0)]


def test_a_conflict_does_not_use_the_key_up(store: SqlStore, tea: Group) -> None:
    """What was not stored can be asked for again."""
    [joined] = tea.join(BOB)
    [stored] = store.commit([Decision(AT, [NewEntry(2, joined, tea.version - 1)], key=KEY)])
    assert isinstance(stored, Conflict)
    assert store.request_seq(KEY) is None
    commit(store, Decision(AT, [NewEntry(2, joined, tea.version)], key=KEY))
    assert store.request_seq(KEY) == 2


def test_many_keys_in_one_batch(store: SqlStore, tea: Group) -> None:
    """More than one statement takes, each is found again."""
    batch = [keyed(f"{n}", RequestKey("alice", f"k{n}")) for n in range(900)]
    commit(store, *batch)
    assert store.commit(batch) == [Repeated(n + 2) for n in range(900)]
    assert len(said(store)) == 900


def test_keys_are_forgotten_after_7_days(
    store: SqlStore, tea: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before, and by and by: when enough new ones have come."""
    monkeypatch.setattr(request_keys, "SWEEP_EVERY", 2)
    day = 24 * 3600 * 1000
    old, young = RequestKey("alice", "old"), RequestKey("alice", "young")
    commit(store, keyed("a", old))
    commit(store, keyed("b", young, AT + 2 * day))
    assert store.request_seq(old) == 2
    commit(store, *(keyed(f"{n}", RequestKey("alice", f"{n}"), AT + 8 * day) for n in range(2)))
    assert store.request_seq(old) is None
    assert store.request_seq(young) == 3


@pytest.mark.parametrize("key", ["x" * 64, "\u017c" * 64, "\U0001f375" * 64, "%_'\"\\", " "])
def test_any_key_will_do(store: SqlStore, tea: Group, key: str) -> None:
    """Up to 64 characters, whatever they are."""
    commit(store, keyed("a", RequestKey("alice", key)))
    assert store.request_seq(RequestKey("alice", key)) == 2


def test_a_lone_guests_party_fits(store: SqlStore, tea: Group) -> None:
    """The longest name there is, and what tells a guest from the next of that name."""
    owner = "x" * 32 + "~" + "f" * 16
    commit(store, keyed("a", RequestKey(owner, "k" * 64)))
    assert store.request_seq(RequestKey(owner, "k" * 64)) == 2

"""What the store promises about session tokens: whose they are, until they end."""

from __future__ import annotations

import pytest

from pyconchat.domain.decisions import Decision, EndTokens, SaveAccount, SaveToken, UseToken
from pyconchat.domain.events import ServerBanned, ServerKicked, ServerUnbanned
from pyconchat.domain.names import Key, Name
from pyconchat.domain.stored import TokenRecord
from pyconchat.store import SqlStore
from pyconchat.store.effects import MAX_TOKENS
from tests.contracts.building import ALICE, AT, BOB, commit, on_server, register

BOBS, ALICES = Key("bob"), Key("alice")


@pytest.fixture(autouse=True)
def _accounts(store: SqlStore) -> None:
    register(store, ALICE, BOB)


def save(store: SqlStore, owner: Key, digest: str, at: int = AT) -> None:
    """Store a token."""
    commit(store, Decision(at, writes=[SaveToken(owner, digest)]))


def good(store: SqlStore, *digests: str) -> list[str]:
    """Return which of the tokens there are."""
    return [each for each in digests if store.token(each) is not None]


def test_a_token_is_found_by_its_digest(store: SqlStore) -> None:
    """With its owner, and the time when it was given."""
    assert store.token("d") is None
    save(store, BOBS, "d")
    assert store.token("d") == TokenRecord(BOBS, AT)
    assert store.token("D") is None


def test_a_use_is_noted(store: SqlStore) -> None:
    """Of that token alone; the use of one that has ended brings nothing back."""
    save(store, BOBS, "d")
    save(store, BOBS, "e")
    commit(store, Decision(AT + 5, writes=[UseToken("d"), UseToken("ended")]))
    assert store.token("d") == TokenRecord(BOBS, AT + 5)
    assert store.token("e") == TokenRecord(BOBS, AT)
    assert store.token("ended") is None


def test_all_tokens_of_an_account_end(store: SqlStore) -> None:
    """And no others."""
    for owner, digest in ((BOBS, "b1"), (BOBS, "b2"), (ALICES, "a")):
        save(store, owner, digest)
    commit(store, Decision(AT, writes=[EndTokens(BOBS)]))
    assert good(store, "b1", "b2", "a") == ["a"]


def test_a_new_password_ends_them(store: SqlStore) -> None:
    """Whatever the case in which the name is written."""
    save(store, BOBS, "b")
    save(store, ALICES, "a")
    commit(store, Decision(AT, writes=[SaveAccount(Name("BOB"), "new")]))
    assert good(store, "a", "b") == ["a"]


def test_a_server_ban_ends_them(store: SqlStore) -> None:
    """Lifting it does not bring them back."""
    save(store, BOBS, "b")
    save(store, ALICES, "a")
    commit(store, on_server(ServerBanned(BOB.name, ALICE.name)))
    commit(store, on_server(ServerUnbanned(BOB.name, ALICE.name)))
    assert good(store, "a", "b") == ["a"]


def test_a_server_kick_does_not_end_them(store: SqlStore) -> None:
    """Who is kicked may come back."""
    save(store, BOBS, "b")
    commit(store, on_server(ServerKicked(BOB.name, ALICE.name)))
    assert good(store, "b") == ["b"]


def test_the_one_unused_for_longest_makes_room(store: SqlStore) -> None:
    """An account has at most 16; those of others do not count."""
    assert MAX_TOKENS == 16
    save(store, ALICES, "a")
    digests = [f"d{n}" for n in range(17)]
    for n, digest in enumerate(digests[:16]):
        save(store, BOBS, digest, AT + n)
    assert good(store, *digests) == digests[:16]
    commit(store, Decision(AT + 50, writes=[UseToken("d0")]))
    save(store, BOBS, "d16", AT + 51)
    assert good(store, *digests) == ["d0", *digests[2:]]
    assert good(store, "a") == ["a"]


def test_a_new_one_is_never_the_one_that_makes_room(store: SqlStore) -> None:
    """Also where all were given at the same time, or the clock has gone back."""
    for n in range(40):
        save(store, BOBS, f"d{n}", AT - n)
        assert good(store, f"d{n}")
    assert len(good(store, *(f"d{n}" for n in range(40)))) == 16

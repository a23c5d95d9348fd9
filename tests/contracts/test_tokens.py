"""Session tokens in the store: their owners, their use, and how they end."""

from __future__ import annotations

import pytest

from pyconchat.domain.decisions import Decision, EndTokens, SaveToken, SetPassword, UseToken
from pyconchat.domain.events import ServerBanned, ServerKicked, ServerUnbanned
from pyconchat.domain.names import Key
from pyconchat.domain.stored import TokenRecord
from pyconchat.store import SqlStore
from pyconchat.store.writes import MAX_TOKENS
from tests.contracts.building import ALICE, AT, BOB, commit, on_server, register

BOBS, ALICES = Key("bob"), Key("alice")


@pytest.fixture(autouse=True)
def _accounts(store: SqlStore) -> None:
    register(store, ALICE, BOB)


def save(store: SqlStore, owner: Key, digest: str, at: int = AT) -> None:
    """Store a token."""
    commit(store, Decision(at, writes=[SaveToken(owner, digest)]))


def valid(store: SqlStore, *digests: str) -> list[str]:
    """Return those of *digests* that the store has."""
    return [each for each in digests if store.token(each) is not None]


def test_a_token_is_found_by_its_digest(store: SqlStore) -> None:
    """The record has the owner and the time of the last use."""
    assert store.token("d") is None
    save(store, BOBS, "d")
    assert store.token("d") == TokenRecord(BOBS, AT)
    assert store.token("D") is None


def test_the_use_of_a_token(store: SqlStore) -> None:
    """Its time changes. Using a token that has ended does not restore it."""
    save(store, BOBS, "d")
    save(store, BOBS, "e")
    commit(store, Decision(AT + 5, writes=[UseToken("d"), UseToken("ended")]))
    assert store.token("d") == TokenRecord(BOBS, AT + 5)
    assert store.token("e") == TokenRecord(BOBS, AT)
    assert store.token("ended") is None


def test_all_tokens_of_an_account_end(store: SqlStore) -> None:
    """Tokens of other accounts stay valid."""
    for owner, digest in ((BOBS, "b1"), (BOBS, "b2"), (ALICES, "a")):
        save(store, owner, digest)
    commit(store, Decision(AT, writes=[EndTokens(BOBS)]))
    assert valid(store, "b1", "b2", "a") == ["a"]


def test_a_new_password_ends_all_tokens(store: SqlStore) -> None:
    """Also when the name is written in another case."""
    save(store, BOBS, "b")
    save(store, ALICES, "a")
    commit(store, Decision(AT, writes=[SetPassword(Key("bob"), "new")]))
    assert valid(store, "a", "b") == ["a"]


def test_a_server_ban_ends_all_tokens(store: SqlStore) -> None:
    """Lifting the ban does not restore them."""
    save(store, BOBS, "b")
    save(store, ALICES, "a")
    commit(store, on_server(ServerBanned(BOB.name, ALICE.name)))
    commit(store, on_server(ServerUnbanned(BOB.name, ALICE.name)))
    assert valid(store, "a", "b") == ["a"]


def test_a_server_kick_ends_no_tokens(store: SqlStore) -> None:
    """A kicked person may log in again."""
    save(store, BOBS, "b")
    commit(store, on_server(ServerKicked(BOB.name, ALICE.name)))
    assert valid(store, "b") == ["b"]


def test_the_17th_token_replaces_the_least_recently_used(store: SqlStore) -> None:
    """An account has at most 16. Tokens of other accounts do not count."""
    assert MAX_TOKENS == 16
    save(store, ALICES, "a")
    digests = [f"d{n}" for n in range(17)]
    for n, digest in enumerate(digests[:16]):
        save(store, BOBS, digest, AT + n)
    assert valid(store, *digests) == digests[:16]
    commit(store, Decision(AT + 50, writes=[UseToken("d0")]))
    save(store, BOBS, "d16", AT + 51)
    assert valid(store, *digests) == ["d0", *digests[2:]]
    assert valid(store, "a") == ["a"]


def test_tokens_of_a_clock_that_was_wrong(store: SqlStore) -> None:
    """Uses in the future count as before those of now, in their order."""
    for n in range(16):
        save(store, BOBS, f"d{n}", AT + 10**12 + n)
    commit(store, Decision(AT, writes=[UseToken("d0")]))
    assert all(record.used_at <= AT for n in range(16) if (record := store.token(f"d{n}")))
    for n in range(16, 20):
        save(store, BOBS, f"d{n}", AT + n)
    assert valid(store, *(f"d{n}" for n in range(20))) == ["d0", *(f"d{n}" for n in range(5, 20))]


def test_a_new_token_is_never_replaced_at_once(store: SqlStore) -> None:
    """Also when the clock was set back, so that the new token is the oldest."""
    for n in range(40):
        save(store, BOBS, f"d{n}", AT - n)
        assert valid(store, f"d{n}")
    assert len(valid(store, *(f"d{n}" for n in range(40)))) == 16

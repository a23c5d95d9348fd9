"""What a SIGHUP reads again is what the store says, and never older than what was decided."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.config import Config
from pyconchat.domain.decisions import Decision, SaveAccount
from pyconchat.domain.names import Name, fold
from pyconchat.store import SqlStore
from pyconchat.testing import EPOCH, PlainHasher, TestUser
from tests.support.threads import SlowThreads


@pytest.fixture
def threads() -> SlowThreads:
    return SlowThreads()


@pytest.fixture
def chat(store: SqlStore, threads: SlowThreads, clock: Clock) -> Chat:
    chat = Chat(
        store, threads, clock, PlainHasher(), Config(), wall_clock=lambda: EPOCH + clock.seconds()
    )
    chat.start(store.load())
    return chat


@pytest.fixture
def alice(chat: Chat) -> TestUser:
    """An operator, who has banned spam, and ignores noise."""
    alice = TestUser(chat, "alice", "secret of alice")
    alice.types(f"/claim {chat.accounts.claim_code}", "/ban spam", "/ignore noise")
    return alice


def reads(chat: Chat) -> Deferred[None]:
    """Begin what a SIGHUP does."""
    return Deferred.fromCoroutine(chat.registration.reload())


def banned(chat: Chat) -> set[str]:
    return set(chat.accounts.bans)


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        ("/ban eve", lambda chat: banned(chat) == {"spam", "eve"}),
        ("/unban spam", lambda chat: banned(chat) == set()),
        ("/operator bob", lambda chat: chat.accounts.get("bob").actor.operator),
        ("/unignore noise", lambda chat: not chat.accounts.get("alice").ignores),
        ("/ignore bob", lambda chat: set(chat.accounts.get("alice").ignores) == {"noise", "bob"}),
    ],
    ids=["ban", "unban", "operator", "unignore", "ignore"],
)
def test_what_is_decided_while_it_reads(
    line: str, holds: Callable[[Chat], bool], chat: Chat, alice: TestUser, threads: SlowThreads
) -> None:
    """It holds, in memory as in the store, though it was not stored when the reading began."""
    TestUser(chat, "bob", "secret of bob")
    threads.slow = True
    reads(chat)
    alice.types(line)
    threads.catch_up()
    for _ in range(5):  # it may have to read once more
        alice.tick()
    assert holds(chat)


def test_the_claim_code_is_used_while_it_reads(chat: Chat, threads: SlowThreads) -> None:
    """It is used up, and who has used it is an operator."""
    alice, bob = (TestUser(chat, name, f"secret of {name}") for name in ("alice", "bob"))
    code = chat.accounts.claim_code
    threads.slow = True
    reads(chat)
    alice.types(f"/claim {code}")
    threads.catch_up()
    for _ in range(5):
        alice.tick()
    assert any("up for" in line for line in alice.types("/stats"))
    assert any("used already" in line for line in bob.types(f"/claim {code}"))


def test_what_somebody_else_has_changed(chat: Chat, alice: TestUser, store: SqlStore) -> None:
    """Another password ends the sessions of that account, and no others."""
    bob = TestUser(chat, "bob", "secret of bob")
    store.commit([Decision(0, writes=[SaveAccount(Name("bob"), "plain:another")])])
    assert not bob.peer.closed
    reads(chat)
    bob.tick()
    assert bob.peer.closed
    assert not alice.peer.closed
    account = chat.accounts.get("bob")
    assert account is not None
    assert account.password_hash == "plain:another"
    assert banned(chat) == {fold(Name("spam"))}

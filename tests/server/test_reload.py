"""SIGHUP reads the accounts again from the store, and never overwrites newer decisions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.config import Config
from pyconchat.domain.decisions import SERVER, Decision, DeleteAccount, NewEntry, SetPassword
from pyconchat.domain.events import ADMINISTRATOR, OperatorRemoved
from pyconchat.domain.names import Key, Name, fold
from pyconchat.store import SqlStore
from pyconchat.testing import EPOCH, PlainHasher, TestUser, make_chat
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
    """An operator who has banned spam and ignores noise."""
    alice = TestUser(chat, "alice", "secret of alice")
    alice.types(f"/claim {chat.accounts.claim_code}", "/ban spam", "/ignore noise")
    return alice


def reload(chat: Chat) -> Deferred[None]:
    """Start reading the accounts, as SIGHUP does."""
    return Deferred.fromCoroutine(chat.stored_accounts.reload())


def banned(chat: Chat) -> set[str]:
    return set(chat.accounts.bans)


@pytest.mark.parametrize(
    ("line", "in_effect"),
    [
        ("/ban eve", lambda chat: banned(chat) == {"spam", "eve"}),
        ("/unban spam", lambda chat: banned(chat) == set()),
        ("/operator bob", lambda chat: chat.accounts.get("bob").actor.operator),
        ("/unignore noise", lambda chat: not chat.accounts.get("alice").ignores),
        ("/ignore bob", lambda chat: set(chat.accounts.get("alice").ignores) == {"noise", "bob"}),
    ],
    ids=["ban", "unban", "operator", "unignore", "ignore"],
)
def test_a_decision_during_the_reload(
    line: str, in_effect: Callable[[Chat], bool], chat: Chat, alice: TestUser, threads: SlowThreads
) -> None:
    """It takes effect, although it was not stored yet when the reload began."""
    TestUser(chat, "bob", "secret of bob")
    threads.slow = True
    reload(chat)
    alice.types(line)
    threads.catch_up()
    for _ in range(5):  # the reload may have to read a second time
        alice.tick()
    assert in_effect(chat)


def test_a_claim_during_the_reload(chat: Chat, threads: SlowThreads) -> None:
    """The claim code cannot be used again, and the claimant is an operator."""
    alice, bob = (TestUser(chat, name, f"secret of {name}") for name in ("alice", "bob"))
    code = chat.accounts.claim_code
    threads.slow = True
    reload(chat)
    alice.types(f"/claim {code}")
    threads.catch_up()
    for _ in range(5):
        alice.tick()
    assert any("up for" in line for line in alice.types("/stats"))
    assert any("used already" in line for line in bob.types(f"/claim {code}"))


def test_a_password_changed_in_the_store(chat: Chat, alice: TestUser, store: SqlStore) -> None:
    """It ends the sessions of that account, and no others."""
    bob = TestUser(chat, "bob", "secret of bob")
    store.commit([Decision(0, writes=[SetPassword(Key("bob"), "plain:another")])])
    assert not bob.peer.closed
    reload(chat)
    bob.tick()
    assert bob.peer.closed
    assert not alice.peer.closed
    account = chat.accounts.get("bob")
    assert account is not None
    assert account.password_hash == "plain:another"
    assert banned(chat) == {fold(Name("spam"))}


def test_an_operator_removed_in_the_store(chat: Chat, alice: TestUser, store: SqlStore) -> None:
    """Open sessions lose the right."""
    removed = OperatorRemoved(Name("alice"), ADMINISTRATOR)
    store.commit([Decision(0, [NewEntry(SERVER, removed)])])
    reload(chat)
    alice.tick()
    assert any("no longer an operator" in line for line in alice.sees())
    assert any("Only operators" in line for line in alice.types("/stats"))


def test_an_operator_made_during_the_reload(
    chat: Chat, alice: TestUser, store: SqlStore, threads: SlowThreads
) -> None:
    """The reload does not take the right away again."""
    bob = TestUser(chat, "bob", "secret of bob")
    threads.slow = True
    reload(chat)
    alice.types("/operator bob")
    threads.catch_up()
    for _ in range(5):
        alice.tick()
    assert bob.account.actor.operator


def delete(store: SqlStore, name: str) -> None:
    """Delete the account of *name* as `pyconchat-admin` does."""
    store.commit([Decision(0, writes=[DeleteAccount(Key(name), f"{name}~0")])])


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_an_account_deleted_in_the_store(
    running: bool, chat: Chat, alice: TestUser, store: SqlStore, clock: Clock
) -> None:
    """The next account with its name inherits nothing, and its groups get another admin.

    Bans of the name remain: a new account must not undo them.
    """
    bob, carol = (TestUser(chat, name, f"secret of {name}") for name in ("bob", "carol"))
    bob.types("/create tea open", "/create alone open", "/ignore carol")
    carol.types("/join tea")
    bob.types("/msg carol between us")
    alice.types("/create tower invite", "/ban bob no entry", "/create stall approval")
    bob.types("/join stall")
    if running:
        delete(store, "bob")
        reload(chat)
        for _ in range(5):
            alice.tick()
        assert bob.peer.closed
    else:
        for each in (bob, carol, alice):
            each.leaves()
        delete(store, "bob")
        chat = make_chat(store, clock)
    assert chat.accounts.get("bob") is None
    groups = {each.group.name: each.group for each in chat.groups}
    assert groups.keys() == {"tea", "alone", "tower", "stall"}
    assert groups["alone"].admin is None
    assert groups["tea"].admin == "carol"
    assert not groups["stall"].requests
    assert Key("bob") in groups["tower"].bans
    again = TestUser(chat, "bob", "another secret")
    assert not again.account.ignores
    assert store.cursors(Key("bob")) == []
    assert not any("between us" in line for line in again.types("/history @carol", "/groups"))
    again.types("/msg carol hello")
    assert not any("between us" in line for line in again.types("/history @carol"))
    stored = store.load()
    for id, group in stored.groups.items():
        assert group.state == chat.conversations[id].group.state  # type: ignore[attr-defined]


def test_the_last_login(chat: Chat, store: SqlStore, clock: Clock) -> None:
    """Each login is noted; guests have none."""
    TestUser(chat, "bob", "secret of bob").leaves()
    clock.advance(100)
    TestUser(chat, "bob", "secret of bob").leaves()
    TestUser(chat, "gina").leaves()
    (bob,) = store.load().server.accounts
    assert (bob.created_at, bob.last_login_at) == (EPOCH * 1000, (EPOCH + 100) * 1000)

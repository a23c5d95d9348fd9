"""Private conversations are in memory only while one of their parties is online."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyconchat.chat.chat import Chat
from pyconchat.domain.names import fold
from pyconchat.testing import TestUser, make_chat, make_store


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Chat]:
    store = make_store(tmp_path)
    yield make_chat(store)
    store.close()


def in_memory(chat: Chat) -> int:
    """Return how many private conversations are in memory."""
    conversations = chat.conversations
    found = len(conversations._private)
    assert found == len(conversations._by_id) - 1 - len(chat.groups)
    assert bool(conversations._of_party) is bool(found)
    return found


def cursors(chat: Chat, name: str) -> int:
    """Return how many cursors *name* has in the store."""
    return len(chat.store.cursors(fold(name)))


def test_a_guest_who_is_gone(chat: Chat) -> None:
    """Their conversations are removed from memory, the cursors and the other session."""
    alice = TestUser(chat, "alice", "password a")
    for number in range(5):
        guest = TestUser(chat, f"guest{number}")
        guest.types("/msg alice psst")
        alice.types(f"/msg guest{number} yes?")
        assert in_memory(chat) == 1
        guest.leaves()
        assert in_memory(chat) == 0
    assert not list(alice.session.subscriptions._active)  # type: ignore[attr-defined]
    chat.registry.move_cursors(alice.session.subscriptions.receipts())
    alice.tick()
    assert cursors(chat, "alice") == 0
    alice.leaves()
    again = TestUser(chat, "alice", "password a")
    assert not any("psst" in line for line in again.sees())


def test_what_a_guest_said_is_kept_for_the_other(chat: Chat) -> None:
    """An offline receiver gets it once, at the next login; then it is removed from memory."""
    alice = TestUser(chat, "alice", "password a")
    alice.leaves()
    guest = TestUser(chat, "gus")
    guest.types("/msg alice for later")
    guest.leaves()
    assert in_memory(chat) == 0
    again = TestUser(chat, "alice", "password a")
    assert sum("for later" in line for line in again.sees()) == 1
    again.leaves()
    assert in_memory(chat) == 0
    third = TestUser(chat, "alice", "password a")
    assert not any("for later" in line for line in third.sees())
    third.leaves()
    assert cursors(chat, "alice") == 0


def test_two_accounts(chat: Chat) -> None:
    """It stays while one of them is online, and is read again when it is needed."""
    alice, bob = TestUser(chat, "alice", "password a"), TestUser(chat, "bob", "password b")
    alice.types("/msg bob one")
    alice.leaves()
    assert in_memory(chat) == 1
    bob.types("/msg alice two")
    bob.leaves()
    assert in_memory(chat) == 0
    alice, bob = TestUser(chat, "alice", "password a"), TestUser(chat, "bob", "password b")
    assert any("two" in line for line in alice.sees())
    bob.types("/msg alice three")
    assert any("three" in line for line in alice.sees())
    assert in_memory(chat) == 1


def test_a_guest_who_registers(chat: Chat) -> None:
    """The guest's conversation ends; the account's next one is another."""
    alice, gus = TestUser(chat, "alice", "password a"), TestUser(chat, "gus", "", "password g")
    gus.types("/msg alice as a guest")
    gus.types("/password")
    assert in_memory(chat) == 0
    gus.types("/msg alice as myself")
    assert any("as myself" in line for line in alice.sees())
    assert in_memory(chat) == 1

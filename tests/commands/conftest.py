"""A group with three members, and an operator."""

from __future__ import annotations

import pytest

from pyconchat.chat.chat import Chat
from pyconchat.testing import TestUser
from tests.support.groups import Tea, Visit


@pytest.fixture
def tea(visit: Visit) -> Tea:
    """The group tea with the policy approval: alice, its admin, bob and carol."""
    alice = visit("alice", "password a")
    bob, carol = visit("bob", "password b"), visit("carol", "password c")
    alice.types("/create tea open")
    bob.types("/join tea")
    carol.types("/join tea")
    alice.types("/policy approval")
    for each in (alice, bob, carol):
        each.sees()
    return Tea(alice, bob, carol)


@pytest.fixture
def olga(visit: Visit, chat: Chat) -> TestUser:
    """An operator: somebody who has used the claim code."""
    olga = visit("olga", "password o")
    olga.types(f"/claim {chat.accounts.claim_code}")
    return olga

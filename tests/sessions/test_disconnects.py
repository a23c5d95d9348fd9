"""Commands that wait while their user disconnects or is banned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from pyconchat.chat.chat import Chat
from pyconchat.testing import TestUser
from tests.support.groups import find_group

Visit = Callable[..., TestUser]


def answer_later(chat: Chat, method: str) -> Deferred[Any]:
    """Make the *method* of the hasher wait; return the Deferred that takes its answer."""
    answer: Deferred[Any] = Deferred()
    setattr(chat.hasher, method, lambda *_: answer)
    return answer


def operator(visit: Visit, chat: Chat) -> TestUser:
    olga = visit("olga", "secret")
    olga.types(f"/claim {chat.accounts.claim_code}")
    return olga


@pytest.mark.parametrize("end", ["leaves", "is banned"])
def test_a_group_is_not_created_after_a_disconnect(visit: Visit, chat: Chat, end: str) -> None:
    """Its creator disconnects or is banned while the password is hashed."""
    olga, gus = operator(visit, chat), visit("gus")
    hashed = answer_later(chat, "hash")
    gus.types("/create tea password secret")
    gus.leaves() if end == "leaves" else olga.types("/ban gus")
    hashed.callback("plain:secret")
    olga.tick()
    assert chat.groups.get("tea") is None


@pytest.mark.parametrize("end", ["leaves", "is banned"])
def test_nobody_becomes_a_member_after_a_disconnect(visit: Visit, chat: Chat, end: str) -> None:
    """The applicant disconnects or is banned while the group's password is checked."""
    olga, gus = operator(visit, chat), visit("gus")
    olga.types("/create tea password secret")
    olga.types("/desk")
    verified = answer_later(chat, "verify")
    gus.types("/join tea secret")
    gus.leaves() if end == "leaves" else olga.types("/ban gus")
    verified.callback(True)
    olga.tick()
    tea = find_group(chat, "tea").group
    assert tea is not None
    assert list(tea.members) == ["olga"]


def test_a_guest_is_not_registered_after_a_disconnect(visit: Visit, chat: Chat) -> None:
    """The name is free."""
    gus = visit("gus")
    gus.peer.answers = ["secret"]
    hashed = answer_later(chat, "hash")
    gus.types("/password")
    gus.leaves()
    hashed.callback("plain:secret")
    gus.tick()
    assert chat.accounts.get("gus") is None
    assert chat.store.load().server.accounts == []

"""What was begun by somebody who is gone, or banned, before it could be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from pyconchat.chat.chat import Chat
from pyconchat.testing import TestUser

Visit = Callable[..., TestUser]


def slow(chat: Chat, method: str) -> Deferred[Any]:
    """Have the hasher take its time; return what fires with its answer."""
    answer: Deferred[Any] = Deferred()
    setattr(chat.hasher, method, lambda *_: answer)
    return answer


def operator(visit: Visit, chat: Chat) -> TestUser:
    olga = visit("olga", "secret")
    olga.types(f"/claim {chat.accounts.claim_code}")
    return olga


@pytest.mark.parametrize("end", ["leaves", "is banned"])
def test_a_group_is_not_made_for_somebody_who_is_gone(visit: Visit, chat: Chat, end: str) -> None:
    """A group whose maker is gone while its password is hashed is not made."""
    olga, gus = operator(visit, chat), visit("gus")
    hashed = slow(chat, "hash")
    gus.types("/create tea password secret")
    gus.leaves() if end == "leaves" else olga.types("/ban gus")
    hashed.callback("plain:secret")
    olga.tick()
    assert chat.groups.get("tea") is None


@pytest.mark.parametrize("end", ["leaves", "is banned"])
def test_nobody_joins_who_is_gone(visit: Visit, chat: Chat, end: str) -> None:
    """Who is gone while the password is checked does not become a member."""
    olga, gus = operator(visit, chat), visit("gus")
    olga.types("/create tea password secret")
    olga.types("/desk")
    verified = slow(chat, "verify")
    gus.types("/join tea secret")
    gus.leaves() if end == "leaves" else olga.types("/ban gus")
    verified.callback(True)
    olga.tick()
    tea = chat.groups.find("tea").group
    assert tea is not None
    assert list(tea.members) == ["olga"]


def test_nobody_registers_who_is_gone(visit: Visit, chat: Chat) -> None:
    """A guest who is gone while the new password is hashed leaves the name free."""
    gus = visit("gus")
    gus.peer.answers = ["secret"]
    hashed = slow(chat, "hash")
    gus.types("/password")
    gus.leaves()
    hashed.callback("plain:secret")
    gus.tick()
    assert chat.accounts.get("gus") is None
    assert chat.store.load().server.accounts == []

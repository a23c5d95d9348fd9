"""A group with members in a chat in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pyconchat.chat.chat import Chat
from pyconchat.chat.conversations import GroupConversation
from pyconchat.testing import TestUser

__all__ = ["Tea", "Visit", "find_group"]

Visit = Callable[..., TestUser]


class Tea(NamedTuple):
    """The group tea: its admin alice, and its members bob and carol, all registered."""

    alice: TestUser
    bob: TestUser
    carol: TestUser


def find_group(chat: Chat, name: str) -> GroupConversation:
    """Return the conversation of the existing group *name*."""
    found = chat.groups.get(name)
    assert found is not None, name
    return found

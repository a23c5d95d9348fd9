"""A group with members in a chat in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pyconchat.testing import TestUser

__all__ = ["Tea", "Visit"]

Visit = Callable[..., TestUser]


class Tea(NamedTuple):
    """The group tea: its admin alice, and its members bob and carol, all registered."""

    alice: TestUser
    bob: TestUser
    carol: TestUser

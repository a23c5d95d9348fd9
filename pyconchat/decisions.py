"""Decision: what has been decided and is to be stored, as one unit.

A decision is a list of events, each the next entry of some conversation, and of writes to the
few tables that no log explains (accounts, read cursors, ignore lists). The journal commits
many decisions in one transaction; each is stored as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec

from pyconchat.events import AnyEvent
from pyconchat.names import Key, Name

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from pyconchat.interfaces import ISession

__all__ = [
    "OPEN_END",
    "SERVER",
    "Decision",
    "Ignore",
    "MoveCursor",
    "OpenDirect",
    "Part",
    "SaveAccount",
    "Write",
]

SERVER = 1
"""The conversation of the server itself: what operators do, announced to everybody."""

OPEN_END = 2**62
"""The end of a cursor that goes on for as long as the membership."""


class SaveAccount(msgspec.Struct, frozen=True):
    """Register *name*, or change the password."""

    name: Name
    password_hash: str


class Ignore(msgspec.Struct, frozen=True):
    """*owner* hides what *name* says, or (*on* is False) no longer does."""

    owner: Key
    name: Name
    on: bool


class MoveCursor(msgspec.Struct, frozen=True):
    """*owner* has received all entries up to *read* of a cursor that ends at *upto*."""

    owner: Key
    conversation: int
    read: int
    upto: int = OPEN_END


class OpenDirect(msgspec.Struct, frozen=True):
    """Begin the private conversation of two parties; *owners* are those who queue."""

    conversation: int
    parties: tuple[str, str]
    owners: tuple[Key, ...]


Write: TypeAlias = SaveAccount | Ignore | MoveCursor | OpenDirect


class Part(NamedTuple):
    """An event for one conversation.

    *version* is the state version of the group that it was decided on; None for messages, which
    change no state, and for what concerns the server, which has no versions.
    """

    conversation: int
    event: AnyEvent
    version: int | None = None


class Decision:
    """What one request has led to, at *at* (milliseconds since the epoch)."""

    __slots__ = ("again", "at", "done", "origin", "parts", "writes")

    def __init__(
        self,
        at: int,
        parts: Sequence[Part] = (),
        writes: Sequence[Write] = (),
        origin: ISession | None = None,
        done: Deferred[None] | None = None,
        again: Callable[[], None] | None = None,
    ) -> None:
        self.at = at
        self.parts = parts
        self.writes = writes
        self.origin = origin  # the session that typed it: its own screen shows it already
        self.done = done  # fires when it is stored and published
        self.again = again  # decides once more, after a conflict

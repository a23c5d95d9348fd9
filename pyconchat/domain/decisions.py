"""Decision: what has been decided and is to be stored, as one unit.

A decision is a list of events, each the next entry of some conversation, and of writes to the
few tables that no log explains (accounts, read cursors, ignore lists). The journal commits
many decisions in one transaction; each is stored as a whole or not at all. One that carries the
key of a request is stored once, however often the request is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec

from pyconchat.domain.events import AnyEvent
from pyconchat.domain.names import Key, Name

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from pyconchat.chat.interfaces import ISession

__all__ = [
    "OPEN_END",
    "SERVER",
    "Decision",
    "EndTokens",
    "Ignore",
    "MoveCursor",
    "MoveKeys",
    "NewEntry",
    "OpenDirect",
    "Repeated",
    "RequestKey",
    "SaveAccount",
    "SaveToken",
    "UseToken",
    "Write",
]

SERVER = 1
"""The conversation of the server itself: what operators do, announced to everybody."""

OPEN_END = 2**62
"""The end of a cursor that goes on for as long as the membership."""


class SaveAccount(msgspec.Struct, frozen=True):
    """Register *name*, or change the password, which ends the account's session tokens."""

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


class SaveToken(msgspec.Struct, frozen=True):
    """Let *owner* log in with the session token of which *digest* is the hash."""

    owner: Key
    digest: str


class UseToken(msgspec.Struct, frozen=True):
    """The session token was used: its time begins anew."""

    digest: str


class MoveKeys(msgspec.Struct, frozen=True):
    """What *old* has asked under keys counts as asked by *new*: a guest has registered."""

    old: str
    new: str


class EndTokens(msgspec.Struct, frozen=True):
    """No session token of *owner* is good any more."""

    owner: Key


Write: TypeAlias = (
    SaveAccount | Ignore | MoveCursor | OpenDirect | MoveKeys | SaveToken | UseToken | EndTokens
)


class RequestKey(NamedTuple):
    """What a client calls a request of *owner* (see `Account.party`), to make it once only."""

    owner: str
    key: str


class Repeated(NamedTuple):
    """A request with the same key was stored before; *seq* is the number of its entry."""

    seq: int


class NewEntry(NamedTuple):
    """An event for one conversation.

    *version* is the state version of the group that it was decided on; None for messages, which
    change no state, and for what concerns the server, which has no versions.
    """

    conversation: int
    event: AnyEvent
    version: int | None = None


class Decision:
    """What one request has led to, at *at* (milliseconds since the epoch)."""

    __slots__ = ("again", "at", "done", "entries", "key", "origin", "writes")

    def __init__(
        self,
        at: int,
        entries: Sequence[NewEntry] = (),
        writes: Sequence[Write] = (),
        origin: ISession | None = None,
        done: Deferred[int] | None = None,
        again: Callable[[], None] | None = None,
        key: RequestKey | None = None,
    ) -> None:
        self.at = at
        self.entries = entries
        self.writes = writes
        self.origin = origin  # the session on whose screen it stands already, as it was typed there
        self.done = done  # fires with the first entry's number when it is stored and published
        self.again = again  # decides once more, after a conflict
        self.key = key  # of the request, where the client gave one

    @property
    def empty(self) -> bool:
        """Return whether nothing is to be stored: somebody only waits for what was before it."""
        return not self.entries and not self.writes and self.key is None

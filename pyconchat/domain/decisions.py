"""Decision: the result of one request, stored as one unit.

A decision has new entries for conversations, and writes to the tables that no log explains
(accounts, read cursors, ignore lists, tokens). The journal commits many decisions in one
transaction; each is stored as a whole or not at all. A decision with a request key is stored
once, however often the request is repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias, assert_never

import msgspec

from pyconchat.domain.events import AnyEvent
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.public_keys import PublicKey

__all__ = [
    "OPEN_END",
    "SERVER",
    "Decision",
    "DeleteAccount",
    "Detach",
    "EndDirect",
    "EndToken",
    "EndTokens",
    "Ignore",
    "MarkRead",
    "MoveCursor",
    "MoveKeys",
    "Mute",
    "NewEntry",
    "NoteLogin",
    "NoteSeen",
    "OpenDirect",
    "Register",
    "RemoveKey",
    "Repeated",
    "RequestKey",
    "SaveKey",
    "SaveSetting",
    "SaveToken",
    "SetPassword",
    "UseKey",
    "UseToken",
    "Write",
    "owner_of",
]

SERVER = 1
"""Id of the server's own conversation: acts of operators, delivered to everybody."""

OPEN_END = 2**62
"""`upto` of a cursor that has no end: the membership lasts."""


class Register(msgspec.Struct, frozen=True):
    """Create the account *name*; a `Conflict` if there is one.

    Without a password (*password_hash* is empty) it has keys.
    """

    name: Name
    password_hash: str


class SetPassword(msgspec.Struct, frozen=True):
    """Change the password of *owner*, which ends its session tokens.

    A `Conflict` if the account does not exist any more.
    """

    owner: Key
    password_hash: str


class Ignore(msgspec.Struct, frozen=True):
    """*owner* ignores *name*, or stops ignoring it (*on* is False)."""

    owner: Key
    name: Name
    on: bool


class SaveSetting(msgspec.Struct, frozen=True):
    """*owner* switches the setting *name* on or off."""

    owner: Key
    name: str
    on: bool


class Mute(msgspec.Struct, frozen=True):
    """*owner* mutes the group of *conversation*, or unmutes it (*on* is False)."""

    owner: Key
    conversation: int
    on: bool


class Detach(msgspec.Struct, frozen=True):
    """*owner* has left the group of *conversation* at the IRC door, and is still a member.

    Or has joined it again there (*on* is False).
    """

    owner: Key
    conversation: int
    on: bool


class MarkRead(msgspec.Struct, frozen=True):
    """*owner* has read *target* up to *at* (milliseconds since the epoch).

    *target* is ``#`` and a group's name, or a person's, folded. With 0, the marker is deleted.
    """

    owner: Key
    target: str
    at: int


class MoveCursor(msgspec.Struct, frozen=True):
    """*owner* has received all entries up to *read*, on the cursor that ends at *upto*.

    Entries up to *shown* were displayed to them. Neither number ever decreases.
    """

    owner: Key
    conversation: int
    read: int
    upto: int = OPEN_END
    shown: int = 0


class OpenDirect(msgspec.Struct, frozen=True):
    """Create the private conversation of two parties; *owners* get cursors on it."""

    conversation: int
    parties: tuple[str, str]
    owners: tuple[Key, ...]


class EndDirect(msgspec.Struct, frozen=True):
    """End a private conversation, one party of which no longer exists, at its entry *head*.

    The other party still receives the missed entries at the next login. Its files are deleted.
    """

    conversation: int
    head: int


class SaveToken(msgspec.Struct, frozen=True):
    """Store a session token of *owner*; *digest* is its hash."""

    owner: Key
    digest: str


class UseToken(msgspec.Struct, frozen=True):
    """The session token was used: its expiry is extended."""

    digest: str


class SaveKey(msgspec.Struct, frozen=True):
    """Add the public *key* to the account *owner*."""

    owner: Name
    key: PublicKey


class RemoveKey(msgspec.Struct, frozen=True):
    """Remove the public key *blob* from *owner*."""

    owner: Key
    blob: str


class UseKey(msgspec.Struct, frozen=True):
    """*owner* has logged in with the public key *blob*."""

    owner: Key
    blob: str


class MoveKeys(msgspec.Struct, frozen=True):
    """Move request keys and tickets from the guest *old* to the account *new* that replaces it."""

    old: str
    new: str


class EndToken(msgspec.Struct, frozen=True):
    """Delete the session token with *digest*: a browser has logged out."""

    digest: str


class EndTokens(msgspec.Struct, frozen=True):
    """Delete all session tokens of *owner*."""

    owner: Key


class NoteLogin(msgspec.Struct, frozen=True):
    """*owner* has logged in."""

    owner: Key


class NoteSeen(msgspec.Struct, frozen=True):
    """The last session of *owner* has ended."""

    owner: Key


class DeleteAccount(msgspec.Struct, frozen=True):
    """Delete the account *owner*, with all that is only its own: tokens, cursors, settings.

    Its private conversations move to *party*, which is never the party of an account: they remain
    for their other party, and a later account with the same name does not get them. Their files are
    deleted.
    """

    owner: Key
    party: str


Write: TypeAlias = (
    Register
    | SetPassword
    | Ignore
    | SaveSetting
    | Mute
    | Detach
    | MarkRead
    | MoveCursor
    | OpenDirect
    | EndDirect
    | MoveKeys
    | SaveToken
    | SaveKey
    | RemoveKey
    | UseKey
    | UseToken
    | EndToken
    | EndTokens
    | NoteLogin
    | NoteSeen
    | DeleteAccount
)


def owner_of(write: Write) -> Key | None:
    """Return the account that *write* changes; None if other nodes need not read it again."""
    match write:
        case Register(name=name) | SaveKey(owner=name):
            return fold(name)
        case (
            SetPassword(owner=key)
            | EndTokens(owner=key)
            | Ignore(owner=key)
            | SaveSetting(owner=key)
            | Mute(owner=key)
            | Detach(owner=key)
            | MarkRead(owner=key)
            | RemoveKey(owner=key)
            | DeleteAccount(owner=key)
        ):
            return key
        case (
            MoveCursor()
            | OpenDirect()
            | EndDirect()
            | MoveKeys()
            | SaveToken()
            | UseToken()
            | EndToken()
            | UseKey()
            | NoteLogin()
            | NoteSeen()
        ):
            return None
        case _:
            assert_never(write)


class RequestKey(NamedTuple):
    """The key of a request of *owner* (`Account.party`), the same when it is repeated."""

    owner: str
    key: str


class Repeated(NamedTuple):
    """The decision's request key was stored before; *seq* is the number of its entry."""

    seq: int


class NewEntry(NamedTuple):
    """An event to append to one conversation.

    *version* is the group's state version that it was decided on. The store refuses it on any
    other. None: on any state, for messages, which change none, and for conversations without
    versions, as the server's.
    """

    conversation: int
    event: AnyEvent
    version: int | None = None


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What one request has led to, at *at* (milliseconds since the epoch).

    *key* is the request's, where the client gave one.
    """

    at: int
    entries: Sequence[NewEntry] = ()
    writes: Sequence[Write] = ()
    key: RequestKey | None = None

    @property
    def empty(self) -> bool:
        """Return whether there is nothing to store."""
        return not self.entries and not self.writes and self.key is None

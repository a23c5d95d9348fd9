"""The records that the store returns."""

from __future__ import annotations

import msgspec

from pyconchat.domain.events import Entry
from pyconchat.domain.group_state import Ban, GroupState, SharedFile
from pyconchat.domain.names import Key, Name
from pyconchat.domain.public_keys import PublicKey
from pyconchat.domain.text import SafeText

__all__ = [
    "AccountRecord",
    "AccountState",
    "Caught",
    "ClosedGroup",
    "CursorRecord",
    "DirectFiles",
    "DirectRecord",
    "Loaded",
    "NodeRecord",
    "Online",
    "OnlineRecord",
    "ServerState",
    "StoredGroup",
    "TicketRecord",
    "TokenRecord",
]


class AccountRecord(msgspec.Struct, frozen=True):
    """A registered account. Times are in milliseconds since the epoch; None: unknown.

    *ended_at* is when its owner last ended all sessions; 0: never.
    """

    name: Name
    password_hash: str
    operator: bool
    created_at: int = 0
    last_login_at: int | None = None
    last_seen_at: int | None = None
    keys: tuple[PublicKey, ...] = ()
    ended_at: int = 0


class TokenRecord(msgspec.Struct, frozen=True):
    """A session token: its owner, and when it was last used (milliseconds since the epoch)."""

    owner: Key
    used_at: int


class CursorRecord(msgspec.Struct, frozen=True):
    """Cursor of a reader: of the entries up to *upto*, those up to *read* were received.

    *head* is the number of the newest entry. *parties* are the two sides of a private
    conversation, None for a group, whose name is then *group*. Entries up to *shown*
    were displayed to the owner; *named* are the numbers of later entries that mention the owner.
    """

    conversation: int
    read: int
    upto: int
    head: int
    parties: tuple[str, str] | None
    group: Name
    named: tuple[int, ...] = ()
    shown: int = 0


class DirectRecord(msgspec.Struct, frozen=True):
    """A private conversation of two *parties*, its newest entry *head*, and the time of that."""

    id: int
    head: int
    at: int
    parties: tuple[str, str]


class StoredGroup(msgspec.Struct, frozen=True):
    """A group's state, the count of changes that led to it, and the newest entry's number."""

    state: GroupState
    version: int
    head: int


class ClosedGroup(msgspec.Struct, frozen=True):
    """A group that was closed at *closed_at* (milliseconds since the epoch), *days* ago.

    *days* counts the days on which a server has run since. *id* is its conversation.
    """

    id: int
    stored: StoredGroup
    closed_at: int
    days: int


class DirectFiles(msgspec.Struct, frozen=True):
    """The *files* of the private conversation of two registered *parties*.

    *last_file* is the highest number that a file of it ever had.
    """

    parties: tuple[str, str]
    last_file: int
    files: list[SharedFile]


class ServerState(msgspec.Struct, frozen=True):
    """The state of the whole server. *claim_code* is None once it has been used."""

    accounts: list[AccountRecord]
    ignores: list[tuple[Key, Name]]
    settings: list[tuple[Key, str, bool]]
    mutes: list[tuple[Key, int]]
    detached: list[tuple[Key, int]]
    read_markers: list[tuple[Key, str, int]]
    bans: list[Ban]
    claim_code: str | None


class Loaded(msgspec.Struct, frozen=True):
    """All that a server keeps in memory. *groups* are the open ones, by conversation id.

    *closed_files* are the files of closed groups that are still kept, *direct_files* those of
    private conversations that ever had any.
    """

    groups: dict[int, StoredGroup]
    closed_files: dict[int, list[SharedFile]]
    direct_files: dict[int, DirectFiles]
    server: ServerState
    highest_conversation: int
    highest_number: int
    server_head: int


class Caught(msgspec.Struct, frozen=True):
    """The new *entries* of a conversation, after the last known one and up to *head*, in order.

    *group* is the state at *head*, None unless it is a group whose version was not known. *parties*
    are those of a private conversation, else None. Everything is read in one snapshot. If there are
    *more* entries than were asked for, *entries* are the first ones, but *group* is still the state
    at *head*.
    """

    head: int
    entries: list[Entry]
    group: StoredGroup | None = None
    parties: tuple[str, str] | None = None
    more: bool = False


class ChangedHead(msgspec.Struct, frozen=True):
    """The *head* of a conversation; *parties* are those of a private one, else None."""

    id: int
    head: int
    parties: tuple[str, str] | None = None


class AccountState(msgspec.Struct, frozen=True):
    """Everything that is stored about one account. `ServerState` has it for all accounts."""

    record: AccountRecord
    ignores: list[Name]
    settings: list[tuple[str, bool]]
    mutes: list[int]
    detached: list[int]
    read_markers: list[tuple[str, int]]


class NodeRecord(msgspec.Struct, frozen=True):
    """One of the servers (nodes) that share a database.

    *count* is the number of `OnlineRecord`s that it has ever stored, including deleted ones.
    """

    id: int
    name: str
    count: int = 0


class OnlineRecord(msgspec.Struct, frozen=True):
    """Somebody who has *sessions* sessions at *node*; *party* is `Account.party`.

    *away* is the away text at that node, set at *away_at* (milliseconds since the epoch);
    else None. The row of a guest ends with their session.
    """

    node: int
    name: Name
    party: str
    sessions: int
    away: str | None = None
    away_at: int = 0


class Online(msgspec.Struct, frozen=True):
    """The people online at some nodes, and each node's `NodeRecord.count` at that moment, by id."""

    counts: dict[int, int]
    records: list[OnlineRecord]


class TicketRecord(msgspec.Struct, frozen=True):
    """A ticket for the transfer of one file, which is valid at all nodes.

    *digest* is the SHA-256 of its token, in hex. It belongs to the account with *party*. *place* is
    the number of a group's conversation, or ``@`` and the party of the partner in private. *number*
    is the file to download; 0: an upload under *name*, which counts in *quota* (see `FileShared`).
    """

    digest: str
    party: str
    place: str
    name: SafeText
    number: int
    quota: str

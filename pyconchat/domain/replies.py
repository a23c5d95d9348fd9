"""Replies: what the asker alone is told. Events go to the group, replies to the session.

They are records, so that each renderer can show them in its own way.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

import msgspec

from pyconchat.domain.events import NO_TEXT, Entry, Policy
from pyconchat.domain.group_state import Ban, JoinRequest
from pyconchat.domain.names import Name
from pyconchat.domain.text import SafeText

__all__ = [
    "AdminIs",
    "ArgumentHelp",
    "Asked",
    "Bans",
    "CommandHelp",
    "Done",
    "DownloadTicket",
    "Drop",
    "Durations",
    "EndWhy",
    "Ended",
    "Entered",
    "FileLine",
    "Files",
    "FrontDesk",
    "GroupLine",
    "Groups",
    "Help",
    "Live",
    "Matches",
    "MemberLine",
    "PasswordSet",
    "PersonLine",
    "PersonOnline",
    "PresenceChanged",
    "Replayed",
    "Reply",
    "Requests",
    "Roster",
    "Said",
    "Sent",
    "Stats",
    "UploadTicket",
    "Where",
]


class Where(msgspec.Struct, frozen=True, eq=False):
    """From where a reader looks at a conversation.

    *group* is its name; for a private conversation it is None and *other* is the reader's
    partner. *here* is true of the group that is the reader's current one. A conversation keeps
    its own two, so they are told apart by identity, which is quick.
    """

    group: Name | None = None
    here: bool = False
    other: Name | None = None


class _Reply(msgspec.Struct, frozen=True, tag_field="type"):
    """Something that one person is told."""


class Done(_Reply, frozen=True, tag="done"):
    """It is done, or known; *text* says what."""

    text: SafeText


class Said(_Reply, frozen=True, tag="said"):
    """What was said is stored, as entry number *seq*."""

    seq: int


class Sent(_Reply, frozen=True, tag="sent"):
    """What was said to *other* is stored, as entry number *seq*."""

    other: Name
    online: bool
    seq: int


class EndWhy(Enum):
    """Why the server ends a connection."""

    BYE = "bye"
    STOPPING = "stopping"
    PUT_OFF = "put-off"
    PASSWORD = "password"
    EVERYWHERE = "everywhere"
    LATE = "late"
    BAD_JSON = "bad-json"
    WRONG_PASSWORD = "wrong-password"
    TROUBLE = "trouble"


class Ended(_Reply, frozen=True, tag="end"):
    """The last words on a connection."""

    why: EndWhy
    text: SafeText


class Live(_Reply, frozen=True, tag="live"):
    """All that was missed has been sent."""


class PasswordSet(_Reply, frozen=True, tag="password"):
    """The password is changed; *token* is for programs, "" for people."""

    text: SafeText
    token: str


class Entered(_Reply, frozen=True, tag="entered"):
    """The reader's current group is *group* now."""

    group: Name
    number: int
    admin: Name
    topic: SafeText
    members: int
    online: int
    policy: Policy
    created: bool = False


class Asked(_Reply, frozen=True, tag="asked"):
    """The reader asked to join *group*; its *admin* has to approve."""

    group: Name
    admin: Name


class FrontDesk(_Reply, frozen=True, tag="desk"):
    """The reader is at the front desk, and still a member of *left*."""

    left: Name | None = None


class GroupLine(msgspec.Struct, frozen=True):
    """One group of a `Groups` reply; *unread* is None where the reader is no member."""

    number: int
    name: Name
    policy: Policy
    members: int
    online: int
    unread: int | None
    topic: SafeText


class Groups(_Reply, frozen=True, tag="groups"):
    """The groups of this server that have *part* in their name; *more* than are listed here."""

    groups: list[GroupLine]
    more: int = 0
    part: SafeText = NO_TEXT


class Requests(_Reply, frozen=True, tag="requests"):
    """Who asks to join *group*; *now* (milliseconds) is what their age is reckoned from."""

    group: Name
    requests: list[JoinRequest]
    now: int
    more: int = 0


class MemberLine(msgspec.Struct, frozen=True):
    """One member of a `Roster`."""

    name: Name
    admin: bool
    guest: bool
    online: bool


class Roster(_Reply, frozen=True, tag="members"):
    """The members of *group*, longest-standing first; *online_only* leaves out the others."""

    group: Name
    members: list[MemberLine]
    online_only: bool
    more: int = 0
    part: SafeText = NO_TEXT


class AdminIs(_Reply, frozen=True, tag="admin-is"):
    """Who the admin of *group* is."""

    group: Name
    admin: Name
    online: bool


class Bans(_Reply, frozen=True, tag="bans"):
    """Who is banned from *group*, or from the server where that is None."""

    group: Name | None
    bans: list[Ban]
    more: int = 0


class FileLine(msgspec.Struct, frozen=True):
    """One file of a `Files` reply; *size* in bytes, *at* in milliseconds since the epoch."""

    number: int
    name: SafeText
    size: int
    sha256: str
    by: Name
    at: int


class Files(_Reply, frozen=True, tag="files"):
    """The files that were shared with *group*."""

    group: Name
    files: list[FileLine]
    more: int = 0


class UploadTicket(_Reply, frozen=True, tag="upload"):
    """Leave to send the file *name* to *group*, on a connection of its own, with *ticket*.

    *offset* bytes are here already, of an earlier attempt; at most *most* bytes may come.
    *command* is what sends it from a shell.
    """

    ticket: str
    group: Name
    name: SafeText
    offset: int
    most: int
    command: SafeText


class DownloadTicket(_Reply, frozen=True, tag="download"):
    """Leave to fetch a file, on a connection of its own; *command* does from a shell."""

    ticket: str
    group: Name
    number: int
    name: SafeText
    size: int
    sha256: str
    command: SafeText


class PersonLine(msgspec.Struct, frozen=True):
    """Somebody who is online; *groups* are those that the reader shares with them."""

    name: Name
    guest: bool
    operator: bool
    groups: list[Name]


class PersonOnline(_Reply, frozen=True, tag="who"):
    """Who is online."""

    people: list[PersonLine]
    more: int = 0
    part: SafeText = NO_TEXT


class Replayed(_Reply, frozen=True, tag="history"):
    """Entries of the log, oldest first."""

    where: Where
    entries: list[Entry]


class Matches(_Reply, frozen=True, tag="matches"):
    """Messages that have all of *words*, oldest first; *more* than are shown may exist."""

    where: Where
    words: SafeText
    entries: list[Entry]
    more: bool


class ArgumentHelp(msgspec.Struct, frozen=True):
    """One argument of a command. *kind* is what completion can offer for it.

    *rest* says that it takes the rest of the line, *secret* that it should not be kept.
    """

    label: str
    kind: str
    optional: bool
    rest: bool
    secret: bool = False


class CommandHelp(msgspec.Struct, frozen=True):
    """One command, as help and completion need it; *menu* is its number at the front desk."""

    name: str
    usage: str
    also: list[str]
    summary: str
    arguments: list[ArgumentHelp] = []
    menu: str = ""


class Help(_Reply, frozen=True, tag="help"):
    """Some or all commands; *brief* asks for a line each."""

    commands: list[CommandHelp]
    desk: bool
    brief: bool


class Durations(msgspec.Struct, frozen=True):
    """How long *count* times something took, in seconds: the half of them, 99 of 100, the worst."""

    count: int
    p50: float
    p99: float
    longest: float


class Drop(msgspec.Struct, frozen=True):
    """How often connections ended for one cause."""

    cause: str
    count: int


class Stats(_Reply, frozen=True, tag="stats", kw_only=True):
    """What the server has done since it started, and how it is; *uptime* in seconds.

    *connections* are all that are open, *strangers* those of them that have not logged in,
    *deliveries* messages times who saw them; *waiting* is what waits to be stored, *hashing* the
    passwords that are being checked, *unsent* the bytes that peers have not taken, *memory* what
    the process has, in bytes. *lag* is how late the reactor was for what was due.
    """

    version: str
    uptime: float
    memory: int
    sessions: int = 0
    connections: int = 0
    strangers: int = 0
    accounts: int = 0
    groups: int = 0
    entries: int
    messages: int
    deliveries: int
    not_saved: int
    waiting: int = 0
    hashing: int = 0
    unsent: int = 0
    commits: Durations
    lag: Durations
    dropped: list[Drop]
    turned_away: list[Drop]


class PresenceChanged(_Reply, frozen=True, tag="presence"):
    """Somebody with whom the reader shares groups came online or went offline."""

    name: Name
    online: bool
    reason: SafeText = NO_TEXT


Reply: TypeAlias = (
    Done
    | Said
    | Sent
    | Ended
    | Live
    | PasswordSet
    | Entered
    | Asked
    | FrontDesk
    | Groups
    | Requests
    | Roster
    | AdminIs
    | Bans
    | Files
    | UploadTicket
    | DownloadTicket
    | PersonOnline
    | Replayed
    | Matches
    | Help
    | Stats
    | PresenceChanged
)

"""Replies: the answers to commands. Events go to the group, replies to one session.

They are records, so that each renderer formats them in its own way.
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
    "Missed",
    "ModeratorLine",
    "OwnGroup",
    "OwnGroups",
    "PasswordSet",
    "PeopleOnline",
    "PersonLine",
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
    """A conversation as a reader sees it.

    *group* is its name; for a private conversation it is None and *other* is the reader's
    partner. *here* is true if the group is the reader's current one. Compared by identity, which
    is fast: each conversation has one instance for either value of *here*.
    """

    group: Name | None = None
    here: bool = False
    other: Name | None = None


class _Reply(msgspec.Struct, frozen=True, tag_field="type"):
    """The base class of replies.

    A list may have only some of its items: *more* is how many are behind them, and *next* the
    command that lists those.
    """


class Done(_Reply, frozen=True, tag="done"):
    """A sentence as the answer, where the command has no reply of its own."""

    text: SafeText


class Said(_Reply, frozen=True, tag="said"):
    """The message is stored, as entry number *seq*."""

    seq: int


class Sent(_Reply, frozen=True, tag="sent"):
    """The private message to *other* is stored, as entry number *seq*."""

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
    REPLACED = "replaced"
    LATE = "late"
    BAD_JSON = "bad-json"
    WRONG_PASSWORD = "wrong-password"
    TROUBLE = "trouble"


class Ended(_Reply, frozen=True, tag="end"):
    """The last line on a connection."""

    why: EndWhy
    text: SafeText


class OwnGroup(msgspec.Struct, frozen=True):
    """A group of the reader. *head* is the number of its newest entry."""

    group: Name
    number: int
    policy: Policy
    role: str
    unread: int
    head: int
    topic: SafeText


class OwnGroups(_Reply, frozen=True, tag="own-groups"):
    """More groups of the reader, a program, which the answer to its hello had no room for.

    *more* others follow.
    """

    groups: list[OwnGroup]
    more: int


class Live(_Reply, frozen=True, tag="live"):
    """All missed entries have been sent."""


class Missed(_Reply, frozen=True, tag="missed"):
    """*count* missed entries of a conversation follow; *older* ones do not.

    The conversation is *group*, or the one with *other*. The oldest missed entry is from *since*;
    times are in milliseconds since the epoch.
    """

    group: Name | None
    other: Name | None
    count: int
    older: int
    since: int
    now: int


class PasswordSet(_Reply, frozen=True, tag="password"):
    """The password is changed. *token* is a new session token for a program, "" for a person."""

    text: SafeText
    token: str


class Entered(_Reply, frozen=True, tag="entered"):
    """The reader has entered *group*: it is the current one.

    *admin* is None if the operators look after it. A *temporary* group ends with its last guest.
    """

    group: Name
    number: int
    admin: Name | None
    topic: SafeText
    members: int
    online: int
    policy: Policy
    created: bool = False
    temporary: bool = False


class Asked(_Reply, frozen=True, tag="asked"):
    """The reader asked to join *group*.

    Its *admin* or a moderator has to approve, one of whom may be *online*; if it has no admin, an
    operator.
    """

    group: Name
    admin: Name | None
    online: bool = True


class FrontDesk(_Reply, frozen=True, tag="desk"):
    """The reader is at the front desk. *left* is their last group; they are still a member."""

    left: Name | None = None


class GroupLine(msgspec.Struct, frozen=True):
    """One group of a `Groups` reply. *unread* is None if the reader is not a member."""

    number: int
    name: Name
    policy: Policy
    members: int
    online: int
    unread: int | None
    topic: SafeText


class Groups(_Reply, frozen=True, tag="groups"):
    """The groups of this server with *part* in their name."""

    groups: list[GroupLine]
    more: int = 0
    next: SafeText = NO_TEXT
    part: SafeText = NO_TEXT


class Requests(_Reply, frozen=True, tag="requests"):
    """The applicants of *group*. Their ages are up to *now*, in milliseconds since the epoch."""

    group: Name
    requests: list[JoinRequest]
    now: int
    more: int = 0
    next: SafeText = NO_TEXT


class MemberLine(msgspec.Struct, frozen=True, kw_only=True):
    """One member of a `Roster`."""

    name: Name
    admin: bool
    moderator: bool = False
    guest: bool
    quiet: bool = False
    online: bool


class Roster(_Reply, frozen=True, tag="members"):
    """The members of *group*, oldest first; with *online_only*, only those who are online."""

    group: Name
    members: list[MemberLine]
    online_only: bool
    more: int = 0
    next: SafeText = NO_TEXT
    part: SafeText = NO_TEXT


class ModeratorLine(msgspec.Struct, frozen=True):
    """One moderator of an `AdminIs` reply."""

    name: Name
    online: bool


class AdminIs(_Reply, frozen=True, tag="admin-is"):
    """The admin of *group*, None if the operators look after it, and the *moderators*."""

    group: Name
    admin: Name | None
    online: bool
    moderators: list[ModeratorLine] = []


class Bans(_Reply, frozen=True, tag="bans"):
    """The bans of *group*, or of the server if that is None, at *now* (milliseconds)."""

    group: Name | None
    bans: list[Ban]
    now: int
    more: int = 0
    next: SafeText = NO_TEXT


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
    next: SafeText = NO_TEXT


class UploadTicket(_Reply, frozen=True, tag="upload"):
    """A *ticket* for uploading the file *name* to *group* on a separate connection.

    The server has *offset* bytes of an earlier attempt and accepts at most *most* bytes.
    *command* is a shell command for the upload.
    """

    ticket: str
    group: Name
    name: SafeText
    offset: int
    most: int
    command: SafeText


class DownloadTicket(_Reply, frozen=True, tag="download"):
    """A *ticket* for downloading a file on a separate connection.

    *command* is a shell command for the download.
    """

    ticket: str
    group: Name
    number: int
    name: SafeText
    size: int
    sha256: str
    command: SafeText


class PersonLine(msgspec.Struct, frozen=True):
    """Somebody who is online. *groups* are those that the reader is in, too."""

    name: Name
    guest: bool
    operator: bool
    groups: list[Name]


class PeopleOnline(_Reply, frozen=True, tag="who"):
    """The people who are online."""

    people: list[PersonLine]
    more: int = 0
    next: SafeText = NO_TEXT
    part: SafeText = NO_TEXT


class Replayed(_Reply, frozen=True, tag="history"):
    """Entries of the log, oldest first; *more* older ones were asked for as well."""

    where: Where
    entries: list[Entry]
    more: int = 0
    next: SafeText = NO_TEXT


class Matches(_Reply, frozen=True, tag="matches"):
    """The newest messages that have all of *words*, oldest first; *more* if there may be others."""

    where: Where
    words: SafeText
    entries: list[Entry]
    more: bool


class ArgumentHelp(msgspec.Struct, frozen=True):
    """One argument of a command. *kind* is what completion can offer for it.

    *rest* is true if it takes the rest of the line, *secret* if it should not be saved.
    """

    label: str
    kind: str
    optional: bool
    rest: bool
    secret: bool = False


class CommandHelp(msgspec.Struct, frozen=True):
    """One command, for help and completion. *menu* is its number at the front desk.

    *subject* is the heading under which help lists it.
    """

    name: str
    usage: str
    also: list[str]
    summary: str
    arguments: list[ArgumentHelp] = []
    menu: str = ""
    subject: str = ""


class Help(_Reply, frozen=True, tag="help"):
    """Some or all commands; with *brief*, one line each."""

    commands: list[CommandHelp]
    desk: bool
    brief: bool


class Durations(msgspec.Struct, frozen=True):
    """Percentiles of *count* durations, and the longest, in seconds."""

    count: int
    p50: float
    p99: float
    longest: float


class Drop(msgspec.Struct, frozen=True):
    """How many connections ended for one cause."""

    cause: str
    count: int


class Stats(_Reply, frozen=True, tag="stats", kw_only=True):
    """The server's counters since its start, and its load now.

    *uptime* is in seconds, *memory* and *unsent* (data waiting for slow readers) in bytes.
    *strangers* are the *connections* that have not logged in. *deliveries* counts each message
    once for each reader. *waiting* are decisions to be stored, *hashing* passwords being checked.
    *commits* are durations of commits, *lag* is how late the reactor ran timers.
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
    """Somebody who shares a group with the reader came online or went offline."""

    name: Name
    online: bool
    reason: SafeText = NO_TEXT


Reply: TypeAlias = (
    Done
    | Said
    | Sent
    | Ended
    | OwnGroups
    | Live
    | Missed
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
    | PeopleOnline
    | Replayed
    | Matches
    | Help
    | Stats
    | PresenceChanged
)

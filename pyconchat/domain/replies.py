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
from pyconchat.domain.settings import Settings
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
    "InPrivate",
    "Live",
    "Matches",
    "MemberLine",
    "Mentioned",
    "Mentions",
    "Missed",
    "ModeratorLine",
    "Muted",
    "OwnGroup",
    "OwnGroups",
    "PasswordSet",
    "PeopleOnline",
    "PersonIs",
    "PersonLine",
    "PinLine",
    "Pins",
    "PresenceChanged",
    "ReadUpto",
    "Replayed",
    "Reply",
    "Requests",
    "Roster",
    "Said",
    "Sent",
    "SettingsAre",
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

    A list may have only some of its items: *more* is the number of the rest, and *next* the command
    that lists them.
    """


class Done(_Reply, frozen=True, tag="done"):
    """A sentence as the answer, where the command has no reply of its own."""

    text: SafeText


class Said(_Reply, frozen=True, tag="said"):
    """The message is stored, as entry number *seq*."""

    seq: int


class Sent(_Reply, frozen=True, tag="sent"):
    """The private message to *other* is stored, as entry number *seq*.

    *away* is the away text of *other*, if the reader has not got it yet; else None.
    """

    other: Name
    online: bool
    seq: int
    away: SafeText | None = None


class SettingsAre(_Reply, frozen=True, tag="settings"):
    """The reader's settings. Programs also get changes that were made on other devices."""

    settings: Settings


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
    """A group of the reader. *head* is the number of its newest entry.

    *unread* entries are new to the reader, and *mentions* of them mention the reader.
    """

    group: Name
    number: int
    policy: Policy
    role: str
    unread: int
    mentions: int
    muted: bool
    head: int
    topic: SafeText


class OwnGroups(_Reply, frozen=True, tag="own-groups"):
    """More groups of the reader, a program: those that did not fit into the answer to its hello.

    *more* others follow.
    """

    groups: list[OwnGroup]
    more: int


class Live(_Reply, frozen=True, tag="live"):
    """All missed entries have been sent."""


class Missed(_Reply, frozen=True, tag="missed"):
    """*count* missed entries of a conversation follow; *older* ones do not.

    The conversation is *group*, or the one with *other*. The oldest missed entry is from *since*;
    *mentions* of them mention the reader. Times are in milliseconds since the epoch.
    """

    group: Name | None
    other: Name | None
    count: int
    older: int
    since: int
    now: int
    mentions: int = 0


class Muted(_Reply, frozen=True, tag="muted"):
    """The reader has muted or unmuted *group*. Programs also get changes of other devices."""

    group: Name
    muted: bool


class ReadUpto(_Reply, frozen=True, tag="read"):
    """Another device of the reader has shown a conversation up to the entry *seq*.

    The conversation is *group*, or the one with *other*.
    """

    group: Name | None
    other: Name | None
    seq: int


class PasswordSet(_Reply, frozen=True, tag="password"):
    """The password is changed. *token* is a new session token for a program, "" for a person."""

    text: SafeText
    token: str


class PinLine(msgspec.Struct, frozen=True):
    """A pinned message: the entry *seq*, from *sender*, and the start of its text.

    *text* is empty if the reader ignores the sender.
    """

    seq: int
    sender: Name
    text: SafeText


class Pins(_Reply, frozen=True, tag="pins"):
    """The pinned messages of *group*, in the order in which they were pinned."""

    group: Name
    pins: list[PinLine]


class Entered(_Reply, frozen=True, tag="entered"):
    """The reader has entered *group*: it is the current one.

    *admin* is None if the operators manage it. A *temporary* group ends with its last guest.
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
    pins: list[PinLine] = []


class InPrivate(_Reply, frozen=True, tag="query"):
    """The reader is in the private conversation with *other*, who may be a *guest*.

    *away* is the away text of *other*; None if they are not away.
    """

    other: Name
    online: bool
    guest: bool
    away: SafeText | None = None


class Asked(_Reply, frozen=True, tag="asked"):
    """The reader asked to join *group*.

    Its *admin* or a moderator has to approve, or an operator if it has no admin. *online* is
    whether one of them is online.
    """

    group: Name
    admin: Name | None
    online: bool = True


class FrontDesk(_Reply, frozen=True, tag="desk"):
    """The reader is at the front desk. *left* is their last group; they are still a member."""

    left: Name | None = None


class GroupLine(msgspec.Struct, frozen=True):
    """One group of a `Groups` reply. *unread* and *mentions* are None if it is not the reader's."""

    number: int
    name: Name
    policy: Policy
    members: int
    online: int
    unread: int | None
    topic: SafeText
    mentions: int | None = None
    muted: bool = False


class Groups(_Reply, frozen=True, tag="groups"):
    """The groups of this server with *part* in their name."""

    groups: list[GroupLine]
    more: int = 0
    next: SafeText = NO_TEXT
    part: SafeText = NO_TEXT


class Requests(_Reply, frozen=True, tag="requests"):
    """The applicants of *group*. Their ages are up to *now*, in milliseconds since the epoch.

    *named* is whether the command named the group, which then may not be the current one.
    """

    group: Name
    requests: list[JoinRequest]
    now: int
    more: int = 0
    next: SafeText = NO_TEXT
    named: bool = False


class MemberLine(msgspec.Struct, frozen=True, kw_only=True):
    """One member of a `Roster`. *away* is their away text; None if they are not away."""

    name: Name
    admin: bool
    moderator: bool = False
    guest: bool
    quiet: bool = False
    online: bool
    away: SafeText | None = None


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
    """The admin of *group*, None if the operators manage it, and the *moderators*."""

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
    """A person who is online. *groups* are those that the reader is in, too.

    *away* is their away text; None if they are not away.
    """

    name: Name
    guest: bool
    operator: bool
    groups: list[Name]
    away: SafeText | None = None


class PeopleOnline(_Reply, frozen=True, tag="who"):
    """The people who are online."""

    people: list[PersonLine]
    more: int = 0
    next: SafeText = NO_TEXT
    part: SafeText = NO_TEXT


class PersonIs(_Reply, frozen=True, tag="whois", kw_only=True):
    """The person *name*. *groups* are those that the reader is in, too; *more* are not listed.

    *since* is when they registered, *seen* when they were last online, and *away_since* when they
    went away, with the away text *away*. These times, and *now*, are in milliseconds since the
    epoch. *idle* is in seconds. All are None if they are unknown or do not apply.
    """

    name: Name
    online: bool
    guest: bool
    operator: bool
    since: int | None = None
    seen: int | None = None
    idle: int | None = None
    away: SafeText | None = None
    away_since: int | None = None
    groups: list[Name]
    more: int = 0
    now: int


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


class Mentioned(msgspec.Struct, frozen=True):
    """An entry that mentions the reader; *unread* if it has not been shown yet."""

    where: Where
    entry: Entry
    unread: bool


class Mentions(_Reply, frozen=True, tag="mentions"):
    """The reader's mentions, oldest first; there are *more* older ones."""

    mentions: list[Mentioned]
    more: int = 0
    next: SafeText = NO_TEXT


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
    | SettingsAre
    | Ended
    | OwnGroups
    | Live
    | Missed
    | Muted
    | PasswordSet
    | ReadUpto
    | Entered
    | InPrivate
    | Pins
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
    | PersonIs
    | Replayed
    | Matches
    | Mentions
    | Help
    | Stats
    | PresenceChanged
)

"""Replies about groups: the list of groups, the state of one, and its members."""

from __future__ import annotations

import msgspec

from pyconchat.domain.events import NO_TEXT, Policy
from pyconchat.domain.group_state import Ban, JoinRequest
from pyconchat.domain.names import Name
from pyconchat.domain.replies.base import BaseReply
from pyconchat.domain.text import SafeText

__all__ = [
    "AdminIs",
    "Asked",
    "Bans",
    "CodeLine",
    "CodeMade",
    "Codes",
    "Entered",
    "FrontDesk",
    "GroupLine",
    "Groups",
    "HookLine",
    "HookMade",
    "Hooks",
    "MemberLine",
    "ModeratorLine",
    "PinLine",
    "Pins",
    "Requests",
    "Roster",
]


class PinLine(msgspec.Struct, frozen=True):
    """A pinned message: the entry *seq*, from *sender*, and the start of its text.

    *text* is empty if the reader ignores the sender.
    """

    seq: int
    sender: Name
    text: SafeText


class Pins(BaseReply, frozen=True, tag="pins"):
    """The pinned messages of *group*, in the order in which they were pinned."""

    group: Name
    pins: list[PinLine]


class Entered(BaseReply, frozen=True, tag="entered"):
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


class Asked(BaseReply, frozen=True, tag="asked"):
    """The reader asked to join *group*.

    Its *admin* or a moderator has to approve, or an operator if it has no admin. *online* is
    whether one of them is online.
    """

    group: Name
    admin: Name | None
    online: bool = True


class FrontDesk(BaseReply, frozen=True, tag="desk"):
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


class Groups(BaseReply, frozen=True, tag="groups"):
    """The groups of this server with *part* in their name."""

    groups: list[GroupLine]
    more: int = 0
    next: SafeText = NO_TEXT
    part: SafeText = NO_TEXT


class Requests(BaseReply, frozen=True, tag="requests"):
    """The applicants of *group*. Their ages are up to *now*, in milliseconds since the epoch.

    *named* is whether the command named the group, which then may not be the current one.
    """

    group: Name
    requests: list[JoinRequest]
    now: int
    more: int = 0
    next: SafeText = NO_TEXT
    named: bool = False
    part: SafeText = NO_TEXT


class MemberLine(msgspec.Struct, frozen=True, kw_only=True):
    """One member of a `Roster`. *away* is their away text; None if they are not away."""

    name: Name
    admin: bool
    moderator: bool = False
    guest: bool
    quiet: bool = False
    online: bool
    away: SafeText | None = None


class Roster(BaseReply, frozen=True, tag="members"):
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


class AdminIs(BaseReply, frozen=True, tag="admin-is"):
    """The admin of *group*, None if the operators manage it, and the *moderators*."""

    group: Name
    admin: Name | None
    online: bool
    moderators: list[ModeratorLine] = []


class Bans(BaseReply, frozen=True, tag="bans"):
    """The bans of *group*, or of the server if that is None, at *now* (milliseconds)."""

    group: Name | None
    bans: list[Ban]
    now: int
    more: int = 0
    next: SafeText = NO_TEXT
    part: SafeText = NO_TEXT


class CodeMade(BaseReply, frozen=True, tag="invite-code"):
    """The new invite *code*, the *number* of *group*; the server shows it only this once.

    *uses* people can join with it until *until*. Times are in milliseconds since the epoch.
    """

    group: Name
    number: int
    code: str
    uses: int
    until: int
    now: int


class CodeLine(msgspec.Struct, frozen=True):
    """One invite code of a `Codes` reply: *by* made it at *at*; *used* of its *uses* are used up.

    Times are in milliseconds since the epoch.
    """

    number: int
    by: Name
    at: int
    uses: int
    used: int
    until: int


class Codes(BaseReply, frozen=True, tag="invite-codes"):
    """The invite codes of *group* that people can join with, at *now* (milliseconds)."""

    group: Name
    codes: list[CodeLine]
    now: int


class HookMade(BaseReply, frozen=True, tag="hook"):
    """The *address* of the new hook *name* of *group*; the server shows it only this once."""

    group: Name
    name: Name
    address: str


class HookLine(msgspec.Struct, frozen=True):
    """One hook of a `Hooks` reply: *by* added it at *at*, in milliseconds since the epoch."""

    name: Name
    by: Name
    at: int


class Hooks(BaseReply, frozen=True, tag="hooks"):
    """The hooks of *group*; programs can post there if the server *listens* for them."""

    group: Name
    hooks: list[HookLine]
    listens: bool

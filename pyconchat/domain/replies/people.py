"""Replies about people: the people online, and the description of one."""

from __future__ import annotations

import msgspec

from pyconchat.domain.events import NO_TEXT
from pyconchat.domain.names import Name
from pyconchat.domain.replies.base import BaseReply
from pyconchat.domain.text import SafeText

__all__ = ["PeopleOnline", "PersonIs", "PersonLine", "PresenceChanged"]


class PersonLine(msgspec.Struct, frozen=True):
    """A person who is online. *groups* are the groups that they share with the reader.

    *away* is their away text; None if they are not away.
    """

    name: Name
    guest: bool
    operator: bool
    groups: list[Name]
    away: SafeText | None = None


class PeopleOnline(BaseReply, frozen=True, tag="who"):
    """The people who are online."""

    people: list[PersonLine]
    more: int = 0
    next: SafeText = NO_TEXT
    part: SafeText = NO_TEXT


class PersonIs(BaseReply, frozen=True, tag="whois", kw_only=True):
    """The person *name*. *groups* are shared with the reader; *more* of them are not listed.

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


class PresenceChanged(BaseReply, frozen=True, tag="presence"):
    """Somebody who shares a group with the reader came online or went offline."""

    name: Name
    online: bool
    reason: SafeText = NO_TEXT

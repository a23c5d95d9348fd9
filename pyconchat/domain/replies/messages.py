"""Replies about messages: confirmations of sent ones, and entries of the log."""

from __future__ import annotations

import msgspec

from pyconchat.domain.events import NO_TEXT, Entry
from pyconchat.domain.names import Name
from pyconchat.domain.replies.base import BaseReply, Where
from pyconchat.domain.text import SafeText

__all__ = ["InPrivate", "Matches", "Mentioned", "Mentions", "Replayed", "Said", "Sent"]


class Said(BaseReply, frozen=True, tag="said"):
    """The message is stored, as entry number *seq*."""

    seq: int


class Sent(BaseReply, frozen=True, tag="sent"):
    """The private message to *other* is stored, as entry number *seq*.

    *away* is the away text of *other* if the reader has not received it yet, else None.
    """

    other: Name
    online: bool
    seq: int
    away: SafeText | None = None


class InPrivate(BaseReply, frozen=True, tag="query"):
    """The reader is in the private conversation with *other*, who may be a *guest*.

    *away* is the away text of *other*; None if they are not away.
    """

    other: Name
    online: bool
    guest: bool
    away: SafeText | None = None


class Replayed(BaseReply, frozen=True, tag="history"):
    """Entries of the log, oldest first; the log has *more* older ones.

    *before* is the number or time before which they were asked for, as it was typed.
    """

    where: Where
    entries: list[Entry]
    more: int = 0
    next: SafeText = NO_TEXT
    before: SafeText = NO_TEXT


class Matches(BaseReply, frozen=True, tag="matches"):
    """The newest messages that a search for *words* has found, oldest first.

    If there may be *more*, *next* is the command that finds them.
    """

    where: Where
    words: SafeText
    entries: list[Entry]
    more: bool = False
    next: SafeText = NO_TEXT


class Mentioned(msgspec.Struct, frozen=True):
    """An entry that mentions the reader; *unread* if it has not been shown yet."""

    where: Where
    entry: Entry
    unread: bool


class Mentions(BaseReply, frozen=True, tag="mentions"):
    """The reader's mentions, oldest first; there are *more* older ones."""

    mentions: list[Mentioned]
    more: int = 0
    next: SafeText = NO_TEXT

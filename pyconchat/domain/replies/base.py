"""The base class of replies, and replies of no particular subject."""

from __future__ import annotations

import msgspec

from pyconchat.domain.names import Key, Name
from pyconchat.domain.text import SafeText

__all__ = ["BaseReply", "Done", "Where"]


class Where(msgspec.Struct, frozen=True, eq=False):
    """A conversation as a reader sees it.

    *group* is its name; for a private conversation it is None and *other* is the reader's
    partner, *own* the reader's own name, and *guests* the keys of the parties that are guests.
    *here* is true if it is the reader's current place. Compared by identity, which is fast: each
    group has one instance for either value of *here*.
    """

    group: Name | None = None
    here: bool = False
    other: Name | None = None
    own: Name | None = None
    guests: tuple[Key, ...] = ()


class BaseReply(msgspec.Struct, frozen=True, tag_field="type"):
    """The base class of replies.

    A list may have only some of its items: *more* is the number of the rest, and *next* the command
    that lists them.
    """


class Done(BaseReply, frozen=True, tag="done"):
    """A sentence as the answer, where the command has no reply of its own."""

    text: SafeText

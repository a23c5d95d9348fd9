"""Replies about the reader's session and account: missed entries, settings, the end."""

from __future__ import annotations

from enum import Enum

import msgspec

from pyconchat.domain.events import Policy
from pyconchat.domain.names import Name
from pyconchat.domain.replies.base import BaseReply
from pyconchat.domain.settings import Settings
from pyconchat.domain.text import SafeText

__all__ = [
    "EndWhy",
    "Ended",
    "KeyLine",
    "KeyList",
    "Live",
    "Missed",
    "Muted",
    "OwnGroup",
    "OwnGroups",
    "PasswordSet",
    "ReadUpto",
    "SettingsAre",
]


class SettingsAre(BaseReply, frozen=True, tag="settings"):
    """The reader's settings. Programs also get changes that were made on other devices."""

    settings: Settings


class KeyLine(msgspec.Struct, frozen=True):
    """A public key of the reader. Times are in milliseconds since the epoch."""

    number: int
    type: str
    fingerprint: str
    comment: SafeText
    added: int
    used: int | None


class KeyList(BaseReply, frozen=True, tag="keys"):
    """The public keys of the reader, and whether there is a password, too."""

    keys: list[KeyLine]
    password: bool


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


class Ended(BaseReply, frozen=True, tag="end"):
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


class OwnGroups(BaseReply, frozen=True, tag="own-groups"):
    """More groups of the reader, a program, that did not fit into the answer to its hello.

    *more* others follow.
    """

    groups: list[OwnGroup]
    more: int


class Live(BaseReply, frozen=True, tag="live"):
    """All missed entries have been sent."""


class Missed(BaseReply, frozen=True, tag="missed"):
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


class Muted(BaseReply, frozen=True, tag="muted"):
    """The reader has muted or unmuted *group*. Programs also get changes of other devices."""

    group: Name
    muted: bool


class ReadUpto(BaseReply, frozen=True, tag="read"):
    """Another device of the reader has displayed a conversation up to the entry *seq*.

    The conversation is *group*, or the one with *other*.
    """

    group: Name | None
    other: Name | None
    seq: int


class PasswordSet(BaseReply, frozen=True, tag="password"):
    """The password is changed. *token* is a new session token for a program, "" for a person."""

    text: SafeText
    token: str

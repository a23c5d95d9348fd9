"""The rules for editing, removing, answering and pinning a message, and for reacting to it.

As the methods of `Group`, these functions only decide. The message is a `Target`, which was read
from the log; `amended` returns the entry that replaces it in the log. It is in a `Room`: a group,
or a private conversation.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Protocol

import msgspec
from msgspec.structs import replace

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import (
    NO_TEXT,
    Action,
    AnyEvent,
    Edit,
    GroupEvent,
    Message,
    MessageRemoved,
    Pinned,
    Quote,
    Reaction,
    Talk,
    Unpinned,
    Unsay,
)
from pyconchat.domain.group import Actor, Group
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.refusals import require_few_lines
from pyconchat.domain.text import SafeText, emoji_in, excerpt

__all__ = [
    "AMENDABLE",
    "MAX_PINS",
    "MAX_REACTIONS",
    "Room",
    "Target",
    "amended",
    "edit",
    "pin",
    "quote_of",
    "react",
    "require_answerable",
    "require_editable",
    "require_said",
    "unpin",
    "unsay",
]

AMENDABLE = 24 * 3600 * 1000
"""Milliseconds for which people can edit and remove their own messages."""

MAX_PINS = 10
"""Maximum pinned messages of a group."""

MAX_REACTIONS = 50
"""Maximum reactions to one message."""


class Target(msgspec.Struct, frozen=True):
    """The entry that a request is about: *seq* at *at* (milliseconds), with its *reactions*.

    It is *own* if the asker has posted it in the current membership: not a guest with the same
    name, and not before leaving.
    """

    seq: int
    at: int
    event: AnyEvent
    own: bool = False
    reactions: Sequence[tuple[Key, str]] = ()


class Room(Protocol):
    """The conversation of a message, as the rules use it: a `Group` or a `Direct`."""

    @property
    def members(self) -> Container[Key]:
        """The people who may read and write there."""

    def require_member(self, by: Actor) -> None:
        """Raise `Refused` unless *by* is a member."""

    def require_voice(self, by: Actor, now: int) -> None:
        """Raise `Refused` if *by* may only read at *now* (milliseconds)."""

    def require_right(self, by: Actor, what: str) -> None:
        """Raise `Refused` unless *by* has the right *what*."""

    def mentions_in(self, by: Actor, text: SafeText) -> tuple[Name, ...]:
        """Return the members whom *text*, a message of *by*, mentions."""


def edit(room: Room, by: Actor, target: Target, text: SafeText, now: int) -> list[GroupEvent]:
    """Decide that *by* corrects their message *target* to *text*, at *now* (milliseconds)."""
    said = require_editable(room, by, target, now)
    require_few_lines(text)
    if text == said.text:
        raise Refused(Code.UNCHANGED, "That is what it says already.")
    return [Edit(target.seq, by.name, text, room.mentions_in(by, text))]


def require_editable(room: Room, by: Actor, target: Target, now: int) -> Talk:
    """Return the message *target*, which *by* may correct at *now* (milliseconds).

    Raises `Refused` otherwise.
    """
    room.require_member(by)
    room.require_voice(by, now)
    said = _said(target)
    if not target.own:
        raise Refused(
            Code.NOT_YOURS, "#{seq} is from {sender}: you can edit only your own messages.",
            seq=target.seq, sender=said.sender,
        )  # fmt: skip
    _require_new(target, now, "edit")
    return said


def unsay(
    room: Room, by: Actor, target: Target, now: int, reason: SafeText = NO_TEXT
) -> list[GroupEvent]:
    """Decide that *by* removes the message *target*, at *now* (milliseconds), for *reason*.

    It is their own and at most a day old, or they have the right to remove messages of others.
    """
    is_member = fold(by.name) in room.members
    if is_member:
        _said(target)  # before the rights: anybody may know that it was removed
    own_and_new = target.own and now - target.at < AMENDABLE and is_member
    if not own_and_new:
        try:
            room.require_right(by, "remove messages of others")
        except Refused as refused:
            if target.own and refused.code in (Code.NOT_ADMIN, Code.NOT_YOURS):
                _require_new(target, now, "remove")
            raise
    return [Unsay(target.seq, _said(target).sender, by.name, reason)]


def react(room: Room, by: Actor, target: Target, text: SafeText, now: int) -> list[GroupEvent]:
    """Decide that *by* reacts to *target* with the emoji *text*, at *now* (milliseconds)."""
    require_answerable(room, by, target, now)
    emoji = emoji_in(text)
    if emoji is None:
        raise Refused(Code.BAD_ARGUMENT, "A reaction is one emoji, such as 👍.")
    if (fold(by.name), emoji) in target.reactions:
        raise Refused(Code.UNCHANGED, "You have reacted with {emoji} already.", emoji=emoji)
    if len(target.reactions) >= MAX_REACTIONS:
        raise Refused(Code.TOO_MANY, "#{seq} has {most} reactions, which is all that it can have.",
                      seq=target.seq, most=MAX_REACTIONS)  # fmt: skip
    return [Reaction(target.seq, by.name, emoji)]


def require_answerable(room: Room, by: Actor, target: Target, now: int) -> None:
    """Raise `Refused` unless *target* is a message, and *by* may speak at *now* (milliseconds)."""
    room.require_member(by)
    room.require_voice(by, now)
    _said(target)


def require_said(target: Target) -> None:
    """Raise `Refused` unless *target* is a message."""
    _said(target)


def pin(group: Group, by: Actor, target: Target) -> list[GroupEvent]:
    """Decide that *by* pins the message *target*."""
    group.require_right(by, "pin messages")
    _said(target)
    if target.seq in group.pins:
        raise Refused(Code.UNCHANGED, "#{seq} is pinned already.", seq=target.seq)
    if len(group.pins) >= MAX_PINS:
        raise Refused(
            Code.TOO_MANY,
            "{group} has {most} pinned messages already; /pin N off unpins one.",
            group=group.name,
            most=MAX_PINS,
        )
    return [Pinned(target.seq, by.name)]


def unpin(group: Group, by: Actor, seq: int) -> list[GroupEvent]:
    """Decide that *by* unpins the message *seq*."""
    group.require_right(by, "pin messages")
    if seq not in group.pins:
        raise Refused(Code.UNCHANGED, "#{seq} is not pinned; /pin lists what is.", seq=seq)
    return [Unpinned(seq, by.name)]


def amended(event: AnyEvent, by: Edit | Unsay, seq: int) -> AnyEvent:
    """Return the replacement of *event* after the entry *seq*, which contains the event *by*.

    A removed message stays removed.
    """
    match event, by:
        case Message(), Edit(text=text, mentions=mentions):
            return replace(event, text=text, mentions=mentions, edited=seq, cuts=())
        case Action(), Edit(text=text, mentions=mentions):
            return replace(event, text=text, mentions=mentions, edited=seq)
        case ((Message(sender=sender) | Action(sender=sender)), Unsay(by=remover)):
            return MessageRemoved(sender, remover)
        case Edit(), _:
            return replace(event, text=NO_TEXT, mentions=())
        case _:
            return event


def quote_of(event: AnyEvent) -> Quote | None:
    """Return the quote of *event* for entries about it; None if it is no message."""
    match event:
        case Message(sender=sender, text=text) | Action(sender=sender, text=text):
            return Quote(sender, excerpt(text))
        case MessageRemoved(sender=sender):
            return Quote(sender)
        case _:
            return None


def _said(target: Target) -> Talk:
    """Return the message or action *target*. Raises `Refused` if it is none."""
    event = target.event
    if isinstance(event, Talk):
        return event
    if isinstance(event, MessageRemoved):
        raise Refused(Code.NO_SUCH_MESSAGE, "#{seq} was removed.", seq=target.seq)
    raise Refused(Code.NO_SUCH_MESSAGE, "#{seq} is not a message.", seq=target.seq)


def _require_new(target: Target, now: int, what: str) -> None:
    if now - target.at >= AMENDABLE:
        raise Refused(
            Code.TOO_LATE,
            "#{seq} is more than a day old: you can {what} it no longer.",
            seq=target.seq,
            what=what,
        )

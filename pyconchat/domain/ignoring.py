"""The effect of an ignore list: no text of an ignored person is shown.

Their messages, edits, reactions, pins, files, hooks, topics, requests and invitations are hidden as
a whole. Their decisions about rights (a kick, a ban, a rejection), and their leaves, are one
line, without their text. So are entries of others about their messages. Their bans of people who
are no members are hidden, and the ends of their bans: these could be repeated for ever, in a group
that the reader is not in.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from pyconchat.domain.events import (
    NO_TEXT,
    Action,
    Announced,
    AnyEvent,
    Edit,
    Entry,
    FileRemoved,
    FileShared,
    HookAdded,
    HookRemoved,
    JoinRejected,
    JoinRequested,
    MemberBanned,
    MemberInvited,
    MemberKicked,
    MemberLeft,
    MemberUnbanned,
    Message,
    MessageRemoved,
    Pinned,
    Reaction,
    RequestWithdrawn,
    ServerBanned,
    ServerKicked,
    TagsSent,
    TopicChanged,
    Unpinned,
    Unsay,
)
from pyconchat.domain.group_state import LiveState
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.text import SafeText

__all__ = ["as_seen", "text_of", "topic_seen"]


def text_of(author: str | None, text: SafeText, ignores: Mapping[Key, Name]) -> SafeText:
    """Return *text* of *author* for a reader who ignores *ignores*: empty if they ignore them."""
    ignored = bool(ignores) and author is not None and fold(author) in ignores
    return NO_TEXT if ignored else text


def topic_seen(group: LiveState, ignores: Mapping[Key, Name]) -> SafeText:
    """Return the topic of *group* for a reader who ignores *ignores*."""
    return text_of(group.topic_by, group.topic, ignores)


def as_seen(entry: Entry, ignores: Mapping[Key, Name]) -> Entry | None:
    """Return *entry* for a reader who ignores *ignores*; None if it is hidden."""
    if not ignores:
        return entry
    quote = entry.quote
    if quote is not None and quote.text and fold(quote.sender) in ignores:
        entry = replace(entry, quote=replace(quote, text=NO_TEXT))
    event: AnyEvent = entry.event
    match event:
        case Message(sender=author) | Action(sender=author) | TagsSent(sender=author):
            return None if fold(author) in ignores else entry
        case Edit(by=author) | Reaction(by=author) | Pinned(by=author) | Unpinned(by=author):
            return None if fold(author) in ignores else entry
        case Unsay(sender=author, by=by) | MessageRemoved(sender=author, by=by):
            # The entry of a removal by somebody else has no text of theirs.
            if fold(author) in ignores and fold(by) in ignores:
                return None
            if isinstance(event, Unsay) and event.reason and fold(by) in ignores:
                return replace(entry, event=replace(event, reason=NO_TEXT))
            return entry
        case FileShared(by=author) | FileRemoved(by=author) | MemberInvited(by=author):
            return None if fold(author) in ignores else entry
        case HookAdded(by=author) | HookRemoved(by=author):
            return None if fold(author) in ignores else entry
        case TopicChanged(by=author) | Announced(by=author):
            return None if fold(author) in ignores else entry
        case MemberBanned(by=author, was_member=False) | MemberUnbanned(by=author):
            return None if fold(author) in ignores else entry
        case JoinRequested(name=author) | RequestWithdrawn(name=author):
            return None if fold(author) in ignores else entry
        case (
            MemberKicked(by=author)
            | MemberBanned(by=author)
            | JoinRejected(by=author)
            | ServerKicked(by=author)
            | ServerBanned(by=author)
        ):
            if fold(author) not in ignores or not event.reason:
                return entry
            return replace(entry, event=replace(event, reason=NO_TEXT))
        case MemberLeft(name=author) if event.reason and fold(author) in ignores:
            return replace(entry, event=replace(event, reason=NO_TEXT))
        case _:
            return entry

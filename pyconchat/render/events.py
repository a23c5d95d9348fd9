"""Sentences for events, in groups and on the server: one for the subject, one for the others."""

from __future__ import annotations

from typing import assert_never

from pyconchat.domain.events import (
    Action,
    AdminChanged,
    Amendment,
    Announced,
    AnyEvent,
    Damaged,
    Edit,
    FileRemoved,
    FileShared,
    GroupClosed,
    GroupCreated,
    GroupRestored,
    HookAdded,
    HookRemoved,
    InvitationEnded,
    InviteCodeEnded,
    InviteCodeMade,
    JoinRejected,
    JoinRequested,
    MemberBanned,
    MemberInvited,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    MemberQuieted,
    MemberRegistered,
    MemberUnbanned,
    Message,
    MessageRemoved,
    ModeratorEnded,
    ModeratorMade,
    OperatorMade,
    OperatorRemoved,
    Pinned,
    PolicyChanged,
    QuietEnded,
    Quote,
    Reaction,
    RequestWithdrawn,
    ServerBanned,
    ServerKicked,
    ServerUnbanned,
    SlowChanged,
    TagsSent,
    TopicChanged,
    Unpinned,
    Unsay,
    Via,
    Why,
    subject,
)
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.replies import Where
from pyconchat.domain.text import SafeText, in_bytes
from pyconchat.domain.times import seconds, until_in_words
from pyconchat.render.words import counted

__all__ = ["event_sentence", "has_line", "quoted"]

_WHY_LEFT = {
    Why.GUEST_GONE: " (disconnected)",
    Why.SERVER_BAN: " (banned from the server)",
}


def event_sentence(
    event: AnyEvent,
    where: Where,
    reader: Key,
    at: int,
    quote: Quote | None = None,
    answerable: bool = True,
) -> str:
    """Return the sentence that *reader* gets about *event*, of the time *at* (milliseconds).

    It is empty if there is none. *quote* is of the message that the event is about. An edit may
    have several lines. If *answerable*, a request to join names the commands that answer it, and a
    shared file the command that fetches it.
    """
    about = subject(event)
    if about is not None and fold(about) == reader:
        return _to_subject(event, where, at)
    if isinstance(event, Amendment):
        sentence = _about_message(event, quote)
    else:
        sentence = _to_others(event, where, at)
    if answerable:
        sentence += _answers(event, where)
    return f"{_prefix(where)}{sentence}" if sentence else ""


def _answers(event: AnyEvent, where: Where) -> str:
    """Return the commands for *event*, to be typed at the reader's place; nothing for most."""
    named = "" if where.here or where.group is None else f" {where.group}"
    match event:
        case JoinRequested(name=name):
            return f" (/approve {name}{named}, /reject {name}{named})"
        case FileShared(number=number) if where.here or where.other is None:
            return f" (/get {number}{named})"
        case FileShared(number=number):
            return f" (/query {where.other}, then /get {number})"
        case _:
            return ""


def _prefix(where: Where) -> str:
    """Return the name of the conversation, if the reader is elsewhere; nothing for the server's."""
    if where.here:
        return ""
    if where.other is not None:
        return f"[@{where.other}] "
    return f"[{where.group}] " if where.group is not None else ""


def has_line(event: AnyEvent) -> bool:
    """Return whether a terminal shows a line for *event* in the log.

    Without one are removed messages, edits that a later one has replaced, and tags.
    """
    match event:
        case MessageRemoved() | TagsSent():
            return False
        case Edit(text=text):
            return bool(text)
        case _:
            return True


def quoted(quote: Quote) -> str:
    """Return the reference to the message of *quote* in a line: its author and its start."""
    return f'{quote.sender} "{quote.text}"' if quote.text else quote.sender


def _about_message(event: Amendment, quote: Quote | None) -> str:
    """Return the sentence about *event*; empty for an edit that a later one has replaced."""
    message = quoted(quote) if quote is not None else f"#{event.about}"
    match event:
        case Edit(by=by, text=text):
            return f"{by} corrected: {text}" if text else ""
        case Unsay(by=by, sender=sender, reason=reason):
            own = fold(by) == fold(sender)
            return f"{by} removed a message{'' if own else f' of {sender}'}{_because(reason)}"
        case Reaction(by=by, emoji=emoji):
            return f"{by} reacted {emoji} to {message}"
        case Pinned(by=by):
            return f"{by} pinned #{event.about}: {message}"
        case Unpinned(by=by):
            return f"{by} unpinned #{event.about}: {message}"
        case _:
            assert_never(event)


def _to_subject(event: AnyEvent, where: Where, at: int) -> str:
    """Return the sentence for the subject. It names the group: they may be in another one."""
    group = where.group
    match event:
        case MemberJoined(via=Via.APPROVAL, by=by):
            enter = "" if where.here else f" Enter it with /join {group}."
            return f"You are in {group}: {by} approved your request.{enter}"
        case MemberJoined() | MemberRegistered() | JoinRequested() | GroupCreated():
            return ""  # the subject has the reply to their own command
        case MemberLeft(why=Why.LEFT):
            return f"You have left {group}."
        case MemberLeft():
            return f"You are no longer a member of {group}."
        case MemberKicked(by=by, reason=reason):
            return f"You were kicked from {group} by {by}{_because(reason)}"
        case MemberBanned(by=by, reason=reason, until=until):
            ends = until_in_words(until, at)
            return f"You were banned from {group} by {by}{ends}{_because(reason)}"
        case MemberQuieted(by=by, until=until):
            return f"{by} made you quiet in {group}{until_in_words(until, at)}: read, do not speak."
        case QuietEnded(by=by):
            return f"You may speak in {group} again: {by} ended your quiet."
        case ModeratorMade(by=by):
            return f"You are a moderator of {group} now, appointed by {by}."
        case ModeratorEnded(by=by):
            return f"You are no longer a moderator of {group}: {by} ended that."
        case MemberUnbanned(by=by):
            return f"You may join {group} again: {by} lifted your ban."
        case RequestWithdrawn():
            return f"Your request to join {group} was withdrawn."
        case JoinRejected(by=by, reason=reason):
            return f"Your request to join {group} was rejected by {by}{_because(reason)}"
        case MemberInvited(by=by):
            return f"{by} invites you to {group}: /join {group}"
        case InviteCodeEnded(number=number):
            return f"Your invite code {number} of {group} has ended: you can no longer invite."
        case AdminChanged(by=by):
            return f"You are the admin of {group} now{_appointed(by)}."
        case ServerKicked(by=by, reason=reason):
            return f"You were kicked off this server by {by}{_because(reason)}"
        case ServerBanned(by=by, reason=reason, until=until):
            ends = until_in_words(until, at)
            return f"You were banned from this server by {by}{ends}{_because(reason)}"
        case OperatorMade():
            return "You are an operator now."
        case OperatorRemoved(by=by):
            return f"You are no longer an operator: {by} decided that."
        case _:
            return _to_others(event, where, at)


def _to_others(event: AnyEvent, where: Where, at: int) -> str:
    group = where.group
    match event:
        case GroupCreated(by=by, number=number):
            return f"{by} created {group} (number {number})."
        case GroupClosed(by=None):
            return f"{group} is closed: nobody is left."
        case GroupClosed(by=by):
            return f"{by} deleted {group}."
        case GroupRestored(by=by, name=name, number=number):
            return f"{by} restored {name} (number {number})."
        case MemberJoined(name=name, via=Via.CODE):
            return f"{name} has joined the chat! (with an invite code)"
        case MemberJoined(name=name, by=None):
            return f"{name} has joined the chat!"
        case MemberJoined(name=name, by=by):
            return f"{name} has joined the chat! (approved by {by})"
        case MemberLeft(name=name, why=why, reason=reason):
            return f"{name} has left the chat{_WHY_LEFT.get(why, '')}{_because(reason)}"
        case MemberKicked(name=name, by=by, reason=reason):
            return f"{name} was kicked by {by}{_because(reason)}"
        case MemberBanned(name=name, by=by, reason=reason, until=until):
            return f"{name} was banned by {by}{until_in_words(until, at)}{_because(reason)}"
        case MemberUnbanned(name=name, by=by):
            return f"{name} may join again: {by} lifted the ban."
        case MemberQuieted(name=name, by=by, until=until):
            return f"{by} made {name} quiet{until_in_words(until, at)}."
        case QuietEnded(name=name, by=by):
            return f"{name} may speak again: {by} ended the quiet."
        case SlowChanged(seconds=0, by=by):
            return f"{by} made the group as fast as people type."
        case SlowChanged(seconds=pace, by=by):
            return f"{by} made the group slow: one message every {seconds(pace)}."
        case ModeratorMade(name=name, by=by):
            return f"{name} is a moderator now, appointed by {by}."
        case ModeratorEnded(name=name, by=by):
            return f"{name} is no longer a moderator: {by} ended that."
        case MemberRegistered(name=name):
            return f"{name} is registered now."
        case JoinRequested(name=name, note=note):
            return f"{name} asks to join {group}{_noted(note)}"
        case RequestWithdrawn(name=name):
            return f"The request of {name} to join {group} was withdrawn."
        case JoinRejected(name=name, by=by, reason=reason):
            return f"{by} rejected the request of {name}{_because(reason)}"
        case MemberInvited(name=name, by=by):
            return f"{by} invited {name}, who may join without asking."
        case InvitationEnded(name=name):
            return f"{name}, who was invited, has disconnected."
        case InviteCodeMade(number=number, by=by, uses=uses, until=until):
            ends = until_in_words(until, at)
            return f"{by} made the invite code {number}, for {counted(uses, 'use')}{ends}."
        case InviteCodeEnded(number=number, by=None):
            return f"The invite code {number} has ended: who made it can no longer invite."
        case InviteCodeEnded(number=number, by=by):
            return f"{by} ended the invite code {number}."
        case HookAdded(name=name, by=by):
            return f"{by} added the hook {name}: programs can post here."
        case HookRemoved(name=name, by=by):
            return f"{by} removed the hook {name}."
        case AdminChanged(name=None):
            return f"{group} has no admin now; the operators manage it."
        case AdminChanged(name=name, by=by):
            return f"{name} is the admin now{_appointed(by)}."
        case PolicyChanged(policy=policy, by=by):
            return f"{by} changed the policy to {policy.value}."
        case TopicChanged(topic=topic, by=by):
            return f"{by} changed the topic: {topic}" if topic else f"{by} removed the topic."
        case FileShared(number=number, file=file, by=by, size=size):
            return f"{by} shared {file} ({in_bytes(size)}), number {number}"
        case FileRemoved(number=number, file=file, by=by):
            return f"{by} removed the file {file}, number {number}."
        case ServerKicked(name=name, by=by, reason=reason):
            return f"{name} was kicked off this server by {by}{_because(reason)}"
        case ServerBanned(name=name, by=by, reason=reason, until=until):
            ends = until_in_words(until, at)
            return f"{name} was banned from this server by {by}{ends}{_because(reason)}"
        case ServerUnbanned(name=name, by=by):
            return f"{name} may log in again: {by} lifted the ban."
        case Announced(by=by, text=text):
            return f"{by} announces: {text}"
        case OperatorMade(name=name):
            return f"{name} is an operator now."
        case OperatorRemoved(name=name):
            return f"{name} is no longer an operator."
        case Damaged():
            return "An entry of the log is damaged and cannot be shown."
        case MessageRemoved():
            return ""  # the entry of the removal has the sentence
        case TagsSent():
            return ""  # only programs interpret tags
        case Edit() | Unsay() | Reaction() | Pinned() | Unpinned() | Message() | Action():
            raise AssertionError("these have no sentence here")
        case _:
            assert_never(event)


def _because(reason: SafeText) -> str:
    return f": {reason}" if reason else "."


def _noted(note: SafeText) -> str:
    return f': "{note}"' if note else ""


def _appointed(by: Name | None) -> str:
    return f", appointed by {by}" if by is not None else ""

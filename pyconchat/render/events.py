"""Sentences for what happens in groups and on the server, as each reader is told of it."""

from __future__ import annotations

from typing import assert_never

from pyconchat.domain.events import (
    Action,
    AdminChanged,
    AnyEvent,
    FileRemoved,
    FileShared,
    GroupClosed,
    GroupCreated,
    InvitationEnded,
    JoinRejected,
    JoinRequested,
    MemberBanned,
    MemberInvited,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    MemberRegistered,
    MemberUnbanned,
    Message,
    OperatorMade,
    PolicyChanged,
    RequestWithdrawn,
    ServerBanned,
    ServerKicked,
    ServerUnbanned,
    TopicChanged,
    Via,
    Why,
    subject,
)
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.replies import Where
from pyconchat.domain.text import SafeText, in_bytes

__all__ = ["happening"]

_WHY_LEFT = {
    Why.GUEST_GONE: " (disconnected)",
    Why.SERVER_BAN: " (banned from the server)",
}


def happening(event: AnyEvent, where: Where, reader: Key) -> str:
    """Return what *reader* is told of *event*; empty if that is nothing."""
    about = subject(event)
    if about is not None and fold(about) == reader:
        return _to_subject(event, where)
    place = f"[{where.group}] " if where.group is not None and not where.here else ""
    return place + _to_others(event, where)


def _to_subject(event: AnyEvent, where: Where) -> str:
    """Say it to the one whom it is about, who may be elsewhere: the group is always named."""
    group = where.group
    match event:
        case MemberJoined(via=Via.APPROVAL, by=by):
            enter = "" if where.here else f" Enter it with /join {group}."
            return f"You are in {group}: {by} let you in.{enter}"
        case MemberJoined() | MemberRegistered() | JoinRequested() | GroupCreated():
            return ""  # the reply to what they typed says it
        case MemberLeft(why=Why.LEFT):
            return f"You have left {group}."
        case MemberLeft():
            return f"You are no longer a member of {group}."
        case MemberKicked(by=by, reason=reason):
            return f"You were kicked from {group} by {by}{_because(reason)}"
        case MemberBanned(by=by, reason=reason):
            return f"You were banned from {group} by {by}{_because(reason)}"
        case MemberUnbanned(by=by):
            return f"You may come back to {group}: {by} lifted your ban."
        case RequestWithdrawn():
            return f"You no longer ask to join {group}."
        case JoinRejected(by=by, reason=reason):
            return f"Your request to join {group} was rejected by {by}{_because(reason)}"
        case MemberInvited(by=by):
            return f"{by} invites you to {group}: /join {group}"
        case AdminChanged(by=by):
            return f"You are the admin of {group} now{_handed(by)}."
        case ServerKicked(by=by, reason=reason):
            return f"You were kicked off this server by {by}{_because(reason)}"
        case ServerBanned(by=by, reason=reason):
            return f"You were banned from this server by {by}{_because(reason)}"
        case OperatorMade():
            return "You are an operator now."
        case _:
            return _to_others(event, where)


def _to_others(event: AnyEvent, where: Where) -> str:
    group = where.group
    match event:
        case GroupCreated(by=by, number=number):
            return f"{by} created {group} (number {number})."
        case GroupClosed():
            return f"{group} is closed: nobody is left."
        case MemberJoined(name=name, by=None):
            return f"{name} has joined the chat!"
        case MemberJoined(name=name, by=by):
            return f"{name} has joined the chat! (approved by {by})"
        case MemberLeft(name=name, why=why):
            return f"{name} has left the chat{_WHY_LEFT.get(why, '')}."
        case MemberKicked(name=name, by=by, reason=reason):
            return f"{name} was kicked by {by}{_because(reason)}"
        case MemberBanned(name=name, by=by, reason=reason):
            return f"{name} was banned by {by}{_because(reason)}"
        case MemberUnbanned(name=name, by=by):
            return f"{name} may come back: {by} lifted the ban."
        case MemberRegistered(name=name):
            return f"{name} is registered now."
        case JoinRequested(name=name, note=note):
            how = f"/approve {name}, /reject {name}" if where.here else f"/join {group} to answer"
            return f"{name} asks to join {group}{_noted(note)} ({how})"
        case RequestWithdrawn(name=name):
            return f"{name} no longer asks to join {group}."
        case JoinRejected(name=name, by=by, reason=reason):
            return f"{by} rejected the request of {name}{_because(reason)}"
        case MemberInvited(name=name, by=by):
            return f"{by} invited {name}, who may join without asking."
        case InvitationEnded(name=name):
            return f"{name}, who was invited, has gone."
        case AdminChanged(name=name, by=by):
            return f"{name} is the admin now{_handed(by)}."
        case PolicyChanged(policy=policy, by=by):
            return f"{by} changed the policy to {policy.value}."
        case TopicChanged(topic=topic, by=by):
            return f"{by} changed the topic: {topic}" if topic else f"{by} took the topic away."
        case FileShared(number=number, file=file, by=by, size=size):
            return f"{by} shared {file} ({in_bytes(size)}), number {number}"
        case FileRemoved(number=number, file=file, by=by):
            return f"{by} removed the file {file}, number {number}."
        case ServerKicked(name=name, by=by, reason=reason):
            return f"{name} was kicked off this server by {by}{_because(reason)}"
        case ServerBanned(name=name, by=by, reason=reason):
            return f"{name} was banned from this server by {by}{_because(reason)}"
        case ServerUnbanned(name=name, by=by):
            return f"{name} may come back to this server: {by} lifted the ban."
        case OperatorMade(name=name):
            return f"{name} is an operator now."
        case Message() | Action():
            raise AssertionError("what people say is not told in sentences")
        case _:
            assert_never(event)


def _because(reason: SafeText) -> str:
    return f": {reason}" if reason else "."


def _noted(note: SafeText) -> str:
    return f': "{note}"' if note else ""


def _handed(by: Name | None) -> str:
    return f", handed over by {by}" if by is not None else ""

"""The server's log of the chat: one line an event, with named fields.

It never has the text of a message, or a password.
"""

from __future__ import annotations

from twisted.logger import Logger

from pyconchat.chat.conversations import Conversation, GroupConversation
from pyconchat.domain.events import (
    AdminChanged,
    Entry,
    FileShared,
    GroupCreated,
    JoinRequested,
    MemberBanned,
    MemberJoined,
    MemberKicked,
    OperatorMade,
    ServerBanned,
    ServerKicked,
    Via,
)
from pyconchat.domain.names import Name

__all__ = ["connected", "disconnected", "published"]

_log = Logger(namespace="pyconchat")


def connected(name: Name, guest: bool) -> None:
    """Log that the first session of *name* has begun."""
    _log.info("user connected: {user}{kind}", user=name, kind=" (guest)" if guest else "")


def disconnected(name: Name) -> None:
    """Log that the last session of *name* has ended."""
    _log.info("user disconnected: {user}", user=name)


def published(conversation: Conversation, entry: Entry) -> None:
    """Log *entry* of *conversation*, if it is of a kind that is logged."""
    where = "the server"
    if isinstance(conversation, GroupConversation):
        where = conversation.group.name
    match entry.event:
        case GroupCreated(name=name, number=number, by=by):
            _log.info(
                "group created: {group} (number {number}) by {by}",
                group=name,
                number=number,
                by=by,
            )
        case FileShared(number=number, by=by, size=size):
            _log.info(
                "file transferred: {user} shared number {number} ({size} bytes) with {group}",
                user=by,
                number=number,
                size=size,
                group=where,
            )
        case JoinRequested(name=name):
            _log.info("join requested: {user} asks to join {group}", user=name, group=where)
        case MemberJoined(name=name, via=Via.APPROVAL, by=by):
            _log.info(
                "join approved: {user} joins {group}, approved by {by}",
                user=name,
                group=where,
                by=by,
            )
        case AdminChanged(name=name, why=why):
            _log.info(
                "admin transferred: {user} is the admin of {group} ({why})",
                user=name,
                group=where,
                why=why.value,
            )
        case MemberKicked(name=name, by=by) | ServerKicked(name=name, by=by):
            _log.info("user kicked: {user} from {group} by {by}", user=name, group=where, by=by)
        case MemberBanned(name=name, by=by) | ServerBanned(name=name, by=by):
            _log.info("user banned: {user} from {group} by {by}", user=name, group=where, by=by)
        case OperatorMade(name=name, by=by):
            _log.info("operator made: {user} by {by}", user=name, by=by or "the claim code")
        case _:
            pass

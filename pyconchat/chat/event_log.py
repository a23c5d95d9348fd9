"""The server's log of the chat: one line an event, with named fields and the clients' addresses.

It never has the text of a message, a topic or a reason, or a password. The lines of `login_failed`
are read by fail2ban: docs/operations.rst has the pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.logger import Logger

from pyconchat.chat.conversations import Conversation, DirectConversation, GroupConversation
from pyconchat.domain.events import (
    AdminChanged,
    Announced,
    AnyEvent,
    Entry,
    FileRemoved,
    FileShared,
    GroupClosed,
    GroupCreated,
    GroupRestored,
    HookAdded,
    HookRemoved,
    InviteCodeEnded,
    InviteCodeMade,
    JoinRejected,
    JoinRequested,
    MemberBanned,
    MemberJoined,
    MemberKicked,
    MemberQuieted,
    MemberUnbanned,
    ModeratorEnded,
    ModeratorMade,
    OperatorMade,
    OperatorRemoved,
    PolicyChanged,
    QuietEnded,
    ServerBanned,
    ServerKicked,
    ServerUnbanned,
    SlowChanged,
    Via,
    subject,
)
from pyconchat.domain.names import Name
from pyconchat.domain.times import until_in_words

__all__ = ["administered", "connected", "disconnected", "login_failed", "published"]

MAX_ADDRESSES = 3
"""Maximum addresses of one user in a line."""

_log = Logger(namespace="pyconchat")


def connected(name: Name, address: str, guest: bool, first: bool) -> None:
    """Log that a session of *name* has begun: their *first*, or one more."""
    _log.info(
        "{what}: {user} from {address}{kind}",
        what="user connected" if first else "session opened",
        user=name,
        address=address,
        kind=" (guest)" if guest else "",
    )


def disconnected(name: Name, address: str, last: bool) -> None:
    """Log that a session of *name* has ended: the *last*, or one of several."""
    what = "user disconnected" if last else "session closed"
    _log.info("{what}: {user} from {address}", what=what, user=name, address=address)


def login_failed(name: Name, address: str, why: str) -> None:
    """Log that somebody at *address* could not log in as *name*."""
    _log.warn("login failed: {user} from {address} ({why})", user=name, address=address, why=why)


def administered(what: str, name: Name) -> None:
    """Log what `pyconchat-admin` has done to the account of *name*."""
    _log.info("administration: {what}: {user}", what=what, user=name)


def published(
    conversation: Conversation, entry: Entry, addresses: Callable[[Name], Sequence[str]]
) -> None:
    """Log *entry* of *conversation*, if it is of a kind that is logged.

    *addresses* returns the addresses from which somebody is connected.
    """

    def user(name: Name) -> str:
        known = addresses(name)
        more = ", ..." if len(known) > MAX_ADDRESSES else ""
        return f"{name} ({', '.join(known[:MAX_ADDRESSES])}{more})" if known else name

    where = "the server"
    if isinstance(conversation, GroupConversation):
        where = conversation.group.name
    elif isinstance(conversation, DirectConversation):
        where = "a private conversation"
    line = _line(entry, where, user)
    if line:
        _log.info("{line}", line=line, group=where, user=subject(entry.event))


def key_changed(what: str, name: Name, fingerprint: str, address: str) -> None:
    """Log that a key of *name* was added or removed (*what*), from *address*."""
    _log.info(
        "key {what}: {name} {fingerprint} from {address}",
        what=what,
        name=name,
        fingerprint=fingerprint,
        address=address,
    )


_User = Callable[[Name], str]


def _line(entry: Entry, where: str, user: _User) -> str:
    """Return the line for an event of the server, or of the group *where*; empty if none."""
    event: AnyEvent = entry.event
    match event:
        case OperatorRemoved(name=name, by=by):
            return f"operator removed: {user(name)} by {user(by)}"
        case OperatorMade(name=name, by=by):
            return f"operator made: {user(name)} by {user(by) if by else 'the claim code'}"
        case Announced(by=by):
            return f"announced: to everybody online, by {user(by)}"
        case ServerKicked(name=name, by=by) | MemberKicked(name=name, by=by):
            return f"user kicked: {user(name)} from {where} by {user(by)}"
        case (
            ServerBanned(name=name, by=by, until=until)
            | MemberBanned(name=name, by=by, until=until)
        ):
            ends = until_in_words(until, entry.at)
            return f"user banned: {user(name)} from {where} by {user(by)}{ends}"
        case ServerUnbanned(name=name, by=by) | MemberUnbanned(name=name, by=by):
            return f"user unbanned: {user(name)} from {where} by {user(by)}"
        case GroupCreated(name=name, number=number, by=by):
            return f"group created: {name} (number {number}) by {user(by)}"
        case GroupClosed(by=None):
            return f"group closed: {where}, which has no member any more"
        case GroupClosed(by=str() as by):
            return f"group deleted: {where} by {user(by)}"
        case GroupRestored(name=name, number=number, by=by):
            return f"group restored: {name} (number {number}) by {user(by)}"
        case FileShared(number=number, by=by, size=size):
            shared = f"{user(by)} shared number {number} ({size} bytes) with {where}"
            return f"file transferred: {shared}"
        case FileRemoved(number=number, by=by):
            return f"file removed: {user(by)} removed number {number} from {where}"
        case JoinRequested(name=name):
            return f"join requested: {user(name)} asks to join {where}"
        case JoinRejected(name=name, by=by):
            return f"join rejected: {user(name)} may not join {where}, rejected by {user(by)}"
        case MemberJoined(name=name, via=Via.APPROVAL, by=str() as by):
            return f"join approved: {user(name)} joins {where}, approved by {user(by)}"
        case MemberJoined(name=name, code=code) if code:
            return f"join by code: {user(name)} joins {where}, with the invite code {code}"
        case InviteCodeMade(number=number, by=by, uses=uses, until=until):
            ends = until_in_words(until, entry.at)
            lasts = f"{uses} use{'' if uses == 1 else 's'}{ends}"
            return f"invite code made: {number} for {where} by {user(by)}, {lasts}"
        case InviteCodeEnded(number=number, by=by):
            ender = f"by {user(by)}" if by else "because its maker can no longer invite"
            return f"invite code ended: {number} of {where} {ender}"
        case HookAdded(name=name, by=by):
            return f"hook added: {name} in {where} by {user(by)}"
        case HookRemoved(name=name, by=by):
            return f"hook removed: {name} from {where} by {user(by)}"
        case AdminChanged(name=None, why=why):
            return f"admin transferred: {where} has none now ({why.value})"
        case AdminChanged(name=str() as name, why=why):
            return f"admin transferred: {user(name)} is the admin of {where} ({why.value})"
        case PolicyChanged(policy=policy, by=by):
            return f"policy changed: {where} is {policy.value} now, by {user(by)}"
        case MemberQuieted(name=name, by=by, until=until):
            ends = until_in_words(until, entry.at)
            return f"user quieted: {user(name)} in {where} by {user(by)}{ends}"
        case QuietEnded(name=name, by=by):
            return f"quiet ended: {user(name)} in {where} by {user(by)}"
        case SlowChanged(seconds=0, by=by):
            return f"group no longer slow: {where} by {user(by)}"
        case SlowChanged(seconds=seconds, by=by):
            return f"group slowed: {where} to a message in {seconds} s by {user(by)}"
        case ModeratorMade(name=name, by=by):
            return f"moderator made: {user(name)} of {where} by {user(by)}"
        case ModeratorEnded(name=name, by=by):
            return f"moderator ended: {user(name)} of {where} by {user(by)}"
        case _:
            return ""

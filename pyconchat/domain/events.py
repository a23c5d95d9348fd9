"""What can happen: one frozen record for each kind of entry in a conversation's log.

An event knows nothing of numbers, clocks, or how it will look; `Entry` gives it its place in
the log. The records are stored as JSON objects whose ``type`` is the tag, so a tag or a field
that has once been released keeps its meaning.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias, assert_never

import msgspec

from pyconchat.domain.names import Name
from pyconchat.domain.text import SafeText

NO_TEXT = SafeText("")


class Policy(Enum):
    """How people get into a group."""

    APPROVAL = "approval"
    PASSWORD = "password"
    OPEN = "open"
    INVITE = "invite"


class Via(Enum):
    """What let a new member in."""

    OPEN = "open"
    PASSWORD = "password"
    INVITATION = "invitation"
    APPROVAL = "approval"


class Why(Enum):
    """Why a membership ended or adminship moved without anybody's command in the group."""

    LEFT = "left"
    GUEST_GONE = "guest-gone"
    SERVER_BAN = "server-ban"
    KICKED = "kicked"
    TRANSFERRED = "transferred"


class Event(msgspec.Struct, frozen=True, gc=False, tag_field="type", omit_defaults=True):
    """Something that happened. Subclasses are the whole vocabulary of the log."""


class Message(Event, frozen=True, tag="message"):
    """Somebody said something, to a group or to one person."""

    sender: Name
    text: SafeText


class Action(Event, frozen=True, tag="action"):
    """Somebody did something (``/me``), to a group."""

    sender: Name
    text: SafeText


class GroupCreated(Event, frozen=True, tag="created"):
    """*by* made the group and is its first member and admin."""

    number: int
    name: Name
    by: Name
    policy: Policy
    password_hash: str = ""
    guest: bool = False


class GroupClosed(Event, frozen=True, tag="closed"):
    """The last member is gone; the name and the number are free again."""


class MemberJoined(Event, frozen=True, tag="joined"):
    """*name* is a member now. *by* is who approved, when somebody did."""

    name: Name
    via: Via
    by: Name | None = None
    guest: bool = False


class MemberLeft(Event, frozen=True, tag="left"):
    """*name* is no longer a member, and nobody in the group decided so."""

    name: Name
    why: Why = Why.LEFT


class MemberKicked(Event, frozen=True, tag="kicked"):
    """An admin or an operator put *name* out of the group; they may come back."""

    name: Name
    by: Name
    reason: SafeText = NO_TEXT


class MemberBanned(Event, frozen=True, tag="banned"):
    """*name* is out of the group, if they were in, and may not come back."""

    name: Name
    by: Name
    reason: SafeText = NO_TEXT


class MemberUnbanned(Event, frozen=True, tag="unbanned"):
    """*name* may come back to the group."""

    name: Name
    by: Name


class MemberRegistered(Event, frozen=True, tag="registered"):
    """A guest chose a password: what they have in the group is theirs while offline too."""

    name: Name


class JoinRequested(Event, frozen=True, tag="requested"):
    """*name* asks to be let in."""

    name: Name
    note: SafeText = NO_TEXT
    guest: bool = False


class RequestWithdrawn(Event, frozen=True, tag="withdrawn"):
    """*name* no longer asks."""

    name: Name
    why: Why = Why.LEFT


class JoinRejected(Event, frozen=True, tag="rejected"):
    """The admin said no to *name*."""

    name: Name
    by: Name
    reason: SafeText = NO_TEXT


class MemberInvited(Event, frozen=True, tag="invited"):
    """*name* may join without asking."""

    name: Name
    by: Name
    guest: bool = False


class InvitationEnded(Event, frozen=True, tag="uninvited"):
    """The guest who was invited is gone, so the invitation is too."""

    name: Name


class AdminChanged(Event, frozen=True, tag="admin"):
    """*name* is the admin now. *by* is the one before, where that one handed it over."""

    name: Name
    why: Why
    by: Name | None = None


class PolicyChanged(Event, frozen=True, tag="policy"):
    """The admin changed how people get in."""

    policy: Policy
    by: Name
    password_hash: str = ""


class TopicChanged(Event, frozen=True, tag="topic"):
    """The admin changed the topic; an empty one takes it away."""

    topic: SafeText
    by: Name


class FileShared(Event, frozen=True, tag="shared"):
    """*by* shares the file that people call *file*; *number* is its number in the group.

    *size* is in bytes, *sha256* in hex; *id* is its name on the server's disk.
    """

    number: int
    file: SafeText
    by: Name
    size: int
    sha256: str
    id: str
    guest: bool = False


class FileRemoved(Event, frozen=True, tag="removed"):
    """*by* removed the file; its bytes are gone."""

    number: int
    file: SafeText
    by: Name


class ServerKicked(Event, frozen=True, tag="server-kicked"):
    """An operator ended all sessions of *name*; they may come back."""

    name: Name
    by: Name
    reason: SafeText = NO_TEXT


class ServerBanned(Event, frozen=True, tag="server-banned"):
    """An operator ended all sessions of *name*, who may not come back."""

    name: Name
    by: Name
    reason: SafeText = NO_TEXT


class ServerUnbanned(Event, frozen=True, tag="server-unbanned"):
    """An operator lets *name* back in."""

    name: Name
    by: Name


class OperatorMade(Event, frozen=True, tag="operator"):
    """*name* is an operator now. *by* is None for the one who had the claim code."""

    name: Name
    by: Name | None = None


Talk: TypeAlias = Message | Action
Request: TypeAlias = (
    JoinRequested | RequestWithdrawn | JoinRejected | MemberInvited | InvitationEnded
)
GroupEvent: TypeAlias = (
    Talk
    | Request
    | GroupCreated
    | GroupClosed
    | MemberJoined
    | MemberLeft
    | MemberKicked
    | MemberBanned
    | MemberUnbanned
    | MemberRegistered
    | AdminChanged
    | PolicyChanged
    | TopicChanged
    | FileShared
    | FileRemoved
)
ServerEvent: TypeAlias = ServerKicked | ServerBanned | ServerUnbanned | OperatorMade
AnyEvent: TypeAlias = GroupEvent | ServerEvent


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An event with its place in a conversation's log.

    *seq* counts from 1 without gaps in each conversation; *at* is in milliseconds since the
    epoch. Order is by *seq*, never by *at*: clocks jump.
    """

    conversation: int
    seq: int
    at: int
    event: AnyEvent


def subject(event: AnyEvent) -> Name | None:
    """Return who *event* is about: that reader gets another sentence than the others."""
    match event:
        case GroupCreated(by=by):
            return by
        case (
            MemberJoined(name=name)
            | MemberLeft(name=name)
            | MemberKicked(name=name)
            | MemberBanned(name=name)
            | MemberUnbanned(name=name)
            | MemberRegistered(name=name)
            | JoinRequested(name=name)
            | RequestWithdrawn(name=name)
            | JoinRejected(name=name)
            | MemberInvited(name=name)
            | InvitationEnded(name=name)
            | AdminChanged(name=name)
            | ServerKicked(name=name)
            | ServerBanned(name=name)
            | ServerUnbanned(name=name)
            | OperatorMade(name=name)
        ):
            return name
        case (
            Message()
            | Action()
            | GroupClosed()
            | PolicyChanged()
            | TopicChanged()
            | FileShared()
            | FileRemoved()
        ):
            return None
        case _:
            assert_never(event)


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def encode(event: AnyEvent) -> str:
    """Return the JSON text under which *event* is stored."""
    return _encoder.encode(event).decode()


def decode(body: str | bytes) -> AnyEvent:
    """Return the event of a stored text. Raises `msgspec.DecodeError`."""
    return _decoder.decode(body)

"""Events: one frozen record for each kind of entry in a conversation's log.

An event has no number, no time and no wording; `Entry` gives it its place in the log. The
records are stored as JSON objects whose ``type`` is the tag, so a released tag or field must
keep its meaning.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias, assert_never

import msgspec

from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.text import Emoji, SafeText

NO_TEXT = SafeText("")

ADMINISTRATOR = Name("the administrator")
"""Name of the user of ``pyconchat-admin``. It is not valid for an account."""


class Policy(Enum):
    """What somebody needs to join a group."""

    APPROVAL = "approval"
    PASSWORD = "password"
    OPEN = "open"
    INVITE = "invite"


class Via(Enum):
    """How a member joined."""

    OPEN = "open"
    PASSWORD = "password"
    INVITATION = "invitation"
    CODE = "code"
    APPROVAL = "approval"


class Why(Enum):
    """Why a membership or a request ended, or why the admin changed."""

    LEFT = "left"
    GUEST_GONE = "guest-gone"
    SERVER_BAN = "server-ban"
    KICKED = "kicked"
    TRANSFERRED = "transferred"
    LOBBY = "lobby"


Tags: TypeAlias = tuple[tuple[str, SafeText], ...]
"""Names and values of client-only tags (IRCv3 message-tags); each name begins with ``+``."""


class Event(msgspec.Struct, frozen=True, gc=False, tag_field="type", omit_defaults=True):
    """Something that happened. The subclasses are all that a log can contain."""


class Message(Event, frozen=True, tag="message"):
    """*sender* sent *text* to a group or to one person; it mentions the members *mentions*.

    *guest* is true of a guest's message to a group, and of the first one to this person. It answers
    the entry *reply_to*, if that is not 0. *edited* is the number of the latest entry that
    corrected it, 0 if there is none; *text* is the corrected one. A *notice* is of a program:
    nothing may answer it by itself. *tags* are names and values that IRC clients gave the message.
    With *hook*, the sender is a hook, which has no account (see `pyconchat.domain.hooks`). At the
    characters *cuts* of the text, an IRC client has continued a line of it in another line of IRC.
    """

    sender: Name
    text: SafeText
    guest: bool = False
    mentions: tuple[Name, ...] = ()
    reply_to: int = 0
    edited: int = 0
    notice: bool = False
    tags: Tags = ()
    hook: bool = False
    cuts: tuple[int, ...] = ()


class Action(Event, frozen=True, tag="action"):
    """*sender* performed the action *text* (``/me``). The other fields are as in `Message`."""

    sender: Name
    text: SafeText
    guest: bool = False
    mentions: tuple[Name, ...] = ()
    edited: int = 0
    tags: Tags = ()


class TagsSent(Event, frozen=True, tag="tags"):
    """*sender* sent *tags* without a text (TAGMSG of IRC); the other field is as in `Message`."""

    sender: Name
    tags: Tags
    guest: bool = False


class MessageRemoved(Event, frozen=True, tag="unsaid"):
    """Replaces a message or action of *sender* that *by* removed."""

    sender: Name
    by: Name


class Edit(Event, frozen=True, tag="edit"):
    """*by* corrected their message *about*, which has *text* now and names the members *mentions*.

    Both are empty once a later edit, or a removal, has replaced them.
    """

    about: int
    by: Name
    text: SafeText = NO_TEXT
    mentions: tuple[Name, ...] = ()


class Unsay(Event, frozen=True, tag="unsay"):
    """*by* removed the message *about* of *sender*: its text is deleted from the store.

    *reason* is what *by* gave as the reason.
    """

    about: int
    sender: Name
    by: Name
    reason: SafeText = NO_TEXT


class Reaction(Event, frozen=True, tag="react"):
    """*by* reacted to the message *about* with *emoji*."""

    about: int
    by: Name
    emoji: Emoji


class Pinned(Event, frozen=True, tag="pin"):
    """*by* pinned the message *about*, so that it is shown at entry."""

    about: int
    by: Name


class Unpinned(Event, frozen=True, tag="unpin"):
    """*by* unpinned the message *about*."""

    about: int
    by: Name


class GroupCreated(Event, frozen=True, tag="created"):
    """*by* created the group and is its first member, and its admin unless it is the lobby.

    The group of a *guest* is temporary, until somebody registered is a member. The *lobby* belongs
    to the operators.
    """

    number: int
    name: Name
    by: Name
    policy: Policy
    password_hash: str = ""
    guest: bool = False
    lobby: bool = False


class GroupClosed(Event, frozen=True, tag="closed"):
    """*by* deleted the group, or the last member left (None). The name and the number are free.

    Members and files of a deleted group are kept, so that it can be restored.
    """

    by: Name | None = None


class GroupRestored(Event, frozen=True, tag="restored"):
    """*by* restored the group, which was closed, under this name and number."""

    number: int
    name: Name
    by: Name


class MemberJoined(Event, frozen=True, tag="joined"):
    """*name* is a member now. *by* is who approved the request, if there was one.

    *code* is the number of the invite code that was used, 0 if none was.
    """

    name: Name
    via: Via
    by: Name | None = None
    guest: bool = False
    code: int = 0


class MemberLeft(Event, frozen=True, tag="left"):
    """*name* is no longer a member, and nobody in the group decided that.

    *reason* is what they gave as their reason.
    """

    name: Name
    why: Why = Why.LEFT
    reason: SafeText = NO_TEXT


class MemberKicked(Event, frozen=True, tag="kicked"):
    """The admin, a moderator or an operator removed *name* from the group; they may join again."""

    name: Name
    by: Name
    reason: SafeText = NO_TEXT


class MemberBanned(Event, frozen=True, tag="banned"):
    """*name* may not join. If they were a member, their membership has ended.

    The ban ends by itself at *until* (milliseconds since the epoch); None: it does not.
    *was_member* is true if they were one; older entries do not say so.
    """

    name: Name
    by: Name
    reason: SafeText = NO_TEXT
    until: int | None = None
    was_member: bool = False


class MemberUnbanned(Event, frozen=True, tag="unbanned"):
    """The ban of *name* was lifted."""

    name: Name
    by: Name


class MemberQuieted(Event, frozen=True, tag="quieted"):
    """*name* may read but not speak, until *until* (milliseconds since the epoch).

    None: until `QuietEnded`.
    """

    name: Name
    by: Name
    until: int | None = None


class QuietEnded(Event, frozen=True, tag="unquieted"):
    """*name* may speak again."""

    name: Name
    by: Name


class SlowChanged(Event, frozen=True, tag="slow"):
    """Each member can send one message in *seconds*; 0: any number."""

    seconds: int
    by: Name


class ModeratorMade(Event, frozen=True, tag="moderator"):
    """The member *name* is a moderator now."""

    name: Name
    by: Name


class ModeratorEnded(Event, frozen=True, tag="unmoderator"):
    """*name* is no longer a moderator, but still a member."""

    name: Name
    by: Name


class MemberRegistered(Event, frozen=True, tag="registered"):
    """The guest *name* registered, so that their membership outlives the connection."""

    name: Name


class JoinRequested(Event, frozen=True, tag="requested"):
    """*name* asks to join."""

    name: Name
    note: SafeText = NO_TEXT
    guest: bool = False


class RequestWithdrawn(Event, frozen=True, tag="withdrawn"):
    """The request of *name* ended without an answer."""

    name: Name
    why: Why = Why.LEFT


class JoinRejected(Event, frozen=True, tag="rejected"):
    """The admin, a moderator or an operator rejected the request of *name*."""

    name: Name
    by: Name
    reason: SafeText = NO_TEXT


class MemberInvited(Event, frozen=True, tag="invited"):
    """*name* may join without approval."""

    name: Name
    by: Name
    guest: bool = False


class InvitationEnded(Event, frozen=True, tag="uninvited"):
    """The invited guest *name* disconnected, which ends the invitation."""

    name: Name


class InviteCodeMade(Event, frozen=True, tag="code-made"):
    """*by* made the invite code *number*, with which *uses* people can join until *until*.

    *digest* is its hash; *until* is in milliseconds since the epoch.
    """

    number: int
    by: Name
    uses: int
    until: int
    digest: str = ""


class InviteCodeEnded(Event, frozen=True, tag="code-ended"):
    """The invite code *number* ended before its time.

    *by* decided that. It is None if the person who made the code may no longer invite: that is
    *maker*, if they are still a member.
    """

    number: int
    by: Name | None = None
    maker: Name | None = None


class HookAdded(Event, frozen=True, tag="hook-added"):
    """*by* added the hook *name*, at whose address programs can post; *digest* is its hash."""

    name: Name
    by: Name
    digest: str = ""


class HookRemoved(Event, frozen=True, tag="hook-removed"):
    """*by* removed the hook *name*: nothing can post at its address any more."""

    name: Name
    by: Name


class AdminChanged(Event, frozen=True, tag="admin"):
    """*name* is the admin now; if that is None, the operators manage the group.

    *by* transferred adminship from *previous*: that admin, or an operator.
    """

    name: Name | None
    why: Why
    by: Name | None = None
    previous: Name | None = None


class PolicyChanged(Event, frozen=True, tag="policy"):
    """The admin changed the policy from *previous*, which older entries do not have."""

    policy: Policy
    by: Name
    password_hash: str = ""
    previous: Policy | None = None


class TopicChanged(Event, frozen=True, tag="topic"):
    """The admin or a moderator changed the topic, or removed it (then it is empty)."""

    topic: SafeText
    by: Name


class FileShared(Event, frozen=True, tag="shared"):
    """*by* shared a file, which has the name *file* and the number *number* in the group.

    *size* is in bytes, *sha256* in hex; *id* is its name on the server's disk. *quota* is the quota
    key of a guest's file, by address; it is empty for an account.
    """

    number: int
    file: SafeText
    by: Name
    size: int
    sha256: str
    id: str
    guest: bool = False
    quota: str = ""


class FileRemoved(Event, frozen=True, tag="removed"):
    """*by* removed the file. The server deletes its bytes."""

    number: int
    file: SafeText
    by: Name


class ServerKicked(Event, frozen=True, tag="server-kicked"):
    """An operator ended all sessions of *name*; they may log in again."""

    name: Name
    by: Name
    reason: SafeText = NO_TEXT


class ServerBanned(Event, frozen=True, tag="server-banned"):
    """An operator ended all sessions of *name*; they cannot log in again.

    No guest may log in from the *networks*, those of a guest who is banned. *until* is as in
    `MemberBanned`.
    """

    name: Name
    by: Name
    reason: SafeText = NO_TEXT
    networks: tuple[str, ...] = ()
    until: int | None = None


class ServerUnbanned(Event, frozen=True, tag="server-unbanned"):
    """An operator lifted the ban of *name*."""

    name: Name
    by: Name


class OperatorMade(Event, frozen=True, tag="operator"):
    """*name* is an operator now. *by* is None if they had the claim code."""

    name: Name
    by: Name | None = None


class OperatorRemoved(Event, frozen=True, tag="operator-removed"):
    """*name* is no longer an operator: *by* decided that."""

    name: Name
    by: Name


class Announced(Event, frozen=True, tag="announced"):
    """The operator *by* said *text* to everybody who was online."""

    by: Name
    text: SafeText


class Damaged(Event, frozen=True, tag="damaged"):
    """Takes the place of an entry that cannot be read. It is never stored."""


Talk: TypeAlias = Message | Action
Amendment: TypeAlias = Edit | Unsay | Reaction | Pinned | Unpinned
"""Base class of the events about an earlier entry, *about*."""
Request: TypeAlias = (
    JoinRequested | RequestWithdrawn | JoinRejected | MemberInvited | InvitationEnded
)
CodeEvent: TypeAlias = InviteCodeMade | InviteCodeEnded
"""Base class of the events about invite codes, which only the admin and moderators see."""
GroupEvent: TypeAlias = (
    Talk
    | TagsSent
    | MessageRemoved
    | Amendment
    | Request
    | CodeEvent
    | HookAdded
    | HookRemoved
    | GroupCreated
    | GroupClosed
    | GroupRestored
    | MemberJoined
    | MemberLeft
    | MemberKicked
    | MemberBanned
    | MemberUnbanned
    | MemberQuieted
    | QuietEnded
    | SlowChanged
    | ModeratorMade
    | ModeratorEnded
    | MemberRegistered
    | AdminChanged
    | PolicyChanged
    | TopicChanged
    | FileShared
    | FileRemoved
)
ServerEvent: TypeAlias = (
    ServerKicked | ServerBanned | ServerUnbanned | OperatorMade | OperatorRemoved | Announced
)
AnyEvent: TypeAlias = GroupEvent | ServerEvent | Damaged


def changes_version(event: AnyEvent) -> bool:
    """Return whether *event* increases the version of a group's state."""
    return not isinstance(event, Message | Action | TagsSent)


class Quote(msgspec.Struct, frozen=True, gc=False):
    """The author and the start of a message, for an entry about it.

    *text* is empty if the message was removed. A quote is never stored: it is read with the entry,
    so that a text that is removed is in no other place.
    """

    sender: Name
    text: SafeText = NO_TEXT


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An event with its place in a conversation's log.

    *seq* counts from 1 without gaps in each conversation; *at* is in milliseconds since the
    epoch. Entries are ordered by *seq*, never by *at*: a clock can be set back. *quote* is of the
    message that the event is about (see `about`).
    """

    conversation: int
    seq: int
    at: int
    event: AnyEvent
    quote: Quote | None = None


def about(event: AnyEvent) -> int:
    """Return the number of the entry that *event* is about, or answers; 0 for none."""
    if type(event) is Message:
        return event.reply_to
    return event.about if isinstance(event, Amendment) else 0


def subject(event: AnyEvent) -> Name | None:
    """Return the person whom *event* is about, who reads another sentence than everybody else."""
    match event:
        case GroupCreated(by=by):
            return by
        case (
            MemberJoined(name=name)
            | MemberLeft(name=name)
            | MemberKicked(name=name)
            | MemberBanned(name=name)
            | MemberUnbanned(name=name)
            | MemberQuieted(name=name)
            | QuietEnded(name=name)
            | ModeratorMade(name=name)
            | ModeratorEnded(name=name)
            | MemberRegistered(name=name)
            | JoinRequested(name=name)
            | RequestWithdrawn(name=name)
            | JoinRejected(name=name)
            | MemberInvited(name=name)
            | InvitationEnded(name=name)
            | AdminChanged(name=name)
            | InviteCodeEnded(maker=name)
            | ServerKicked(name=name)
            | ServerBanned(name=name)
            | ServerUnbanned(name=name)
            | OperatorMade(name=name)
            | OperatorRemoved(name=name)
        ):
            return name
        case (
            Message()
            | Action()
            | TagsSent()
            | MessageRemoved()
            | Edit()
            | Unsay()
            | Reaction()
            | Pinned()
            | Unpinned()
            | GroupClosed()
            | GroupRestored()
            | PolicyChanged()
            | TopicChanged()
            | SlowChanged()
            | InviteCodeMade()
            | HookAdded()
            | HookRemoved()
            | FileShared()
            | FileRemoved()
            | Announced()
            | Damaged()
        ):
            return None
        case _:
            assert_never(event)


def actor(event: AnyEvent) -> Name | None:
    """Return the author of *event*; None if the event does not record one."""
    if isinstance(event, Talk | TagsSent):
        return event.sender
    by: Name | None = getattr(event, "by", None)
    return by


def is_for_members(event: AnyEvent) -> bool:
    """Return whether all members may see *event*, and in the same words if it is of others."""
    return not isinstance(event, Request | CodeEvent | GroupClosed)


def is_of_gone_guest(event: AnyEvent) -> bool:
    """Return whether *event* ends a membership, request or invitation of a disconnected guest.

    Another guest may have the name already; *event* is not about them.
    """
    match event:
        case MemberLeft(why=Why.GUEST_GONE) | RequestWithdrawn(why=Why.GUEST_GONE):
            return True
        case _:
            return isinstance(event, InvitationEnded)


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def encode(event: AnyEvent) -> str:
    """Return the JSON text as which *event* is stored."""
    return _encoder.encode(event).decode()


def decode(body: str | bytes) -> AnyEvent:
    """Return the event of the stored text *body*; `Damaged` if it is not one."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeError, TypeError):
        return Damaged()


NOT_FOR_NEWCOMERS: tuple[type[AnyEvent], ...] = (
    *(MemberJoined, MemberLeft),
    *(JoinRequested, RequestWithdrawn, JoinRejected),
)
"""The past events of a group that are hidden from newcomers: joins, leaves and requests (of which
members see only their own)."""


def is_coming_or_going(event: AnyEvent, reader: Key) -> bool:
    """Return whether *event* is the join or leave of somebody other than *reader*."""
    match event:
        case MemberJoined(name=name) | MemberLeft(name=name, why=Why.LEFT | Why.GUEST_GONE):
            return fold(name) != reader
        case _:
            return False

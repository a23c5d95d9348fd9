"""The state of a group: the records that it consists of, and how events change it.

`GroupState` is what the store keeps. `LiveState` is the same in memory, with dicts for look-ups;
`Group` adds the rules. Nothing here decides whether an event is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self, assert_never

import msgspec

from pyconchat.domain.events import (
    NO_TEXT,
    Action,
    AdminChanged,
    Edit,
    FileRemoved,
    FileShared,
    GroupClosed,
    GroupCreated,
    GroupEvent,
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
    Pinned,
    Policy,
    PolicyChanged,
    QuietEnded,
    Reaction,
    RequestWithdrawn,
    SlowChanged,
    TagsSent,
    TopicChanged,
    Unpinned,
    Unsay,
)
from pyconchat.domain.hooks import Hook
from pyconchat.domain.invite_codes import InviteCode
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.shared_files import SharedFile, shared_file
from pyconchat.domain.text import SafeText

__all__ = ["Ban", "GroupState", "JoinRequest", "LiveState", "Member", "Quiet", "SharedFile"]


class Member(msgspec.Struct, frozen=True):
    """A member of the group, or somebody who is invited to it."""

    name: Name
    guest: bool = False


class JoinRequest(msgspec.Struct, frozen=True):
    """An applicant: *name* asked to join at *at* (milliseconds since the epoch)."""

    name: Name
    at: int
    note: SafeText = NO_TEXT
    guest: bool = False


class Ban(msgspec.Struct, frozen=True):
    """*by* banned *name* at *at* (milliseconds since the epoch).

    A ban from the server may have the *networks* of a guest (see `network_of`). At *until* it ends;
    None: never. No event marks the end: methods about bans take the time. A ban that has ended is
    removed when that name joins again, or the next name is banned.
    """

    name: Name
    by: Name
    at: int
    reason: SafeText = NO_TEXT
    networks: tuple[str, ...] = ()
    until: int | None = None

    def lasts(self, now: int) -> bool:
        """Return whether the ban has not ended at *now* (milliseconds since the epoch)."""
        return self.until is None or now < self.until


class Quiet(msgspec.Struct, frozen=True):
    """*by* made *name* quiet at *at*, until *until*, as in `Ban`. It outlasts the membership."""

    name: Name
    by: Name
    at: int
    until: int | None = None

    def lasts(self, now: int) -> bool:
        """Return whether *name* is still quiet at *now* (milliseconds since the epoch)."""
        return self.until is None or now < self.until


class Pin(msgspec.Struct, frozen=True):
    """The entry *seq* is shown at entry, because *by* pinned it."""

    seq: int
    by: Name


class GroupState(msgspec.Struct):
    """The stored state of a group. Each list is in the order in which its records were added.

    *admin* is None if the operators manage the group. A *temporary* group has never had a
    registered member. *last_file* and *last_code* are the highest numbers that a file and an invite
    code of the group ever had. *slow* is the minimum time between two messages of a member, in
    seconds.
    *topic_by* set the topic, or removed it, at *topic_at* (milliseconds since the epoch); None if
    nobody has. A *summary* of a state has empty lists, except for the hooks, and *member_count* is
    the number of members. In a state that is not a summary, that is None.
    """

    number: int
    name: Name
    policy: Policy
    admin: Name | None
    password_hash: str = ""
    topic: SafeText = NO_TEXT
    topic_by: Name | None = None
    topic_at: int = 0
    closed: bool = False
    temporary: bool = False
    members: list[Member] = []
    requests: list[JoinRequest] = []
    invitations: list[Member] = []
    bans: list[Ban] = []
    files: list[SharedFile] = []
    last_file: int = 0
    moderators: list[Name] = []
    quieted: list[Quiet] = []
    slow: int = 0
    pins: list[Pin] = []
    codes: list[InviteCode] = []
    last_code: int = 0
    hooks: list[Hook] = []
    member_count: int | None = None

    def summary(self) -> GroupState:
        """Return the summary of this state."""
        count = len(self.members) if self.member_count is None else self.member_count
        nothing: dict[str, list[Any]] = {each: [] for each in _LISTS}
        return msgspec.structs.replace(self, member_count=count, **nothing)


_LISTS = (
    *("members", "requests", "invitations", "bans", "files"),
    *("moderators", "quieted", "pins", "codes"),
)
"""The lists of a state that are empty in a summary."""

_NOTHING: Mapping[Any, Any] = MappingProxyType({})
"""Takes the place of ten empty dicts, which take 640 bytes: a node has many summaries."""


class LiveState:
    """The state of one group in memory, which decisions change only through `apply`.

    *id* is the number of the group's conversation in the store. *version* counts the changes.
    *turns* are the last turns in a slow group (see `Rights.take_turn`), which are not stored.
    """

    __slots__ = (
        "_member_count",
        "admin",
        "bans",
        "closed",
        "codes",
        "files",
        "hooks",
        "id",
        "invitations",
        "last_code",
        "last_file",
        "members",
        "moderators",
        "name",
        "number",
        "password_hash",
        "pins",
        "policy",
        "quieted",
        "requests",
        "slow",
        "temporary",
        "topic",
        "topic_at",
        "topic_by",
        "turns",
        "version",
    )

    def __init__(self, id: int, state: GroupState, version: int = 0) -> None:
        self.id = id
        self.restore(state, version)

    @classmethod
    def created(cls, id: int, event: GroupCreated) -> Self:
        """Return the group that *event* creates."""
        return cls(id, _first_state(event), version=1)

    def restore(self, state: GroupState, version: int) -> None:
        """Replace everything by *state*, which the store has with this *version*."""
        self.version = version
        self.number = state.number
        self.name = state.name
        self.policy = state.policy
        self.admin = state.admin
        self.password_hash = state.password_hash
        self.topic = state.topic
        self.topic_by = state.topic_by
        self.topic_at = state.topic_at
        self.closed = state.closed
        self.temporary = state.temporary
        self.members: dict[Key, Member] = {fold(m.name): m for m in state.members}
        self.requests: dict[Key, JoinRequest] = {fold(r.name): r for r in state.requests}
        self.invitations: dict[Key, Member] = {fold(m.name): m for m in state.invitations}
        self.bans: dict[Key, Ban] = {fold(b.name): b for b in state.bans}
        self.files: dict[int, SharedFile] = {file.number: file for file in state.files}
        self.last_file = state.last_file
        self.moderators: dict[Key, Name] = {fold(name): name for name in state.moderators}
        self.quieted: dict[Key, Quiet] = {fold(q.name): q for q in state.quieted}
        self.slow = state.slow
        self.turns: dict[Key, int] = {}
        self.pins: dict[int, Pin] = {pin.seq: pin for pin in state.pins}
        self.codes: dict[int, InviteCode] = {code.number: code for code in state.codes}
        self.last_code = state.last_code
        self.hooks: dict[Key, Hook] = {fold(hook.name): hook for hook in state.hooks}
        self._member_count = state.member_count
        if state.member_count is not None:
            for each in (*_LISTS, "turns"):
                setattr(self, each, _NOTHING)

    def discard(self) -> None:
        """Close the group, because it could not be stored."""
        self.closed = True
        self.members = {}

    @property
    def is_summary(self) -> bool:
        """Whether this is only a summary of the state: no decision may be based on it."""
        return self._member_count is not None

    @property
    def member_count(self) -> int:
        """The count of the members, also of a summary."""
        return len(self.members) if self._member_count is None else self._member_count

    @property
    def state(self) -> GroupState:
        """The state as the store keeps it."""
        return GroupState(
            number=self.number,
            name=self.name,
            policy=self.policy,
            admin=self.admin,
            password_hash=self.password_hash,
            topic=self.topic,
            topic_by=self.topic_by,
            topic_at=self.topic_at,
            closed=self.closed,
            temporary=self.temporary,
            members=list(self.members.values()),
            requests=list(self.requests.values()),
            invitations=list(self.invitations.values()),
            bans=list(self.bans.values()),
            files=list(self.files.values()),
            last_file=self.last_file,
            moderators=list(self.moderators.values()),
            quieted=list(self.quieted.values()),
            slow=self.slow,
            pins=list(self.pins.values()),
            codes=list(self.codes.values()),
            last_code=self.last_code,
            hooks=list(self.hooks.values()),
            member_count=self._member_count,
        )

    def apply(self, event: GroupEvent, at: int) -> None:
        """Change the state as *event* says, which happened at *at* (milliseconds)."""
        match event:
            case Message() | Action() | TagsSent() | MessageRemoved():
                return
            case Edit() | Reaction():
                pass
            case Unsay(about=seq):
                self.pins.pop(seq, None)
            case Pinned(about=seq, by=by):
                self.pins[seq] = Pin(seq, by)
            case Unpinned(about=seq):
                self.pins.pop(seq, None)
            case GroupCreated():
                self.restore(_first_state(event), self.version)
            case GroupClosed(by=by):
                self.closed = True
                self.requests.clear()
                self.invitations.clear()
                self.codes.clear()
                self.hooks.clear()
                if by is None:
                    self.files.clear()
            case GroupRestored(name=name, number=number):
                self.closed = False
                self.name = name
                self.number = number
            case MemberJoined(name=name, guest=guest, code=code):
                key = fold(name)
                self._use_code(code)
                self.requests.pop(key, None)
                self.invitations.pop(key, None)
                self.bans.pop(key, None)
                self.members[key] = Member(name, guest)
                self.temporary = self.temporary and guest
            case MemberLeft(name=name) | MemberKicked(name=name):
                del self.members[fold(name)]
                self.moderators.pop(fold(name), None)
            case MemberBanned(name=name, by=by, reason=reason, until=until):
                key = fold(name)
                for held in (self.members, self.moderators, self.requests, self.invitations):
                    held.pop(key, None)
                others = {k: each for k, each in self.bans.items() if each.lasts(at) and k != key}
                self.bans = {**others, key: Ban(name, by, at, reason, until=until)}
            case MemberUnbanned(name=name):
                del self.bans[fold(name)]
            case MemberQuieted(name=name, by=by, until=until):
                key = fold(name)
                quiet = {k: each for k, each in self.quieted.items() if each.lasts(at) and k != key}
                self.quieted = {**quiet, key: Quiet(name, by, at, until)}
            case QuietEnded(name=name):
                del self.quieted[fold(name)]
            case SlowChanged(seconds=seconds):
                self.slow = seconds
                self.turns.clear()
            case ModeratorMade(name=name):
                self.moderators[fold(name)] = name
                self.quieted.pop(fold(name), None)
            case ModeratorEnded(name=name):
                del self.moderators[fold(name)]
            case MemberRegistered(name=name):
                self._register(fold(name))
            case JoinRequested(name=name, note=note, guest=guest):
                self.bans.pop(fold(name), None)
                self.requests[fold(name)] = JoinRequest(name, at, note, guest)
            case RequestWithdrawn(name=name) | JoinRejected(name=name):
                del self.requests[fold(name)]
            case MemberInvited(name=name, guest=guest):
                self.bans.pop(fold(name), None)
                self.invitations[fold(name)] = Member(name, guest)
            case InvitationEnded(name=name):
                del self.invitations[fold(name)]
            case InviteCodeMade():
                self._add_code(event, at)
            case InviteCodeEnded(number=number):
                del self.codes[number]
            case HookAdded(name=name, by=by, digest=digest):
                self.hooks[fold(name)] = Hook(name, digest, by, at)
            case HookRemoved(name=name):
                del self.hooks[fold(name)]
                self.quieted.pop(fold(name), None)
            case AdminChanged(name=name):
                self.admin = name
                if name is not None:
                    self.moderators.pop(fold(name), None)
                    self.quieted.pop(fold(name), None)
            case PolicyChanged(policy=policy, password_hash=password_hash):
                self.policy = policy
                self.password_hash = password_hash
            case TopicChanged(topic=topic, by=by):
                self.topic, self.topic_by, self.topic_at = topic, by, at
            case FileShared():
                self._share(event, at)
            case FileRemoved(number=number):
                del self.files[number]
            case _:
                assert_never(event)
        self.version += 1

    def _register(self, key: Key) -> None:
        replace = msgspec.structs.replace
        if key in self.members:
            self.members[key] = replace(self.members[key], guest=False)
            self.temporary = False
        if key in self.requests:
            self.requests[key] = replace(self.requests[key], guest=False)
        if key in self.invitations:
            self.invitations[key] = replace(self.invitations[key], guest=False)

    def _add_code(self, event: InviteCodeMade, at: int) -> None:
        self.last_code = number = event.number
        lasting = {each: code for each, code in self.codes.items() if code.lasts(at)}
        new = InviteCode(number, event.digest, event.by, at, event.uses, event.until)
        self.codes = {**lasting, number: new}

    def _use_code(self, number: int) -> None:
        """Count a use of the invite code *number*; remove it after the last one."""
        code = self.codes.get(number)
        if code is None:
            return
        if code.used + 1 < code.uses:
            self.codes[number] = msgspec.structs.replace(code, used=code.used + 1)
        else:
            del self.codes[number]

    def _share(self, event: FileShared, at: int) -> None:
        self.last_file = event.number
        self.files[event.number] = shared_file(event, at)


def _first_state(event: GroupCreated) -> GroupState:
    return GroupState(
        number=event.number,
        name=event.name,
        policy=event.policy,
        admin=None if event.lobby else event.by,
        password_hash=event.password_hash,
        temporary=event.guest and not event.lobby,
        members=[Member(event.by, event.guest)],
    )

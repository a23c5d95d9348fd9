"""Group: membership, admin, join requests, bans and policy of one group.

Methods named for what a person does *decide*: they check the rules and return the events, or
raise `Refused`, and change nothing. `Group.apply` is the only place where a group changes.
A group knows no clock, no store, no session, and no password but its hash.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn, assert_never

import msgspec

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import (
    NO_TEXT,
    Action,
    AdminChanged,
    AnyEvent,
    FileRemoved,
    FileShared,
    GroupClosed,
    GroupCreated,
    GroupEvent,
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
    Policy,
    PolicyChanged,
    Request,
    RequestWithdrawn,
    TopicChanged,
    Via,
    Why,
)
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.refusals import already_banned, group_closed
from pyconchat.domain.text import SafeText

__all__ = ["Actor", "Ban", "Group", "GroupState", "JoinRequest", "Member", "SharedFile"]


class Actor(msgspec.Struct, frozen=True):
    """Who asks for something: as much of an account as the rules need."""

    name: Name
    guest: bool = False
    operator: bool = False


class Member(msgspec.Struct, frozen=True):
    """Somebody who is in the group."""

    name: Name
    guest: bool = False


class JoinRequest(msgspec.Struct, frozen=True):
    """Somebody who asks to be let in, since *at* (milliseconds since the epoch)."""

    name: Name
    at: int
    note: SafeText = NO_TEXT
    guest: bool = False


class Ban(msgspec.Struct, frozen=True):
    """Somebody who may not come in, since *at* (milliseconds since the epoch)."""

    name: Name
    by: Name
    at: int
    reason: SafeText = NO_TEXT


class SharedFile(msgspec.Struct, frozen=True):
    """A file that *by* has shared with the group, at *at* (milliseconds since the epoch).

    *size* is in bytes, *sha256* in hex; *id* is its name on the server's disk.
    """

    number: int
    name: SafeText
    by: Name
    size: int
    sha256: str
    id: str
    at: int
    guest: bool = False


class GroupState(msgspec.Struct):
    """All that a group remembers. Members stand in the order in which they came.

    *last_file* is the highest number that a file was ever given.
    """

    number: int
    name: Name
    policy: Policy
    admin: Name
    password_hash: str = ""
    topic: SafeText = NO_TEXT
    closed: bool = False
    members: list[Member] = []
    requests: list[JoinRequest] = []
    invitations: list[Member] = []
    bans: list[Ban] = []
    files: list[SharedFile] = []
    last_file: int = 0


class Group:
    """One group; *id* is the number of its conversation in the store."""

    __slots__ = (
        "admin",
        "bans",
        "closed",
        "files",
        "id",
        "invitations",
        "last_file",
        "members",
        "name",
        "number",
        "password_hash",
        "policy",
        "requests",
        "topic",
        "version",
    )

    def __init__(self, id: int, state: GroupState, version: int = 0) -> None:
        self.id = id
        self.restore(state, version)

    def restore(self, state: GroupState, version: int) -> None:
        """Become what the store says; *version* counts the changes that led there."""
        self.version = version
        self.number = state.number
        self.name = state.name
        self.policy = state.policy
        self.admin = state.admin
        self.password_hash = state.password_hash
        self.topic = state.topic
        self.closed = state.closed
        self.members: dict[Key, Member] = {fold(m.name): m for m in state.members}
        self.requests: dict[Key, JoinRequest] = {fold(r.name): r for r in state.requests}
        self.invitations: dict[Key, Member] = {fold(m.name): m for m in state.invitations}
        self.bans: dict[Key, Ban] = {fold(b.name): b for b in state.bans}
        self.files: dict[int, SharedFile] = {file.number: file for file in state.files}
        self.last_file = state.last_file

    @property
    def state(self) -> GroupState:
        """What the group remembers, as the store keeps it."""
        return GroupState(
            number=self.number,
            name=self.name,
            policy=self.policy,
            admin=self.admin,
            password_hash=self.password_hash,
            topic=self.topic,
            closed=self.closed,
            members=list(self.members.values()),
            requests=list(self.requests.values()),
            invitations=list(self.invitations.values()),
            bans=list(self.bans.values()),
            files=list(self.files.values()),
            last_file=self.last_file,
        )

    @classmethod
    def created(cls, id: int, event: GroupCreated) -> Group:
        """Return the group that *event* makes."""
        state = GroupState(
            number=event.number,
            name=event.name,
            policy=event.policy,
            admin=event.by,
            password_hash=event.password_hash,
            members=[Member(event.by, event.guest)],
        )
        return cls(id, state, version=1)

    # What people may ask of a group.

    def post(self, by: Actor, text: SafeText) -> Message:
        """Decide that *by* says *text*."""
        self.require_member(by)
        return Message(by.name, text)

    def act(self, by: Actor, text: SafeText) -> Action:
        """Decide that *by* does *text*."""
        self.require_member(by)
        return Action(by.name, text)

    def join(self, by: Actor, note: SafeText = NO_TEXT, proof: str = "") -> list[GroupEvent]:
        """Decide that *by* comes in, or asks to; nothing happens to a member.

        *proof* is the password hash that what they typed was found to match.
        """
        key = fold(by.name)
        if self.closed:
            raise group_closed(self.name)
        if key in self.members:
            return []
        if key in self.bans:
            self._refuse_banned(self.bans[key])
        if key in self.invitations:
            return [self._joined(by, Via.INVITATION)]
        match self.policy:
            case Policy.OPEN:
                return [self._joined(by, Via.OPEN)]
            case Policy.PASSWORD:
                if not proof or proof != self.password_hash:
                    raise Refused(
                        Code.WRONG_PASSWORD,
                        "That is not the password of {group}.",
                        group=self.name,
                    )
                return [self._joined(by, Via.PASSWORD)]
            case Policy.INVITE:
                raise Refused(
                    Code.INVITE_ONLY,
                    "{group} takes only those whom its admin, {admin}, invites.",
                    group=self.name,
                    admin=self.admin,
                )
            case Policy.APPROVAL:
                if key in self.requests:
                    raise Refused(
                        Code.PENDING,
                        "You have asked already; the admin of {group}, {admin}, has to approve.",
                        group=self.name,
                        admin=self.admin,
                    )
                return [JoinRequested(by.name, note, by.guest)]
            case _:
                assert_never(self.policy)

    def leave(self, by: Actor) -> list[GroupEvent]:
        """Decide that *by* gives up membership, or no longer asks for it."""
        if fold(by.name) in self.requests:
            return [RequestWithdrawn(by.name)]
        self.require_member(by)
        return self._without(by.name, MemberLeft(by.name), Why.LEFT)

    def approve(self, by: Actor, names: Iterable[Name]) -> list[GroupEvent]:
        """Decide that *by* lets in all of *names*, each of whom has asked; or none."""
        self.require_admin(by, "approve requests")
        requests = {fold(name): self._request(name) for name in names}
        return [
            MemberJoined(request.name, Via.APPROVAL, by.name, request.guest)
            for request in requests.values()
        ]

    def reject(self, by: Actor, name: Name, reason: SafeText = NO_TEXT) -> list[GroupEvent]:
        """Decide that *by* turns down the request of *name*."""
        self.require_admin(by, "reject requests")
        return [JoinRejected(self._request(name).name, by.name, reason)]

    def invite(self, by: Actor, invited: Actor) -> list[GroupEvent]:
        """Decide that *by* lets *invited* in without asking; who has asked already is in."""
        self.require_admin(by, "invite")
        key = fold(invited.name)
        if key in self.members:
            raise Refused(Code.EXISTS, "{name} is a member already.", name=invited.name)
        if key in self.bans:
            raise Refused(
                Code.BANNED, "{name} is banned here: /unban {name} first.", name=invited.name
            )
        if key in self.invitations:
            raise Refused(Code.EXISTS, "{name} is invited already.", name=invited.name)
        if key in self.requests:
            return self.approve(by, [invited.name])
        return [MemberInvited(invited.name, by.name, invited.guest)]

    def transfer(self, by: Actor, name: Name) -> list[GroupEvent]:
        """Decide that *by* hands adminship to the member *name*."""
        self.require_admin(by, "hand adminship over")
        member = self._member(name)
        if fold(member.name) == fold(by.name):
            raise Refused(Code.SELF, "You are the admin already.")
        return [AdminChanged(member.name, Why.TRANSFERRED, by.name)]

    def kick(self, by: Actor, name: Name, reason: SafeText = NO_TEXT) -> list[GroupEvent]:
        """Decide that *by* puts *name* out of the group."""
        self._require_power(by, "kick")
        member = self._member(name)
        if fold(member.name) == fold(by.name):
            raise Refused(Code.SELF, "To leave the group yourself, use /leave.")
        kicked = MemberKicked(member.name, by.name, reason)
        return self._without(member.name, kicked, Why.KICKED)

    def ban(self, by: Actor, name: Name, reason: SafeText = NO_TEXT) -> list[GroupEvent]:
        """Decide that *by* puts *name* out, if they are in, and does not let them back."""
        self._require_power(by, "ban")
        key = fold(name)
        if key == fold(by.name):
            raise Refused(Code.SELF, "You cannot ban yourself; to leave the group, use /leave.")
        if key in self.bans:
            raise already_banned(self.bans[key].name)
        if key in self.members:
            name = self.members[key].name
            return self._without(name, MemberBanned(name, by.name, reason), Why.KICKED)
        return [MemberBanned(name, by.name, reason)]

    def unban(self, by: Actor, name: Name) -> list[GroupEvent]:
        """Decide that *by* lets *name* come back."""
        self._require_power(by, "lift bans")
        ban = self.bans.get(fold(name))
        if ban is None:
            raise Refused(
                Code.NOT_BANNED,
                "{name} is not banned from {group}; see /bans.",
                name=name,
                group=self.name,
            )
        return [MemberUnbanned(ban.name, by.name)]

    def change_policy(self, by: Actor, policy: Policy, hash: str = "") -> list[GroupEvent]:
        """Decide how people get in from now on; *hash* is of the password, where there is one."""
        self.require_admin(by, "change the policy")
        if policy is self.policy and policy is not Policy.PASSWORD:
            raise Refused(
                Code.UNCHANGED, "The policy is {policy} already.", policy=self.policy.value
            )
        return [PolicyChanged(policy, by.name, hash)]

    def change_topic(self, by: Actor, topic: SafeText) -> list[GroupEvent]:
        """Decide what the group is about."""
        self.require_admin(by, "change the topic")
        return [TopicChanged(topic, by.name)]

    def share(self, by: Actor, name: SafeText, size: int, sha256: str, id: str) -> list[GroupEvent]:
        """Decide that the file *name*, which is on the disk as *id*, is the group's."""
        self.require_member(by)
        return [FileShared(self.last_file + 1, name, by.name, size, sha256, id, by.guest)]

    def remove(self, by: Actor, number: int) -> list[GroupEvent]:
        """Decide that the file *number* goes: its owner or the admin says so."""
        self.require_member(by)
        file = self.file(str(number))
        own = fold(file.by) == fold(by.name) and not file.guest  # the next guest is another
        if not own and not by.operator:
            self.require_admin(by, "remove the files of others")
        return [FileRemoved(file.number, file.name, by.name)]

    # What follows from something that happened outside the group.

    def forget(self, name: str, why: Why) -> list[GroupEvent]:
        """Decide what ends here when *name* is gone for good: as a guest, or banned."""
        key = fold(name)
        events: list[GroupEvent] = []
        if key in self.requests:
            events.append(RequestWithdrawn(self.requests[key].name, why))
        if key in self.invitations:
            events.append(InvitationEnded(self.invitations[key].name))
        if key in self.members:
            member = self.members[key]
            events += self._without(member.name, MemberLeft(member.name, why), why)
        return events

    def register(self, name: str) -> list[GroupEvent]:
        """Decide that what the guest *name* has here stays when they disconnect."""
        key = fold(name)
        held = (self.members.get(key), self.requests.get(key), self.invitations.get(key))
        guest = next((each for each in held if each is not None and each.guest), None)
        return [] if guest is None else [MemberRegistered(guest.name)]

    def guests(self) -> set[Name]:
        """Return the guests who are members, ask to be, or are invited."""
        held = (self.members, self.requests, self.invitations)
        return {each.name for people in held for each in people.values() if each.guest}

    # What may be known of a group.

    def require_member(self, by: Actor) -> None:
        """Raise `Refused` unless *by* is a member."""
        if fold(by.name) not in self.members:
            raise Refused(
                Code.NOT_MEMBER,
                "You are not a member of {group}: /join {group} first.",
                group=self.name,
            )

    def pending(self, by: Actor) -> list[JoinRequest]:
        """Return the join requests, oldest first, if *by* may see them."""
        self.require_admin(by, "see the requests")
        return list(self.requests.values())

    def banned(self, by: Actor) -> list[Ban]:
        """Return the bans, oldest first, if *by* may see them."""
        self._require_power(by, "see the bans")
        return list(self.bans.values())

    def file(self, which: str) -> SharedFile:
        """Return the file of that number, or the newest of that name. Raises `Refused`."""
        file = self.files.get(int(which)) if which.isdecimal() and len(which) < 10 else None
        if file is None:
            named = [each for each in self.files.values() if each.name == which]
            file = named[-1] if named else None
        if file is None:
            raise Refused(
                Code.NO_SUCH_FILE,
                "There is no such file in {group}; /files lists them.",
                group=self.name,
            )
        return file

    def is_admin(self, name: str) -> bool:
        """Return whether *name* is the admin."""
        return fold(name) == fold(self.admin)

    def may_read(self, event: AnyEvent, key: Key) -> bool:
        """Return whether the member (or applicant) *key* may see *event*.

        Requests and what becomes of them are between the admin and the one who asks.
        """
        if isinstance(event, Request):
            return key == fold(self.admin) or key == fold(event.name)
        return True

    def apply(self, event: GroupEvent, at: int) -> None:
        """Change the state as *event* says, which happened at *at* (milliseconds)."""
        match event:
            case Message() | Action():
                return
            case GroupCreated():
                self.restore(Group.created(self.id, event).state, self.version)
            case GroupClosed():
                self.closed = True
                self.requests.clear()
                self.invitations.clear()
                self.files.clear()
            case MemberJoined(name=name, guest=guest):
                key = fold(name)
                self.requests.pop(key, None)
                self.invitations.pop(key, None)
                self.members[key] = Member(name, guest)
            case MemberLeft(name=name) | MemberKicked(name=name):
                del self.members[fold(name)]
            case MemberBanned(name=name, by=by, reason=reason):
                key = fold(name)
                self.members.pop(key, None)
                self.requests.pop(key, None)
                self.invitations.pop(key, None)
                self.bans[key] = Ban(name, by, at, reason)
            case MemberUnbanned(name=name):
                del self.bans[fold(name)]
            case MemberRegistered(name=name):
                self._registered(fold(name))
            case JoinRequested(name=name, note=note, guest=guest):
                self.requests[fold(name)] = JoinRequest(name, at, note, guest)
            case RequestWithdrawn(name=name) | JoinRejected(name=name):
                del self.requests[fold(name)]
            case MemberInvited(name=name, guest=guest):
                self.invitations[fold(name)] = Member(name, guest)
            case InvitationEnded(name=name):
                del self.invitations[fold(name)]
            case AdminChanged(name=name):
                self.admin = name
            case PolicyChanged(policy=policy, password_hash=password_hash):
                self.policy = policy
                self.password_hash = password_hash
            case TopicChanged(topic=topic):
                self.topic = topic
            case FileShared():
                self._shared(event, at)
            case FileRemoved(number=number):
                del self.files[number]
            case _:
                assert_never(event)
        self.version += 1

    def _shared(self, event: FileShared, at: int) -> None:
        self.last_file = event.number
        self.files[event.number] = SharedFile(
            number=event.number,
            name=event.file,
            by=event.by,
            size=event.size,
            sha256=event.sha256,
            id=event.id,
            at=at,
            guest=event.guest,
        )

    def _registered(self, key: Key) -> None:
        replace = msgspec.structs.replace
        if key in self.members:
            self.members[key] = replace(self.members[key], guest=False)
        if key in self.requests:
            self.requests[key] = replace(self.requests[key], guest=False)
        if key in self.invitations:
            self.invitations[key] = replace(self.invitations[key], guest=False)

    def _joined(self, by: Actor, via: Via) -> MemberJoined:
        return MemberJoined(by.name, via, guest=by.guest)

    def _without(self, name: Name, gone: GroupEvent, why: Why) -> list[GroupEvent]:
        """Return *gone* and what follows when *name*, a member, is no longer there."""
        if len(self.members) == 1:
            return [gone, GroupClosed()]
        if not self.is_admin(name):
            return [gone]
        heir = next(m for key, m in self.members.items() if key != fold(name))
        return [gone, AdminChanged(heir.name, why)]

    def require_admin(self, by: Actor, what: str) -> None:
        """Raise `Refused` unless *by* is the admin, who can do *what*."""
        self.require_member(by)
        if not self.is_admin(by.name):
            raise Refused(
                Code.NOT_ADMIN, "Only the admin, {admin}, can {what}.", admin=self.admin, what=what
            )

    def _require_power(self, by: Actor, what: str) -> None:
        if not by.operator:
            self.require_admin(by, what)

    def _member(self, name: Name) -> Member:
        member = self.members.get(fold(name))
        if member is None:
            raise Refused(
                Code.NOT_MEMBER,
                "{name} is not a member of {group}; see /members.",
                name=name,
                group=self.name,
            )
        return member

    def _request(self, name: Name) -> JoinRequest:
        request = self.requests.get(fold(name))
        if request is None:
            raise Refused(
                Code.NO_REQUEST,
                "{name} does not ask to join {group}; see /requests.",
                name=name,
                group=self.name,
            )
        return request

    def _refuse_banned(self, ban: Ban) -> NoReturn:
        raise Refused(
            Code.BANNED,
            "You are banned from {group} by {by}{because}.",
            group=self.name,
            by=ban.by,
            because=f": {ban.reason}" if ban.reason else "",
        )

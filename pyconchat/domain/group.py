"""Group: the rules of one group, about members, admin, join requests, bans and policy.

A method such as `join` or `kick` only decides: it checks the rules and returns events, or raises
`Refused`. Events change the group in `LiveState.apply`; `restore` sets it to what the store has.
A group knows no clock, no store, no session, and no password but its hash.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

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
    GroupEvent,
    GroupRestored,
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
from pyconchat.domain.group_state import (
    Ban,
    GroupState,
    JoinRequest,
    LiveState,
    Member,
    SharedFile,
)
from pyconchat.domain.mentions import NameFinder
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.refusals import already_banned, group_closed, note_too_long, too_many_lines
from pyconchat.domain.text import MAX_LINES, MAX_NOTE, SafeText, safe_line

__all__ = ["Actor", "Group"]

_POWERS = frozenset(
    {
        *("approve requests", "ban", "delete the group", "kick", "lift bans", "reject requests"),
        *("remove messages of others", "see the bans", "see the requests", "transfer adminship"),
    }
)
"""What operators can do in any group, as its admin can."""


_DELETED = SafeText("the group was deleted")


class Actor(msgspec.Struct, frozen=True):
    """Who makes a request: the part of an account that the rules need.

    *since* is when the account was registered, in milliseconds since the epoch: what another
    account of that name had before is not theirs.
    """

    name: Name
    guest: bool = False
    operator: bool = False
    since: int = 0

    def owns(self, file: SharedFile) -> bool:
        """Return whether *file* is theirs. A guest's name may pass on, so guests own no files."""
        return fold(file.by) == fold(self.name) and not file.guest and file.at >= self.since


class Group(LiveState):
    """One group and its rules.

    One class, although long: each rule is short, and all rights are on one page.
    """

    __slots__ = ("_names",)

    def __init__(self, id: int, state: GroupState, version: int = 0) -> None:
        super().__init__(id, state, version)
        self._names = NameFinder()

    # Requests of people.

    def post(self, by: Actor, text: SafeText) -> Message:
        """Decide that *by* says *text*."""
        self.require_member(by)
        _require_few_lines(text)
        return Message(by.name, text, mentions=self._mentions(by, text))

    def act(self, by: Actor, text: SafeText) -> Action:
        """Decide that *by* performs the action *text* (``/me``)."""
        self.require_member(by)
        _require_few_lines(text)
        return Action(by.name, text, mentions=self._mentions(by, text))

    def _mentions(self, by: Actor, text: SafeText) -> tuple[Name, ...]:
        return self._names.find(text, self.members, self.version, fold(by.name))

    def join(self, by: Actor, note: SafeText = NO_TEXT, proof: str = "") -> list[GroupEvent]:
        """Decide that *by* joins, or asks to join. Nothing happens if *by* is a member.

        *proof* is the hash of the group's password, if *by* typed the right one.
        """
        key = fold(by.name)
        if self.closed:
            raise group_closed(self.name)
        if key in self.members:
            return []
        if key in self.bans:
            raise self._banned(self.bans[key])
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
                    "{group} is by invitation only; ask {keeper}.",
                    group=self.name,
                    keeper=self.keeper,
                )
            case Policy.APPROVAL:
                if key in self.requests:
                    raise Refused(
                        Code.PENDING,
                        "You have asked to join {group} already; {keeper} has to approve.",
                        group=self.name,
                        keeper=self.keeper,
                    )
                if len(note) > MAX_NOTE:
                    raise note_too_long()
                return [JoinRequested(by.name, note, by.guest)]
            case _:
                assert_never(self.policy)

    def lists_to(self, by: Actor) -> bool:
        """Return whether *by* may know that the group exists.

        A group that takes only invited people is known to its members and to those it invited.
        """
        key = fold(by.name)
        known = key in self.members or key in self.invitations
        return known or by.operator or self.policy is not Policy.INVITE

    def asks_password(self, by: Actor) -> bool:
        """Return whether `join` needs the proof that *by* knows the password."""
        key = fold(by.name)
        known = key in self.members or key in self.bans or key in self.invitations
        return self.policy is Policy.PASSWORD and not known

    def comes_back(self, by: Actor) -> bool:
        """Return whether *by* could leave, and join again as before without anybody's help."""
        return not self.is_admin(by.name) and self.policy in (Policy.OPEN, Policy.PASSWORD)

    def leave(self, by: Actor) -> list[GroupEvent]:
        """Decide that *by* leaves, or withdraws a join request."""
        if fold(by.name) in self.requests:
            return [RequestWithdrawn(by.name)]
        self.require_member(by)
        return self._without(by.name, MemberLeft(by.name), Why.LEFT)

    def approve(self, by: Actor, names: Iterable[Name]) -> list[GroupEvent]:
        """Decide that *by* approves the requests of *names*: of all, or of none."""
        self.require_power(by, "approve requests")
        requests = {fold(name): self._request(name) for name in names}
        return [
            MemberJoined(request.name, Via.APPROVAL, by.name, request.guest)
            for request in requests.values()
        ]

    def reject(self, by: Actor, name: Name, reason: SafeText = NO_TEXT) -> list[GroupEvent]:
        """Decide that *by* rejects the request of *name*."""
        self.require_power(by, "reject requests")
        return [JoinRejected(self._request(name).name, by.name, reason)]

    def invite(self, by: Actor, invited: Actor) -> list[GroupEvent]:
        """Decide that *by* invites *invited*. An applicant becomes a member at once."""
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
        """Decide that *by* transfers adminship to the member *name*."""
        self.require_power(by, "transfer adminship")
        member = self._member(name)
        if self.is_admin(member.name):
            you = fold(member.name) == fold(by.name)
            whose = "You are" if you else f"{member.name} is"
            raise Refused(Code.SELF, "{whose} the admin already.", whose=whose)
        if member.guest and not self.temporary:
            raise Refused(
                Code.GUEST,
                "{name} is a guest: the admin of {group} has to be registered.",
                name=member.name,
                group=self.name,
            )
        return [AdminChanged(member.name, Why.TRANSFERRED, by.name)]

    def kick(self, by: Actor, name: Name, reason: SafeText = NO_TEXT) -> list[GroupEvent]:
        """Decide that *by* removes *name*, who may join again."""
        self.require_power(by, "kick")
        member = self._member(name)
        if fold(member.name) == fold(by.name):
            raise Refused(Code.SELF, "To leave the group yourself, use /leave.")
        kicked = MemberKicked(member.name, by.name, reason)
        return self._without(member.name, kicked, Why.KICKED)

    def ban(self, by: Actor, name: Name, reason: SafeText = NO_TEXT) -> list[GroupEvent]:
        """Decide that *by* bans *name*, and removes them if they are a member."""
        self.require_power(by, "ban")
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
        """Decide that *by* lifts the ban of *name*."""
        self.require_power(by, "lift bans")
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
        """Decide that *by* sets the policy; *hash* is of the password, if that is the policy."""
        self.require_admin(by, "change the policy")
        if policy is self.policy and policy is not Policy.PASSWORD:
            raise Refused(
                Code.UNCHANGED, "The policy is {policy} already.", policy=self.policy.value
            )
        return [PolicyChanged(policy, by.name, hash)]

    def change_topic(self, by: Actor, topic: SafeText) -> list[GroupEvent]:
        """Decide that *by* sets the topic."""
        self.require_admin(by, "change the topic")
        return [TopicChanged(topic, by.name)]

    def close(self, by: Actor) -> list[GroupEvent]:
        """Decide that *by* deletes the group, which answers its join requests."""
        self.require_power(by, "delete the group")
        rejected: list[GroupEvent] = [
            JoinRejected(request.name, by.name, _DELETED) for request in self.requests.values()
        ]
        return [*rejected, GroupClosed(by.name)]

    def share(
        self, by: Actor, name: SafeText, size: int, sha256: str, id: str, quota: str = ""
    ) -> list[GroupEvent]:
        """Decide that *by* shares the file *name*, which is on disk under the name *id*.

        *quota* is as in `FileShared`.
        """
        self.require_member(by)
        return [FileShared(self.last_file + 1, name, by.name, size, sha256, id, by.guest, quota)]

    def remove(self, by: Actor, number: int) -> list[GroupEvent]:
        """Decide that *by*, who owns the file *number* or is the admin, removes it."""
        self.require_member(by)
        file = self.file(str(number))
        if not by.owns(file) and not by.operator:
            self.require_admin(by, "remove the files of others")
        return [FileRemoved(file.number, file.name, by.name)]

    # Consequences of events outside the group.

    def forget(self, name: str, why: Why) -> list[GroupEvent]:
        """Decide what ends in this group when the server removes *name*.

        That happens to a guest who disconnects, and to somebody who is banned from the server.
        """
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

    def become_lobby(self) -> list[GroupEvent]:
        """Decide that the group is the lobby, which has no admin."""
        return [] if self.admin is None else [AdminChanged(None, Why.LOBBY)]

    def register(self, name: str) -> list[GroupEvent]:
        """Decide that the guest *name*, who has registered, keeps what they have in this group."""
        key = fold(name)
        held = (self.members.get(key), self.requests.get(key), self.invitations.get(key))
        guest = next((each for each in held if each is not None and each.guest), None)
        return [] if guest is None else [MemberRegistered(guest.name)]

    def guests(self) -> set[Name]:
        """Return the guests who are members, applicants, or invited."""
        held = (self.members, self.requests, self.invitations)
        return {each.name for people in held for each in people.values() if each.guest}

    def reopen(self, by: Name, name: Name, number: int) -> list[GroupEvent]:
        """Decide that *by* restores the group, which is closed, under *name* and *number*."""
        if not self.closed:
            raise Refused(Code.UNCHANGED, "{group} is not closed.", group=self.name)
        return [GroupRestored(number, name, by)]

    # Rights and look-ups.

    def require_member(self, by: Actor) -> None:
        """Raise `Refused` unless *by* is a member, and the group is open."""
        if self.closed:
            raise group_closed(self.name)
        if fold(by.name) not in self.members:
            raise Refused(
                Code.NOT_MEMBER,
                "You are not a member of {group}: /join {group} first.",
                group=self.name,
            )

    def pending(self, by: Actor) -> list[JoinRequest]:
        """Return the join requests, oldest first, if *by* may see them."""
        self.require_power(by, "see the requests")
        return list(self.requests.values())

    def banned(self, by: Actor) -> list[Ban]:
        """Return the bans, oldest first, if *by* may see them."""
        self.require_power(by, "see the bans")
        return list(self.bans.values())

    def file(self, which: str) -> SharedFile:
        """Return the file with the number *which*, or the newest with that name.

        Raises `Refused`.
        """
        file = self.files.get(int(which)) if which.isdecimal() and len(which) < 10 else None
        if file is None:
            wanted = safe_line(which)  # NFC, as the names of files are
            named = [each for each in self.files.values() if each.name == wanted]
            file = named[-1] if named else None
        if file is None:
            raise Refused(
                Code.NO_SUCH_FILE,
                "There is no such file in {group}; see /files.",
                group=self.name,
            )
        return file

    def is_admin(self, name: str) -> bool:
        """Return whether *name* is the admin."""
        return self.admin is not None and fold(name) == fold(self.admin)

    @property
    def keeper(self) -> str:
        """Whom an applicant waits for, in words."""
        return "an operator of this server" if self.admin is None else f"its admin {self.admin}"

    def may_read(self, event: AnyEvent, key: Key) -> bool:
        """Return whether the member or applicant *key* may see *event*.

        A join request and its outcome are visible to the admin and the applicant only.
        """
        if isinstance(event, Request):
            return self.is_admin(key) or key == fold(event.name)
        return True

    def _joined(self, by: Actor, via: Via) -> MemberJoined:
        return MemberJoined(by.name, via, guest=by.guest)

    def _without(self, name: Name, end: GroupEvent, why: Why) -> list[GroupEvent]:
        """Return *end*, which ends the membership of *name*, and its consequences.

        The admin's successor is the registered member who has been one for the longest; without
        one, the operators look after the group. Only a temporary group passes to a guest, and
        closes without members.
        """
        others = [member for key, member in self.members.items() if key != fold(name)]
        if self.temporary and not others:
            return [end, GroupClosed()]
        if not self.is_admin(name):
            return [end]
        heirs = [member.name for member in others if self.temporary or not member.guest]
        return [end, AdminChanged(heirs[0] if heirs else None, why)]

    def require_admin(self, by: Actor, what: str) -> None:
        """Raise `Refused` unless *by* is the admin, who can do *what*.

        Operators take the admin's place in a group that has none.
        """
        if by.operator and self.admin is None:
            return
        self.require_member(by)
        if self.admin is None:
            raise Refused(
                Code.NOT_ADMIN,
                "{group} has no admin: only an operator can {what}.",
                group=self.name,
                what=what,
            )
        if not self.is_admin(by.name):
            raise Refused(
                Code.NOT_ADMIN, "Only the admin, {admin}, can {what}.", admin=self.admin, what=what
            )

    def require_right(self, by: Actor, what: str) -> None:
        """Raise `Refused` unless *by* can *what*, as the rules above name it."""
        if what in _POWERS:
            self.require_power(by, what)
        else:
            self.require_admin(by, what)

    def require_power(self, by: Actor, what: str) -> None:
        """Raise `Refused` unless *by* is the admin, or an operator, who can do *what*."""
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
                "{name} has not asked to join {group}; see /requests.",
                name=name,
                group=self.name,
            )
        return request

    def _banned(self, ban: Ban) -> Refused:
        return Refused(
            Code.BANNED,
            "You are banned from {group} by {by}{because}.",
            group=self.name,
            by=ban.by,
            because=f": {ban.reason}" if ban.reason else "",
        )


def _require_few_lines(text: SafeText) -> None:
    if text.count("\n") >= MAX_LINES:
        raise too_many_lines()

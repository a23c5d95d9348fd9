"""Membership: the rules for joining and leaving a group.

A method only decides: it returns events, or raises `Refused`. *now* is in milliseconds since the
epoch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import (
    NO_TEXT,
    AdminChanged,
    GroupClosed,
    GroupEvent,
    InvitationEnded,
    JoinRejected,
    JoinRequested,
    MemberInvited,
    MemberJoined,
    MemberLeft,
    MemberRegistered,
    Policy,
    RequestWithdrawn,
    Via,
    Why,
)
from pyconchat.domain.group_state import Ban, JoinRequest, Member
from pyconchat.domain.invite_codes import InviteCode
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.refusals import group_closed, note_too_long, wrong_group_password
from pyconchat.domain.rights import Actor, Rights
from pyconchat.domain.text import MAX_NOTE, SafeText
from pyconchat.domain.times import until_in_words

__all__ = ["Membership"]


class Membership(Rights):
    """The members, applicants, invited and banned people of a group."""

    __slots__ = ()

    def join(
        self, by: Actor, now: int, note: SafeText = NO_TEXT, proof: str = "", code: str = ""
    ) -> list[GroupEvent]:
        """Decide that *by* joins, or asks to join. Returns no event if *by* is a member.

        *proof* is the hash of the group's password, if *by* typed the right one; *code* the hash of
        the invite code that *by* typed. A code is used up only where it is needed.
        """
        key = fold(by.name)
        if self.closed:
            raise group_closed(self.name)
        if key in self.members:
            return []
        ban = self._banned_now(key, now)
        if ban is not None:
            raise Refused(
                Code.BANNED,
                "You are banned from {group} by {by}{until}{because}.",
                group=self.name,
                by=ban.by,
                until=until_in_words(ban.until, now),
                because=f": {ban.reason}" if ban.reason else "",
            )
        if key in self.invitations:
            return [self._joined(by, Via.INVITATION)]
        if code and self.policy is not Policy.OPEN:
            return [self._joined(by, Via.CODE, self._code(code, now).number)]
        match self.policy:
            case Policy.OPEN:
                return [self._joined(by, Via.OPEN)]
            case Policy.PASSWORD:
                if not proof or proof != self.password_hash:
                    raise wrong_group_password(self.name)
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
        """Return whether the group is listed for *by*.

        A group that takes only invited people is known to its members, to those it invited, and to
        applicants from before it did.
        """
        if self.policy is not Policy.INVITE or by.operator:
            return True
        key = fold(by.name)
        return key in self.members or key in self.invitations or key in self.requests

    def asks_password(self, by: Actor, now: int) -> bool:
        """Return whether `join` needs the proof that *by* knows the password."""
        key = fold(by.name)
        known = key in self.members or key in self.invitations or self._banned_now(key, now)
        return self.policy is Policy.PASSWORD and not known

    def takes_code(self, by: Actor, now: int) -> bool:
        """Return whether *by* can join only with an invite code."""
        key = fold(by.name)
        known = key in self.members or key in self.invitations or self._banned_now(key, now)
        return self.policy is not Policy.OPEN and not known

    def is_valid_code(self, code: str, now: int) -> bool:
        """Return whether *code* is the hash of an invite code with which somebody can join."""
        return any(each.digest == code and each.lasts(now) for each in self.codes.values())

    def comes_back(self, by: Actor) -> bool:
        """Return whether *by* could leave, and join again without an approval or invitation."""
        return not self.is_admin(by.name) and self.policy in (Policy.OPEN, Policy.PASSWORD)

    def step_out(self, by: Actor) -> list[GroupEvent]:
        """Decide that *by* leaves if they could come back; else nothing happens."""
        return self.leave(by) if self.comes_back(by) else []

    def leave(self, by: Actor, reason: SafeText = NO_TEXT) -> list[GroupEvent]:
        """Decide that *by* leaves, or withdraws a join request."""
        if fold(by.name) in self.requests:
            return [RequestWithdrawn(by.name)]
        if not self.closed and fold(by.name) not in self.members:
            raise Refused(
                Code.NOT_MEMBER,
                "You are not a member of {group}: there is nothing to leave.",
                group=self.name,
            )
        self.require_member(by)
        if len(reason) > MAX_NOTE:
            raise note_too_long()
        return self._without(by.name, MemberLeft(by.name, reason=reason), Why.LEFT)

    def approve(self, by: Actor, names: Iterable[Name]) -> list[GroupEvent]:
        """Decide that *by* approves the requests of *names*, or of none if one is refused."""
        self.require_right(by, "approve requests")
        requests = {fold(name): self._request(name) for name in names}
        return [
            MemberJoined(request.name, Via.APPROVAL, by.name, request.guest)
            for request in requests.values()
        ]

    def reject(self, by: Actor, name: Name, reason: SafeText = NO_TEXT) -> list[GroupEvent]:
        """Decide that *by* rejects the request of *name*."""
        self.require_right(by, "reject requests")
        return [JoinRejected(self._request(name).name, by.name, reason)]

    def invite(self, by: Actor, invited: Actor, now: int) -> list[GroupEvent]:
        """Decide that *by* invites *invited*. An applicant becomes a member at once."""
        self.require_right(by, "invite")
        key = fold(invited.name)
        if key in self.members:
            raise Refused(Code.EXISTS, "{name} is a member already.", name=invited.name)
        if self._banned_now(key, now):
            raise Refused(
                Code.BANNED, "{name} is banned here: /unban {name} first.", name=invited.name
            )
        if key in self.invitations:
            raise Refused(Code.EXISTS, "{name} is invited already.", name=invited.name)
        if key in self.requests:
            return self.approve(by, [invited.name])
        return [MemberInvited(invited.name, by.name, invited.guest)]

    # Consequences of events outside the group.

    def forget(self, name: str, why: Why, reason: SafeText = NO_TEXT) -> list[GroupEvent]:
        """Decide the end of membership, request and invitation of *name*, whom the server removes.

        The server removes guests who disconnect, who may have given a *reason*, and banned people.
        """
        key = fold(name)
        events: list[GroupEvent] = []
        if key in self.requests:
            events.append(RequestWithdrawn(self.requests[key].name, why))
        if key in self.invitations:
            events.append(InvitationEnded(self.invitations[key].name))
        if key in self.members:
            member = self.members[key]
            events += self._without(member.name, MemberLeft(member.name, why, reason), why)
        return events

    def register(self, name: str) -> list[GroupEvent]:
        """Decide that the guest *name*, who has registered, keeps their place in this group."""
        key = fold(name)
        held = (self.members.get(key), self.requests.get(key), self.invitations.get(key))
        guest = next((each for each in held if each is not None and each.guest), None)
        return [] if guest is None else [MemberRegistered(guest.name)]

    # Look-ups.

    def pending(self, by: Actor) -> list[JoinRequest]:
        """Return the join requests, oldest first, if *by* may see them."""
        self.require_right(by, "see the requests")
        return list(self.requests.values())

    @property
    def keeper(self) -> str:
        """The people who can approve a request, in words."""
        return "an operator of this server" if self.admin is None else f"its admin {self.admin}"

    def _banned_now(self, key: Key, now: int) -> Ban | None:
        """Return the ban of *key* if it has not ended, else None."""
        ban = self.bans.get(key)
        return ban if ban is not None and ban.lasts(now) else None

    def _joined(self, by: Actor, via: Via, code: int = 0) -> MemberJoined:
        return MemberJoined(by.name, via, guest=by.guest, code=code)

    def _code(self, digest: str, now: int) -> InviteCode:
        for code in self.codes.values():
            if code.digest == digest and code.lasts(now):
                return code
        raise Refused(
            Code.WRONG_CODE,
            "That is not an invite code of {group}, or it is used up or has ended.",
            group=self.name,
        )

    def _without(self, name: Name, end: GroupEvent, why: Why) -> list[GroupEvent]:
        """Return the event *end*, which ends the membership of *name*, and its consequences.

        The admin's successor is the moderator who has been one for the longest, else the member;
        without one, the operators manage the group. Only a temporary group passes to a guest, and
        closes without members. The invite codes of *name* end.
        """
        others = [member for key, member in self.members.items() if key != fold(name)]
        if self.temporary and not others:
            return [end, GroupClosed()]
        if not self.is_admin(name):
            return self.with_ended_codes([end])
        heirs = {fold(each.name): each for each in others if self.temporary or not each.guest}
        moderators = [heirs[key] for key in self.moderators if key in heirs]
        heir = next(iter(moderators or heirs.values()), None)
        changed = AdminChanged(None if heir is None else heir.name, why)
        return self.with_ended_codes([end, changed])

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

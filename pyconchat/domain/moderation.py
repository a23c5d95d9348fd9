"""Moderation: the rules for kicks, bans, quiet people, slow groups, moderators, invite codes.

A method only decides: it returns events, or raises `Refused`. *now* and *until* are in
milliseconds since the epoch; *until* is None for a ban without an end.
"""

from __future__ import annotations

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import (
    NO_TEXT,
    AdminChanged,
    GroupEvent,
    InviteCodeEnded,
    InviteCodeMade,
    MemberBanned,
    MemberKicked,
    MemberQuieted,
    MemberUnbanned,
    ModeratorEnded,
    ModeratorMade,
    QuietEnded,
    SlowChanged,
    Why,
)
from pyconchat.domain.group_state import Ban, Member
from pyconchat.domain.invite_codes import MAX_CODES, InviteCode
from pyconchat.domain.membership import Membership
from pyconchat.domain.names import Name, fold
from pyconchat.domain.refusals import already_banned
from pyconchat.domain.rights import Actor
from pyconchat.domain.text import SafeText
from pyconchat.domain.times import seconds

__all__ = ["MAX_SLOW", "Moderation"]

MAX_SLOW = 6 * 3600
"""Maximum seconds between two messages of a member in a slow group: six hours, as elsewhere."""


class Moderation(Membership):
    """The requests of the admin and the moderators."""

    __slots__ = ()

    def kick(self, by: Actor, name: Name, reason: SafeText = NO_TEXT) -> list[GroupEvent]:
        """Decide that *by* removes *name*; they may join again."""
        self.require_right(by, "kick")
        member = self._member(name)
        if fold(member.name) == fold(by.name):
            raise Refused(Code.SELF, "To leave the group yourself, use /leave.")
        self.require_above(by, member.name, "kick")
        kicked = MemberKicked(member.name, by.name, reason)
        return self._without(member.name, kicked, Why.KICKED)

    def ban(
        self,
        by: Actor,
        name: Name,
        now: int,
        reason: SafeText = NO_TEXT,
        until: int | None = None,
    ) -> list[GroupEvent]:
        """Decide that *by* bans *name*, and removes them if they are a member."""
        self.require_right(by, "ban")
        key = fold(name)
        if key == fold(by.name):
            raise Refused(Code.SELF, "You cannot ban yourself; to leave the group, use /leave.")
        known = self._banned_now(key, now)
        if known is not None:
            raise already_banned(known.name)
        if key not in self.members:
            return [MemberBanned(name, by.name, reason, until)]
        name = self.members[key].name
        self.require_above(by, name, "ban")
        banned = MemberBanned(name, by.name, reason, until, was_member=True)
        return self._without(name, banned, Why.KICKED)

    def unban(self, by: Actor, name: Name, now: int) -> list[GroupEvent]:
        """Decide that *by* lifts the ban of *name*."""
        self.require_right(by, "lift bans")
        ban = self._banned_now(fold(name), now)
        if ban is None:
            raise Refused(
                Code.NOT_BANNED,
                "{name} is not banned from {group}; see /bans.",
                name=name,
                group=self.name,
            )
        return [MemberUnbanned(ban.name, by.name)]

    def banned(self, by: Actor, now: int) -> list[Ban]:
        """Return the bans that have not ended, oldest first, if *by* may see them."""
        self.require_right(by, "see the bans")
        return [ban for ban in self.bans.values() if ban.lasts(now)]

    def quiet(self, by: Actor, name: Name, now: int, until: int | None = None) -> list[GroupEvent]:
        """Decide that *by* makes the member or hook *name* quiet, or changes when that ends."""
        self.require_right(by, "quiet people")
        hook = self.hooks.get(fold(name))
        member = self._member(name) if hook is None else Member(hook.name)
        if fold(member.name) == fold(by.name):
            raise Refused(Code.SELF, "You cannot make yourself quiet.")
        self.require_above(by, member.name, "quiet people")
        if self.is_moderator(member.name):
            raise Refused(
                Code.UNCHANGED,
                "{name} is a moderator: /moderator {name} off first.",
                name=member.name,
            )
        known = self.quieted.get(fold(name))
        if known is not None and known.lasts(now) and known.until == until:
            raise Refused(Code.UNCHANGED, "{name} is quiet already.", name=member.name)
        return [MemberQuieted(member.name, by.name, until)]

    def end_quiet(self, by: Actor, name: Name, now: int) -> list[GroupEvent]:
        """Decide that *by* ends the quiet of *name*, who may have left."""
        self.require_right(by, "quiet people")
        known = self.quieted.get(fold(name))
        if known is None or not known.lasts(now):
            raise Refused(
                Code.UNCHANGED, "{name} is not quiet in {group}.", name=name, group=self.name
            )
        if fold(name) == fold(by.name):
            raise Refused(Code.SELF, "Somebody else has to let you speak again.")
        return [QuietEnded(known.name, by.name)]

    def change_slow(self, by: Actor, slow: int) -> list[GroupEvent]:
        """Decide that *by* allows each member one message in *slow* seconds; 0: any number."""
        self.require_right(by, "slow the group down")
        if slow == self.slow:
            pace = f"slow already: one message every {seconds(slow)}" if slow else "not slow"
            raise Refused(Code.UNCHANGED, "{group} is {pace}.", group=self.name, pace=pace)
        return [SlowChanged(slow, by.name)]

    def make_code(
        self, by: Actor, digest: str, uses: int, now: int, until: int
    ) -> list[GroupEvent]:
        """Decide that *by* makes the invite code with the hash *digest*, for *uses* people."""
        self.require_right(by, "invite")
        if len(self.invite_codes(by, now)) >= MAX_CODES:
            raise Refused(
                Code.TOO_MANY,
                "{group} has {most} invite codes, the maximum: /invite code N off ends one.",
                group=self.name,
                most=MAX_CODES,
            )
        return [InviteCodeMade(self.last_code + 1, by.name, uses, until, digest)]

    def end_code(self, by: Actor, which: int | str, now: int) -> list[GroupEvent]:
        """Decide that *by* ends the invite code *which*: its number, or its hash."""
        codes = self.invite_codes(by, now)
        found = next((each for each in codes if which in (each.number, each.digest)), None)
        if found is None:
            raise Refused(
                Code.NO_SUCH_CODE,
                "{group} has no such invite code; see /invite codes.",
                group=self.name,
            )
        return [InviteCodeEnded(found.number, by.name)]

    def invite_codes(self, by: Actor, now: int) -> list[InviteCode]:
        """Return the invite codes that have not ended, oldest first, if *by* may see them."""
        self.require_right(by, "invite")
        return [code for code in self.codes.values() if code.lasts(now)]

    def make_moderator(self, by: Actor, name: Name) -> list[GroupEvent]:
        """Decide that *by* makes the member *name* a moderator."""
        self.require_right(by, "make moderators")
        member = self._member(name)
        if self.moderates(member.name):
            raise Refused(
                Code.UNCHANGED,
                "{name} is {role} of {group} already.",
                name=member.name,
                role="the admin" if self.is_admin(member.name) else "a moderator",
                group=self.name,
            )
        self._require_registered(member, "a moderator")
        return [ModeratorMade(member.name, by.name)]

    def end_moderator(self, by: Actor, name: Name) -> list[GroupEvent]:
        """Decide that *by* makes the moderator *name* an ordinary member."""
        self.require_right(by, "make moderators")
        moderator = self.moderators.get(fold(name))
        if moderator is None:
            raise Refused(
                Code.UNCHANGED,
                "{name} is not a moderator of {group}; see /moderators.",
                name=name,
                group=self.name,
            )
        return self.with_ended_codes([ModeratorEnded(moderator, by.name)])

    def transfer(self, by: Actor, name: Name) -> list[GroupEvent]:
        """Decide that *by* transfers adminship to the member *name*."""
        self.require_right(by, "transfer adminship")
        member = self._member(name)
        if self.is_admin(member.name):
            you = fold(member.name) == fold(by.name)
            whose = "You are" if you else f"{member.name} is"
            raise Refused(Code.SELF, "{whose} the admin already.", whose=whose)
        self._require_registered(member, "the admin")
        changed = AdminChanged(member.name, Why.TRANSFERRED, by.name, self.admin)
        return self.with_ended_codes([changed])

    def _require_registered(self, member: Member, role: str) -> None:
        """Raise `Refused` if *member* is a guest, unless the group is temporary."""
        if member.guest and not self.temporary:
            raise Refused(
                Code.GUEST,
                "{name} is a guest: {role} of {group} has to be registered, by /password.",
                name=member.name,
                role=role,
                group=self.name,
            )

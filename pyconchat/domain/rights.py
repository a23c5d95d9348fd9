"""Rights: the permissions of each role in a group. All rights are on this page.

The admin has all rights; moderators and operators, who may be the same people, have the rights
listed here. In a group without an admin, operators have the admin's.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

import msgspec

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import (
    AdminChanged,
    AnyEvent,
    CodeEvent,
    GroupClosed,
    GroupEvent,
    InviteCodeEnded,
    MemberBanned,
    MemberKicked,
    MemberLeft,
    ModeratorEnded,
    Request,
)
from pyconchat.domain.group_state import LiveState, SharedFile
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.refusals import group_closed
from pyconchat.domain.times import date_and_time, seconds

__all__ = ["Actor", "Rights"]

_MODERATING = frozenset(
    {
        *("approve requests", "ban", "change the topic", "invite", "kick", "lift bans"),
        *("pin messages", "quiet people", "reject requests", "remove messages of others"),
        *("remove the files of others", "see the bans", "see the requests", "slow the group down"),
    }
)
"""Rights that moderators share with the admin."""

_OPERATING = frozenset(
    {
        *("approve requests", "ban", "delete the group", "kick", "lift bans", "reject requests"),
        *("remove messages of others", "see the bans", "see the requests", "transfer adminship"),
    }
)
"""Rights that operators share with the admin of any group."""


class Actor(msgspec.Struct, frozen=True):
    """The author of a request: the part of an account that the rules need.

    *since* is when the account was registered, in milliseconds since the epoch: files of an earlier
    account with that name are not theirs.
    """

    name: Name
    guest: bool = False
    operator: bool = False
    since: int = 0

    def owns(self, file: SharedFile) -> bool:
        """Return whether they own *file*. Guests own no files: another guest may get the name."""
        return fold(file.by) == fold(self.name) and not file.guest and file.at >= self.since


class Rights(LiveState):
    """The state of a group, and the rights that follow from it."""

    __slots__ = ()

    def is_admin(self, name: str) -> bool:
        """Return whether *name* is the admin."""
        return self.admin is not None and fold(name) == fold(self.admin)

    def is_moderator(self, name: str) -> bool:
        """Return whether *name* is a moderator. The admin is none."""
        return fold(name) in self.moderators

    def moderates(self, name: str) -> bool:
        """Return whether *name* is the admin or a moderator."""
        return self.is_admin(name) or self.is_moderator(name)

    def role(self, name: str) -> str:
        """Return the role of the member *name*: ``admin``, ``moderator`` or ``member``."""
        if self.is_admin(name):
            return "admin"
        return "moderator" if self.is_moderator(name) else "member"

    def may_read(self, event: AnyEvent, key: Key) -> bool:
        """Return whether the member or applicant *key* may see *event*.

        A join request and its outcome are visible to the admin, the moderators and the applicant;
        an invite code to the admin and the moderators, and its end to the person who made it.
        """
        if isinstance(event, Request):
            return key == fold(event.name) or self.moderates(key)
        if not isinstance(event, CodeEvent) or self.moderates(key):
            return True
        maker = event.maker if isinstance(event, InviteCodeEnded) else None
        return maker is not None and fold(maker) == key

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

    def require_right(self, by: Actor, what: str) -> None:
        """Raise `Refused` unless *by* has the right *what*, in the words that this page lists.

        Rights that are not listed belong only to the admin.
        """
        if by.operator and (self.admin is None or what in _OPERATING):
            return
        self.require_member(by)
        moderating = what in _MODERATING
        if self.is_admin(by.name) or (moderating and self.is_moderator(by.name)):
            return
        moderators = moderating and self.moderators
        if self.admin is None:
            raise Refused(
                Code.NOT_ADMIN,
                "{group} has no admin: only {who} can {what}.",
                group=self.name,
                who="a moderator or an operator" if moderators else "an operator",
                what=what,
            )
        sentence = "Only the admin, {admin}, can {what}."
        if moderators:
            sentence = "Only the admin, {admin}, and the moderators can {what}; see /moderators."
        raise Refused(Code.NOT_ADMIN, sentence, admin=self.admin, what=what)

    def with_ended_codes(self, events: list[GroupEvent]) -> list[GroupEvent]:
        """Add to *events* the end of the invite codes whose makers can no longer invite after them.

        Operators can invite in a group without an admin. A group that is closed has no codes.
        """
        admin, moderators = self.admin, set(self.moderators)
        gone: set[Key] = set()
        for event in events:
            match event:
                case GroupClosed():
                    return events
                case AdminChanged(name=name):
                    admin = name
                case MemberLeft(name=name) | MemberKicked(name=name) | MemberBanned(name=name):
                    moderators.discard(fold(name))
                    gone.add(fold(name))
                case ModeratorEnded(name=name):
                    moderators.discard(fold(name))
                case _:
                    pass
        still = moderators if admin is None else moderators | {fold(admin)}
        makers = {fold(code.by) for code in self.codes.values()} - still
        if admin is None:  # the others are operators, if they were neither admin nor moderator
            makers = {key for key in makers if self.moderates(key)}
        return events + self.end_codes_of(makers, gone)

    def end_codes_of(self, makers: Collection[Key], gone: Collection[Key] = ()) -> list[GroupEvent]:
        """Return the end of the invite codes of *makers*, who can no longer invite.

        The makers in *gone* are no longer members after that.
        """
        return [
            InviteCodeEnded(code.number, maker=self._staying(code.by, gone))
            for code in self.codes.values()
            if fold(code.by) in makers
        ]

    def _staying(self, name: Name, gone: Collection[Key]) -> Name | None:
        """Return *name* if it is a member, and not in *gone*."""
        return name if fold(name) in self.members and fold(name) not in gone else None

    def require_above(self, by: Actor, name: Name, what: str) -> None:
        """Raise `Refused` if *by* is only a moderator, and *name* the admin or a moderator.

        *what* is the right that *by* would use against them.
        """
        if self.is_admin(by.name) or (by.operator and (self.admin is None or what in _OPERATING)):
            return
        if self.moderates(name):
            raise Refused(
                Code.NOT_ADMIN,
                "{name} is {role} of {group}: a moderator cannot {what} them.",
                name=name,
                role="the admin" if self.is_admin(name) else "a moderator",
                group=self.name,
                what=what.removesuffix(" people"),
            )

    # Speaking.

    def require_voice(self, by: Actor, now: int) -> None:
        """Raise `Refused` if the member *by* is quiet at *now* (milliseconds since the epoch)."""
        quiet = self.quieted.get(fold(by.name)) if self.quieted else None
        if quiet is not None and quiet.lasts(now):
            raise Refused(
                Code.QUIET,
                "You may read and not speak in {group} until {until}.",
                group=self.name,
                until=(
                    "a moderator ends that"
                    if quiet.until is None
                    else date_and_time(quiet.until, now)
                ),
            )

    def take_turn(self, by: Actor, now: int) -> None:
        """Raise `Refused` unless the member *by* may post at *now* (milliseconds).

        In a slow group this uses up their turn: the next is `slow` seconds later. Turns are not
        stored, so a restart resets them.
        """
        self.require_voice(by, now)
        if not self.slow or self.moderates(by.name):
            return
        key, interval = fold(by.name), self.slow * 1000
        last = self.turns.get(key)
        if last is not None and 0 <= now - last < interval:  # below 0, the clock was set back
            raise Refused(
                Code.SLOW,
                "{group} is slow, one message every {slow}: yours can follow in {wait}.",
                group=self.name,
                slow=seconds(self.slow),
                wait=seconds(-(-(interval - (now - last)) // 1000)),
            )
        # The oldest turns are the first. Two are removed for each new one, so few old ones are
        # kept.
        for oldest in list(islice(self.turns, 2)):
            if not 0 <= now - self.turns[oldest] < interval:
                del self.turns[oldest]
        self.turns.pop(key, None)
        self.turns[key] = now

    def give_turn_back(self, by: Actor) -> None:
        """Let *by* post again at once: the message that took their turn is decided again."""
        self.turns.pop(fold(by.name), None)

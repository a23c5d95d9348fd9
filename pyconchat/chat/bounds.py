"""Bounds: the maxima of each group and account, such as of requests and bans.

Groups do not check these maxima; their events are counted here before they are applied. Without a
bound, one account could use the time and memory of all others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized

from pyconchat.chat.group_directory import GroupDirectory
from pyconchat.config import LimitsConfig
from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import (
    GroupEvent,
    JoinRequested,
    MemberBanned,
    MemberInvited,
    MemberJoined,
    MemberQuieted,
)
from pyconchat.domain.group import Group
from pyconchat.domain.group_state import Ban, Quiet
from pyconchat.domain.names import Key, Name, fold

__all__ = ["MAX_TRIES", "Bounds"]


MAX_TRIES = 20
"""Maximum times that a request is decided again after a `Conflict` with another node's change.

With 5, one in fifteen of 200 people who joined one group at two nodes at once was refused.
"""


class Bounds:
    """The bounds of *limits*; 0 turns one off."""

    def __init__(self, limits: LimitsConfig, groups: GroupDirectory) -> None:
        self._limits = limits
        self._groups = groups

    def check(self, group: Group, events: Sequence[GroupEvent], now: int) -> None:
        """Raise `Refused` if *events* of *group*, at *now* (milliseconds), would exceed a bound."""
        limits = self._limits
        for event in events:
            match event:
                case MemberJoined(name=name):
                    self.check_groups(name)
                case JoinRequested(name=name):
                    own = sum(fold(name) in each.requests for each in self._of(name))
                    most = limits.requests_per_account
                    _require(
                        own < most or not most,
                        "You have asked to join {count} groups: wait, or take one back with"
                        " /leave GROUP.",
                        count=own,
                    )
                    _require(
                        _has_room(group.requests, limits.requests_per_group),
                        "{group} has too many join requests; try again later.",
                        group=group.name,
                    )
                case MemberInvited(name=name):
                    invited = sum(fold(name) in each.invitations for each in self._of(name))
                    most = limits.invitations_per_account
                    _require(
                        invited < most or not most,
                        "{name} has too many invitations already.",
                        name=name,
                    )
                    _require(
                        _has_room(group.invitations, limits.invitations_per_group),
                        "{group} has invited too many people who have not come.",
                        group=group.name,
                    )
                case MemberBanned():
                    _require(
                        _has_room(_lasting(group.bans, now), limits.bans_per_group),
                        "{group} has {count} bans, the maximum: lift one with /unban.",
                        group=group.name,
                        count=limits.bans_per_group,
                    )
                case MemberQuieted(name=name):
                    others = _lasting(group.quieted, now) - {fold(name)}
                    _require(
                        _has_room(others, limits.bans_per_group),
                        "{group} has {count} quiet people, the maximum: /quiet NAME off ends one.",
                        group=group.name,
                        count=len(others),
                    )
                case _:
                    pass

    def check_groups(self, name: Name) -> None:
        """Raise `Refused` if *name* is a member of the maximum number of groups."""
        most = self._limits.groups_per_account
        _require(
            not most or len(self._groups.memberships(fold(name))) < most,
            "{name} is in {most} groups, the maximum: leave one first.",
            name=name,
            most=most,
        )

    def check_ignores(self, account: Account, key: Key) -> None:
        """Raise `Refused` if *account* ignores the maximum number of people."""
        most = self._limits.ignores_per_account
        _require(
            not most or key in account.ignores or len(account.ignores) < most,
            "You ignore {most} people, the maximum: /unignore one first.",
            most=most,
        )

    def _of(self, name: Name) -> list[Group]:
        return [each.group for each in self._groups.connected_with(fold(name))]


def _lasting(ending: Mapping[Key, Ban | Quiet], now: int) -> set[Key]:
    """Return the names whose bans or quiets have not ended."""
    return {key for key, each in ending.items() if each.lasts(now)}


def _has_room(items: Sized, most: int) -> bool:
    return not most or len(items) < most


def _require(right: bool, sentence: str, **fields: object) -> None:
    if not right:
        raise Refused(Code.TOO_MANY, sentence, **fields)

"""LoginGroups: the groups that are entered after a login."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pyconchat.client.groups import Groups
from pyconchat.client.interfaces import UNCONFIRMED
from pyconchat.client.joined_group import JoinedGroup, news_in
from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object

__all__ = ["LoginGroups"]

MAX_LISTED = 20
"""Maximum groups that are listed after the login."""


class LoginGroups:
    """Joins the group *wanted* of the address, if any, and a guest's groups again.

    *go* makes a group current, and *notify* displays a line. *answered* is called with the line and
    the answer to joining the wanted group, *rejoined* with the name of a guest's group and the
    answer.
    """

    def __init__(
        self,
        connection: ServerConnection,
        groups: Groups,
        wanted: str,
        go: Callable[[str], None],
        notify: Callable[[str], None],
        answered: Callable[[str, Object], None],
        rejoined: Callable[[str, Object], None],
    ) -> None:
        self._connection = connection
        self._groups = groups
        self._wanted = wanted
        self._go = go
        self._notify = notify
        self._answered = answered
        self._rejoined = rejoined
        self.rejoining: list[str] = []
        """The groups of a guest before the connection was lost."""

    def connection_lost(self) -> None:
        """Remember the groups of a guest, who is in none after the next login."""
        if self._connection.guest:
            self.rejoining = [group.name for group in self._groups.all()]

    def join(self) -> None:
        """Join the groups, after a login."""
        for group in self.rejoining:
            self._connection.ask_quietly(
                partial(self._rejoined_answered, group), line=f"/join {group}"
            )
        groups = self._groups.all()
        if self._wanted:
            self._join_wanted()
        elif len(groups) == 1 and self._groups.at_desk and not self._connection.unanswered:
            self._go(groups[0].name)

    def suggest(self) -> None:
        """Display the own groups that can be entered; for a newcomer, how to find one."""
        groups = self._groups.all()
        if not self._groups.at_desk or self._wanted or self._connection.unanswered:
            return
        if len(groups) == 1:
            self._go(groups[0].name)
        elif groups:
            listed = ", ".join(map(_described, groups[:MAX_LISTED]))
            more = f" and {len(groups) - MAX_LISTED} more" if len(groups) > MAX_LISTED else ""
            self._notify(f"Your groups: {listed}{more}.")
            self._notify("/go NAME or /go NUMBER enters one; so does Alt and a number up to 9.")
        else:
            self._notify(
                "You are at the front desk: groups lists the groups, join GROUP enters one, help"
                " lists more."
            )

    def _join_wanted(self) -> None:
        """Enter the group of the address, or ask to join it."""
        group = self._groups.get(self._wanted)
        if group is None:
            line = f"/join {self._wanted}"
            self._connection.ask_quietly(partial(self._wanted_answered, line), line=line)
            return
        self._wanted = ""
        if self._groups.at_desk:
            self._go(group.name)

    # The next login repeats unconfirmed requests.

    def _wanted_answered(self, line: str, answer: Object) -> None:
        if answer.get("code") != UNCONFIRMED:
            self._wanted = ""
            self._answered(line, answer)

    def _rejoined_answered(self, name: str, answer: Object) -> None:
        if answer.get("code") != UNCONFIRMED:
            self._rejoined(name, answer)


def _described(group: JoinedGroup) -> str:
    """Return the number and the name of *group*, and its counts of new entries."""
    new = f" (new: {news_in(group)})" if group.unread else ""
    return f"{group.number} {group.name}{new}"

"""GroupDetails: requests the members and the numbers of groups from the server."""

from __future__ import annotations

from collections.abc import Callable

from pyconchat.client.groups import Groups
from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object

__all__ = ["GroupDetails"]


class GroupDetails:
    """Requests the members and the numbers of *groups*; *refresh* displays them."""

    def __init__(
        self,
        connection: ServerConnection,
        groups: Groups,
        refresh: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._groups = groups
        self._refresh = refresh
        self._numbers_asked: set[str] = set()

    def current_changed(self) -> None:
        """Request the members of the current group."""
        if self._groups.current is not None:
            group = self._groups.current.name
            self._connection.ask_quietly(self._learn, group=group, line="/members")
        self._refresh()

    def learn_numbers(self) -> None:
        """Request the numbers of groups from events without one."""
        for group in self._groups.all():
            if not group.number and group.name not in self._numbers_asked:
                self._numbers_asked.add(group.name)
                self._connection.ask_quietly(self._learn, line=f"/groups {group.name}")

    def _learn(self, answer: Object) -> None:
        self._groups.answer_received(answer)
        self._refresh()

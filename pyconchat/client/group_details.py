"""GroupDetails: requests members, numbers and earlier lines of groups from the server."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyconchat.client.groups import Groups
from pyconchat.client.lines import Line, LineFormatter, server_line
from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object, objects_in
from pyconchat.client.records import comes_or_goes

__all__ = ["GroupDetails"]

MAX_EARLIER = 20
"""Maximum earlier entries that are shown at the first entry into a group."""

MAX_READ = 100
"""Maximum entries that are read for them: joins and leaves are left out."""


class GroupDetails:
    """Asks for the members, the numbers, and the earlier lines of *groups*.

    *show* shows lines, *refresh* the groups.
    """

    def __init__(
        self,
        connection: ServerConnection,
        groups: Groups,
        formatter: LineFormatter,
        show: Callable[[Sequence[Line]], None],
        refresh: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._groups = groups
        self._formatter = formatter
        self._show = show
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

    def show_earlier(self, joined: Object) -> None:
        """Show the last messages of a group before the event *joined*, as other doors do."""
        group, first = str(joined.get("group")), joined.get("seq")

        def answered(answer: Object) -> None:
            entries = [
                each
                for each in objects_in(answer.get("entries"))
                if isinstance(first, int)
                and isinstance(seq := each.get("seq"), int)
                and seq < first
                and not comes_or_goes(each, self._groups.me)
            ]
            if entries:
                current = self._groups.current
                here = current.name if current is not None else None
                lines = self._formatter.log({"entries": entries[-MAX_EARLIER:]}, here)
                self._show([server_line(f"Earlier, in {group}:"), *lines])

        self._connection.ask_quietly(answered, group=group, line=f"/history {MAX_READ}")

    def _learn(self, answer: Object) -> None:
        self._groups.answer_received(answer)
        self._refresh()

"""OwnCommands: the commands that the client itself executes, ``/go`` and ``/view``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from pyconchat.client.groups import Groups
from pyconchat.client.views import ViewMode, Views

__all__ = ["OwnCommands"]

EXPLANATIONS: dict[ViewMode, str] = {
    "one": "The screen shows the current group, private messages and mentions. What is new in other"
    " groups is counted; /go GROUP shows it. /view all shows all groups in one stream.",
    "all": "The screen shows all groups in one stream. /view one shows only the current group.",
}


class OwnCommands:
    """Executes the client's own commands, for a person in *groups*.

    *entered* is called when the person has gone to another group, *query* with the name of a person
    whose private conversation is to be entered. *notify* shows a line. *save_view* saves the view
    for the next start, and may raise `OSError`.
    """

    def __init__(
        self,
        groups: Groups,
        views: Views,
        entered: Callable[[], None],
        query: Callable[[str], None],
        notify: Callable[[str], None],
        save_view: Callable[[str], None],
    ) -> None:
        self._groups = groups
        self._views = views
        self._entered = entered
        self._query = query
        self._notify = notify
        self._save_view = save_view

    def run(self, command: str, argument: str) -> bool:
        """Execute *command* if it is the client's own; return whether it is."""
        if command == "go":
            self.go(argument)
        elif command == "view":
            self._view(argument.lower())
        else:
            return False
        return True

    def go(self, where: str) -> None:
        """Make another place current: by name or number, or the next group with new entries."""
        if where.startswith("@"):
            self._query(where[1:])
            return
        group = self._groups.get(where) if where else self._groups.next_unread()
        if group is None:
            self._notify(
                f"You are not in {where}: /join {where}." if where else "You are in no group."
            )
            return
        self._groups.enter(group)
        topic = f"; topic: {group.topic}" if group.topic else ""
        self._notify(f"You are in {group.name}{topic}.")
        self._entered()

    def _view(self, chosen: str) -> None:
        """Choose the view of the screen, or explain the choice."""
        if chosen in EXPLANATIONS:
            self._views.mode = "all" if chosen == "all" else "one"
            with suppress(OSError):  # it is chosen for this run
                self._save_view(chosen)
            self._views.catch_up()
        elif chosen:
            self._notify(f"There is no view {chosen}: /view one, or /view all.")
            return
        self._notify(EXPLANATIONS[self._views.mode])

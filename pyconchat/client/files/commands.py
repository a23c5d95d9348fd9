"""FileCommands: shares the files that a person names, and fetches new files automatically."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pyconchat.client.files.paths import files_named, safe_path
from pyconchat.client.files.transfers import Transfers
from pyconchat.client.groups import Groups, place_of
from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object

__all__ = ["FileCommands"]

MAX_FILES = 20
"""Maximum files that are shared with one command."""


class FileCommands:
    """Starts *transfers*; *notify* gets text for the person.

    Files of up to *auto_get* bytes are fetched automatically.
    """

    def __init__(
        self,
        transfers: Transfers,
        connection: ServerConnection,
        groups: Groups,
        auto_get: int,
        notify: Callable[[str], None],
    ) -> None:
        self._transfers = transfers
        self._connection = connection
        self._groups = groups
        self._auto_get = auto_get
        self._notify = notify

    def share(self, command: str, typed: str) -> None:
        """Share the files that *typed* names in the current place, by a *command* for each."""
        place, paths = self._groups.place, files_named(typed)
        if not place:
            self._notify("You are in no group: enter one first.")
        elif not paths:
            self._notify(f"There is no file {typed.strip()} here.")
        elif len(paths) > MAX_FILES:
            self._notify(f"Those are {len(paths)} files; at most {MAX_FILES} at once.")
        else:
            for path in paths:
                name = safe_path(Path(path.name))
                self._transfers.send(path, {**place, "line": f"{command} {name}"})

    def fetch_unasked(self, event: Object) -> None:
        """Fetch the file of a "shared" *event* of somebody else, if it is small enough."""
        if self._is_small(event.get("size")) and event.get("by") != self._groups.me:
            place = place_of(event)
            request = {**place, "line": f"/get {event.get('number')}"}
            self._connection.ask_quietly(partial(self._ticket_received, request), **request)

    def _ticket_received(self, request: dict[str, str], answer: Object) -> None:
        if answer.get("type") == "download" and self._is_small(answer.get("size")):
            self._transfers.fetch(answer, dict(request))

    def _is_small(self, size: object) -> bool:
        return isinstance(size, int) and 0 <= size <= self._auto_get

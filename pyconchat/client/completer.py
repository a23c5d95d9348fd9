"""Completer: completions from the server's command table and the names that are known."""

from __future__ import annotations

from collections.abc import Iterable
from os.path import expanduser
from pathlib import Path

import msgspec

from pyconchat.client.groups import Rooms
from pyconchat.domain.replies import ArgumentHelp, CommandHelp

__all__ = ["Completer"]

OWN = CommandHelp(
    "go",
    "/go [GROUP]",
    [],
    "Make another of your groups the current one (this client's own).",
    [ArgumentHelp("GROUP", "own-group", True, False)],
)

POLICIES = ("open", "approval", "invite", "password")


class Completer:
    """Completes lines for somebody in *rooms*."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._commands: dict[str, CommandHelp] = {}
        self._names: list[str] = []
        self.learn(None)

    def learn(self, table: object) -> None:
        """Take over the command table of a hello; what in it is not understood is left out."""
        commands = [OWN]
        for each in table if isinstance(table, list) else ():
            try:
                commands.append(msgspec.convert(each, CommandHelp))
            except msgspec.ValidationError:
                continue
        self._learned = table is not None
        self._menu = {command.menu: command for command in commands if command.menu}
        self._names = sorted(f"/{command.name}" for command in commands)
        self._commands = {
            name.lower(): command
            for command in reversed(commands)
            for name in (f"/{command.name}", *(f"/{other}" for other in command.also))
        }

    def command(self, line: str) -> str:
        """Return the name of the command that *line* is, "" if it is none that is known."""
        command, _ = self._command(line)
        return command.name if command is not None else ""

    def takes_file(self, line: str) -> bool:
        """Return whether *line* is a command that is about a file of this machine."""
        command, _ = self._command(line)
        return command is not None and any(each.kind == "file" for each in command.arguments)

    def secret(self, line: str) -> bool:
        """Return whether *line* has, or may have, a password in it."""
        command, arguments = self._command(line)
        if not self._learned:
            return True  # nobody knows yet
        if command is None:
            return False
        for argument in command.arguments:
            if not arguments:
                return False
            if argument.secret:
                return True
            arguments = arguments[1:]
        return False

    def completions(self, before: str) -> tuple[str, list[str]]:
        """Return the last word of *before*, the line up to the cursor, and what it may become."""
        word = before[before.rfind(" ") + 1 :]
        if word == before:
            bare = not before.startswith("/") and self._rooms.current is None
            names = [name[1:] for name in self._names] if bare else self._names
            people = [] if bare else [f"{name}: " for name in self._people()]
            return word, _beginning(word, [*[f"{name} " for name in names], *people])
        choices = [each if each.endswith("/") else f"{each} " for each in self._arguments(before)]
        return word, _beginning(word, choices)

    def _arguments(self, before: str) -> Iterable[str]:
        command, words = self._command(before)
        if command is None:
            return self._people()
        index = len(words) - (0 if before.endswith(" ") else 1)
        for position, argument in enumerate(command.arguments):
            if position == index or (argument.rest and position < index):
                return self._of_kind(argument.kind, before)
        return []

    def _of_kind(self, kind: str, before: str) -> Iterable[str]:
        match kind:
            case "name":
                return self._people()
            case "group" | "own-group":
                return [room.name for room in self._rooms.all()]
            case "command":
                return [name[1:] for name in self._names]
            case "policy":
                return POLICIES
            case "file":
                return _files(before[before.rfind(" ") + 1 :])
            case _:
                return self._people()

    def _command(self, line: str) -> tuple[CommandHelp | None, list[str]]:
        words = line.split()
        if not words:
            return None, []
        first = words[0].lower()
        if not first.startswith("/") and self._rooms.current is None:
            if first in self._menu:
                return self._menu[first], words[1:]
            first = f"/{first}"
        return self._commands.get(first), words[1:]

    def _people(self) -> list[str]:
        """Return names, those to whom one has talked last first."""
        room = self._rooms.current
        people = list(room.people) if room is not None else []
        names = dict.fromkeys([*reversed(self._rooms.partners), *people])
        names.pop(self._rooms.me, None)
        return list(names)


def _beginning(word: str, choices: Iterable[str]) -> list[str]:
    return [each for each in choices if each.lower().startswith(word.lower())]


def _files(word: str) -> list[str]:
    folder, slash, _ = word.rpartition("/")
    try:
        found = sorted(Path(expanduser(folder + slash or ".")).iterdir())
    except OSError:
        return []
    return [f"{folder}{slash}{each.name}{'/' * each.is_dir()}" for each in found]

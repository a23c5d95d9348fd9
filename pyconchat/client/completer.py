"""Completer: completes lines from the server's command table and the names that are known."""

from __future__ import annotations

from collections.abc import Iterable
from os.path import expanduser
from pathlib import Path

import msgspec

from pyconchat.client.groups import Groups
from pyconchat.domain.replies import ArgumentHelp, CommandHelp

__all__ = ["OWN_COMMANDS", "Completer"]

OWN_COMMANDS = [
    CommandHelp(
        "go",
        "/go [GROUP]",
        [],
        "Make another of your groups the current one, by name or number (this client's own).",
        [ArgumentHelp("GROUP", "own-group", True, False)],
        subject="client",
    ),
    CommandHelp(
        "view",
        "/view [one|all]",
        [],
        "Show the current group only and count what is new in the others, or show all in one"
        " stream (this client's own).",
        [ArgumentHelp("one|all", "view", True, False)],
        subject="client",
    ),
]
"""The client's own commands, which the server does not have."""

VIEWS = ("one", "all")

POLICIES = ("open", "approval", "invite", "password")


class Completer:
    """Knows the commands, and completes lines for a person in *groups*."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._commands: dict[str, CommandHelp] = {}
        self._names: list[str] = []
        self.learn(None)

    def learn(self, table: object) -> None:
        """Use the command table of a hello; entries that are not understood are left out."""
        commands = [*OWN_COMMANDS]
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
        """Return the name of the command in *line*, or "" if it has none that is known."""
        command, _ = self._command(line)
        return command.name if command is not None else ""

    def works_at_desk(self, line: str) -> bool:
        """Return whether *line*, without a slash, is a command at the front desk."""
        word = (line.split() or [""])[0].lower()
        return word in self._menu if word.isdigit() else f"/{word}" in self._commands

    def own_help(self, line: str) -> list[CommandHelp]:
        """Return the help for the client's own command that *line* names, if any."""
        _, words = self._command(line)
        if self.command(line) != "help" or len(words) != 1:
            return []
        return [each for each in OWN_COMMANDS if words[0].lower().lstrip("/") == each.name]

    def takes_file(self, line: str) -> bool:
        """Return whether the command in *line* takes a file of this machine."""
        command, _ = self._command(line)
        return command is not None and any(each.kind == "file" for each in command.arguments)

    def may_have_password(self, line: str) -> bool:
        """Return whether *line* has, or may have, a password in it."""
        command, arguments = self._command(line)
        if not self._learned:
            return True
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
        """Return the last word of *before*, the line up to the cursor, and its completions."""
        word = before[before.rfind(" ") + 1 :]
        if word == before:
            at_desk = not before.startswith("/") and self._groups.at_desk
            commands = [name[1:] for name in self._names] if at_desk else self._names
            people = [] if at_desk else [f"{name}: " for name in self._people()]
            return word, _beginning_with(word, [*[f"{name} " for name in commands], *people])
        choices = [each if each.endswith("/") else f"{each} " for each in self._arguments(before)]
        return word, _beginning_with(word, choices)

    def _arguments(self, before: str) -> Iterable[str]:
        """Return what the argument at the end of *before* may be."""
        command, words = self._command(before)
        if command is None:
            return self._people()
        index = len(words) - (0 if before.endswith(" ") else 1)
        choices: list[str] = []
        after_rest = False  # an earlier argument takes any number of words
        for position, argument in enumerate(command.arguments):
            if position == index or (position < index and (argument.rest or after_rest)):
                choices += self._of_kind(argument.kind, before)
            after_rest = after_rest or argument.rest
        return dict.fromkeys(choices)

    def _of_kind(self, kind: str, before: str) -> Iterable[str]:
        match kind:
            case "name":
                return self._people()
            case "group":
                return [group.name for group in self._groups.all()]
            case "own-group":
                partners = [f"@{name}" for name in reversed(self._groups.partners)]
                return [*(group.name for group in self._groups.all()), *partners]
            case "view":
                return VIEWS
            case "command":
                return [name[1:] for name in self._names]
            case "policy":
                return POLICIES
            case "file":
                return _files(before[before.rfind(" ") + 1 :])
            case _:
                return self._people()

    def _command(self, line: str) -> tuple[CommandHelp | None, list[str]]:
        """Return the command in *line*, if it has one, and the words after it."""
        words = line.split()
        if not words:
            return None, []
        first = words[0].lower()
        if not first.startswith("/") and self._groups.at_desk:
            if first in self._menu:
                return self._menu[first], words[1:]
            first = f"/{first}"
        return self._commands.get(first), words[1:]

    def _people(self) -> list[str]:
        """Return the names of others: partners of private messages, the latest first, members."""
        group = self._groups.current
        members = list(group.members) if group is not None else []
        names = dict.fromkeys([*reversed(self._groups.partners), *members])
        names.pop(self._groups.me, None)
        return list(names)


def _beginning_with(word: str, choices: Iterable[str]) -> list[str]:
    return [each for each in choices if each.lower().startswith(word.lower())]


def _files(word: str) -> list[str]:
    """Return the files in the folder of the path *word*, as it is typed."""
    folder, slash, _ = word.rpartition("/")
    try:
        found = sorted(Path(expanduser(folder + slash or ".")).iterdir())
    except OSError:
        return []
    return [f"{folder}{slash}{each.name}{'/' * each.is_dir()}" for each in found]

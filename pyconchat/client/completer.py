"""Completer: completes lines from the server's command table and the known names."""

from __future__ import annotations

from collections.abc import Iterable
from os.path import expanduser
from pathlib import Path

import msgspec

from pyconchat.client.groups import Groups
from pyconchat.domain.command_lines import CommandLines
from pyconchat.domain.replies import ArgumentHelp, CommandHelp

__all__ = ["OWN_COMMANDS", "OWN_NAMES", "Completer"]

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
"""The client's own commands; they replace commands of the server with the same names."""

OWN_NAMES = frozenset(each.name for each in OWN_COMMANDS)

VIEWS = ("one", "all")


class Completer:
    """Knows the commands, and completes lines for a person in *groups*."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self.learn(None)

    def learn(self, table: object) -> None:
        """Use the command table of a hello; invalid entries are left out."""
        commands = [*OWN_COMMANDS]
        for each in table if isinstance(table, list) else ():
            try:
                command = msgspec.convert(each, CommandHelp)
            except msgspec.ValidationError:
                continue
            if command.name not in OWN_NAMES:
                commands.append(command)
        self._learned = table is not None
        self._lines = CommandLines(commands)

    def command(self, line: str) -> str:
        """Return the name of the command in *line*, or "" if it has no known one."""
        command, _ = self._command(line)
        return command.name if command is not None else ""

    def works_at_desk(self, line: str) -> bool:
        """Return whether *line*, without a slash, is a command at the front desk."""
        return self._lines.works_at_desk(line)

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
        return not self._learned or self._lines.may_have_password(line, self._groups.at_desk)

    def completions(self, before: str) -> tuple[str, list[str]]:
        """Return the last word of *before*, the line up to the cursor, and its completions."""
        return self._lines.completions(before, self._groups.at_desk, self._of_kind)

    def _of_kind(self, kind: str, word: str) -> Iterable[str]:
        match kind:
            case "group":
                return [group.name for group in self._groups.all()]
            case "own-group":
                partners = [f"@{name}" for name in reversed(self._groups.partners)]
                return [*(group.name for group in self._groups.all()), *partners]
            case "view":
                return VIEWS
            case "file":
                return _files(word)
            case _:
                return self._people()

    def _command(self, line: str) -> tuple[CommandHelp | None, list[str]]:
        """Return the command in *line*, if it has one, and the words after it."""
        return self._lines.find(line, self._groups.at_desk)

    def _people(self) -> list[str]:
        """Return the names of others: partners of private messages, the latest first, members."""
        group = self._groups.current
        members = list(group.members) if group is not None else []
        names = dict.fromkeys([*reversed(self._groups.partners), *members])
        names.pop(self._groups.me, None)
        return list(names)


def _files(word: str) -> list[str]:
    """Return the files in the folder of the path *word*, as it is typed."""
    folder, slash, _ = word.rpartition("/")
    try:
        found = sorted(Path(expanduser(folder + slash or ".")).iterdir())
    except OSError:
        return []
    return [f"{folder}{slash}{each.name}{'/' * each.is_dir()}" for each in found]

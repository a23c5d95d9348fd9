"""CommandLines: find commands in typed lines, and complete them for Tab.

The server has the table; a client gets it from the server, and adds its own commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pyconchat.domain.replies import CommandHelp

__all__ = ["CommandLines", "Offer"]

POLICIES = ("open", "approval", "invite", "password")

Offer = Callable[[str, str], Iterable[str]]
"""Returns the possible values of an argument of a kind; the second parameter is the typed part.
For the kind ``name``, it returns the names of people who may be addressed."""


class CommandLines:
    """Typed lines, for a table of *commands*. At the front desk, a command needs no slash."""

    def __init__(self, commands: Sequence[CommandHelp]) -> None:
        self._menu = {command.menu: command for command in commands if command.menu}
        self._names = sorted(f"/{command.name}" for command in commands)
        self._commands = {
            name.lower(): command
            for command in reversed(commands)
            for name in (f"/{command.name}", *(f"/{other}" for other in command.also))
        }

    def find(self, line: str, at_desk: bool) -> tuple[CommandHelp | None, list[str]]:
        """Return the command in *line*, or None, and the words after it."""
        words = line.split()
        if not words:
            return None, []
        first = words[0].lower()
        if not first.startswith("/") and at_desk:
            if first in self._menu:
                return self._menu[first], words[1:]
            first = f"/{first}"
        return self._commands.get(first), words[1:]

    def works_at_desk(self, line: str) -> bool:
        """Return whether *line*, without a slash, is a command at the front desk."""
        word = (line.split() or [""])[0].lower()
        return word in self._menu if word.isdigit() else f"/{word}" in self._commands

    def may_have_password(self, line: str, at_desk: bool) -> bool:
        """Return whether *line* has, or may have, a password in it."""
        command, words = self.find(line, at_desk)
        if command is None:
            return False
        for argument in command.arguments:
            if not words:
                return False
            if argument.secret:
                return True
            words = words[1:]
        return False

    def completions(self, before: str, at_desk: bool, offer: Offer) -> tuple[str, list[str]]:
        """Return the last word of *before*, the line up to the cursor, and its completions."""
        word = before[before.rfind(" ") + 1 :]
        if word == before:
            bare = not before.startswith("/") and at_desk
            commands = [name[1:] for name in self._names] if bare else self._names
            people = [] if bare else [f"{name}: " for name in offer("name", word)]
            return word, _beginning_with(word, [*[f"{name} " for name in commands], *people])
        choices = [
            each if each.endswith("/") else f"{each} "
            for each in self._arguments(before, word, at_desk, offer)
        ]
        return word, _beginning_with(word, choices)

    def _arguments(self, before: str, word: str, at_desk: bool, offer: Offer) -> Iterable[str]:
        """Return the possible values of the argument at the end of *before*."""
        command, words = self.find(before, at_desk)
        if command is None:
            return offer("name", word)
        index = len(words) - (0 if before.endswith(" ") else 1)
        choices: list[str] = []
        after_rest = False  # an earlier argument takes any number of words
        for position, argument in enumerate(command.arguments):
            if position == index or (position < index and (argument.rest or after_rest)):
                choices += self._of_kind(argument.kind, word, offer)
            after_rest = after_rest or argument.rest
        return dict.fromkeys(choices)

    def _of_kind(self, kind: str, word: str, offer: Offer) -> Iterable[str]:
        match kind:
            case "command":
                return [name[1:] for name in self._names]
            case "policy":
                return POLICIES
            case _:
                return offer(kind, word)


def _beginning_with(word: str, choices: Iterable[str]) -> list[str]:
    return [each for each in choices if each.lower().startswith(word.lower())]

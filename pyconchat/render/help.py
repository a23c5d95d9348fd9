"""The lines of help, and the menu of the front desk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from pyconchat.domain.replies import CommandHelp, Help

__all__ = ["MENU", "command_columns", "help_lines"]

MENU = "1 join a group   2 create a group   3 exit   (help lists the commands)"

HEADING_WIDTH = 12
"""Columns of a heading in help."""

LINE_WIDTH = 78
"""Columns of a line in help: a terminal's 80, without the mark of the server's lines."""


def help_lines(reply: Help) -> list[str]:
    """Return the lines of help."""
    if not reply.brief:
        return [line for command in reply.commands for line in _command(command)]
    lines = [MENU] if reply.desk else ["What you type is a message, except for these commands:"]
    if reply.desk:
        lines.append("Here each command also works without its slash. /help COMMAND explains one.")
    lines += command_columns(reply.commands)
    if not reply.desk:
        lines.append("/help COMMAND explains one. //text sends a message that starts with a slash.")
    return lines


def command_columns(listed: Iterable[CommandHelp], slash: str = "/") -> list[str]:
    """Return the usages of *listed* by their subjects, each after a *slash*."""
    lines: list[str] = []
    for subject, commands in groupby(listed, lambda command: command.subject):
        usages = (_briefly(each, slash) for each in commands)
        lines += _in_columns(f"{subject or 'other'}:".capitalize(), usages)
    return lines


def _briefly(command: CommandHelp, slash: str) -> str:
    """Return the usage of *command* without what is optional: all commands fit one screen."""
    needed = [each.label for each in command.arguments if not each.optional]
    return " ".join([f"{slash}{command.name}", *needed])


def _in_columns(heading: str, usages: Iterable[str]) -> list[str]:
    """Return *usages* after *heading*, in as many lines as they need."""
    line, lines = heading.ljust(HEADING_WIDTH), []
    for usage in usages:
        if len(line) + len(usage) > LINE_WIDTH and line.strip():
            lines.append(line.rstrip())
            line = " " * HEADING_WIDTH
        line += f"{usage}  "
    return [*lines, line.rstrip()]


def _command(command: CommandHelp) -> list[str]:
    lines = [command.usage, f"  {command.summary}"]
    if command.also:
        lines.append(f"  Also {_slashed(command.also)}.")
    return lines


def _slashed(names: Sequence[str]) -> str:
    return ", ".join(f"/{name}" for name in names)

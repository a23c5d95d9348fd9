"""The command of an SSH session, as a record. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pyconchat.commands import find_command
from pyconchat.domain.errors import Refused

__all__ = ["BadUsage", "Chat", "Follow", "Json", "Run", "Say", "Token", "Work", "parse"]

USAGE = (
    "say GROUP [TEXT], msg NAME [TEXT], in GROUP COMMAND, follow GROUP, json, token,"
    " or a command such as who or help"
)

OLD_SCP = "Files are transferred by SFTP only: use sftp, or scp of OpenSSH 9.0 or newer without -O."


class BadUsage(Exception):
    """The command cannot be understood; the message says why."""


@dataclass(frozen=True)
class Say:
    """Say *text*, or each line of the input (None), in the group *place*, or to that person."""

    place: str
    private: bool
    text: str | None


@dataclass(frozen=True)
class Run:
    """Execute the command *line* in *group*, or at the front desk (empty)."""

    line: str
    group: str = ""


@dataclass(frozen=True)
class Follow:
    """Print what happens in *group*."""

    group: str


@dataclass(frozen=True)
class Json:
    """JSON mode."""


@dataclass(frozen=True)
class Token:
    """Print a session token."""


@dataclass(frozen=True)
class Chat:
    """An ordinary session, which starts in *group*, if there is one."""

    group: str = ""


Work: TypeAlias = Say | Run | Follow | Json | Token | Chat


def parse(command: bytes) -> Work:
    """Return what *command* asks for. Raises `BadUsage`."""
    try:
        text = command.decode()
    except UnicodeDecodeError:
        raise BadUsage("The command is not UTF-8.") from None
    if "\n" in text.strip():
        raise BadUsage("A command is one line; several lines are said from the standard input.")
    word, _, rest = text.strip().partition(" ")
    rest = rest.strip()
    first, _, second = rest.partition(" ")
    match word, first:
        case "say" | "msg", _ if first:
            return Say(first, word == "msg", second or None)
        case "in", _ if second.strip():
            return Run(_known(second.strip()), first)
        case "follow", _ if first and not second:
            return Follow(first)
        case "json", "":
            return Json()
        case "token", "":
            return Token()
        case "chat", _ if not second:
            return Chat(first)
        case "scp", _:  # sent by scp before OpenSSH 9.0, or with -O
            raise BadUsage(OLD_SCP)
        case "say" | "msg" | "in" | "follow" | "json" | "token" | "chat" | "", _:
            raise BadUsage(f"Use {USAGE}.")
    return Run(_known(text.strip()))


def _known(line: str) -> str:
    """Return *line* as a command with a slash. Raises `BadUsage` if there is none."""
    slashed = f"/{line.removeprefix('/')}"
    try:
        find_command(slashed, at_desk=False)
    except Refused as refused:
        raise BadUsage(f"{refused.sentence} Use {USAGE}.") from None
    return slashed

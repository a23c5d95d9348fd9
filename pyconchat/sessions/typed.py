"""Typed lines: whether they are messages, and the text that is posted."""

from __future__ import annotations

from pyconchat.commands import is_command_name, names_command
from pyconchat.commands.arguments import first_word
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.slashes import cannot_be_command, unescaped
from pyconchat.domain.text import SafeText, safe_line, safe_text

__all__ = ["LEAVING", "message_in", "text_of"]

# Alone in a group, these words are commands, as in older chat programs.
LEAVING = frozenset({"leave", "qqq"})


def text_of(message: str, line: str) -> SafeText:
    """Return *message*, the message in *line*, as it is posted.

    Raises `Refused` if it begins with spaces and a command: a command that was meant for the server
    must not become public.
    """
    text = safe_text(message)
    if message == line and "/" in text:
        start = text[next(i for i, char in enumerate(text) if _shows(char)) :]
        if names_command(start):
            raise Refused(
                Code.BAD_TEXT,
                "Not sent: {command} is a command, but the line does not begin with it. To run it,"
                " begin the line with {command}; to send it as text, with /{command}.",
                command=safe_line(first_word(start)[0])[:32],
            )
    return text


def _shows(char: str) -> bool:
    """Return whether *char* is neither space nor a format character, such as a byte order mark."""
    return char.isprintable() and not char.isspace()


def message_in(line: str) -> str | None:
    """Return the message of *line*, typed in a group; None if it is a command."""
    if not line.startswith("/"):
        return None if line in LEAVING else line
    if line.startswith("//"):
        return unescaped(line)
    return line if cannot_be_command(line, is_command_name) else None

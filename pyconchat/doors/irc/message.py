"""Message: one line from a client, parsed as RFC 1459 and IRCv3 message-tags say."""

from __future__ import annotations

import re
from typing import NamedTuple

from pyconchat.domain.errors import Code, Refused

__all__ = [
    "MAX_ANY",
    "MAX_BODY",
    "MAX_TAGS",
    "Message",
    "command_of",
    "label_of",
    "parse",
    "strip_formatting",
    "tags_in",
]

MAX_BODY = 512
"""Maximum bytes of a line without its tags, with CR LF (RFC 1459, 2.3)."""

MAX_TAGS = 4096
"""Maximum bytes of a client's tags, with ``@`` and the space (IRCv3 message-tags)."""

MAX_ANY = 8703
"""Maximum bytes of any line; a longer one ends the connection."""

MAX_PARAMS = 15
"""Maximum parameters of a command (RFC 1459, 2.3)."""

_ENDS = b"\r\0"  # characters that no message can contain

_UNESCAPES = {":": ";", "s": " ", "r": "\r", "n": "\n"}
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_KEY = re.compile(r"\+?(?:[A-Za-z0-9.-]+/)?[A-Za-z0-9-]+", re.ASCII)
# Bold, italic, underline, strikethrough, monospace, reverse, reset; colours with their digits.
_FORMATTING = re.compile(
    r"\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?"
    r"|\x04(?:[0-9A-Fa-f]{6}(?:,[0-9A-Fa-f]{6})?)?"
    r"|[\x02\x0f\x11\x16\x1d-\x1f]"
)


class Message(NamedTuple):
    """A client's line. *tags* are those that it may send: the label, and client-only ones."""

    command: str
    params: tuple[str, ...]
    tags: dict[str, str]

    @property
    def label(self) -> str:
        """Return the label for the answer; empty without one."""
        return self.tags.get("label", "")

    def param(self, number: int, default: str = "") -> str:
        """Return the parameter *number*, counted from 0, or *default* where there is none."""
        return self.params[number] if number < len(self.params) else default


def command_of(line: bytes) -> bytes:
    """Return the command of *line* in upper case, without parsing the rest."""
    line = line.translate(None, _ENDS)
    if line.startswith(b"@"):
        line = line.partition(b" ")[2].lstrip(b" ")
    if line.startswith(b":"):
        line = line.partition(b" ")[2].lstrip(b" ")
    return line.lstrip(b" ").partition(b" ")[0].upper()


def label_of(line: bytes) -> str:
    """Return the label in the tags of *line*, which `parse` has refused."""
    if not line.startswith(b"@"):
        return ""
    text = line[1:].translate(None, _ENDS).partition(b" ")[0].decode(errors="replace")
    return tags_in(text).get("label", "")


def parse(line: bytes) -> Message | None:
    """Return the message in *line*, without its line end; None if it is empty.

    Raises `Refused` if it is too long, or not UTF-8.
    """
    line = line.translate(None, _ENDS)
    tags, body = b"", line
    if line.startswith(b"@"):
        tags, _, body = line.partition(b" ")
    if len(tags) + 1 > MAX_TAGS or len(body) + 2 > MAX_BODY:
        raise Refused(Code.TOO_LONG, "Your line was too long: it was not carried out.")
    try:
        text, tag_text = body.decode(), tags[1:].decode()
    except UnicodeDecodeError:
        raise Refused(Code.BAD_TEXT, "The line is not UTF-8: it was not carried out.") from None
    text = text.strip(" ")
    if text.startswith(":"):  # a client's source says nothing that is not known
        text = text.partition(" ")[2].lstrip(" ")
    middle, colon, last = text.partition(" :")
    words = [word for word in middle.split(" ") if word]
    if not words:
        return None
    params = words[1:]
    if colon:
        params.append(_unstripped(body, last))
    if len(params) > MAX_PARAMS:
        params[MAX_PARAMS - 1 :] = [" ".join(params[MAX_PARAMS - 1 :])]
    return Message(words[0].upper(), tuple(params), tags_in(tag_text))


def _unstripped(body: bytes, last: str) -> str:
    """Return the last parameter with the spaces at its end, which belong to it."""
    spaces = len(body) - len(body.rstrip(b" "))
    return last + " " * spaces


def tags_in(text: str) -> dict[str, str]:
    """Return the names and values of the tags in *text*."""
    tags: dict[str, str] = {}
    if not text:
        return tags
    for each in text.split(";"):
        key, _, value = each.partition("=")
        if _KEY.fullmatch(key):
            tags[key] = _ESCAPE.sub(lambda found: _UNESCAPES.get(found[1], found[1]), value)
    return tags


def strip_formatting(text: str) -> str:
    """Return *text* without the codes of IRC for bold, colours and the like."""
    if text.isprintable():  # as most texts are; no code is a printable character
        return text
    return _FORMATTING.sub("", text)

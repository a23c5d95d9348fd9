"""Lines of the IRC protocol, as text: tags, sources, parameters, and texts that are too long.

Everything here that was typed by a person is a valid name or a `SafeText`, so no field can begin
a second line; `escaped` prevents a tag's value from becoming a second tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache

__all__ = [
    "HOST",
    "MAX_LINE",
    "REACT",
    "REPLY",
    "SERVICE",
    "SHORT",
    "composed",
    "escaped",
    "line",
    "server_time",
    "source",
    "tagged",
    "text_lines",
]

MAX_LINE = 512
"""Maximum bytes of a line with its CR LF, without tags (RFC 1459, 2.3)."""

HOST = "pyconchat"
"""The host in every source: addresses are not shown."""

SERVICE = "PyconChat"
"""The nick that takes the commands of the other doors."""

SHORT = 96
"""Characters of a text that fit into a line, whatever they are and however long the names."""

REPLY = "+draft/reply"
"""The client-only tag that names the message which is answered (IRCv3 draft reply)."""

REACT = "+draft/react"
"""The client-only tag with a reaction, to the message that REPLY names (IRCv3 draft react)."""

_ESCAPES = {";": "\\:", " ": "\\s", "\\": "\\\\", "\r": "\\r", "\n": "\\n", "\0": ""}
_ESCAPED = re.compile(r"[; \\\r\n\0]")
_FORBIDDEN = re.compile(r"[\r\n\0]+")


def escaped(value: str) -> str:
    """Return *value* as the value of a tag (IRCv3 message-tags)."""
    return _ESCAPED.sub(lambda found: _ESCAPES[found[0]], value)


def tagged(tags: Iterable[tuple[str, str]]) -> str:
    """Return *tags* as the prefix of a line; empty without any."""
    parts = [f"{name}={escaped(value)}" if value else name for name, value in tags]
    return f"@{';'.join(parts)} " if parts else ""


def source(name: str, user: str = "") -> str:
    """Return the source of a line about an act of *name*."""
    return f"{name}!{user or name}@{HOST}"


def line(origin: str, command: str, *params: str) -> str:
    """Return a line with its CR LF. The last of *params* may have spaces, or be empty.

    No parameter can begin a second line, nor a middle one a second parameter.
    """
    *middle, last = (_FORBIDDEN.sub(" ", param) for param in params) if params else ("",)
    words = [f":{origin}", command, *(each.replace(" ", "_").lstrip(":") or "*" for each in middle)]
    if params:
        plain = last and last[0] != ":" and " " not in last
        words.append(last if plain else f":{last}")
    return f"{' '.join(words)}\r\n"


def server_time(at: int) -> str:
    """Return *at* (milliseconds since the epoch) as IRCv3 server-time has it."""
    seconds, milliseconds = divmod(at, 1000)
    return f"{_minute(seconds // 60)}{_SECONDS[seconds % 60]}{_MILLISECONDS[milliseconds]}"


# Tables, because each line has a time: formatting its numbers takes five times as long.
_SECONDS = [f":{number:02}" for number in range(60)]
_MILLISECONDS = [f".{number:03}Z" for number in range(1000)]


@lru_cache(maxsize=4096)
def _minute(minutes: int) -> str:
    return f"{datetime.fromtimestamp(minutes * 60, UTC):%Y-%m-%dT%H:%M}"


def text_lines(head: str, target: str, text: str, cuts: Sequence[int] = ()) -> Iterator[str]:
    """Yield *text* in pieces that fit into lines which begin with *head*; none is empty.

    Text that was received in one line, to *target*, is sent in one, even if the source makes it
    longer than MAX_LINE. *cuts* are as in `Message`. Longer texts are cut at spaces, never inside
    a character.
    """
    if len(text) <= SHORT and "\n" not in text and not cuts:
        yield text
        return
    for each, _ in composed(head, target, text, cuts, keep_spaces=False):
        if each or text == "":
            yield each


def composed(
    head: str, target: str, text: str, cuts: Sequence[int], keep_spaces: bool = True
) -> Iterator[tuple[str, bool]]:
    """Yield *text* in pieces, as `text_lines`, and whether each continues the line before it.

    Empty lines are among them. With *keep_spaces*, no space at which a line is cut is left out.
    """
    typed = MAX_LINE - len(f"NOTICE {target} \r\n".encode())  # a text of one word needs no colon
    room = max(SHORT, MAX_LINE - len(f"{head}\r\n".encode()))
    at = 0
    for each in text.split("\n"):
        ends = [*(cut for cut in cuts if at < cut < at + len(each)), at + len(each)]
        begin = at
        for end in ends:
            typed_piece = text[begin:end]
            fits = len(typed_piece.encode()) <= typed
            pieces = [typed_piece] if fits else _cut(typed_piece, room, keep_spaces)
            for number, piece in enumerate(pieces):
                yield piece, begin > at or number > 0
            begin = end
        at += len(each) + 1


def _cut(text: str, room: int, keep_spaces: bool) -> Iterator[str]:
    rest = text.encode()
    while len(rest) > room:
        end = room
        while rest[end] & 0xC0 == 0x80:  # inside of a character
            end -= 1
        space = rest.rfind(b" ", end // 2, end if keep_spaces else end + 1)
        if space > 0:
            yield rest[: space + keep_spaces].decode()
            rest = rest[space + 1 :]
        else:
            yield rest[:end].decode()
            rest = rest[end:]
    if rest:
        yield rest.decode()

"""Opening: what a client asks for before its session begins: a terminal and variables."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

from twisted.conch.ssh.common import getNS

__all__ = ["Opening"]

MAX_VARIABLES = 32
"""Maximum variables that are kept: a client may send all of its own."""

MAX_VALUE = 128
"""Maximum bytes of a variable's value."""

MAX_TERM = 64
"""Maximum bytes of the name of a terminal."""

_VARIABLE = re.compile(r"TZ|NO_COLOR|LANG|LC_[A-Z]{1,32}", re.ASCII)


@dataclass
class Opening:
    """The requests of the client: a terminal of the type *term*, empty without one.

    *command* is what the session executes, or the *subsystem* that it is; both None: a shell.
    """

    term: str = ""
    columns: int = 0
    rows: int = 0
    command: bytes | None = None
    subsystem: bytes | None = None
    variables: dict[str, str] = field(default_factory=dict)

    def request_terminal(self, data: bytes) -> bool:
        """Take a ``pty-req`` (RFC 4254, 6.2). Raises `ValueError` for one that is malformed."""
        term, rest = getNS(data)
        columns, rows = struct.unpack(">2L", rest[:8])
        if self.term:
            return False
        self.term = term[:MAX_TERM].decode("ascii", "replace") or "unknown"
        self.resize(columns, rows)
        return True

    def set_variable(self, data: bytes) -> bool:
        """Take an ``env``; return whether it is one that is used here."""
        name, value, _ = getNS(data, 2)
        text = name.decode("ascii", "replace")
        if len(value) > MAX_VALUE or len(self.variables) >= MAX_VARIABLES:
            return False
        if not _VARIABLE.fullmatch(text):
            return False
        self.variables[text] = value.decode(errors="replace")
        return True

    def resize(self, columns: int, rows: int) -> None:
        """Note the size of the terminal, in characters."""
        self.columns, self.rows = columns, rows

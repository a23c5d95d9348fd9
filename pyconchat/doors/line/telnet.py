"""Telnet: the part of RFC 854 that a chat needs.

It removes commands from the input, and marks prompts. `Negotiation` has the options. Malformed
commands are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum

from pyconchat.doors.line.negotiation import MAX_ANSWERS, Negotiation
from pyconchat.doors.line.option import DO, DONT, WILL, WONT

__all__ = ["IAC", "MAX_ANSWERS", "Client", "Telnet", "recognize"]

IAC = 255
_SB, _SE = 250, 240
_EDITING = {247: b"\x7f", 248: b"\x15"}
"""EC and EL (RFC 854), and the keys that do the same."""
_AYT = 246
_IAC = b"\xff"
_NEGOTIATION = re.compile(rb"\xff[\xfa-\xfe].", re.DOTALL)
"""The beginning of a subnegotiation, or WILL, WONT, DO or DONT: no text in UTF-8 has these."""
_PROMPT_GA, _PROMPT_EOR = b"\xff\xf9", b"\xff\xef"

MAX_SUBNEGOTIATION = 64
"""Maximum bytes that are kept of a subnegotiation; a longer one is discarded."""


class Client(Enum):
    """The kind of a client, as far as it is known."""

    UNKNOWN = "has not sent a complete line yet"
    PLAIN = "ends its lines with LF, or with CR alone: nc, or a program"
    TELNET = "ends its lines with CRLF, or has sent a telnet command"


def recognize(opening: bytes) -> Client:
    """Return the kind of a client, from all that it has sent so far.

    Some clients negotiate before the first line, such as plink, which may end its lines with LF.
    Nothing is answered here: a client that is not telnet must never receive an IAC.
    """
    if _NEGOTIATION.search(opening):
        return Client.TELNET
    if IAC in opening or b"\r\0" in opening:
        opening = Telnet(lambda answer: None).receive(opening)
    end = opening.find(b"\n")
    cr = opening.find(b"\r")
    if 0 <= cr < len(opening) - 1 and cr + 1 != end:
        return Client.PLAIN  # a CR alone ends its lines
    if end < 0:
        return Client.UNKNOWN
    return Client.TELNET if opening[end - 1 : end] == b"\r" else Client.PLAIN


class _Input(Enum):
    """The position of the input inside a command."""

    DATA = "data"
    COMMAND = "after IAC"
    OPTION = "after IAC and WILL, WONT, DO or DONT"
    SUBNEGOTIATION = "after IAC SB"
    SUBNEGOTIATION_COMMAND = "after IAC, in a subnegotiation"


_AFTER_IAC = {
    _Input.DATA: _Input.COMMAND,
    _Input.SUBNEGOTIATION: _Input.SUBNEGOTIATION_COMMAND,
}


class Telnet:
    """One telnet connection; *send* writes raw bytes to it."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._state = _Input.DATA
        self._verb = 0
        self._after_cr = False
        self._content: bytearray | None = None  # of a subnegotiation that may be understood
        self._send = send
        self.options = Negotiation(send)
        self.show: Callable[[bytes], None] | None = None
        """Shows a line above the prompt, in character mode."""

    @property
    def negotiates(self) -> bool:
        """Return whether the client has sent a telnet command: then it answers `ping`."""
        return self.options.answered

    @property
    def unanswered(self) -> bool:
        """Return whether the client has left our negotiation without an answer, so far.

        `nc -C` ends its lines as telnet does, and shows every negotiation on the screen.
        """
        return self.options.asked and not self.options.answered

    @property
    def prompt_end(self) -> bytes:
        """Return the mark for the end of a prompt, which has no line end.

        Without it some MUD clients show the next line after the prompt. That is IAC GA (RFC 854),
        unless the client has asked to suppress it (RFC 858), or asked for IAC EOR (RFC 885).
        """
        if not self.options.answered:
            return b""
        if self.options.end_of_record:
            return _PROMPT_EOR
        return b"" if self.options.no_go_ahead else _PROMPT_GA

    def receive(self, data: bytes) -> bytes:
        """Return *data* without telnet commands. A bare CR, sent as CR NUL, becomes a newline.

        Text is searched and copied as a whole; only commands are handled one by one.
        """
        if self._state is _Input.DATA and _IAC not in data:
            return self._text(data)
        text: list[bytes] = []
        with self.options.gathering():
            at = 0
            while at < len(data):
                if self._state is _Input.DATA or self._state is _Input.SUBNEGOTIATION:
                    found = data.find(_IAC, at)
                    end = found if found >= 0 else len(data)
                    if self._state is _Input.DATA:
                        text.append(self._text(data[at:end]))
                    else:
                        self._keep(data[at:end])
                    if found >= 0:
                        self._state = _AFTER_IAC[self._state]
                    at = end + 1
                else:
                    text.append(self._command_byte(data[at]))
                    at += 1
        return b"".join(text)

    def _text(self, data: bytes) -> bytes:
        """Return *data*, which has no commands, without NUL."""
        after_cr, self._after_cr = self._after_cr, data[-1:] == b"\r" if data else self._after_cr
        if b"\0" not in data:
            return data
        first = b"\n" if after_cr and data.startswith(b"\0") else b""
        return first + data.replace(b"\r\0", b"\r\n").translate(None, b"\0")

    def _command_byte(self, byte: int) -> bytes:
        """Handle a byte of a command; return the text that it stands for."""
        match self._state:
            case _Input.COMMAND:
                self._state = _Input.DATA
                self.options.answered = True
                if byte == IAC:
                    return _IAC
                if byte in _EDITING:
                    return _EDITING[byte]
                if byte == _AYT:
                    self._answer_are_you_there()
                elif byte == _SB:
                    self._state = _Input.SUBNEGOTIATION
                    self._content = bytearray() if self.options.understands_content else None
                elif byte in (WILL, WONT, DO, DONT):
                    self._state = _Input.OPTION
                    self._verb = byte
            case _Input.OPTION:
                self._state = _Input.DATA
                self.options.received(self._verb, byte)
            case _Input.SUBNEGOTIATION_COMMAND:
                # IAC IAC is a byte of the subnegotiation; anything else but SE is malformed.
                self._state = _Input.DATA if byte == _SE else _Input.SUBNEGOTIATION
                if byte == IAC:
                    self._keep(_IAC)
                elif byte == _SE and self._content:
                    self.options.content_received(bytes(self._content))
            case _:
                raise AssertionError(f"no command in the state {self._state}")
        return b""

    def _answer_are_you_there(self) -> None:
        """Show a sign of life, as often as negotiations are answered (RFC 854, AYT)."""
        if self.options.may_answer():
            if self.show is not None:
                self.show(b"[yes]\r\n")
            else:
                self._send(b"\r\n[yes]\r\n")

    def _keep(self, data: bytes) -> None:
        """Keep *data* of a subnegotiation, if it may be understood."""
        if self._content is not None:
            self._content += data[: MAX_SUBNEGOTIATION + 1]
            if len(self._content) > MAX_SUBNEGOTIATION:
                self._content = None

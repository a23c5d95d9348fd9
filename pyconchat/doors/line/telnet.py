"""Telnet: the part of RFC 854 and RFC 1143 that a chat needs.

It removes commands from the input, refuses every option that the client offers or requests, and
negotiates one itself: ECHO (RFC 857), which makes the client hide a password. Malformed commands
are skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

__all__ = ["IAC", "Client", "Telnet", "recognize"]

IAC = 255
_DONT, _DO, _WONT, _WILL, _SB, _SE = 254, 253, 252, 251, 250, 240
_EDITING = {247: b"\x7f", 248: b"\x15"}
"""EC and EL (RFC 854), and the keys that do the same."""
_AYT = 246
_ECHO, _TIMING_MARK = 1, 6
_CR, _LF, _NUL = 13, 10, 0

MAX_ANSWERS = 64
"""Maximum negotiations that are answered on one connection; real clients need far fewer."""


class Client(Enum):
    """The kind of a client, as far as it is known."""

    UNKNOWN = "has not sent a complete line yet"
    PLAIN = "ends its lines with LF, or with CR alone: nc, or a program"
    TELNET = "ends its lines with CRLF"


def recognize(opening: bytes) -> Client:
    """Return the kind of a client, from all that it has sent so far.

    Some clients negotiate before the first line; an LF inside a command ends no line. Nothing
    is answered here: a client that is not telnet must never receive an IAC.
    """
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


class _Echo(Enum):
    """RFC 1143's states of our side of ECHO; the queue bit is `Telnet._opposite`."""

    NO = "no"
    WANT_NO = "want no"
    WANT_YES = "want yes"
    YES = "yes"


class Telnet:
    """One telnet connection; *send* writes raw bytes to it."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._state = _Input.DATA
        self._verb = 0
        self._echo = _Echo.NO
        self._opposite = False  # request the other state when the answer has come
        self._after_cr = False
        self._answers = 0
        self._asked = False  # we have sent a negotiation
        self._negotiates = False  # the client has sent a telnet command
        self._gathered: bytearray | None = None

    @property
    def negotiates(self) -> bool:
        """Return whether the client has sent a telnet command: then it answers `ping`."""
        return self._negotiates

    @property
    def unanswered(self) -> bool:
        """Return whether the client has left our negotiation without an answer, so far.

        `nc -C` ends its lines as telnet does, and shows every negotiation on the screen.
        """
        return self._asked and not self._negotiates

    def receive(self, data: bytes) -> bytes:
        """Return *data* without telnet commands. A bare CR, sent as CR NUL, becomes a newline."""
        if self._state is _Input.DATA and IAC not in data and _NUL not in data:
            self._after_cr = data.endswith(b"\r")
            return data
        text = bytearray()
        # Send all answers at once: thousands of small writes are expensive.
        self._gathered = bytearray()
        for byte in data:
            self._byte(byte, text)
        gathered, self._gathered = self._gathered, None
        if gathered:
            self._send(bytes(gathered))
        return bytes(text)

    def hide_input(self, hide: bool) -> None:
        """Ask the client to hide what is typed (WILL ECHO), or to show it again."""
        match self._echo, hide:
            case (_Echo.NO, True):
                self._echo = _Echo.WANT_YES
                self._command(_WILL, _ECHO)
            case (_Echo.YES, False):
                self._echo = _Echo.WANT_NO
                self._command(_WONT, _ECHO)
            case (_Echo.WANT_NO, _):
                self._opposite = hide
            case (_Echo.WANT_YES, _):
                self._opposite = not hide
            case _:
                pass

    def ping(self) -> None:
        """Request a sign of life: DO TIMING-MARK (RFC 860), which every client answers."""
        self._command(_DO, _TIMING_MARK)

    def _byte(self, byte: int, text: bytearray) -> None:
        match self._state:
            case _Input.DATA:
                if byte == IAC:
                    self._state = _Input.COMMAND
                elif byte == _NUL:
                    if self._after_cr:
                        text.append(_LF)
                else:
                    text.append(byte)
                self._after_cr = byte == _CR
            case _Input.COMMAND:
                self._state = _Input.DATA
                self._negotiates = True
                if byte == IAC:
                    text.append(IAC)
                elif byte in _EDITING:
                    text += _EDITING[byte]
                elif byte == _AYT:
                    self._answer_are_you_there()
                elif byte == _SB:
                    self._state = _Input.SUBNEGOTIATION
                elif byte in (_WILL, _WONT, _DO, _DONT):
                    self._state = _Input.OPTION
                    self._verb = byte
            case _Input.OPTION:
                self._state = _Input.DATA
                self._negotiate(self._verb, byte)
            case _Input.SUBNEGOTIATION:
                if byte == IAC:
                    self._state = _Input.SUBNEGOTIATION_COMMAND
            case _Input.SUBNEGOTIATION_COMMAND:
                # IAC IAC is a byte of the subnegotiation; anything else but SE is malformed.
                self._state = _Input.DATA if byte == _SE else _Input.SUBNEGOTIATION

    def _answer_are_you_there(self) -> None:
        """Show a sign of life, as often as negotiations are answered (RFC 854, AYT)."""
        if self._answers < MAX_ANSWERS and self._gathered is not None:
            self._answers += 1
            self._gathered += b"\r\n[yes]\r\n"

    def _negotiate(self, verb: int, option: int) -> None:
        if option == _ECHO and verb in (_DO, _DONT):
            self._echo_answered(verb == _DO)
        elif option == _TIMING_MARK and verb in (_WILL, _WONT):
            pass  # the answer to `ping`
        elif verb == _WILL:
            self._answer(_DONT, option)
        elif verb == _DO:
            self._answer(_WONT, option)

    def _echo_answered(self, agreed: bool) -> None:
        """Handle the client's DO or DONT for our ECHO (RFC 1143, section 7)."""
        state, opposite = self._echo, self._opposite
        self._opposite = False
        match state, agreed:
            case (_Echo.NO, True):
                self._answer(_WONT, _ECHO)
            case (_Echo.YES, False):
                self._echo = _Echo.NO
                self._answer(_WONT, _ECHO)
            case (_Echo.WANT_YES, True):
                self._echo = _Echo.YES
                if opposite:
                    self.hide_input(False)
            case (_Echo.WANT_YES, False):
                self._echo = _Echo.NO
            case (_Echo.WANT_NO, _):
                self._echo = _Echo.NO
                if opposite:
                    self.hide_input(True)
            case _:
                self._opposite = opposite

    def _answer(self, verb: int, option: int) -> None:
        if option == _TIMING_MARK:  # requested at each Ctrl-C, so not limited
            self._command(verb, option)
        elif self._answers < MAX_ANSWERS:
            self._answers += 1
            self._command(verb, option)

    def _command(self, verb: int, option: int) -> None:
        command = bytes((IAC, verb, option))
        self._asked = True
        if self._gathered is None:
            self._send(command)
        else:
            self._gathered += command

"""Telnet: the part of RFC 854 and RFC 1143 that a chat needs.

It removes commands from the input, marks prompts, and negotiates ECHO (RFC 857), which makes the
client hide a password. It refuses all other options but END-OF-RECORD: even SUPPRESS-GO-AHEAD, as
agreeing to that makes clients send every key by itself. Malformed commands are skipped.
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
_ECHO, _SUPPRESS_GO_AHEAD, _TIMING_MARK, _END_OF_RECORD = 1, 3, 6, 25
_IAC = b"\xff"
_PROMPT_GA, _PROMPT_EOR = b"\xff\xf9", b"\xff\xef"

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


_AFTER_IAC = {
    _Input.DATA: _Input.COMMAND,
    _Input.SUBNEGOTIATION: _Input.SUBNEGOTIATION_COMMAND,
}


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
        self._no_go_ahead = False
        self._end_of_record = False
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

    @property
    def prompt_end(self) -> bytes:
        """Return the mark for the end of a prompt, which has no line end.

        Without it some MUD clients show the next line after the prompt. That is IAC GA (RFC 854),
        unless the client has asked to suppress it (RFC 858), or asked for IAC EOR (RFC 885).
        """
        if not self._negotiates:
            return b""
        if self._end_of_record:
            return _PROMPT_EOR
        return b"" if self._no_go_ahead else _PROMPT_GA

    def receive(self, data: bytes) -> bytes:
        """Return *data* without telnet commands. A bare CR, sent as CR NUL, becomes a newline.

        Text is searched and copied as a whole; only commands are handled one by one.
        """
        if self._state is _Input.DATA and _IAC not in data:
            return self._text(data)
        text: list[bytes] = []
        # Send all answers at once: thousands of small writes are expensive.
        self._gathered = bytearray()
        at = 0
        while at < len(data):
            if self._state is _Input.DATA or self._state is _Input.SUBNEGOTIATION:
                found = data.find(_IAC, at)
                end = found if found >= 0 else len(data)
                if self._state is _Input.DATA:
                    text.append(self._text(data[at:end]))
                if found >= 0:
                    self._state = _AFTER_IAC[self._state]
                at = end + 1
            else:
                text.append(self._command_byte(data[at]))
                at += 1
        gathered, self._gathered = self._gathered, None
        if gathered:
            self._send(bytes(gathered))
        return b"".join(text)

    def _text(self, data: bytes) -> bytes:
        """Return *data*, which has no commands, without NUL."""
        after_cr, self._after_cr = self._after_cr, data[-1:] == b"\r" if data else self._after_cr
        if b"\0" not in data:
            return data
        first = b"\n" if after_cr and data.startswith(b"\0") else b""
        return first + data.replace(b"\r\0", b"\r\n").translate(None, b"\0")

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

    def _command_byte(self, byte: int) -> bytes:
        """Handle a byte of a command; return the text that it stands for."""
        match self._state:
            case _Input.COMMAND:
                self._state = _Input.DATA
                self._negotiates = True
                if byte == IAC:
                    return _IAC
                if byte in _EDITING:
                    return _EDITING[byte]
                if byte == _AYT:
                    self._answer_are_you_there()
                elif byte == _SB:
                    self._state = _Input.SUBNEGOTIATION
                elif byte in (_WILL, _WONT, _DO, _DONT):
                    self._state = _Input.OPTION
                    self._verb = byte
            case _Input.OPTION:
                self._state = _Input.DATA
                self._negotiate(self._verb, byte)
            case _Input.SUBNEGOTIATION_COMMAND:
                # IAC IAC is a byte of the subnegotiation; anything else but SE is malformed.
                self._state = _Input.DATA if byte == _SE else _Input.SUBNEGOTIATION
            case _:
                raise AssertionError(f"no command in the state {self._state}")
        return b""

    def _answer_are_you_there(self) -> None:
        """Show a sign of life, as often as negotiations are answered (RFC 854, AYT)."""
        if self._answers < MAX_ANSWERS and self._gathered is not None:
            self._answers += 1
            self._gathered += b"\r\n[yes]\r\n"

    def _negotiate(self, verb: int, option: int) -> None:
        if option == _SUPPRESS_GO_AHEAD and verb in (_DO, _DONT):
            self._no_go_ahead = verb == _DO
        if option == _ECHO and verb in (_DO, _DONT):
            self._echo_answered(verb == _DO)
        elif option == _END_OF_RECORD and verb in (_DO, _DONT):
            self._set_end_of_record(verb == _DO)
        elif option == _TIMING_MARK and verb in (_WILL, _WONT):
            pass  # the answer to `ping`
        elif verb == _WILL:
            self._answer(_DONT, option)
        elif verb == _DO:
            self._answer(_WONT, option)

    def _set_end_of_record(self, wanted: bool) -> None:
        """Agree to the client's request; it is not answered twice (RFC 1143)."""
        if wanted != self._end_of_record:
            self._end_of_record = wanted
            self._answer(_WILL if wanted else _WONT, _END_OF_RECORD)

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

"""Negotiation: the options of telnet that the server requests, and those that it refuses.

SUPPRESS-GO-AHEAD (RFC 858) and ECHO (RFC 857) together are *character mode*: the client sends every
key by itself, and shows nothing of it. A client that refuses the first remains in line mode, in
which ECHO hides a password. All options that are not requested here are refused, but END-OF-RECORD.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pyconchat.doors.line.option import DO, DONT, WILL, WONT, Option

__all__ = ["Negotiation"]

ECHO, SUPPRESS_GO_AHEAD, TIMING_MARK = 1, 3, 6
TERMINAL_TYPE, END_OF_RECORD, WINDOW_SIZE = 24, 25, 31
TYPE_IS = b"\x00"
IAC, SB, SE = 255, 250, 240
SEND_TYPE = bytes((IAC, SB, TERMINAL_TYPE, 1, IAC, SE))

DUMB = frozenset({b"DUMB", b"UNKNOWN"})
"""Types of terminals (RFC 1091) that cannot move the cursor."""

MAX_ANSWERS = 64
"""Maximum negotiations that are answered on one connection; real clients need far fewer."""


class Negotiation:
    """The options of one connection; *send* writes raw bytes to it."""

    __slots__ = (
        "_answers",
        "_dumb",
        "_echo",
        "_gathered",
        "_given_up",
        "_hiding",
        "_offered",
        "_send",
        "_suppressed",
        "_terminal_type",
        "_window_size",
        "answered",
        "asked",
        "end_of_record",
        "no_go_ahead",
        "window",
    )

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._gathered: bytearray | None = None
        self._answers = 0
        self._hiding = False  # the answer to a secret question is typed
        self._dumb = False
        self._offered = False
        self._given_up = False
        self._echo = Option(ECHO, ours=True)
        self._suppressed = Option(SUPPRESS_GO_AHEAD, ours=True)
        self._terminal_type = Option(TERMINAL_TYPE, ours=False)
        self._window_size = Option(WINDOW_SIZE, ours=False)
        self.asked = False
        """Whether a command was sent."""
        self.answered = False
        """Whether the client has sent a command."""
        self.no_go_ahead = False
        """Whether the client has asked for no IAC GA after prompts."""
        self.end_of_record = False
        """Whether the client has asked for IAC EOR after prompts."""
        self.window: tuple[int, int] | None = None
        """Columns and rows of the client's window, if it has reported them."""

    @property
    def characters(self) -> bool:
        """Return whether the client is in character mode, at a terminal that can erase."""
        return self._echo.on and self._edits

    @property
    def understands_content(self) -> bool:
        """Return whether the client may report the size of its window, or its terminal's type."""
        return self._window_size.on or self._terminal_type.on

    # Wanted options.

    def offer_characters(self) -> None:
        """Offer character mode, once: WILL SUPPRESS-GO-AHEAD, then WILL ECHO if the client agrees.

        Ask for the size of the window (RFC 1073) and the type of the terminal (RFC 1091) as well.
        """
        if self._offered:
            return
        self._offered = True
        with self.gathering():
            for option in (self._suppressed, self._window_size, self._terminal_type):
                self._request(option, True)

    def give_up(self) -> None:
        """Send no command any more, unless the client sends one: it may not be telnet."""
        self._given_up = True

    def hide_input(self, hide: bool) -> None:
        """Ask the client to hide typed text (WILL ECHO), or to show it again.

        In character mode nothing is asked: the client shows nothing in any case.
        """
        self._hiding = hide
        self._request_echo()

    def ping(self) -> None:
        """Request a sign of life: DO TIMING-MARK (RFC 860), which every client answers."""
        self._command(DO, TIMING_MARK)

    def _request_echo(self) -> None:
        self._request(self._echo, self._hiding or self._edits)

    @property
    def _edits(self) -> bool:
        """Return whether the client agrees, as far as it is asked, and seems to have a terminal.

        `telnet` without one, as in a pipe, agrees to report the size of its window, but does not.
        """
        has_window = self.window is not None or self._window_size.off
        return self._suppressed.on and has_window and not self._dumb

    # Options that the client sends.

    def received(self, verb: int, option: int) -> None:
        """Handle WILL, WONT, DO or DONT of the client."""
        if option == SUPPRESS_GO_AHEAD and verb in (DO, DONT):
            self.no_go_ahead = verb == DO
        requested = self._requested(verb, option)
        if requested is not None:
            self._option_answered(requested, verb in (DO, WILL))
        elif option == END_OF_RECORD and verb in (DO, DONT):
            self._set_end_of_record(verb == DO)
        elif option == TIMING_MARK and verb in (WILL, WONT):
            pass  # the answer to `ping`
        elif verb == WILL:
            self._answer(DONT, option)
        elif verb == DO:
            self._answer(WONT, option)

    def content_received(self, content: bytes) -> None:
        """Handle the content of a subnegotiation, which begins with the option."""
        option, value = content[:1], content[1:]
        if option == bytes([WINDOW_SIZE]) and self._window_size.on and len(value) == 4:
            self.window = int.from_bytes(value[:2]), int.from_bytes(value[2:])
            self._request_echo()
        elif option == bytes([TERMINAL_TYPE]) and value.startswith(TYPE_IS):
            self._dumb = value[1:].upper() in DUMB
            if self._dumb:
                self._request(self._suppressed, False)
                self._request_echo()

    def may_answer(self) -> bool:
        """Count an answer to the client; return whether it may be sent."""
        self._answers += 1
        return self._answers <= MAX_ANSWERS

    def _requested(self, verb: int, option: int) -> Option | None:
        """Return the option, on the side of which *verb* speaks, if we may request it."""
        ours = (self._echo, self._suppressed) if verb in (DO, DONT) else ()
        theirs = (self._terminal_type, self._window_size) if verb in (WILL, WONT) else ()
        return next((each for each in (*ours, *theirs) if each.number == option), None)

    def _option_answered(self, option: Option, agreed: bool) -> None:
        was_on = option.on
        answer = option.answered(agreed)
        if answer is not None:
            self._answer(answer, option.number)
        if option in (self._suppressed, self._window_size):
            self._request_echo()
        elif option is self._echo and option.off and not agreed and self._suppressed.on:
            # Both or none: without ECHO the client would show the keys, and the server as well.
            self._request(self._suppressed, False)
        elif option is self._terminal_type and option.on and not was_on:
            self._write(SEND_TYPE)

    def _set_end_of_record(self, wanted: bool) -> None:
        """Agree to the client's request; it is not answered twice (RFC 1143)."""
        if wanted != self.end_of_record:
            self.end_of_record = wanted
            self._answer(WILL if wanted else WONT, END_OF_RECORD)

    # Output.

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Send all commands at once: thousands of small writes are expensive."""
        self._gathered = bytearray()
        yield
        gathered, self._gathered = self._gathered, None
        if gathered:
            self._send(bytes(gathered))

    def _request(self, option: Option, wanted: bool) -> None:
        verb = option.want(wanted)
        if verb is not None:
            self._command(verb, option.number)

    def _answer(self, verb: int, option: int) -> None:
        # TIMING-MARK is requested at each Ctrl-C, so it is not limited.
        if option == TIMING_MARK or self.may_answer():
            self._command(verb, option)

    def _command(self, verb: int, option: int) -> None:
        self.asked = True
        self._write(bytes((IAC, verb, option)))

    def _write(self, command: bytes) -> None:
        if self._given_up and not self.answered:
            return
        if self._gathered is None:
            self._send(command)
        else:
            self._gathered += command

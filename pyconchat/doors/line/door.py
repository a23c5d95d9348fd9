"""LineDoor: one person's connection, at `nc` or `telnet`.

It turns bytes into lines, and shows what the chat writes. The questions of the login are
`LoginDialogue`'s; the session interprets lines. A client whose lines end in CRLF is treated as
telnet: only telnet gets telnet options and the group's prompt. Both see the login's questions.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from zope.interface import implementer

from pyconchat.chat.audience import Send
from pyconchat.chat.interfaces import ILoginPeer
from pyconchat.chat.places import Place, place_name
from pyconchat.domain.errors import PeerGone, Refused
from pyconchat.domain.refusals import line_too_long
from pyconchat.doors.connection_limits import CountedConnection
from pyconchat.doors.context import DoorContext
from pyconchat.doors.door import Door
from pyconchat.doors.input_budget import BYTE_COST, COMMAND_COST, ERASURE_COST, LARGE_READ
from pyconchat.doors.line.dialogue import LoginDialogue
from pyconchat.doors.line.keys import LineEnds, apply_erasures, count_erasures, has_erasures
from pyconchat.doors.line.prompt import Prompt
from pyconchat.doors.line.telnet import IAC, Client, Telnet, recognize
from pyconchat.net.connection import Lifecycle
from pyconchat.render.text import TextRenderer

__all__ = ["LF", "LineDoor"]

MAX_LOGIN_LINE = 512
"""Maximum bytes in a line before the login."""

MAX_COMMANDS_AT_ONCE = 16
"""Maximum telnet commands that are handled in one turn of the reactor."""

MAX_LF_DELAY = 0.2
"""Maximum seconds between the CR and the LF of the first line's end."""

_IAC = bytes((IAC,))

LF, CRLF = TextRenderer("\n"), TextRenderer("\r\n")


@implementer(ILoginPeer)
class LineDoor(Door):
    """One person's connection."""

    def __init__(self, context: DoorContext, counted: CountedConnection) -> None:
        super().__init__(context, counted, LF, context.limits.line_bytes)
        self._client = Client.UNKNOWN
        self._opening = b""  # the input before the client was recognized
        self._question: Deferred[str] | None = None
        self._question_text = b""
        self._secret = False
        self._asked_to_hide = False  # the answer to the last secret question, if it is telnet
        self._pinged = False
        self._line_ends = LineEnds()
        self._cr_timer: IDelayedCall | None = None  # until a CR at the end counts alone
        self._held = b""  # input after many telnet commands, until they are paid
        self._ended = False  # the peer has ended its input, of which some is held
        self._place: Place = None  # where the session is
        self._typed_in: Place = None  # where the next lines were typed
        self._typed_there = 0  # how many of them

    # What Twisted calls.

    def connectionMade(self) -> None:
        super().connectionMade()
        self._prompt = Prompt(self._output)
        self._telnet = Telnet(self._output.write)
        self.run(self._log_in())

    async def _log_in(self) -> None:
        await LoginDialogue(self._context.services, self._context.portal, self).run()
        self.in_login = False

    def dataReceived(self, data: bytes) -> None:
        self._pinged = False
        super().dataReceived(data)

    def take(self, data: bytes) -> None:
        """Handle *data*, up to MAX_COMMANDS_AT_ONCE; hold the rest until these are charged."""
        if self.ending:
            return
        data, self._held = self._held + data, b""
        if self._client is not Client.PLAIN:
            rest = data.split(_IAC, MAX_COMMANDS_AT_ONCE)[-1]
            if _IAC in rest:
                first = len(data) - len(rest) - 1
                data, self._held = data[:first], data[first:]
        pause = bool(self._held) or len(data) > LARGE_READ
        self._budget.pay(self.input_cost(data), pause)
        self._handle(self.without_stale(data))
        if self._held:
            self.deliverLines()  # it pauses the transport
            return
        if self._ended:
            self.readConnectionLost()

    def input_allowed(self) -> None:
        if self._held:
            self.take(b"")
        else:
            self.deliverLines()

    def input_cost(self, data: bytes) -> float:
        commands = 0 if self._client is Client.PLAIN else data.count(_IAC)
        return BYTE_COST * len(data) + COMMAND_COST * commands

    def _handle(self, data: bytes) -> None:
        if self._client is Client.UNKNOWN:
            self.opened_by_input = False  # from here on `has_input` knows of it
            self._opening += data
            self._client = recognize(self._opening)
            if self._client is Client.UNKNOWN:
                if len(self._opening) <= MAX_LOGIN_LINE:
                    self._await_line_feed()
                    return
                self._client = Client.PLAIN
            if self._client is Client.TELNET:
                self.renderer, self._prompt.erasing = CRLF, True
            data, self._opening = self._opening, b""
        self.split(self.undecorated(data))

    def _await_line_feed(self) -> None:
        """Take a CR at the end for a line's end, if no LF follows soon."""
        if self._cr_timer is None and self._opening.endswith(b"\r"):
            self._cr_timer = self.clock.callLater(MAX_LF_DELAY, self._end_first_line)

    def _end_first_line(self) -> None:
        if self._client is Client.UNKNOWN and not self.ending:
            self._client = Client.PLAIN
            data, self._opening = self._opening, b""
            self.split(self._line_ends.convert(data))

    def readConnectionLost(self) -> None:
        if self._held:
            self._ended = True  # the held input is handled first, in several turns
            return
        if self._client is Client.UNKNOWN:
            self._client = Client.PLAIN
            self._split(self._line_ends.convert(self._opening))
        super().readConnectionLost()

    # What the session and the login call.

    @property
    def hides(self) -> bool:  # type: ignore[override]  # here it depends on the client
        return self._asked_to_hide and not self._telnet.unanswered

    def write(self, block: bytes) -> None:
        self._prompt.write(block)

    def direct_send(self, leave: Callable[[], None]) -> Send | None:
        return None if self._prompt.matters else self._output.direct_send(leave)

    def ask(self, prompt: str, secret: bool = False) -> Deferred[str]:
        no_answer = self.life is Lifecycle.INPUT_ENDED and not self.hasLine()
        if self.life is Lifecycle.GONE or no_answer:
            raise PeerGone
        question: Deferred[str] = Deferred()
        self._question, self._question_text, self._secret = question, prompt.encode(), secret
        if secret:
            # An answer that was typed before the question shows already.
            self._asked_to_hide = self._client is Client.TELNET and not self.hasLine()
            if self.hides:
                self._telnet.hide_input(True)
        self._show_prompt(self._question_text)
        self.deliverLines()  # the answer may have arrived already
        return question

    def refresh_prompt(self) -> None:
        self._note_place()
        if self._question is None and self._prompt.shown:
            self._show_prompt(self._place_prompt())

    def _note_place(self) -> None:
        """Record the place of the lines that have arrived, completely or in part.

        After a command of the person's own, they are meant for the new place.
        """
        if self.session is None:
            return  # the connection is closed
        place, self._place = self._place, self.session.current
        if self._task is not None or self.delivering or place is self._place:
            return
        if not self._typed_there:
            self._typed_in = place
            self._typed_there = self.waitingLines + self.lineBegun

    def discard_input(self) -> None:
        self._typed_there = 0
        super().discard_input()
        self._stale += len(self._held)

    def undecorated(self, data: bytes) -> bytes:
        if self._client is Client.TELNET:
            data = self._telnet.receive(data)
        return self._line_ends.convert(data)

    # What `Door` asks of its subclasses.

    def lineReceived(self, line: bytes) -> None:
        self._prompt.answered()
        place = self._place_typed()
        limit = MAX_LOGIN_LINE if self.session is None else self.MAX_LENGTH
        try:
            text = self.decoded(line, limit)
            if has_erasures(text):
                text = self._erased(text)
        except Refused as refused:
            self._refuse_line(refused)
            return
        if self._question is not None:
            self._answer(text)
        elif self.session is not None:
            here = place is self.session.current
            task = self.session.line(text) if here else self.session.line_in(text, place)
            if task is not None and not task.called:
                self.run_task(task)

    def _erased(self, text: str) -> str:
        """Return *text* with its erasing keys applied; their cost is charged."""
        self._budget.pay(ERASURE_COST * count_erasures(text), False)
        return apply_erasures(text)

    def lineLengthExceeded(self, line: bytes) -> None:
        self._prompt.answered()
        self._place_typed()
        limit = MAX_LOGIN_LINE if self.session is None else self.MAX_LENGTH
        self._refuse_line(line_too_long(limit))

    def _place_typed(self) -> Place:
        """Return the place in which the next line was typed."""
        if self._typed_there:
            self._typed_there -= 1
            return self._typed_in
        return None if self.session is None else self.session.current

    def _refuse_line(self, refused: Refused) -> None:
        if self._question is not None:
            self._end_hidden_line()
        self.refuse(refused)
        if self._question is not None:
            self._show_prompt(self._question_text)

    def asking(self) -> bool:
        return self._question is not None

    def allLinesDelivered(self) -> None:
        """Show a telnet user the prompt: it is their turn to type."""
        free = self._task is None and self._question is None and self.session is not None
        if free and self._client is Client.TELNET and not self._prompt.shown:
            self._show_prompt(self._place_prompt())

    def write_last(self, block: bytes) -> None:
        self._prompt.write_last(block)

    def check_silence(self, seconds: float) -> bool:
        if not self._telnet.negotiates:
            return False  # nc cannot answer a ping; the kernel's keepalive checks it
        limits = self._context.limits
        if 0 < limits.silence_seconds <= seconds:
            self.abort("silent", "said nothing for {seconds:.0f} s", seconds=seconds)
            return True
        if 0 < limits.ping_seconds <= seconds and not self._pinged:
            self._pinged = True
            self._telnet.ping()
        return False

    def finish(self) -> None:
        self._fail_question()
        super().finish()

    def _detach(self) -> None:
        super()._detach()
        self._cancel(self._cr_timer)
        self._fail_question()

    # Questions and prompts.

    def _answer(self, line: str) -> None:
        question, self._question = self._question, None
        if self.hides and self._secret:
            self._telnet.hide_input(False)
        self._end_hidden_line()
        assert question is not None
        question.callback(line)

    def _fail_question(self) -> None:
        if self._question is not None:
            question, self._question = self._question, None
            question.errback(PeerGone())

    def _end_hidden_line(self) -> None:
        """End the line on the screen of a client that did not echo the line's end."""
        if self.hides and self._secret:
            self._prompt.end_line()

    def _show_prompt(self, prompt: bytes) -> None:
        typed_before = not self._prompt.erasing and self.has_input()
        self._prompt.show(prompt + self._telnet.prompt_end, typed_before)

    def _place_prompt(self) -> bytes:
        current = self.session.current if self.session is not None else None
        return b"> " if current is None else f"[{place_name(current)}] ".encode()

"""LineDoor: one person's connection, at `nc` or `telnet`.

It turns bytes into lines, and displays the output of the chat. The questions of the login are
`LoginDialogue`'s; the session interprets lines. A client that negotiates, or whose lines end in
CRLF, is treated as telnet: only telnet gets telnet options and the group's prompt. Both see the
login's questions.
Telnet is offered character mode: a client that agrees has the line editor (`EditedLines`).
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from zope.interface import implementer

from pyconchat.chat.audience import Send
from pyconchat.chat.interfaces import ILoginPeer, ISession
from pyconchat.chat.places import Place, place_name
from pyconchat.domain.decisions import MoveCursor
from pyconchat.domain.errors import PeerGone, Refused
from pyconchat.domain.refusals import line_too_long
from pyconchat.domain.replies import EndWhy
from pyconchat.doors.connection_limits import Counted
from pyconchat.doors.context import DoorContext
from pyconchat.doors.door import Door
from pyconchat.doors.input_budget import (
    COMMAND_COST,
    ERASURE_COST,
    LARGE_READ,
)
from pyconchat.doors.line.dialogue import LoginDialogue
from pyconchat.doors.line.edited_lines import MAX_READ, EditedLines
from pyconchat.doors.line.keys import LineEnds, apply_erasures, count_erasures, has_erasures
from pyconchat.doors.line.prompt import Prompt
from pyconchat.doors.line.telnet import IAC, Client, Telnet, recognize
from pyconchat.doors.line.typed_places import TypedPlaces
from pyconchat.net.connection import FIRST_READ_SIZE, READ_SIZE, Lifecycle, set_read_size
from pyconchat.net.teardown import take_all
from pyconchat.render.text import TextRenderer

__all__ = ["LF", "LineDoor"]

MAX_LOGIN_LINE = 512
"""Maximum bytes in a line before the login."""

MAX_COMMANDS_AT_ONCE = 16
"""Maximum telnet commands that are handled in one turn of the reactor."""

MAX_LF_DELAY = 0.2
"""Maximum seconds between the CR and the LF of the first line's end."""

MAX_TYPED_WAIT = 10.0
"""Maximum seconds in which a session that is to end handles what was typed: at the rate of messages
that is slow, and nobody sends it again."""

MAX_UNANSWERED = 2.0
"""Maximum seconds until telnet answers the first negotiation; `nc -C` never does."""

_IAC = bytes((IAC,))

LF, CRLF = TextRenderer("\n"), TextRenderer("\r\n")


@implementer(ILoginPeer)
class LineDoor(Door):
    """One person's connection."""

    __slots__ = (
        "_asked_at",
        "_asked_to_hide",
        "_client",
        "_cr_timer",
        "_edited",
        "_ended",
        "_held",
        "_line_ends",
        "_opening",
        "_places",
        "_prompt",
        "_question",
        "_question_text",
        "_secret",
        "_telnet",
    )

    max_input_wait = MAX_TYPED_WAIT

    def __init__(self, context: DoorContext, counted: Counted) -> None:
        super().__init__(context, counted, LF, context.limits.line_bytes)
        self._client = Client.UNKNOWN
        self._opening = b""  # the input before the client was recognized
        self._question: Deferred[str] | None = None
        self._question_text = b""
        self._secret = False
        self._asked_to_hide = False  # the answer to the last secret question, if it is telnet
        self._asked_at = 0.0  # when an unanswered negotiation was noticed; 0: there is none
        self._edited: EditedLines | None = None  # of a client in character mode
        self._line_ends = LineEnds()
        self._cr_timer: IDelayedCall | None = None  # until a CR at the end counts alone
        self._held = b""  # input after many telnet commands, until they are paid
        self._ended = False  # the peer has ended its input, of which some is held
        self._places = TypedPlaces()

    # Called by Twisted.

    def connectionMade(self) -> None:
        super().connectionMade()
        self._prompt: Prompt | EditedLines
        self.begin_prompt()
        self.run(self._log_in())

    def begin_prompt(self) -> None:
        """Prepare the end of the screen, as it is before the client was recognized."""
        self._prompt = Prompt(self._output)
        self._telnet = Telnet(self._output.write)

    async def _log_in(self) -> None:
        await LoginDialogue(self._context.services, self._context.portal, self).run()
        self.in_login = False

    def take(self, data: bytes) -> None:
        """Handle *data*, as much as `_first_part` allows; hold the rest until that is charged."""
        if self.ending:
            return
        data = self._held + data
        first = self._first_part(data)
        data, self._held = data[:first], data[first:]
        pause = bool(self._held) or len(data) > LARGE_READ
        self._budget.pay(self.input_cost(data), pause)
        self._handle(self.without_stale(data))
        if self._held:
            self.deliverLines()  # it pauses the transport
            return
        if self._ended:
            self.readConnectionLost()

    def _first_part(self, data: bytes) -> int:
        """Return the number of bytes of *data* that are handled in this turn of the reactor.

        A large read may have commands that begin character mode, and then thousands of keys, which
        are charged in that mode only.
        """
        if self._client is Client.PLAIN and self._edited is None:
            return len(data)
        rest = data.split(_IAC, MAX_COMMANDS_AT_ONCE)[-1]
        first = len(data) - len(rest) - 1 if _IAC in rest else len(data)
        if self._edited is not None or _IAC in data:
            first = min(first, MAX_READ)
        return first

    def input_allowed(self) -> None:
        if self._held:
            self.take(b"")
        else:
            self.deliverLines()

    def input_cost(self, data: bytes) -> float:
        cost = super().input_cost(data)
        if self._client is Client.PLAIN:
            return cost
        typing = 0.0 if self._edited is None else self._edited.cost(data)
        # Telnet searches all bytes again, for commands and NULs.
        return 3 * cost + COMMAND_COST * data.count(_IAC) + typing

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
                # A script sends more at once, such as a password: it cannot be hidden any more.
                if _IAC in self._opening or self._opening.find(b"\n") == len(self._opening) - 1:
                    self._telnet.options.offer_characters()
            data, self._opening = self._opening, b""
        data = self.undecorated(data)
        if self._client is Client.TELNET:
            if self._telnet.negotiates:
                self._telnet.options.offer_characters()
            self._follow_options()
        if self._edited is None:
            self.split(data)
        else:
            self._typed(data)

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

    # Called by the session and the login.

    @property
    def hides(self) -> bool:  # type: ignore[override]  # here it depends on the client
        return self._asked_to_hide and not self._telnet.unanswered

    def readyForInput(self) -> bool:
        return super().readyForInput() and not self._holds_keys

    @property
    def _holds_keys(self) -> bool:
        """Return whether keys wait for the next prompt."""
        return self._edited is not None and self._edited.editor.holds_input

    def inputEnded(self) -> None:
        free = self._task is None and self._question is None and self.session is not None
        if free and self._holds_keys:
            self._show_place()  # it handles the keys, and calls this again
        else:
            super().inputEnded()

    def write(self, block: bytes) -> None:
        self.wake()
        self._prompt.write(block)

    def direct_send(self, leave: Callable[[], None]) -> Send | None:
        return None if self._prompt.matters else self._output.direct_send(leave)

    def ask(self, prompt: str, secret: bool = False) -> Deferred[str]:
        no_answer = self.life is Lifecycle.INPUT_ENDED and not (self.hasLine() or self._holds_keys)
        if self.life is Lifecycle.GONE or no_answer:
            raise PeerGone
        question: Deferred[str] = Deferred()
        self._question, self._question_text, self._secret = question, prompt.encode(), secret
        if secret:
            # An answer that was typed before the question shows already.
            self._asked_to_hide = self._client is Client.TELNET and not self.hasLine()
            if self.hides:
                self._telnet.options.hide_input(True)
        self._show_question()
        self.deliverLines()  # the answer may have arrived already
        return question

    def logged_in(self, session: ISession) -> None:
        super().logged_in(session)
        if self._edited is not None:
            set_read_size(self._connection, MAX_READ)

    def refresh_prompt(self) -> None:
        self._note_place()
        if self._question is None and self._prompt.shown:
            self._show_place()

    def _note_place(self) -> None:
        """Record the place of the lines that have arrived, completely or in part.

        After a command of the person's own, they are meant for the new place.
        """
        if self.session is None:
            return  # the connection is closed
        moved = self._places.changed(self.session.current)
        if not moved or self._task is not None or self.delivering:
            return
        begun = self._edited is not None and bool(self._edited.editor.text)
        self._places.keep(self.waitingLines + self.lineBegun + begun)
        if self._edited is not None:
            self._edited.begun = begun

    def discard_input(self) -> None:
        self._places.clear()
        super().discard_input()
        self._stale += len(self._held)
        if self._edited is not None:
            self._edited.editor.discard()

    def undecorated(self, data: bytes) -> bytes:
        if self._client is Client.TELNET:
            data = self._telnet.receive(data)
        return self._line_ends.convert(data)

    # Left by `Door` to its subclasses.

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
        return self._places.next(None if self.session is None else self.session.current)

    def _refuse_line(self, refused: Refused) -> None:
        if self._question is not None:
            self._end_hidden_line()
        self.refuse(refused)
        if self._question is not None:
            self._show_question()

    def asking(self) -> bool:
        return self._question is not None

    def allLinesDelivered(self) -> None:
        """Show a telnet user the prompt: it is their turn to type."""
        free = self._task is None and self._question is None and self.session is not None
        has_prompt = self._client is Client.TELNET or self._edited is not None
        if free and has_prompt and not self._prompt.shown:
            self._show_place()

    def idle(self) -> bool:
        # Lines typed before the last line was on the screen have arrived with the receipt of it.
        return self._output.acknowledged() and super().idle()

    def end_when_idle(self, last: bytes) -> None:
        """Send *last* first: the user knows that lines typed from then on come too late."""
        self.stop_receiving()
        self.write(last)
        super().end_when_idle(b"")

    def write_last(self, block: bytes) -> None:
        self._prompt.write_last(block)

    def silence_limits(self) -> tuple[float, float]:
        if not self._telnet.negotiates:
            return 0.0, 0.0  # nc cannot answer a ping; the kernel's keepalive checks it
        return self._context.limits.ping_seconds, self._context.limits.silence_seconds

    def ping(self) -> None:
        self._telnet.options.ping()

    def may_rest(self) -> bool:
        # The status line of an editor shows what happens elsewhere.
        return self._edited is None and not self._telnet.unanswered and super().may_rest()

    def check(self, now: float) -> list[MoveCursor]:
        if self._telnet.unanswered:
            self._asked_at = self._asked_at or now
            if now - self._asked_at >= MAX_UNANSWERED:
                self._telnet.options.give_up()
        if self._edited is not None and self.session is not None and not self.ending:
            self._edited.editor.status(self._context.status_lines.text(self.session, now), now)
        return super().check(now)

    def finish(self) -> None:
        self._fail_question()
        super().finish()

    def _detach(self) -> None:
        take_all(super()._detach, lambda: self._cancel(self._cr_timer), self._fail_question)

    # Questions and prompts.

    def _answer(self, line: str) -> None:
        question, self._question = self._question, None
        if self.hides and self._secret:
            self._telnet.options.hide_input(False)
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

    def _show_question(self) -> None:
        if self._edited is None:
            self._show_prompt(self._question_text)
            return
        limit = MAX_LOGIN_LINE if self.session is None else 0
        self._edited.editor.ask(self._question_text.decode(), self._secret, limit)
        self._typed(b"")

    def _show_place(self) -> None:
        current = self.session.current if self.session is not None else None
        name = "" if current is None else place_name(current)
        if self._edited is None:
            self._show_prompt(f"[{name}] ".encode() if name else b"> ")
            return
        self._edited.show_place(name)
        self._typed(b"")

    def _show_prompt(self, prompt: bytes) -> None:
        assert isinstance(self._prompt, Prompt)
        typed_before = not self._prompt.erasing and self.has_input()
        self._prompt.show(prompt + self._telnet.prompt_end, typed_before)

    # Character mode.

    def _follow_options(self) -> None:
        """Enter or leave character mode, or use the size of the window, as the client has said."""
        options = self._telnet.options
        if options.characters is (self._edited is None):
            shown = self._prompt.shown
            self._prompt.write_last(b"")
            if options.characters:
                self._enter_characters()
            else:
                self._leave_characters()
            if self._question is not None:
                self._show_question()
            elif shown:
                self._show_place()
        if self._edited is not None and options.window is not None:
            self._edited.editor.resized(*options.window)

    def _enter_characters(self) -> None:
        services = self._context.services
        self._output.end_direct()
        self._edited = self._prompt = EditedLines(self._output.write, self.MAX_LENGTH, services)
        self._edited.editor.start()
        self._telnet.show = self._edited.write
        set_read_size(self._connection, MAX_READ)

    def _leave_characters(self) -> None:
        self._edited, self._prompt, self._telnet.show = None, Prompt(self._output), None
        self._prompt.erasing = True
        set_read_size(self._connection, FIRST_READ_SIZE if self.session is None else READ_SIZE)

    def _typed(self, data: bytes) -> None:
        """Handle keys; the lines that they enter go the way of all lines."""
        edited = self._edited
        if edited is None or self.ending:
            return
        lines = edited.typed(data, self.session)
        if edited.ended:
            self.end(EndWhy.BYE, "Bye.")
            return
        if edited.begun and not edited.editor.text:
            edited.begun = False
            if not lines:  # it was discarded
                self._places.discard(1)
        self.split(lines)

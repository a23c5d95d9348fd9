"""JsonDoor: one program's connection, with one JSON object a line in both directions."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.chat.audience import Send
from pyconchat.chat.interfaces import ISession
from pyconchat.domain.errors import Code, PeerGone, Refused
from pyconchat.domain.refusals import line_too_long
from pyconchat.domain.replies import EndWhy
from pyconchat.doors.connection_limits import Counted
from pyconchat.doors.context import DoorContext
from pyconchat.doors.door import Door
from pyconchat.doors.interfaces import IProgramPeer
from pyconchat.doors.json.mode import Answer, JsonMode
from pyconchat.net.connection import Lifecycle
from pyconchat.render.json import JsonRenderer

__all__ = ["JsonDoor", "recognizes_json"]

MAX_EXPANSION = 8
"""How much longer than its text a line may be: JSON may write 6 bytes for one."""

MAX_BAD_LINES = 20
"""Maximum consecutive lines that are not JSON; then the connection is closed."""

LONG_ANSWER = 4096
"""Bytes of an answer after which others have their turn before the next line is handled.

A program may send ten lines at once.
"""

JSON = JsonRenderer()


def recognizes_json(opening: bytes) -> bool:
    """Return whether *opening* begins a JSON object."""
    return opening.lstrip().startswith(b"{")


@implementer(IProgramPeer)
class JsonDoor(Door):
    """One program's connection."""

    program = True
    names_places = True
    echoes = True
    hides = True  # a program does not display questions

    def __init__(
        self, context: DoorContext, counted: Counted, renderer: JsonRenderer = JSON
    ) -> None:
        super().__init__(context, counted, renderer, context.limits.line_bytes * MAX_EXPANSION)
        self._json = renderer
        self._mode = JsonMode(context.services, context.portal, self, self._ready)
        self._bad_lines = 0
        self._gives_way = False  # waits for its turn after a long answer

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        # Break the reference cycle here: the cyclic GC runs rarely.
        del self._mode

    # Called by the session and the login.

    def direct_send(self, leave: Callable[[], None]) -> Send | None:
        return self._output.direct_send(leave)

    def ask(self, prompt: str, secret: bool = False) -> Deferred[str]:
        if self.life is Lifecycle.GONE:
            raise PeerGone
        return self._mode.ask(prompt, secret)

    def logged_in(self, session: ISession) -> None:
        super().logged_in(session)
        self.in_login = False
        self._mode.logged_in(session)

    def add_words(self) -> None:
        self.renderer = self._json = self._json.with_words()

    def failed(self, failure: Failure) -> None:
        """Close the connection because of an internal error."""
        if not isinstance(failure.value, PeerGone):
            self._log.failure("a JSON connection failed", failure)
            self.close()

    def close(self, last: bytes = b"") -> None:
        """As any door; the program that has quit gets its answer first."""
        if not self.ending and self.session is not None and self.session.quitting:
            answer = self._mode.quit_answer()
            if answer is not None:
                self.write(self._json.line(answer))
        super().close(last)

    # Left by `Door` to its subclasses.

    def idle(self) -> bool:
        return self._mode.idle and super().idle()

    def readyForLine(self) -> bool:
        self._gives_way = self._gives_way and self._budget.waiting
        return not (self._mode.busy or self._gives_way) and super().readyForLine()

    def lineReceived(self, line: bytes) -> None:
        try:
            fields = self._object(line)
        except Refused as refused:
            self._refuse_line(refused)
            return
        self._bad_lines = 0
        self._mode.received(fields).addCallbacks(self._answer, self.failed)

    def lineLengthExceeded(self, line: bytes) -> None:
        self._refuse_line(line_too_long(self.MAX_LENGTH))

    def inputEnded(self) -> None:
        """Close once the last request is answered, however long that takes."""
        if self._mode.idle:
            self.finish()

    def _ready(self) -> None:
        self.deliverLines()

    def _answer(self, answer: Answer) -> None:
        if self.life is not Lifecycle.GONE:
            line = self._json.line(answer)
            self.write(line)
            if len(line) >= LONG_ANSWER:
                self._gives_way = True
                self._budget.pay(0.0, True)
            self._mode.answered()

    def _refuse_line(self, refused: Refused) -> None:
        self._bad_lines += 1
        self.refuse(refused)
        if self._bad_lines == MAX_BAD_LINES:
            self.end(EndWhy.BAD_JSON, "Too many lines were not JSON.")

    def _object(self, line: bytes) -> object:
        """Return the object in *line*. Raises `Refused` if it is not JSON."""
        text = self.decoded(line, self.MAX_LENGTH)
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            raise Refused(Code.BAD_JSON, "That is not JSON.") from None

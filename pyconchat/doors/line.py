"""The line door: people at `nc` and `telnet`.

It turns bytes into lines and shows what the chat writes; the questions of the login are
`Login`'s, and what lines mean, the session knows. A client whose lines end in CRLF is taken for
telnet: only then are telnet's options used, and a prompt stands where the next line is typed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.decisions import MoveCursor
from pyconchat.doors.framing import LineFramer
from pyconchat.doors.keepalive import keep_alive
from pyconchat.doors.login import Login
from pyconchat.doors.outlet import Outlet
from pyconchat.doors.screen import Screen
from pyconchat.doors.telnet import Client, Telnet, recognize
from pyconchat.errors import Code, Refused
from pyconchat.interfaces import IConnection, IPeer
from pyconchat.render.text import TextRenderer
from pyconchat.replies import Done, Reply
from pyconchat.session import Gone, Session
from pyconchat.text import SafeText

if TYPE_CHECKING:
    from pyconchat.doors.factory import LineFactory

__all__ = ["LineDoor"]

LOGIN_LINE = 512
"""Bytes in a line of somebody who has not logged in."""

STALL = 30.0
"""Seconds without progress after which a peer that does not read is dropped."""

LINGER = 2.0
"""Seconds that the last words have to arrive before the connection is closed all the same."""

LINGER_STEP = 0.02

AT_ONCE = 500
"""Lines of one peer that are taken in one turn of the reactor."""

LF, CRLF = TextRenderer("\n"), TextRenderer("\r\n")


@implementer(IPeer, IHalfCloseableProtocol)
class LineDoor(Protocol):
    """One connection."""

    _log = Logger()

    def __init__(self, factory: LineFactory, network: str) -> None:
        self.renderer = LF
        self.network = network
        self.session: Session | None = None
        self._factory = factory
        self._client = Client.UNKNOWN
        self._opening = b""  # what came before the client was recognized
        self._framer = LineFramer(factory.limits.line_bytes)
        self._lines: deque[bytes | None] = deque()
        self._question: Deferred[str] | None = None
        self._prompt = ""
        self._secret = False
        self._task: Deferred[None] | None = None  # the login or a command, not done yet
        self._pumping = False
        self._paused = False  # the transport reads nothing until the lines are taken
        self._delay: IDelayedCall | None = None  # until the message rate lets a line through
        self._crowded = False  # the journal is full
        self._drained: Deferred[None] | None = None
        self._deadline: IDelayedCall | None = None
        self._counted = False
        self._ended = False  # the peer says nothing more
        self._closing = False
        self._gone = False
        self._pinged = False

    # What Twisted calls.

    def connectionMade(self) -> None:
        self._transport = cast(IConnection, self.transport)
        limits = self._factory.limits
        self._heard = self._moved = self._factory.now()
        self._outlet = Outlet(
            self._transport, limits.unsent_hard_bytes, self._overflowed, self._outlet_drained
        )
        self._screen = Screen(self._outlet)
        self._telnet = Telnet(self._outlet.write)
        keep_alive(self._transport, limits.ping_seconds, limits.silence_seconds)
        try:
            self._factory.connections.opened(self.network, self._heard)
        except Refused as refused:
            self._closing = True
            self.refuse(refused)
            self._outlet.close()
            self._deadline = self._factory.reactor.callLater(LINGER, self._abort)
            self._transport.loseConnection()
            return
        self._counted = True
        self._factory.doors[self] = None
        if limits.login_seconds > 0:
            self._deadline = self._factory.reactor.callLater(limits.login_seconds, self._too_slow)
        self._run(Login(self._factory.chat, self._factory.portal, self).run())

    def dataReceived(self, data: bytes) -> None:
        self._heard = self._factory.now()
        self._pinged = False
        if self._closing:
            return
        if self._client is Client.UNKNOWN:
            self._opening += data
            self._client = recognize(self._opening)
            if self._client is Client.UNKNOWN:
                if len(self._opening) <= LOGIN_LINE:
                    return
                self._client = Client.PLAIN
            if self._client is Client.TELNET:
                self.renderer, self._screen.erasing = CRLF, True
            data, self._opening = self._opening, b""
        if self._client is Client.TELNET:
            data = self._telnet.receive(data)
        self._lines.extend(self._framer.feed(data))
        self._pump()

    def readConnectionLost(self) -> None:
        """The peer says nothing more; what it has said is still carried out."""
        self._ended = True
        if self._client is Client.UNKNOWN:
            self._client = Client.PLAIN
            self._lines.extend(self._framer.feed(self._opening))
        self._lines.extend(self._framer.end())
        self._pump()

    def writeConnectionLost(self) -> None:
        """Nothing is half-closed from this side."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._gone = True
        self._lines.clear()
        self._outlet.close()  # first: what the socket knew is gone
        self._close_session()
        for timer in (self._deadline, self._delay):
            if timer is not None and timer.active():
                timer.cancel()
        if self._counted:
            self._factory.forget(self)
            self._factory.connections.closed(self.network, self.session is not None)
        if self._question is not None:
            question, self._question = self._question, None
            question.errback(Gone())
        if self._drained is not None:
            self._drained.errback(Gone())

    # What the session and the login call.

    @property
    def hides(self) -> bool:
        return self._client is Client.TELNET

    def write(self, block: bytes) -> None:
        self._screen.write(block)

    def show(self, reply: Reply) -> None:
        """Show *reply*."""
        self.write(self.renderer.reply(reply))

    def refuse(self, refused: Refused) -> None:
        """Show why something cannot be."""
        self.write(self.renderer.refusal(refused))

    def ask(self, prompt: str, secret: bool = False) -> Deferred[str]:
        if self._gone or (self._ended and not self._lines):
            raise Gone
        question: Deferred[str] = Deferred()
        self._question, self._prompt, self._secret = question, prompt, secret
        if self.hides and secret:
            self._telnet.hide_input(True)
        self._screen.prompt(prompt.encode())
        self._pump()  # the answer may be there already
        return question

    def drained(self) -> Deferred[None] | None:
        if self._gone:
            raise Gone
        if self._outlet.queued <= self._factory.soft_limit:
            return None
        if self._drained is None:
            self._drained = Deferred()
        waiting: Deferred[None] = Deferred()
        self._drained.addCallbacks(
            lambda _: waiting.callback(None), lambda failure: waiting.errback(failure)
        )
        return waiting

    def acknowledged(self) -> bool:
        return self._outlet.acknowledged()

    def refresh(self) -> None:
        if self._question is None and self._screen.prompted:
            self._screen.prompt(self._place())

    def say_last(self, text: str) -> None:
        """Say *text* and hang up."""
        self.hang_up(self.renderer.reply(Done(SafeText(text))))

    def hang_up(self, last: bytes = b"") -> None:
        if not self._closing and not self._gone:
            self._closing = True
            self._lines.clear()
            self._screen.farewell(last)
            self._linger(self._factory.now() + LINGER)

    def logged_in(self, session: Session) -> None:
        """Let *session* take the lines from now on. Raises `Gone` if the peer is not there."""
        if self._gone or self._closing:
            raise Gone
        self.session = session
        self._factory.connections.logged_in()
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()

    # What the factory calls, about once a second.

    def look_after(self, now: float) -> list[MoveCursor]:
        """Ping or drop a peer that is silent or stuck; return what it has received."""
        limits = self._factory.limits
        if self._outlet.made_progress():
            self._moved = now
        elif now - self._moved >= STALL:
            self._drop("did not read for {seconds:.0f} s", seconds=now - self._moved)
            return []
        silence = now - self._heard
        if self._client is Client.TELNET:  # nc cannot be asked; the kernel watches over it
            if 0 < limits.silence_seconds <= silence:
                self._drop("said nothing for {seconds:.0f} s", seconds=silence)
                return []
            if 0 < limits.ping_seconds <= silence and not self._pinged:
                self._pinged = True
                self._telnet.ping()
        return [] if self.session is None else self.session.receipts()

    # Lines.

    def _pump(self) -> None:
        """Take lines for as long as they may be taken; then let the transport read, or not."""
        if self._pumping:
            return
        self._pumping = True
        try:
            taken = 0
            while self._lines and self._ready():
                self._take(self._lines.popleft())
                taken += 1
                if taken == AT_ONCE and self._lines:  # then it is the others' turn
                    self._delay = self._factory.reactor.callLater(0, self._delayed)
        finally:
            self._pumping = False
        if self._gone or self._closing:
            return
        if self._lines:
            if not self._paused:
                self._paused = True
                self._transport.pauseProducing()
            return
        if self._ended:
            if self._task is None or self._question is not None:
                self._finish()
            return
        if self._paused:
            self._paused = False
            self._transport.resumeProducing()
        self._show_place()

    def _ready(self) -> bool:
        """Tell whether the next line may be taken; see to it that `_pump` is called when it may."""
        if self._gone or self._closing:
            return False
        if self._delay is not None:
            return False
        if self._outlet.queued > self._factory.soft_limit:
            return False  # until `_outlet_drained`
        if self._question is not None:
            return True
        if self._task is not None or self._crowded:
            return False
        session = self.session
        if session is None:
            return False
        if self._factory.chat.journal.full:
            self._crowded = True
            self._factory.chat.journal.when_not_full().addCallback(self._has_room)
            return False
        if self._factory.rate_limited:
            wait = session.account.bucket.take(self._factory.now())
            if wait > 0:
                self._delay = self._factory.reactor.callLater(wait, self._delayed)
                return False
        return True

    def _take(self, raw: bytes | None) -> None:
        """Take one line, whose end is cut off; None stands for one that was too long."""
        self._screen.typed()
        try:
            line = self._decoded(raw)
        except Refused as refused:
            if self._question is not None:
                self._end_hidden_line()
            self.refuse(refused)
            if self._question is not None:
                self._screen.prompt(self._prompt.encode())
            return
        if self._question is not None:
            self._answer(line)
        elif self.session is not None:
            task = self.session.line(line)
            if task is not None and not task.called:
                self._task = task
                task.addBoth(self._done)

    def _decoded(self, raw: bytes | None) -> str:
        limit = LOGIN_LINE if self.session is None else self._framer.limit
        line = None if raw is None else raw.removesuffix(b"\r")
        if line is None or len(line) > limit:
            raise Refused(Code.TOO_LONG, "A line has at most {limit} bytes.", limit=limit)
        try:
            return line.decode()
        except UnicodeDecodeError:
            raise Refused(
                Code.BAD_TEXT, "That is not UTF-8: nothing of it was understood."
            ) from None

    def _answer(self, line: str) -> None:
        question, self._question = self._question, None
        if self.hides and self._secret:
            self._telnet.hide_input(False)
        self._end_hidden_line()
        assert question is not None
        question.callback(line)

    def _end_hidden_line(self) -> None:
        """End the line on the screen of a client that did not show the end either."""
        if self.hides and self._secret:
            self._outlet.write(b"\r\n")

    def _run(self, coroutine: Coroutine[Deferred[Any], Any, None]) -> None:
        self._task = Deferred.fromCoroutine(coroutine)
        self._task.addErrback(self._failed)
        self._task.addBoth(self._done)

    def _done(self, _result: object) -> None:
        self._task = None
        self._pump()

    def _failed(self, failure: Failure) -> None:
        if not isinstance(failure.value, Gone):
            self._log.failure("the login failed", failure)
            self.hang_up()

    def _delayed(self) -> None:
        self._delay = None
        self._pump()

    def _has_room(self, _result: object) -> None:
        self._crowded = False
        self._pump()

    def _show_place(self) -> None:
        """Show a telnet user where they are, when it is their turn to type."""
        idle = self._task is None and self._question is None and self.session is not None
        if idle and self.hides and not self._screen.prompted:
            self._screen.prompt(self._place())

    def _place(self) -> bytes:
        current = self.session.current if self.session is not None else None
        name = current.group.name if current is not None and current.group is not None else None
        return f"[{name}] ".encode() if name is not None else b"> "

    # The end.

    def _finish(self) -> None:
        """Close a connection whose peer says nothing more, once all that it said is stored."""
        if self._question is not None:
            question, self._question = self._question, None
            question.errback(Gone())
        self._factory.chat.journal.when_idle().addCallback(lambda _: self.hang_up())

    def _linger(self, until: float) -> None:
        if self._gone:
            return
        waiting = not self._outlet.acknowledged() and not self._outlet.broken()
        if waiting and self._factory.now() < until:
            self._factory.reactor.callLater(LINGER_STEP, self._linger, until)
            return
        self._close_session()
        everything_is_sent = self._outlet.empty
        self._outlet.close()
        if everything_is_sent:
            # TLS waits for the peer's own goodbye, which may never come.
            self._deadline = self._factory.reactor.callLater(LINGER, self._abort)
            self._transport.loseConnection()
        else:
            self._transport.abortConnection()

    def _abort(self) -> None:
        self._transport.abortConnection()

    def _close_session(self) -> None:
        if self.session is not None:
            self.session.close()

    def _too_slow(self) -> None:
        self.say_last("You took too long to log in.")

    def _overflowed(self) -> None:
        self._drop("left {bytes} bytes unread", bytes=self._outlet.queued)

    def _drop(self, why: str, **fields: object) -> None:
        name = self.session.account.name if self.session is not None else "somebody"
        self._log.info("dropped {name}, who " + why, name=name, **fields)
        self._closing = True
        self._outlet.close()
        self._transport.abortConnection()

    def _outlet_drained(self) -> None:
        if self._drained is not None:
            drained, self._drained = self._drained, None
            drained.callback(None)
        self._pump()

"""Door: what every kind of line door does for its connection.

It holds back lines when the message rate, an unread screen, a command under way, or a full
journal says so, drops a peer that does not read, and ends the connection so that the last words
arrive. What a line means, the kinds know.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, INegotiated
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.chat.interfaces import IRenderer, ServerAddress
from pyconchat.domain.decisions import MoveCursor
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.replies import Ended, EndWhy, Reply
from pyconchat.domain.text import SafeText
from pyconchat.doors.output_buffer import OutputBuffer
from pyconchat.net.connection import IConnection
from pyconchat.net.lines import LineFramer
from pyconchat.sessions.session import PeerGone, Session

if TYPE_CHECKING:
    from pyconchat.doors.factory import ChatFactory

__all__ = ["LINGER", "Door"]

STALL = 30.0
"""Seconds without progress after which a peer that does not read is dropped."""

LINGER = 2.0
"""Seconds that the last words have to arrive before the connection is closed all the same."""

LINGER_STEP = 0.02

AT_ONCE = 500
"""Lines of one peer that are taken in one turn of the reactor."""


_MISBEHAVED = frozenset({EndWhy.LATE, EndWhy.BAD_JSON, EndWhy.WRONG_PASSWORD})


class Door(Protocol):
    """One connection, in the style of *renderer*. *limit* is the longest line, in bytes."""

    _log = Logger()

    program = False
    hides = False

    def __init__(self, factory: ChatFactory, network: str, renderer: IRenderer, limit: int) -> None:
        self.renderer = renderer
        self.network = network
        self.patience = factory.limits.login_seconds  # until it is too late to log in
        self.session: Session | None = None
        self._factory = factory
        self._framer = LineFramer(limit)
        self._lines: deque[bytes | None] = deque()
        self._task: Deferred[Any] | None = None  # the login or a command, not done yet
        self._pumping = False
        self._paused = False  # the transport reads nothing until the lines are taken
        self._delay: IDelayedCall | None = None  # until the message rate lets a line through
        self._crowded = False  # the journal is full
        self._drained: Deferred[None] | None = None
        self._deadline: IDelayedCall | None = None
        self._ended = False  # the peer says nothing more
        self._closing = False
        self._gone = False

    # What the kinds of doors do in their own way.

    def take(self, raw: bytes | None) -> None:
        """Take one line, whose end is cut off; None stands for one that was too long."""
        raise NotImplementedError

    def asking(self) -> bool:
        """Return whether a question waits for the next line, whatever else is under way."""
        return False

    def idle(self) -> None:
        """All lines are taken: it is the peer's turn."""

    def show_last(self, block: bytes) -> None:
        """Show the last there is to show."""
        self.write(block)

    def was_silent(self, silence: float) -> bool:
        """Do what there is to do about *silence* (seconds); return whether the peer was dropped."""
        return False

    # What Twisted calls, or the doorstep in its place.

    def connectionMade(self) -> None:
        self._transport = cast(IConnection, self.transport)
        self._heard = self._moved = self._factory.now()
        self._output = OutputBuffer(
            self._transport,
            self._factory.limits.unsent_hard_bytes,
            self._overflowed,
            self._outlet_drained,
        )
        if self._factory.limits.login_seconds > 0:
            self._deadline = self._factory.reactor.callLater(self.patience, self._too_slow)

    def dataReceived(self, data: bytes) -> None:
        self._heard = self._factory.now()
        if not self._closing:
            self._lines.extend(self._framer.feed(data))
            self.pump()

    def readConnectionLost(self) -> None:
        """The peer says nothing more; what it has said is still carried out."""
        self._ended = True
        self._lines.extend(self._framer.end())
        self.pump()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.leave()
        self._close_session()
        self._factory.forget(self)
        self._factory.connections.closed(self.network, self.session is not None)
        if self._drained is not None:
            self._drained.errback(PeerGone())
        # What refers to each other is freed only when Python's collector comes by, which is seldom.
        self._output.forget()
        self.session = None

    def leave(self, last: bytes = b"") -> None:
        """Send *last*, and have nothing to do with the connection any more."""
        if last:
            self._output.write(last)
        self._gone = True
        self._lines.clear()
        self._output.close()  # at once: what the socket knows is going
        for timer in (self._deadline, self._delay):
            if timer is not None and timer.active():
                timer.cancel()

    # What the session and the login call.

    def write(self, block: bytes) -> None:
        """Send *block*, or queue it."""
        self._output.write(block)

    def show(self, reply: Reply) -> None:
        """Show *reply*."""
        self.write(self.renderer.reply(reply))

    def refuse(self, refused: Refused) -> None:
        """Show why something cannot be."""
        self.write(self.renderer.refusal(refused))

    def drained(self) -> Deferred[None] | None:
        """Return None if more may be written now, or what fires when it may."""
        if self._gone:
            raise PeerGone
        if self._output.queued <= self._factory.soft_limit:
            return None
        if self._drained is None:
            self._drained = Deferred()
        waiting: Deferred[None] = Deferred()
        self._drained.addCallbacks(
            lambda _: waiting.callback(None), lambda failure: waiting.errback(failure)
        )
        return waiting

    @property
    def reached(self) -> ServerAddress:
        """Return where the peer has reached the server."""
        address = self._transport.getHost()
        host, port = getattr(address, "host", "HOST"), getattr(address, "port", 0)
        return ServerAddress(host, port, INegotiated.providedBy(self._transport))

    def acknowledged(self) -> bool:
        """Return whether the peer's kernel has all that was ever written to it."""
        return self._output.acknowledged()

    def refresh(self) -> None:
        """Show anew where the peer is."""

    def say_last(self, why: EndWhy, text: str) -> None:
        """Say *text* and hang up."""
        if why in _MISBEHAVED:
            self._factory.chat.statistics.dropped[why.value] += 1
        self.hang_up(self.renderer.reply(Ended(why, SafeText(text))))

    def hang_up(self, last: bytes = b"") -> None:
        """Send *last* and end the connection, after all of it has had its chance to arrive."""
        if not self._closing and not self._gone:
            self._closing = True
            self._lines.clear()
            self.show_last(last)
            self._output.finish()
            if self.session is not None:
                self.session.let_go()
            self._linger(self._factory.now() + LINGER)

    def logged_in(self, session: Session) -> None:
        """Let *session* take the lines from now on. Raises `PeerGone` if the peer is not there."""
        if self._gone or self._closing:
            raise PeerGone
        self.session = session
        self._factory.connections.logged_in()
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()

    # What the factory calls, about once a second.

    @property
    def unsent(self) -> int:
        """Return how many bytes the peer's kernel has not taken."""
        return self._output.queued

    def look_after(self, now: float) -> list[MoveCursor]:
        """Drop a peer that is silent or stuck; return what it has received."""
        if self._output.made_progress():
            self._moved = now
        elif now - self._moved >= STALL:
            self.drop("stuck", "did not read for {seconds:.0f} s", seconds=now - self._moved)
            return []
        if self.was_silent(now - self._heard):
            return []
        return [] if self.session is None else self.session.receipts()

    # Lines.

    def pump(self) -> None:
        """Take lines for as long as they may be taken; then let the transport read, or not."""
        if self._pumping:
            return
        self._pumping = True
        try:
            taken = 0
            while self._lines and self._ready():
                self.take(self._lines.popleft())
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
            if self._task is None or self.asking():
                self.finish()
            return
        if self._paused:
            self._paused = False
            self._transport.resumeProducing()
        self.idle()

    def _ready(self) -> bool:
        """Return whether the next line may be taken; if not, `pump` is called when it may."""
        if self._gone or self._closing:
            return False
        if self._delay is not None:
            return False
        if self._output.queued > self._factory.soft_limit:
            return False  # until `_outlet_drained`
        if self.asking():
            return True
        if self._task is not None or self._crowded:
            return False
        session = self.session
        if session is None:
            return self.program  # which says by itself who it is
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

    def decoded(self, raw: bytes | None, limit: int) -> str:
        """Return a line as text. Raises `Refused`."""
        line = None if raw is None else raw.removesuffix(b"\r")
        if line is None or len(line) > limit:
            raise Refused(Code.TOO_LONG, "A line has at most {limit} bytes.", limit=limit)
        try:
            return line.decode()
        except UnicodeDecodeError:
            raise Refused(
                Code.BAD_TEXT, "That is not UTF-8: nothing of it was understood."
            ) from None

    def run(self, coroutine: Coroutine[Deferred[Any], Any, None]) -> None:
        """Let *coroutine* have its time; until it is done, no line is taken."""
        self.wait_for(Deferred.fromCoroutine(coroutine))

    def wait_for(self, task: Deferred[Any]) -> None:
        """Take no line until *task* is done."""
        self._task = task
        task.addErrback(self._failed)
        task.addBoth(self._done)

    def _done(self, _result: object) -> None:
        self._task = None
        self.pump()

    def _failed(self, failure: Failure) -> None:
        if not isinstance(failure.value, PeerGone):
            self._log.failure("a door failed", failure)
            self.hang_up()

    def _delayed(self) -> None:
        self._delay = None
        self.pump()

    def _has_room(self, _result: object) -> None:
        self._crowded = False
        self.pump()

    # The end.

    def finish(self) -> None:
        """Close a connection whose peer says nothing more, once all that it said is stored."""
        self._factory.chat.journal.when_idle().addCallback(lambda _: self.hang_up())

    def _linger(self, until: float) -> None:
        if self._gone:
            return
        waiting = not self._output.acknowledged() and not self._output.broken()
        if waiting and self._factory.now() < until:
            self._factory.reactor.callLater(LINGER_STEP, self._linger, until)
            return
        self._close_session()
        everything_is_sent = self._output.empty
        self._output.close()
        if everything_is_sent:
            # TLS waits for the peer's own goodbye, which may never come.
            self._deadline = self._factory.reactor.callLater(LINGER, self._abort)
            self._transport.loseConnection()
        else:
            self._transport.abortConnection()

    def drop(self, cause: str, why: str, **fields: object) -> None:
        """Cut the connection, count it under *cause*, and log *why*."""
        self._factory.chat.statistics.dropped[cause] += 1
        name = self.session.account.name if self.session is not None else "somebody"
        self._log.info("dropped {name}, who " + why, name=name, **fields)
        self._closing = True
        self._output.close()
        self._transport.abortConnection()

    def _abort(self) -> None:
        self._transport.abortConnection()

    def _close_session(self) -> None:
        if self.session is not None:
            self.session.close()

    def _too_slow(self) -> None:
        self.say_last(EndWhy.LATE, "You took too long to log in.")

    def _overflowed(self) -> None:
        self.drop("overfull", "left {bytes} bytes unread", bytes=self._output.queued)

    def _outlet_drained(self) -> None:
        if self._drained is not None:
            drained, self._drained = self._drained, None
            drained.callback(None)
        self.pump()

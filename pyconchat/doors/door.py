"""Door: what the line door and JSON mode have in common for one connection.

It holds back lines while the message rate, an unread screen, a running command, or a full journal
asks for it; disconnects a peer that does not read; and closes the connection so that the last
lines arrive. What a line means, the subclasses know.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, cast

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, INegotiated
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.auth.rate_limits import TokenBucket
from pyconchat.chat.interfaces import IRenderer, ISession, ServerAddress
from pyconchat.domain.decisions import MoveCursor
from pyconchat.domain.errors import Code, PeerGone, Refused
from pyconchat.domain.refusals import line_too_long
from pyconchat.domain.replies import Ended, EndWhy, Reply
from pyconchat.domain.text import SafeText
from pyconchat.doors.connection_limits import CountedConnection
from pyconchat.doors.context import DoorContext
from pyconchat.doors.input_budget import BYTE_COST, LARGE_READ, LINE_COST, InputBudget
from pyconchat.doors.interfaces import IDoor
from pyconchat.doors.output_buffer import OutputBuffer
from pyconchat.net.connection import READ_SIZE, IConnection, Lifecycle, plain_socket, set_read_size
from pyconchat.net.lines import BoundedLineReceiver

__all__ = ["Door"]

MAX_STALL = 30.0
"""Maximum seconds in which a peer that has unread data reads nothing."""

MAX_LINGER = 2.0
"""Maximum seconds in which the last lines may arrive before the connection is closed."""

LINGER_STEP = 0.02
"""Seconds between two checks whether the last lines have arrived."""

MAX_DISCARDED = 1_048_576
"""Maximum bytes that are read at once in order to discard them."""

DISCARD_SIZE = 4096
"""Maximum bytes that are read at once in order to discard them, telnet commands included."""

_MISBEHAVED = frozenset({EndWhy.LATE, EndWhy.BAD_JSON, EndWhy.WRONG_PASSWORD})


@implementer(IDoor)
class Door(BoundedLineReceiver):
    """One connection, in the style of *renderer*; a line has at most *limit* bytes.

    It has more than 250 lines because it is the whole life of a connection: its lines, its output
    and its end depend on each other.
    """

    _log = Logger(namespace="pyconchat")

    program = False
    hides = False

    def __init__(
        self,
        context: DoorContext,
        counted: CountedConnection,
        renderer: IRenderer,
        limit: int,
    ) -> None:
        super().__init__()
        self.MAX_LENGTH = limit
        self.clock = context.reactor
        self.renderer = renderer
        self.network = counted.network
        self.address = counted.address
        self._counted = counted
        self.login_seconds = context.limits.login_seconds
        self.session: ISession | None = None
        self.in_login = True
        self._context = context
        self._journal = context.services.journal
        self._max_unread = context.max_unread
        self._rate: TokenBucket | None = None  # of the session's account
        self._task: Deferred[Any] | None = None  # the login or the command that is running
        self._rate_delay: IDelayedCall | None = None  # until the message rate allows a line
        self._budget = InputBudget(context.input_turns, self.input_allowed)
        self._waits_for_journal = False
        self._writable: Deferred[None] | None = None
        self._deadline: IDelayedCall | None = None

    # What the subclasses do in their own way.

    def asking(self) -> bool:
        """Return whether a question waits for the next line."""
        return False

    def input_cost(self, data: bytes) -> float:
        """Return the cost of *data* in the budget, in seconds of work."""
        return BYTE_COST * len(data)

    def write_last(self, block: bytes) -> None:
        """Write the last block."""
        self.write(block)

    def check_silence(self, seconds: float) -> bool:
        """React to *seconds* without input; return whether the connection was aborted."""
        return False

    # What Twisted calls, by way of the detector.

    def connectionMade(self) -> None:
        self._connection = cast(IConnection, self.transport)
        self._last_input = self._last_progress = self._context.now()
        self._output = OutputBuffer(
            self._connection,
            self._context.limits.unsent_hard_bytes,
            self._output_overflowed,
            self._output_drained,
        )
        if self._context.limits.login_seconds > 0:
            self._deadline = self.clock.callLater(self.login_seconds, self._login_timed_out)

    def dataReceived(self, data: bytes) -> None:
        self._last_input = self._context.now()
        self.take(data)

    def take(self, data: bytes) -> None:
        """Pay for *data*, and handle its lines."""
        self._budget.pay(self.input_cost(data), len(data) > LARGE_READ)
        self.split(data)

    def split(self, data: bytes) -> None:
        """Handle the lines in *data*."""
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Release everything that the connection has, whatever fails on the way."""
        for step in (
            self._detach,
            self._close_session,
            lambda: self._context.open_doors.remove(self),
            self._uncount,
            self._fail_writable,
        ):
            self._attempt(step)
        self.session = None

    def release(self, last: bytes = b"") -> None:
        if last:
            self._output.write(last)
        self._detach()

    # What the session and the login call.

    def write(self, block: bytes) -> None:
        """Send *block*, or queue it."""
        self._output.write(block)

    def send(self, reply: Reply) -> None:
        """Send *reply*."""
        self.write(self.renderer.reply(reply))

    def refuse(self, refused: Refused) -> None:
        """Send a refusal."""
        self.write(self.renderer.refusal(refused))

    def when_writable(self) -> Deferred[None] | None:
        """Return None if more may be written now, else a Deferred that fires when it may."""
        if self.life is Lifecycle.GONE:
            raise PeerGone
        if self._output.queued <= self._max_unread:
            return None
        if self._writable is None:
            self._writable = Deferred()
        waiting: Deferred[None] = Deferred()
        self._writable.addCallbacks(
            lambda _: waiting.callback(None), lambda failure: waiting.errback(failure)
        )
        return waiting

    @property
    def server_address(self) -> ServerAddress:
        """Return the address at which the peer has reached the server."""
        tls = INegotiated.providedBy(self._connection)
        public = self._context.services.config.public_address
        address = self._connection.getHost()
        port = getattr(address, "port", 0)
        reached = self._counted.reached
        if public is not None:
            return ServerAddress(public[0], public[1] or (reached[1] if reached else port), tls)
        if reached is not None:
            return ServerAddress(*reached, tls)
        if isinstance(address, UNIXAddress):
            return ServerAddress("", 0, tls, (address.name or b"").decode(errors="replace"))
        return ServerAddress(getattr(address, "host", "HOST"), port, tls)

    def acknowledged(self) -> bool:
        """Return whether the peer's kernel has acknowledged everything that was written."""
        return self._output.acknowledged()

    def refresh_prompt(self) -> None:
        """Show the prompt again, where there is one."""

    def logged_in(self, session: ISession) -> None:
        """Pass all further lines to *session*. Raises `PeerGone` after a disconnect."""
        if self.ending:
            raise PeerGone
        self.session = session
        set_read_size(self._connection, READ_SIZE)
        self._counted.logged_in()
        if self._context.limits.messages_per_second > 0:
            self._rate = self._context.services.rates.of(session.account)
        self._cancel(self._deadline)

    def discard_input(self) -> None:
        """Discard all input that has arrived and was not handled.

        Most of it is still in the kernel: the transport is paused while lines wait. The rest of a
        line whose beginning is discarded would be taken for an answer: it is discarded as well.
        """
        self.discardInput(b"")
        handle = plain_socket(self._connection)
        if handle is None:
            return
        with suppress(OSError):  # BlockingIOError: there is no more
            for _ in range(MAX_DISCARDED // DISCARD_SIZE):
                data = handle.recv(DISCARD_SIZE)
                if not data:
                    break  # the end of the input, which the transport finds as well
                self.discardInput(self.undecorated(data))
                self._budget.pay(self.input_cost(data), False)
                if self._budget.overdrawn:
                    break

    def undecorated(self, data: bytes) -> bytes:
        """Return the input *data* without telnet commands, and with LF for each line end."""
        return data

    # What `OpenDoors` calls.

    @property
    def unsent(self) -> int:
        """Return the bytes that the peer's kernel has not taken."""
        return self._output.queued

    def check(self, now: float) -> list[MoveCursor]:
        lost = self.paused and self._output.broken()  # a paused transport does not detect it
        if lost and self._budget.waiting:
            self._connection.abortConnection()
            return []
        if self._output.made_progress() and not lost:
            self._last_progress = now
        elif now - self._last_progress >= MAX_STALL:
            stalled = now - self._last_progress
            self.abort("stuck", "did not read for {seconds:.0f} s", seconds=stalled)
            return []
        if self.check_silence(now - self._last_input) or self.session is None:
            return []
        received: list[MoveCursor] = self.session.subscriptions.receipts()
        return received

    def shut_down(self) -> None:
        self.close()

    def turn_away(self, refused: Refused) -> None:
        self.close(self.renderer.reply(Ended(EndWhy.LATE, SafeText(refused.sentence))))

    # Lines.

    def readyForLine(self) -> bool:
        """Return whether the next line may be handled; if not, `deliverLines` is called later."""
        if self._rate_delay is not None or self._output.queued > self._max_unread:
            return False  # until `_rate_allows`, or `_output_drained`
        asking = self.asking()
        if not asking and (self._task is not None or self._waits_for_journal):
            return False
        if self.in_login:  # which does not count for the message rate
            if self._budget.waiting or not (asking or self.program):
                return False  # until `input_allowed`; a person answers questions first
            self._budget.pay(LINE_COST, True)
            return True
        if self._journal.full and not asking:
            self._waits_for_journal = True
            self._journal.when_not_full().addCallback(self._journal_has_room)
            return False
        if self._rate is not None:
            wait = self._rate.take(self._context.now())
            if wait > 0:
                self._rate_delay = self.clock.callLater(wait, self._rate_allows)
                return False
        return True

    def readyForInput(self) -> bool:
        return not self._budget.waiting

    def input_allowed(self) -> None:
        """Resume input: the budget allows it."""
        self.deliverLines()

    def inputEnded(self) -> None:
        if self._task is None or self.asking():
            self.finish()

    def finish(self) -> None:
        """Close when everything is stored: the peer has ended its input."""
        self._journal.when_idle().addCallback(lambda _: self.close())

    def decoded(self, line: bytes, limit: int) -> str:
        """Return *line* as text. Raises `Refused` if it is too long, or not UTF-8."""
        line = line.removesuffix(b"\r")
        if len(line) > limit:
            raise line_too_long(limit)
        try:
            return line.decode()
        except UnicodeDecodeError:
            raise Refused(Code.BAD_TEXT, "The line is not UTF-8: it was not understood.") from None

    def run(self, coroutine: Coroutine[Deferred[Any], Any, None]) -> None:
        """Run *coroutine*; until it is done, no line is handled."""
        self.run_task(Deferred.fromCoroutine(coroutine))

    def run_task(self, task: Deferred[Any]) -> None:
        """Handle no line until *task* is done."""
        self._task = task
        task.addErrback(self._task_failed)
        task.addBoth(self._task_done)

    def _task_done(self, _result: object) -> None:
        self._task = None
        self.deliverLines()

    def _task_failed(self, failure: Failure) -> None:
        if not isinstance(failure.value, PeerGone):
            self._log.failure("a door failed", failure)
            self.close()

    def _rate_allows(self) -> None:
        self._rate_delay = None
        self.deliverLines()

    def _journal_has_room(self, _result: object) -> None:
        self._waits_for_journal = False
        self.deliverLines()

    def _output_drained(self) -> None:
        if self._writable is not None:
            writable, self._writable = self._writable, None
            writable.callback(None)
        self.deliverLines()

    # The end.

    def end(self, why: EndWhy, text: str) -> None:
        """Close with *text* as the last line; count it under *why* if the peer misbehaved."""
        if why in _MISBEHAVED:
            self._context.services.statistics.dropped[why.value] += 1
        if why is EndWhy.PUT_OFF and self.session is None:
            self._context.refused.log("banned", self.address, self._context.now())
        self.close(self.renderer.reply(Ended(why, SafeText(text))))

    def close(self, last: bytes = b"") -> None:
        """Send *last* and close the connection, after everything has had time to arrive."""
        if self.ending:
            return
        self.stopLines(Lifecycle.CLOSING)
        self.write_last(last)
        self._output.finish()
        if self.session is not None:
            self.session.subscriptions.stop()
        self._linger(self._context.now() + MAX_LINGER)

    def abort(self, cause: str, why: str, **fields: object) -> None:
        """Cut the connection, count it under *cause*, and log *why*."""
        self._context.services.statistics.dropped[cause] += 1
        name = self.session.account.name if self.session is not None else "somebody"
        self._log.info(
            "dropped {name} from {address}, who " + why, name=name, address=self.address, **fields
        )
        self.stopLines(Lifecycle.CLOSING)
        self._output.close()
        self._connection.abortConnection()

    def _linger(self, until: float) -> None:
        """Wait until the last lines have arrived, or *until* (seconds); then close."""
        if self.life is Lifecycle.GONE:
            return
        arriving = not self._output.acknowledged() and not self._output.broken()
        if arriving and self._context.now() < until:
            self.clock.callLater(LINGER_STEP, self._linger, until)
            return
        self._close_session()
        everything_is_sent = self._output.empty
        self._output.close()
        if everything_is_sent:
            # TLS waits for the peer's close notification, which may never come.
            self._deadline = self.clock.callLater(MAX_LINGER, self._connection.abortConnection)
            self._connection.loseConnection()
        else:
            self._connection.abortConnection()

    def _detach(self) -> None:
        """End all use of the connection."""
        self.stopLines(Lifecycle.GONE)
        self._output.close()  # before the transport closes its socket
        self._cancel(self._deadline)
        self._cancel(self._rate_delay)
        self._budget.close()

    def _close_session(self) -> None:
        if self.session is not None:
            self.session.close()

    def _uncount(self) -> None:
        self._counted.closed(self._context.now())

    def _fail_writable(self) -> None:
        if self._writable is not None:
            self._writable.errback(PeerGone())

    def _attempt(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception:
            self._log.failure("a step of closing a connection failed")

    @staticmethod
    def _cancel(timer: IDelayedCall | None) -> None:
        if timer is not None and timer.active():
            timer.cancel()

    def _login_timed_out(self) -> None:
        self.end(EndWhy.LATE, "You took too long to log in.")

    def _output_overflowed(self) -> None:
        self.abort("overfull", "left {bytes} bytes unread", bytes=self._output.queued)

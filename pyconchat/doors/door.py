"""Door: the common part of the line door and JSON mode, for one connection.

It presents the other side to the session, disconnects a peer that does not read, and closes the
connection so that the last lines arrive. `DelayedLines` decides when a line is handled; the
subclasses know what it means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, INegotiated
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.chat.audience import Send
from pyconchat.chat.interfaces import IRenderer, ISession, ServerAddress
from pyconchat.domain.decisions import MoveCursor
from pyconchat.domain.errors import PeerGone, Refused
from pyconchat.domain.replies import Ended, EndWhy, Reply
from pyconchat.domain.text import SafeText
from pyconchat.doors.connection_limits import Counted
from pyconchat.doors.context import DoorContext
from pyconchat.doors.delayed_lines import DelayedLines
from pyconchat.doors.interfaces import IDoor
from pyconchat.doors.output_buffer import OutputBuffer
from pyconchat.net.connection import READ_SIZE, IConnection, Lifecycle, set_read_size
from pyconchat.net.teardown import take_all

__all__ = ["Door"]

MAX_STALL = 30.0
"""Maximum seconds in which a peer that has unread data reads nothing."""

MAX_LINGER = 2.0
"""Maximum seconds in which the last lines may arrive before the connection is closed."""

LINGER_STEP = 0.02
"""Seconds between two checks whether the last lines have arrived."""

MAX_INPUT_WAIT = 2.0
"""Maximum seconds in which a session that is to end handles the input that has arrived."""

MAX_REST = 60.0
"""Maximum seconds without a check of a connection without input and output, which end its rest."""

_MISBEHAVED = frozenset({EndWhy.LATE, EndWhy.BAD_JSON, EndWhy.WRONG_PASSWORD})


@implementer(IDoor)
class Door(DelayedLines):
    """One connection, in the style of *renderer*; a line has at most *limit* bytes."""

    __slots__ = (
        "_connection",
        "_counted",
        "_deadline",
        "_last_input",
        "_last_progress",
        "_output",
        "_pinged",
        "_rested",
        "_writable",
        "address",
        "login_seconds",
        "network",
        "renderer",
        "session",
    )

    hides = False

    rests_until = 0.0

    max_input_wait = MAX_INPUT_WAIT

    serves_files = True
    """Whether files are transferred at the port of this door too; else at the line door's."""

    def __init__(
        self,
        context: DoorContext,
        counted: Counted,
        renderer: IRenderer,
        limit: int,
    ) -> None:
        super().__init__(context)
        self.MAX_LENGTH = limit
        self.renderer = renderer
        self.network = counted.network
        self.address = counted.address
        self._counted = counted
        self.login_seconds = context.limits.login_seconds
        self.session: ISession | None = None
        self._writable: Deferred[None] | None = None
        self._deadline: IDelayedCall | None = None
        self._rested = False
        self._pinged = False

    # Implemented by the subclasses.

    def write_last(self, block: bytes) -> None:
        """Write the last block."""
        self.write(block)

    def silence_limits(self) -> tuple[float, float]:
        """Return the seconds of silence until a ping, and until the connection is cut; 0: never."""
        return 0.0, 0.0

    def ping(self) -> None:
        """Send a ping, which the peer has to answer."""

    def may_rest(self) -> bool:
        """Return whether nothing is expected that `check` would have to notice."""
        session = self.session
        return (
            session is not None
            and session.subscriptions.settled
            and self._output.empty
            and not (self.paused or self.ending)
        )

    def idle(self) -> bool:
        """Return whether everything that has arrived is handled."""
        return not self.has_input() and (self._task is None or self.asking())

    # Called by Twisted, by way of the detector.

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
        self.note_input()
        self.take(data)

    def note_input(self) -> None:
        """Note that the peer has sent something."""
        self._last_input = self._context.now()
        self._pinged = False
        self.wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Release everything that the connection has, whatever fails on the way."""
        take_all(
            self._detach,
            self._close_session,
            lambda: self._context.open_doors.remove(self),
            self._uncount,
            self._fail_writable,
        )
        self.session = None

    def release(self, last: bytes = b"") -> None:
        if last:
            self._output.write(last)
        self._detach()

    # Called by the session and the login.

    def write(self, block: bytes) -> None:
        """Send *block*, or queue it."""
        self.wake()
        self._output.write(block)

    def wake(self) -> None:
        if self.rests_until:
            self._context.open_doors.wake(self)

    def direct_send(self, leave: Callable[[], None]) -> Send | None:
        """As `IPeer` has it; a door that has to put blocks in order returns None."""
        return None

    def write_rest(self, block: bytes, sent: int) -> None:
        self.wake()
        self._output.write_rest(block, sent)

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
        """Return the address at which the peer has reached the server, or can transfer files."""
        address, config = self._reached, self._context.services.config
        public, line = config.public_address, config.doors.line_port
        if self.serves_files or line is None or (public is not None and public[1] is not None):
            return address
        return address._replace(port=line[0], tls=line[1])

    @property
    def _reached(self) -> ServerAddress:
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
        self.opened_by_input = False  # it was handled
        set_read_size(self._connection, READ_SIZE)
        self._counted.logged_in()
        if self._context.limits.messages_per_second > 0:
            self._rate = self._context.services.rates.of(session.account)
        self._cancel(self._deadline)

    # Called by `OpenDoors`.

    @property
    def unsent(self) -> int:
        """Return the bytes that the peer's kernel has not taken."""
        return self._output.queued

    def check(self, now: float) -> list[MoveCursor]:
        lost = self.paused and self._output.broken()  # a paused transport does not detect it
        if lost and self._budget.waiting:
            self._connection.abortConnection()
            return []
        rested, self._rested = self._rested, False
        if (self._output.made_progress() and not lost) or rested:
            self._last_progress = now
        elif now - self._last_progress >= MAX_STALL:
            stalled = now - self._last_progress
            self.abort("stuck", "did not read for {seconds:.0f} s", seconds=stalled)
            return []
        silence = now - self._last_input
        ping, limit = self.silence_limits()
        if 0 < limit <= silence:
            self.abort("silent", "said nothing for {seconds:.0f} s", seconds=silence)
            return []
        if 0 < ping <= silence and not self._pinged:
            self._pinged = True
            self.ping()
        if self.session is None:
            return []
        received: list[MoveCursor] = self.session.subscriptions.receipts()
        if self.may_rest():
            left = [each - silence for each in (ping, limit) if each > silence]
            self._context.open_doors.rest(self, now + min([MAX_REST, *left]))
            self._rested = True
        return received

    def shut_down(self) -> None:
        self.close()

    def turn_away(self, refused: Refused) -> None:
        self.close(self.renderer.reply(Ended(EndWhy.LATE, SafeText(refused.sentence))))

    # Input and output.

    def inputEnded(self) -> None:
        if self._task is None or self.asking():
            self.finish()

    def finish(self) -> None:
        """Close when everything is stored: the peer has ended its input."""
        self._journal.when_idle().addCallback(lambda _: self.close())

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
        self.stop_receiving()
        self._linger(self._context.now() + MAX_LINGER)

    def end_when_idle(self, last: bytes) -> None:
        """Handle the input, then store the read cursors, then close with *last*."""
        self._await_idle(self._context.now() + self.max_input_wait, last)

    def _await_idle(self, until: float, last: bytes) -> None:
        if self.ending:
            return
        if not self.idle() and self._context.now() < until:
            self.clock.callLater(LINGER_STEP, self._await_idle, until, last)
            return
        # Not before the peer's own messages have come back to it: some clients wait for that.
        self._journal.settled().addBoth(lambda _: self._end_output(last))

    def _end_output(self, last: bytes) -> None:
        if not self.ending:
            self.stop_receiving()
            self._await_receipts(self._context.now() + MAX_LINGER, last)

    def _await_receipts(self, until: float, last: bytes) -> None:
        if self.ending:
            return
        arriving = not self._output.acknowledged() and not self._output.broken()
        if arriving and self._context.now() < until:
            self.clock.callLater(LINGER_STEP, self._await_receipts, until, last)
            return
        if self.session is not None:
            received = self.session.subscriptions.receipts()
            self._context.services.registry.move_cursors(received)
        self._journal.settled().addBoth(lambda _: self.close(last))

    def stop_receiving(self) -> None:
        """Deliver no more entries: the next login does."""
        if self.session is not None:
            self.session.subscriptions.stop()

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
        take_all(
            self._output.close,  # before the transport closes its socket
            lambda: self._cancel(self._deadline),
            self.stop_delays,
        )

    def _close_session(self) -> None:
        if self.session is not None:
            self.session.close()

    def _uncount(self) -> None:
        self._counted.closed(self._context.now())

    def _fail_writable(self) -> None:
        if self._writable is not None:
            self._writable.errback(PeerGone())

    @staticmethod
    def _cancel(timer: IDelayedCall | None) -> None:
        if timer is not None and timer.active():
            timer.cancel()

    def _login_timed_out(self) -> None:
        self.end(EndWhy.LATE, "You took too long to log in.")

    def _output_overflowed(self) -> None:
        self.abort("overfull", "left {bytes} bytes unread", bytes=self._output.queued)

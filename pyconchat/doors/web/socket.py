"""SocketDoor: a door whose lines come in the messages of a WebSocket (RFC 6455)."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from pyconchat.auth.rate_limits import TokenBucket
from pyconchat.chat.interfaces import ISession
from pyconchat.doors.connection_limits import CountedConnection
from pyconchat.doors.door import Door
from pyconchat.doors.input_budget import FRAME_COST
from pyconchat.doors.web.frames import (
    Binary,
    Close,
    Fragment,
    Frame,
    Frames,
    Ping,
    Pong,
    Text,
    Violation,
)
from pyconchat.net.connection import Lifecycle, set_read_size
from pyconchat.render.frames import frame

__all__ = ["SocketDoor"]

PING_AFTER, GONE_AFTER = 25.0, 60.0
"""Seconds without a byte after which a client is asked for one, and is given up. Proxies end what
is silent for 60 s."""

MAX_READ = 16 * 1024
"""Bytes that are read in a turn: some thousand small frames."""

MAX_FRAMES = 20
"""Maximum frames that are handled before others have their turn: they take about 0.5 ms."""

MAX_CONTROLS = 10.0
"""Control frames a second, and as many at once."""

CLOSE, PING, PONG = 0x8, 0x9, 0xA
"""Opcodes (RFC 6455, 5.2)."""

NORMAL, GOING_AWAY, POLICY = 1000, 1001, 1008
"""Codes of a Close frame (RFC 6455, 7.4.1)."""


class SocketDoor(Door):
    """The input of a WebSocket, its pings and its end; another door handles the lines."""

    serves_files = False

    def begin_frames(self, counted: CountedConnection, binary: bool = False) -> None:
        """Take messages, also *binary* ones if that is true."""
        self._frames = Frames(self.MAX_LENGTH, binary)
        self._controls = TokenBucket(MAX_CONTROLS, MAX_CONTROLS, self._context.now())
        self._code = GOING_AWAY  # of the Close frame
        self._frames_wait = self._handling = False
        self._later: IDelayedCall | None = None  # frames are handled in the next turn
        counted.crowd_out = self._crowd_out

    def _crowd_out(self) -> None:
        self.abort("crowded out", "had not logged in when there was no room")

    # Called by Twisted.

    def connectionMade(self) -> None:
        super().connectionMade()
        set_read_size(self._connection, MAX_READ)

    def dataReceived(self, data: bytes) -> None:
        self.note_input()
        if self.ending:
            return
        self._budget.pay(self.input_cost(data), False)
        self._frames.receive(data)
        if not self._frames_wait:
            self._frames_wait = True
            self._handle_frames()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._cancel(self._later)
        self._later = None
        super().connectionLost(reason)

    def _handle_frames(self) -> None:
        """Handle some frames, but none that has to wait for the lines before it."""
        self._later = None
        self._handling = True
        for _ in range(MAX_FRAMES):
            if self.ending or self.hasLine():
                break
            event = self._frames.next()
            if event is None:
                self._frames_wait = False
                break
            self._handle(event)
        else:
            self._budget.pay(0.0, True)  # the next ones are handled in its turn
        self._handling = False
        self.deliverLines()  # it pauses the transport while frames wait, or resumes it

    def _handle(self, event: Frame) -> None:
        """Handle one frame. Whole messages have the costs and limits of lines."""
        match event:
            case Text(text=message) | Binary(data=message):
                self.split(message + b"\n")
            case Fragment():
                self._budget.pay(FRAME_COST, False)
            case Ping(payload=payload):
                self._count_control()
                self._output.write(frame(payload, PONG))
            case Pong():
                self._count_control()
            case Close():
                self._code = NORMAL
                self.readConnectionLost()
            case Violation(code=code):
                self._code = code
                self.close()

    def allLinesDelivered(self) -> None:
        waits = self._frames_wait and not self._budget.waiting
        if waits and not self._handling and self._later is None:
            self._later = self.clock.callLater(0, self._handle_frames)

    def input_allowed(self) -> None:
        if self._frames_wait and not self._handling:
            self._cancel(self._later)
            self._handle_frames()  # in this turn
        else:
            super().input_allowed()

    def readyForInput(self) -> bool:
        return not self._frames_wait and super().readyForInput()

    def _count_control(self) -> None:
        self._budget.pay(FRAME_COST, False)
        if self._controls.take(self._context.now()) > 0:
            self._code = POLICY
            self.close()

    # Called by the session and the login.

    def logged_in(self, session: ISession) -> None:
        super().logged_in(session)
        set_read_size(self._connection, MAX_READ)

    # Left by `Door` to its subclasses.

    def write_last(self, block: bytes) -> None:
        if block:
            super().write_last(block)
        self._output.write(frame(self._code.to_bytes(2, "big"), CLOSE))

    def idle(self) -> bool:
        return not self._frames_wait and super().idle()

    def silence_limits(self) -> tuple[float, float]:
        return PING_AFTER, GONE_AFTER

    def ping(self) -> None:
        if self.life is Lifecycle.OPEN:
            self._output.write(frame(b"", PING))

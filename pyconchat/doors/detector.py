"""ProtocolDetector: opens the door that the first bytes of a connection ask for."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

from twisted.internet.interfaces import IDelayedCall, IHandshakeListener, INegotiated
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.domain.decisions import MoveCursor
from pyconchat.domain.errors import Refused
from pyconchat.domain.replies import EndWhy
from pyconchat.doors.connection_limits import (
    CountedConnection,
    TooManyConnections,
    crowded_out,
)
from pyconchat.doors.context import DoorContext
from pyconchat.doors.input_budget import (
    CONNECTION_COST,
    OPENING_COST,
    SECURE_CONNECTION_COST,
    InputBudget,
)
from pyconchat.doors.interfaces import IDoor
from pyconchat.doors.line.door import LF
from pyconchat.net.connection import (
    FIRST_READ_SIZE,
    IConnection,
    Lifecycle,
    keep_alive,
    set_read_size,
)
from pyconchat.net.teardown import take_all

__all__ = ["DoorKind", "ProtocolDetector"]

GREETING_DELAY = 0.1
"""Seconds of silence after which the peer is taken for a person, and greeted.

The first bytes of a program arrive with the connection itself, however far away it is.
"""

MAX_LINGER = 2.0
"""Maximum seconds in which a refusal may arrive before the connection is closed."""


class DoorKind(NamedTuple):
    """A kind of door, and the first bytes that ask for it.

    *recognizes* returns whether the input so far asks for it; None if that needs more bytes.
    *logs_in* is true if its peers log in. *refusal* renders why a connection is refused.
    """

    recognizes: Callable[[bytes], bool | None]
    make: Callable[[DoorContext, CountedConnection], IDoor]
    logs_in: bool = True
    refusal: Callable[[Refused], bytes] = LF.refusal


@implementer(IDoor, IHandshakeListener)
class ProtocolDetector(Protocol):
    """One connection, until its protocol is detected; then its door receives the input directly.

    The first of *kinds* that recognizes the input gets it, else the door of *otherwise*, which
    also greets a peer that sends nothing. A peer that was greeted may still turn out to be another
    kind by its first bytes.
    """

    login_seconds = 0.0
    opened_by_input = False
    unsent = 0
    rests_until = 0.0

    def __init__(
        self,
        context: DoorContext,
        counted: CountedConnection,
        kinds: Sequence[DoorKind],
        otherwise: DoorKind,
    ) -> None:
        self.network = counted.network
        self._counted = counted
        self.door: IDoor | None = None
        self._context = context
        self._kinds = kinds
        self._otherwise = otherwise
        self._life = Lifecycle.OPEN
        self._opening = b""  # the input before a door was opened
        self._mark: bytes | None = b""  # what may be a byte order mark; None after the start
        self._greeted = False  # a door was opened before there was any input
        self._timer: IDelayedCall | None = None
        self._budget: InputBudget | None = InputBudget(context.input_turns, self._begin)
        self._kind: DoorKind | None = None  # of the door that is opened in its turn

    # Called by the transport.

    def connectionMade(self) -> None:
        connection = cast(IConnection, self.transport)
        context, limits = self._context, self._context.limits
        keep_alive(connection, limits.ping_seconds, limits.silence_seconds)
        set_read_size(connection, FIRST_READ_SIZE)
        self._counted.crowd_out = self._crowd_out
        try:
            self._counted.admit(context.now())
        except TooManyConnections as refused:
            self._refuse(refused)
            return
        self._login_deadline = context.now() + limits.login_seconds
        context.open_doors.add(self)
        secure = INegotiated.providedBy(connection)
        if not self._waits(SECURE_CONNECTION_COST if secure else CONNECTION_COST):
            self._read()

    def _waits(self, cost: float) -> bool:
        """Pay for work to come; return whether it is done by `_begin`, later."""
        if self._budget is None or not self._budget.pay_in_turn(cost):
            return False
        self._cancel_timer()
        self._time_login()
        cast(IConnection, self.transport).pauseProducing()
        return True

    def _begin(self) -> None:
        """Read input, or open the door that it asks for: it is the turn of this connection."""
        cast(IConnection, self.transport).resumeProducing()
        if self._kind is not None:
            self._open_by_input(self._kind)
        else:
            self._read()

    def _read(self) -> None:
        """Read input."""
        if INegotiated.providedBy(self.transport):
            self._time_login()  # the TLS handshake counts towards the login
        else:
            self._wait_for_input()

    def _time_login(self) -> None:
        if self._context.limits.login_seconds > 0 and self._timer is None:
            left = max(0.001, self._login_deadline - self._context.now())
            self._timer = self._context.reactor.callLater(left, self._login_timed_out)

    def handshakeCompleted(self) -> None:
        """The TLS handshake is done: the peer can send its first bytes."""
        self._wait_for_input()

    def dataReceived(self, data: bytes) -> None:
        if self._life is not Lifecycle.OPEN:
            return
        data = self._without_mark(data)
        if not data:
            return
        if self.door is None:
            self._opening += data
            if self._kind is None:
                self._kind = self._recognize(self._opening)
                if self._kind is not None and not self._waits(OPENING_COST):
                    self._open_by_input(self._kind)
            return
        if self._greeted:
            self._open_instead(data)
        self._pass_input(data)

    def _open_by_input(self, kind: DoorKind) -> None:
        """Open the door of *kind*, which the input asks for, and pass it the input."""
        self._open(kind)
        data, self._opening = self._opening, b""
        self._pass_input(data)

    def _pass_input(self, data: bytes) -> None:
        """Pass *data* to the door, which gets all further input directly."""
        self._greeted = False
        if self.door is not None:  # a door that refuses may have closed the connection at once
            # There is nothing left to detect: the transport calls the door from now on.
            self.dataReceived = self.door.dataReceived  # type: ignore[method-assign]
            self.door.dataReceived(data)

    def _without_mark(self, data: bytes) -> bytes:
        """Return *data* without a byte order mark at the start of the connection."""
        if self._mark is None:
            return data
        self._mark += data
        if len(self._mark) < len(BOM_UTF8) and BOM_UTF8.startswith(self._mark):
            return b""
        data, self._mark = self._mark.removeprefix(BOM_UTF8), None
        return data

    def readConnectionLost(self) -> None:
        """The peer has ended its input."""
        if self.door is None and self._life is Lifecycle.OPEN:
            self._open(self._kind or self._otherwise)
            self._pass_opening()
        if self.door is not None:
            self.door.readConnectionLost()

    def writeConnectionLost(self) -> None:
        """Ignored: the server never closes only its own direction."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._life = Lifecycle.GONE
        take_all(self._cancel_timer, self._close_budget)
        if self.door is not None:
            # Break the reference cycles here: the cyclic GC runs rarely.
            door, self.door = self.door, None
            self.__dict__.pop("dataReceived", None)
            door.connectionLost(reason)
        else:
            take_all(
                lambda: self._context.open_doors.remove(self),
                lambda: self._counted.closed(self._context.now()),
            )

    # Called by `OpenDoors`, while there is no door yet.

    def check(self, now: float) -> list[MoveCursor]:
        return []

    def shut_down(self) -> None:
        cast(IConnection, self.transport).abortConnection()

    def turn_away(self, refused: Refused) -> None:
        raise AssertionError("`_crowd_out` does it while there is no door")

    def release(self, last: bytes = b"") -> None:
        """Leave the connection to the door: there is nothing to send or to release."""

    # Opening doors.

    def _recognize(self, opening: bytes) -> DoorKind | None:
        """Return the kind of door that *opening* asks for; None if that needs more bytes."""
        undecided = False
        for kind in self._kinds:
            recognized = kind.recognizes(opening)
            if recognized:
                return kind
            undecided = undecided or recognized is None
        return None if undecided else self._otherwise

    def _wait_for_input(self) -> None:
        if self._life is not Lifecycle.OPEN:
            return
        self._cancel_timer()
        if self.door is None:
            self._timer = self._context.reactor.callLater(GREETING_DELAY, self._greet_soon)

    def _greet_soon(self) -> None:
        """Greet in the next turn: before that, the reactor reads the input that has arrived."""
        self._timer = self._context.reactor.callLater(0, self._greet)

    def _greet(self) -> None:
        self._greeted = not self._opening
        self._open(self._otherwise)
        self._pass_opening()

    def _pass_opening(self) -> None:
        data, self._opening = self._opening, b""
        if data and self.door is not None:
            self.door.dataReceived(data)

    def _open_instead(self, data: bytes) -> None:
        """Open another door, if a peer that was greeted as a person is not one."""
        assert self.door is not None
        for kind in self._kinds:
            if kind.recognizes(data):
                self.door.release(b"\n")
                self._open(kind)
                return

    def _close_budget(self) -> None:
        if self._budget is not None:
            self._budget.close()
            self._budget = None

    def _open(self, kind: DoorKind) -> None:
        self._cancel_timer()
        self._close_budget()
        try:
            if kind.logs_in:
                self._counted.require_session_room()
        except TooManyConnections as refused:
            self._refuse(refused)
            return
        previous, self.door = self.door or self, kind.make(self._context, self._counted)
        self.door.opened_by_input = bool(self._opening)
        if self._context.limits.login_seconds > 0:  # one deadline for all doors of a connection
            self.door.login_seconds = max(0.001, self._login_deadline - self._context.now())
        self._context.open_doors.replace(previous, self.door)
        self.door.makeConnection(cast(IConnection, self.transport))

    def _crowd_out(self) -> None:
        """Close the connection, which has not logged in, in favour of another one."""
        refused = crowded_out()
        if self.door is None:
            self._refuse(refused)
            return
        now = self._context.now()
        self._context.refused.note(refused.cause, self._counted.address, now)
        if self._counted.refused(now):
            self.door.turn_away(refused)
        else:
            cast(IConnection, self.transport).abortConnection()

    def _refuse(self, refused: TooManyConnections) -> None:
        """Close the connection, with *refused* as its only line."""
        self._cancel_timer()
        self._close_budget()
        self._life = Lifecycle.CLOSING
        self._context.open_doors.remove(self)
        now, connection = self._context.now(), cast(IConnection, self.transport)
        self._context.refused.note(refused.cause, self._counted.address, now)
        if not self._counted.refused(now):
            connection.abortConnection()
            return
        connection.write(self._otherwise.refusal(refused))
        self._timer = self._context.reactor.callLater(MAX_LINGER, connection.abortConnection)
        connection.loseConnection()

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _login_timed_out(self) -> None:
        self._context.services.statistics.dropped[EndWhy.LATE.value] += 1
        self.shut_down()

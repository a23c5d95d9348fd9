"""SshTransport: one SSH connection, within limits that Conch does not have.

`Packets` checks what arrives, and `CountedPackets` begins and ends the connection. A peer that does
not keep to the protocol is cut without an answer.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.transport import (
    DISCONNECT_BY_APPLICATION,
    DISCONNECT_SERVICE_NOT_AVAILABLE,
    MSG_SERVICE_ACCEPT,
)
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.domain.decisions import MoveCursor
from pyconchat.doors.connection_limits import CountedConnection
from pyconchat.doors.context import DoorContext
from pyconchat.doors.input_budget import (
    BYTE_COST,
    LARGE_READ,
    SECURE_CONNECTION_COST,
    InputBudget,
)
from pyconchat.doors.interfaces import IDoor
from pyconchat.doors.ssh.connection import SshConnection
from pyconchat.doors.ssh.counted_packets import CountedPackets
from pyconchat.doors.ssh.packet_sender import PacketSender
from pyconchat.doors.ssh.packets import REKEY_BYTES
from pyconchat.doors.ssh.user_auth import UserAuth
from pyconchat.doors.ssh.visitor import Visitor
from pyconchat.net.connection import FIRST_READ_SIZE, IConnection, keep_alive, set_read_size
from pyconchat.net.teardown import take_all

__all__ = ["SshTransport"]

MAX_STALL = 30.0
"""Maximum seconds in which a peer that has unread data reads nothing."""

MAX_REST = 10.0
"""Maximum seconds without a check of a connection that takes all output."""


@implementer(IDoor, IPushProducer)
class SshTransport(CountedPackets):
    """One connection: when it is read, its services, and its checks.

    It is the producer of the TCP transport: while that has unsent bytes, nothing more is read, so
    that answers do not pile up, and the channels are paused.
    """

    opened_by_input = False
    unsent = 0
    rests_until = 0.0

    def __init__(
        self,
        context: DoorContext,
        counted: CountedConnection,
        factory: Any,
        rekey_bytes: int = REKEY_BYTES,
    ) -> None:
        super().__init__(context, counted, rekey_bytes)
        self.factory = factory
        self._full_since = 0.0
        self._pinged = False
        self._reading = True
        self._begun = False
        self.shutting_down = False
        self._budget = InputBudget(context.input_turns, self._budget_allows)

    # Called by Twisted.

    def connectionMade(self) -> None:
        context, limits = self.context, self.context.limits
        connection = self._connection = cast(IConnection, self.transport)
        self.sender = PacketSender(connection)
        self._last_input = context.now()
        keep_alive(connection, limits.ping_seconds, limits.silence_seconds)
        set_read_size(connection, FIRST_READ_SIZE)
        connection.registerProducer(self, True)
        if not self.admit():
            return
        context.open_doors.add(self)
        super().connectionMade()
        if self._budget.pay_in_turn(SECURE_CONNECTION_COST):
            self._update_reading()
        else:
            self._begin()

    def _begin(self) -> None:
        """Begin with the first key exchange: it is the turn of this connection."""
        self._begun = True
        self.sendKexInit()

    def dataReceived(self, data: bytes) -> None:
        if self.ending:
            return
        self._last_input = self.context.now()
        self._pinged = False
        self._input += data
        self._bytes_in += len(data)
        self._budget.pay(BYTE_COST * len(data), len(data) > LARGE_READ)
        self.handle_input()

    def readConnectionLost(self) -> None:
        """The peer has closed its direction: SSH has no use of the other one."""
        self._connection.abortConnection()

    def writeConnectionLost(self) -> None:
        """Ignored: the server never closes only its own direction."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # type: ignore[override]
        self.stop()
        for timer in (self._deadline, self._exchange_timer):
            if timer is not None and timer.active():
                timer.cancel()
        service, self.service = self.service, None
        take_all(
            self._budget.close,
            *([] if service is None else [service.serviceStopped]),
            lambda: self.context.open_doors.remove(self),
            lambda: self.counted.closed(self.context.now()),
        )
        if service is not None:
            service.transport = None  # break the reference cycle: the cyclic GC runs rarely
        self.visitor = None

    # The TCP transport's producer.

    def pauseProducing(self) -> None:
        """Write only the necessary answers: the TCP transport is full."""
        self.full = True
        self.context.open_doors.wake(self)
        self._full_since = self.context.now()
        self._update_reading()
        self.update_sending()

    def resumeProducing(self) -> None:
        """Write again."""
        self.full = False
        self.update_sending()
        self._update_reading()
        self.handle_input()

    def stopProducing(self) -> None:
        """Ignored: `connectionLost` follows."""

    def sending_changed(self) -> None:
        if isinstance(self.service, SshConnection):
            self.service.sending_changed()

    def _update_reading(self) -> None:
        """Read only while answers can be sent, and the budget allows work."""
        reading = not (self.full or self._budget.waiting or self.ending)
        if reading is self._reading:
            return
        self._reading = reading
        if reading:
            self._connection.resumeProducing()
        else:
            self._connection.pauseProducing()

    def cost_of(self, kind: int, packet: bytes) -> float:
        if isinstance(self.service, SshConnection) and self.service.door_pays(kind, packet):
            return -BYTE_COST * len(packet)  # `dataReceived` has charged it
        return super().cost_of(kind, packet)

    def logs_in(self) -> bool:
        return self.visitor is None

    def input_handled(self) -> None:
        self._update_reading()

    def _budget_allows(self) -> None:
        if not (self._begun or self.ending):
            self._begin()
        self._update_reading()
        self.handle_input()

    # Services.

    def ssh_SERVICE_REQUEST(self, packet: bytes) -> None:
        name, _ = getNS(packet)
        if name != UserAuth.name or self.service is not None:
            self.sendDisconnect(DISCONNECT_SERVICE_NOT_AVAILABLE, b"there is no such service")
            return
        self.sendPacket(MSG_SERVICE_ACCEPT, NS(name))
        self.setService(UserAuth(self.context))

    def logged_in(self, visitor: Visitor) -> None:
        """The user authentication is done: serve channels of *visitor*."""
        self.visitor = visitor
        if visitor.account is not None:
            self.session_begun()
        connection = SshConnection(self.context, self.counted, visitor)
        self.setService(connection)

    def no_channels(self) -> None:
        """The last channel is closed."""
        if self.shutting_down:
            self.sendDisconnect(DISCONNECT_BY_APPLICATION, b"the server is stopping")

    # Called by `OpenDoors`.

    def check(self, now: float) -> list[MoveCursor]:
        if self.ending:
            return []
        if self.full and now - self._full_since >= MAX_STALL:
            self.drop("stuck", "did not read for {seconds:.0f} s", now - self._full_since)
            return []
        silence = now - self._last_input
        ping, limit = self.context.limits.ping_seconds, self.context.limits.silence_seconds
        if isinstance(self.service, SshConnection):
            if 0 < limit <= silence:
                self.drop("silent", "said nothing for {seconds:.0f} s", silence)
                return []
            if 0 < ping <= silence and not self._pinged:
                self._pinged = True
                self.service.ping()
            if not self.full:
                left = [each - silence for each in (ping, limit) if each > silence]
                self.context.open_doors.rest(self, now + min([MAX_REST, *left]))
        self.rekey_if_due()
        return []

    def shut_down(self) -> None:
        self.shutting_down = True
        if isinstance(self.service, SshConnection):
            self.service.close_unused()
        if not isinstance(self.service, SshConnection) or not self.service.channels:
            self.sendDisconnect(DISCONNECT_BY_APPLICATION, b"the server is stopping")

    def release(self, last: bytes = b"") -> None:
        raise AssertionError("this door keeps its connection")

"""SshTransport: the packets of one SSH connection, within limits that Conch does not have.

Each packet is checked before Conch handles it: its size, whether its type may come now, and how
much work it causes. A peer that does not keep to the protocol is disconnected without an answer.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import Enum
from typing import Any, cast

from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.transport import (
    DISCONNECT_BY_APPLICATION,
    DISCONNECT_SERVICE_NOT_AVAILABLE,
    MSG_DISCONNECT,
    MSG_EXT_INFO,
    MSG_KEXINIT,
    MSG_NEWKEYS,
    MSG_SERVICE_ACCEPT,
    SSHServerTransport,
)
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
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
from pyconchat.doors.input_budget import BYTE_COST, LARGE_READ, InputBudget
from pyconchat.doors.interfaces import IDoor
from pyconchat.doors.ssh.algorithms import CIPHERS, HOST_KEYS, KEY_EXCHANGES, MACS, SIGNATURES
from pyconchat.doors.ssh.connection import SshConnection
from pyconchat.doors.ssh.packet_cost import packet_cost
from pyconchat.doors.ssh.quiet import NOBODY
from pyconchat.doors.ssh.user_auth import UserAuth
from pyconchat.doors.ssh.visitor import Visitor
from pyconchat.net.connection import FIRST_READ_SIZE, IConnection, keep_alive, set_read_size

__all__ = ["MAX_PACKET", "SshTransport"]

MAX_VERSION = 255
"""Maximum bytes of the peer's version line (RFC 4253, 4.2)."""

MAX_PACKET = 40_000
"""Maximum bytes of a packet: 35,000 is the least that must be taken (RFC 4253, 6.1)."""

MAX_STALL = 30.0
"""Maximum seconds in which a peer that has unread data reads nothing."""

MAX_LINGER = 2.0
"""Maximum seconds in which a last packet may arrive before the connection is closed."""

EXCHANGE_SECONDS = 10.0
"""Minimum seconds between two key exchanges that the peer begins, and maximum of one."""

REKEY_BYTES = 2**30
"""Bytes in one direction after which new keys are exchanged (RFC 4253, 9)."""

REKEY_SECONDS = 24 * 3600.0
"""Seconds after which new keys are exchanged."""

NOT_SSH = b"This port is for SSH: ssh -p PORT NAME@HOST\r\n"


class _Exchange(Enum):
    """What a key exchange waits for."""

    NONE = "nothing: none is running"
    REPLY = "the peer's KEXINIT: the server has sent its own"
    INIT = "the peer's first key exchange message"
    NEW_KEYS = "NEWKEYS"


class Malformed(Exception):
    """The peer does not keep to the protocol."""


@implementer(IDoor, IPushProducer)
class SshTransport(SSHServerTransport):
    """One connection: its packets, its key exchanges and its deadline.

    It is the producer of the TCP transport: while that has unsent bytes, nothing more is read, so
    that answers do not pile up, and the channels are told not to write.
    """

    _log = NOBODY
    _own_log = Logger(namespace="pyconchat")

    ourVersionString = b"SSH-2.0-PyconChat"
    supportedKeyExchanges = KEY_EXCHANGES
    supportedCiphers = CIPHERS
    supportedMACs = MACS
    supportedPublicKeys = HOST_KEYS
    supportedCompressions = [b"none"]

    opened_by_input = False
    unsent = 0

    def __init__(
        self,
        context: DoorContext,
        counted: CountedConnection,
        factory: Any,
        rekey_bytes: int = REKEY_BYTES,
    ) -> None:
        self.context = context
        self.counted = counted
        self.factory = factory
        self.network = counted.network
        self.address = counted.address
        self.login_seconds = context.limits.login_seconds
        self.visitor: Visitor | None = None  # who is there, after the user authentication
        self._sessions = 0  # of its channels
        self.ending = False  # nothing is read any more
        self.full = False  # the TCP transport has more unsent bytes than it wants
        self._full_since = 0.0
        self._input = bytearray()
        self._first: bytes | None = None  # the decrypted first block of the next packet
        self._exchange = _Exchange.NONE
        self._exchanged_at = float("-inf")  # when the peer began the last one after the login
        self._exchange_timer: IDelayedCall | None = None
        self._keys_since = context.now()
        self._bytes_in = self._bytes_out = 0  # with the current keys
        self._rekey_bytes = rekey_bytes
        self._deadline: IDelayedCall | None = None
        self._pinged = False
        self._reading = True
        self._shutting_down = False
        self._budget = InputBudget(context.input_turns, self._budget_allows)

    # What Twisted calls.

    def connectionMade(self) -> None:
        context, limits = self.context, self.context.limits
        connection = self._connection = cast(IConnection, self.transport)
        self._last_input = context.now()
        keep_alive(connection, limits.ping_seconds, limits.silence_seconds)
        set_read_size(connection, FIRST_READ_SIZE)
        connection.registerProducer(self, True)
        self.counted.crowd_out = self._crowd_out
        try:
            self.counted.admit(context.now())
            self.counted.require_session_room()
        except TooManyConnections as refused:
            self._refuse(refused, refused.sentence.encode() + b"\r\n")
            return
        context.open_doors.add(self)
        if limits.login_seconds > 0:
            self._deadline = context.reactor.callLater(limits.login_seconds, self._login_timed_out)
        self._exchange = _Exchange.REPLY
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        if self.ending:
            return
        self._last_input = self.context.now()
        self._pinged = False
        self._input += data
        self._bytes_in += len(data)
        self._budget.pay(BYTE_COST * len(data), len(data) > LARGE_READ)
        self._handle_input()

    def readConnectionLost(self) -> None:
        """The peer has closed its direction: SSH has no use of the other one."""
        self._connection.abortConnection()

    def writeConnectionLost(self) -> None:
        """Ignored: the server never closes only its own direction."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # type: ignore[override]
        self.ending = True
        for timer in (self._deadline, self._exchange_timer):
            if timer is not None and timer.active():
                timer.cancel()
        self._budget.close()
        service, self.service = self.service, None
        if service is not None:
            service.serviceStopped()
            service.transport = None  # break the reference cycle: the cyclic GC runs rarely
        self.context.open_doors.remove(self)
        self.counted.closed(self.context.now())
        self.visitor = None

    # The TCP transport's producer.

    def pauseProducing(self) -> None:
        """Write no more than what must be answered: the TCP transport is full."""
        self.full = True
        self._full_since = self.context.now()
        self._update_reading()
        self._tell_channels()

    def resumeProducing(self) -> None:
        """Write again."""
        self.full = False
        self._tell_channels()
        self._update_reading()
        self._handle_input()

    def stopProducing(self) -> None:
        """Ignored: `connectionLost` follows."""

    @property
    def can_send(self) -> bool:
        """Return whether a channel may send data now."""
        return (
            not self.full and not self.ending and self._keyExchangeState == self._KEY_EXCHANGE_NONE
        )

    def _tell_channels(self) -> None:
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

    def _budget_allows(self) -> None:
        self._update_reading()
        self._handle_input()

    # Packets.

    def _handle_input(self) -> None:
        try:
            if not self.gotVersion and not self._take_version():
                return
            while not (self.full or self._budget.waiting or self.ending):
                packet = self._next_packet()
                if packet is None:
                    break
                self._handle(packet)
        except Malformed as problem:
            self._malformed(str(problem))
        except Exception as problem:  # whatever Conch raises where it does not check
            self._malformed(repr(problem))
        if not self.ending:
            self._update_reading()
            self._rekey_if_due()

    def _take_version(self) -> bool:
        """Take the peer's version line; return whether it was complete. Raises `Malformed`."""
        line, end, _ = bytes(self._input[: MAX_VERSION + 1]).partition(b"\n")
        known = b"SSH-2.0-"
        if not (line.startswith(known) or (not end and known.startswith(line))):
            self._connection.write(NOT_SSH)
            raise Malformed("it does not begin with a version of SSH")
        if not end:
            if len(line) > MAX_VERSION:
                raise Malformed("its version has no end")
            return False
        self.gotVersion = True
        self.otherVersionString = line.rstrip(b"\r")
        del self._input[: len(line) + 1]
        return True

    def _next_packet(self) -> bytes | None:
        """Return the payload of the next packet; None if it is incomplete. Raises `Malformed`."""
        ciphers, data = self.currentEncryptions, self._input
        block, digest = ciphers.decBlockSize, ciphers.verifyDigestSize
        if len(data) < block:
            return None
        if self._first is None:
            self._first = ciphers.decrypt(bytes(data[:block]))
        length, padding = struct.unpack("!LB", self._first[:5])
        end = length + 4
        if not (padding + 2 <= length <= MAX_PACKET and padding >= 4 and end % max(8, block) == 0):
            raise Malformed("a packet with a bad length")
        if len(data) < end + digest:
            return None
        packet = self._first + ciphers.decrypt(bytes(data[block:end]))
        self._first = None
        if digest:
            code = bytes(data[end : end + digest])
            if not ciphers.verify(self.incomingPacketSequence, packet, code):
                raise Malformed("a packet with a bad checksum")
        del data[: end + digest]
        self.incomingPacketSequence = (self.incomingPacketSequence + 1) & 0xFFFFFFFF
        return bytes(packet[5:-padding])

    def _handle(self, packet: bytes) -> None:
        """Handle *packet*, if it may come now. Raises `Malformed`, and what Conch raises."""
        kind = packet[0]
        self._budget.pay(packet_cost(kind, packet), False)
        match self._exchange:
            case _ if kind < 20 and (kind < 5 or self._exchange is _Exchange.NONE):
                pass
            case _ if kind == MSG_KEXINIT:
                self._begin_exchange()
            case _Exchange.INIT if 30 <= kind < 50:
                if not self.ignoreNextPacket:
                    self._exchange = _Exchange.NEW_KEYS
            case _Exchange.NEW_KEYS if kind == MSG_NEWKEYS:
                self._end_exchange()
            case _Exchange.NONE | _Exchange.REPLY if kind >= 50 and self.isEncrypted("in"):
                pass
            case _:
                raise Malformed(f"a packet of the type {kind} at this time")
        self.dispatchMessage(kind, packet[1:])

    def sendPacket(self, messageType: int, payload: bytes) -> None:  # noqa: N803
        if self.ending and messageType != MSG_DISCONNECT:
            return
        if messageType == MSG_EXT_INFO:
            payload = struct.pack(">L", 1) + NS(b"server-sig-algs") + NS(b",".join(SIGNATURES))
        super().sendPacket(messageType, payload)
        self.outgoingPacketSequence &= 0xFFFFFFFF
        self._bytes_out += len(payload)

    # Key exchanges.

    def _begin_exchange(self) -> None:
        """The peer's KEXINIT begins an exchange, or answers ours. Raises `Malformed`."""
        if self._exchange not in (_Exchange.NONE, _Exchange.REPLY):
            raise Malformed("a key exchange during a key exchange")
        if self._exchange is _Exchange.NONE:
            now = self.context.now()
            if self.visitor is None or now - self._exchanged_at < EXCHANGE_SECONDS:
                raise Malformed("too many key exchanges")
            self._exchanged_at = now
            self._time_exchange()
        self._exchange = _Exchange.INIT
        self._tell_channels()

    def _end_exchange(self) -> None:
        self._exchange = _Exchange.NONE
        self._keys_since = self.context.now()
        self._bytes_in = self._bytes_out = 0
        if self._exchange_timer is not None:
            self._exchange_timer.cancel()
            self._exchange_timer = None

    def _newKeys(self) -> None:
        super()._newKeys()
        self._tell_channels()

    def _time_exchange(self) -> None:
        self._exchange_timer = self.context.reactor.callLater(
            EXCHANGE_SECONDS, self._exchange_timed_out
        )

    def _exchange_timed_out(self) -> None:
        self._exchange_timer = None
        self._malformed("a key exchange without an end")

    def _rekey_if_due(self) -> None:
        if self.visitor is None or self._exchange is not _Exchange.NONE:
            return
        most = max(self._bytes_in, self._bytes_out)
        age = self.context.now() - self._keys_since
        if most >= self._rekey_bytes or age >= REKEY_SECONDS:
            self._exchange = _Exchange.REPLY
            self._time_exchange()
            self.sendKexInit()
            self._tell_channels()

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

    def session_begun(self) -> None:
        """Somebody is logged in: there is no deadline any more."""
        self.counted.logged_in()
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()

    def count_sessions(self, change: int) -> None:
        """Count sessions of channels; the connection itself counts as the first."""
        before, self._sessions = self._sessions, self._sessions + change
        self.counted.add_session(max(1, self._sessions) - max(1, before))

    @property
    def login_seconds_left(self) -> float:
        """Return the seconds until the deadline of the login, at least a millisecond."""
        if self._deadline is None or not self._deadline.active():
            return self.context.limits.login_seconds
        return max(0.001, self._deadline.getTime() - self.context.now())

    def no_channels(self) -> None:
        """The last channel is closed."""
        if self._shutting_down:
            self.sendDisconnect(DISCONNECT_BY_APPLICATION, b"the server is stopping")

    # What `OpenDoors` calls.

    def check(self, now: float) -> list[MoveCursor]:
        if self.ending:
            return []
        if self.full and now - self._full_since >= MAX_STALL:
            self._drop("stuck", "did not read for {seconds:.0f} s", now - self._full_since)
            return []
        limits, silence = self.context.limits, now - self._last_input
        if isinstance(self.service, SshConnection):
            if 0 < limits.silence_seconds <= silence:
                self._drop("silent", "said nothing for {seconds:.0f} s", silence)
                return []
            if 0 < limits.ping_seconds <= silence and not self._pinged:
                self._pinged = True
                self.service.ping()
        self._rekey_if_due()
        return []

    def shut_down(self) -> None:
        self._shutting_down = True
        if not isinstance(self.service, SshConnection) or not self.service.channels:
            self.sendDisconnect(DISCONNECT_BY_APPLICATION, b"the server is stopping")

    def turn_away(self, refused: Refused) -> None:
        self.sendDisconnect(DISCONNECT_BY_APPLICATION, refused.sentence.encode())

    def release(self, last: bytes = b"") -> None:
        raise AssertionError("this door keeps its connection")

    # The end.

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        """Send the *reason* and its description, and close the connection."""
        if self.ending:
            return
        self.ending = True
        self.sendPacket(MSG_DISCONNECT, struct.pack(">L", reason) + NS(desc) + NS(b""))
        self._close_soon()

    def ssh_DISCONNECT(self, packet: bytes) -> None:
        self.ending = True
        self._connection.abortConnection()

    def receiveUnimplemented(self, seqnum: int) -> None:
        """Ignored: the peer lacks something that it does not need."""

    def abort(self) -> None:
        """Cut the connection."""
        self.ending = True
        self._connection.abortConnection()

    def _close_soon(self) -> None:
        connection = self._connection
        connection.unregisterProducer()
        linger: Callable[[], object] = connection.abortConnection
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = self.context.reactor.callLater(MAX_LINGER, linger)
        connection.loseConnection()

    def _malformed(self, problem: str) -> None:
        if not self.ending:
            self.context.refused.note("ssh", self.address, self.context.now())
            self._own_log.debug("{address}: {problem}", address=self.address, problem=problem)
            self.ending = True
            if self.gotVersion:
                self._connection.abortConnection()
            else:
                self._close_soon()

    def _drop(self, cause: str, why: str, seconds: float) -> None:
        self.context.services.statistics.dropped[cause] += 1
        name = self.visitor.name if self.visitor is not None else "somebody"
        self._own_log.info(
            "dropped {name} from {address}, who " + why,
            name=name,
            address=self.address,
            seconds=seconds,
        )
        self.abort()

    def _crowd_out(self) -> None:
        refused = crowded_out()
        now = self.context.now()
        self.context.refused.note(refused.cause, self.address, now)
        if self.counted.refused(now):
            self.turn_away(refused)
        else:
            self.abort()

    def _refuse(self, refused: TooManyConnections, line: bytes) -> None:
        """Close the connection, with *line* before any version (RFC 4253, 4.2)."""
        now = self.context.now()
        self.ending = True
        self.context.refused.note(refused.cause, self.address, now)
        if not self.counted.refused(now):
            self._connection.abortConnection()
            return
        self._connection.write(line)
        self._close_soon()

    def _login_timed_out(self) -> None:
        self.context.services.statistics.dropped[EndWhy.LATE.value] += 1
        self.sendDisconnect(DISCONNECT_BY_APPLICATION, b"You took too long to log in.")

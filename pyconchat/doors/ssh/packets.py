"""Packets: the packets and key exchanges of one SSH connection, checked before Conch handles them.

Their size, whether their type may come now, and how much work they cause.
"""

from __future__ import annotations

import struct
from enum import Enum

from twisted.conch.ssh.common import NS
from twisted.conch.ssh.transport import (
    MSG_DISCONNECT,
    MSG_EXT_INFO,
    MSG_KEXINIT,
    MSG_NEWKEYS,
    SSHCiphers,
    SSHServerTransport,
)
from twisted.internet.interfaces import IDelayedCall

from pyconchat.doors.context import DoorContext
from pyconchat.doors.input_budget import InputBudget
from pyconchat.doors.ssh.algorithms import CIPHERS, HOST_KEYS, KEY_EXCHANGES, MACS, SIGNATURES
from pyconchat.doors.ssh.authenticator import Authenticator
from pyconchat.doors.ssh.packet_cost import MIN_TURN, packet_cost
from pyconchat.doors.ssh.packet_sender import PacketSender
from pyconchat.doors.ssh.quiet import NOBODY
from pyconchat.net.connection import IConnection

__all__ = ["MAX_PACKET", "NOT_SSH", "REKEY_BYTES", "Packets"]

MAX_VERSION = 255
"""Maximum bytes of the peer's version line (RFC 4253, 4.2)."""

MAX_PACKET = 40_000
"""Maximum bytes of a packet: 35,000 is the least that must be taken (RFC 4253, 6.1)."""

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


class Packets(SSHServerTransport):
    """The packets of one connection. A subclass reads, and knows who is there."""

    _log = NOBODY
    ourVersionString = b"SSH-2.0-PyconChat"
    supportedKeyExchanges = KEY_EXCHANGES
    supportedCiphers = CIPHERS
    supportedMACs = MACS
    supportedPublicKeys = HOST_KEYS
    supportedCompressions = [b"none"]

    ending = False
    """True when nothing is read any more. `stop` sets it."""

    full = False
    """True while the TCP transport has more unsent bytes than it wants."""

    _budget: InputBudget
    _connection: IConnection

    sender: PacketSender
    """Sends the packets; set with `_connection`."""

    def __init__(self, context: DoorContext, rekey_bytes: int) -> None:
        self.context = context
        self._input = bytearray()
        self._held: bytes | None = None  # a packet that waits for its turn
        self._first: bytes | None = None  # the decrypted first block of the next packet
        self._exchange = _Exchange.REPLY  # the server begins with its KEXINIT
        self._exchanged_at = float("-inf")  # when the peer began the last one after the login
        self._exchange_timer: IDelayedCall | None = None
        self._keys_since = context.now()
        self._bytes_in = 0  # with the current keys
        self._rekey_bytes = rekey_bytes

    # Implemented by the subclass.

    def logs_in(self) -> bool:
        """Return whether the user authentication is not done yet."""
        raise NotImplementedError

    def sending_changed(self) -> None:
        """Channels can send data from now on, or no longer."""
        raise NotImplementedError

    def input_handled(self) -> None:
        """All packets that may be handled now are."""
        raise NotImplementedError

    def malformed(self, problem: str) -> None:
        """The peer does not keep to the protocol."""
        raise NotImplementedError

    def cost_of(self, kind: int, packet: bytes) -> float:
        """Return the cost of *packet* in the budget, in seconds of work."""
        return packet_cost(kind, packet)

    def connectionMade(self) -> None:
        self.sender.write(self.ourVersionString + b"\r\n")
        self.currentEncryptions = SSHCiphers(b"none", b"none", b"none", b"none")
        self.currentEncryptions.setKeys(b"", b"", b"", b"", b"", b"")
        self._use_ciphers(self.currentEncryptions)

    # Packets.

    def handle_input(self) -> None:
        try:
            if not self.gotVersion and not self._take_version():
                return
            while not (self.full or self._budget.waiting or self.ending):
                packet = self._held or self._next_packet()
                if packet is None or self._must_wait(packet):
                    break
                self._handle(packet)
        except Malformed as problem:
            self.malformed(str(problem))
        except Exception as problem:  # whatever Conch raises where it does not check
            self.malformed(type(problem).__name__)  # its text is the peer's
        if not self.ending:
            self.input_handled()
            self.rekey_if_due()

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
        block, digest = ciphers.decBlockSize, self._authenticator.size
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
            if not self._authenticator.is_right(self.incomingPacketSequence, packet, code):
                raise Malformed("a packet with a bad checksum")
        del data[: end + digest]
        self.incomingPacketSequence = (self.incomingPacketSequence + 1) & 0xFFFFFFFF
        return bytes(packet[5:-padding])

    def _must_wait(self, packet: bytes) -> bool:
        """Pay for *packet*; return whether it has to wait for its turn, which it does once."""
        if self._held is not None:
            self._held = None
            return False
        cost = self.cost_of(packet[0], packet)
        if cost < MIN_TURN:
            self._budget.pay(cost, False)
        elif self._budget.pay_in_turn(cost):
            self._held = packet
        return self._held is not None

    def _handle(self, packet: bytes) -> None:
        """Handle *packet*, if it may come now. Raises `Malformed`, and what Conch raises."""
        kind = packet[0]
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
        waits = self._keyExchangeState != self._KEY_EXCHANGE_NONE
        if waits and not self._allowedKeyExchangeMessageType(messageType):
            self._blockedByKeyExchange.append((messageType, payload))
            return
        self.sender.send(bytes((messageType,)), payload)

    def update_sending(self) -> None:
        """Update whether channels can send data."""
        exchanges = self._keyExchangeState != self._KEY_EXCHANGE_NONE
        self.sender.can_send = not (exchanges or self.full or self.ending)
        self.sending_changed()

    def stop(self) -> None:
        """Handle no more packets, and send no more than the reason."""
        self.ending = True
        self.sender.can_send = False

    # Key exchanges.

    def _use_ciphers(self, ciphers: SSHCiphers) -> None:
        self._authenticator = Authenticator(ciphers.inMAC)
        self.sender.use(ciphers)

    def _begin_exchange(self) -> None:
        """The peer's KEXINIT begins an exchange, or answers ours. Raises `Malformed`."""
        if self._exchange not in (_Exchange.NONE, _Exchange.REPLY):
            raise Malformed("a key exchange during a key exchange")
        if self._exchange is _Exchange.NONE:
            now = self.context.now()
            if self.logs_in() or now - self._exchanged_at < EXCHANGE_SECONDS:
                raise Malformed("too many key exchanges")
            self._exchanged_at = now
            self._time_exchange()
        self._exchange = _Exchange.INIT

    def sendKexInit(self) -> None:
        super().sendKexInit()
        self.update_sending()

    def _end_exchange(self) -> None:
        self._exchange = _Exchange.NONE
        self._keys_since = self.context.now()
        self._bytes_in = self.sender.bytes_sent = 0
        if self._exchange_timer is not None:
            self._exchange_timer.cancel()
            self._exchange_timer = None

    def _newKeys(self) -> None:
        self._use_ciphers(self.nextEncryptions)  # before packets that have waited are sent
        super()._newKeys()
        self.update_sending()

    def _time_exchange(self) -> None:
        self._exchange_timer = self.context.reactor.callLater(
            EXCHANGE_SECONDS, self._exchange_timed_out
        )

    def _exchange_timed_out(self) -> None:
        self._exchange_timer = None
        self.malformed("a key exchange without an end")

    def rekey_if_due(self) -> None:
        if self.logs_in() or self._exchange is not _Exchange.NONE:
            return
        most = max(self._bytes_in, self.sender.bytes_sent)
        age = self.context.now() - self._keys_since
        if most >= self._rekey_bytes or age >= REKEY_SECONDS:
            self._exchange = _Exchange.REPLY
            self._time_exchange()
            self.sendKexInit()

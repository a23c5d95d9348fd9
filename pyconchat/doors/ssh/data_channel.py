"""DataChannel: the data of one channel, in both directions, within its windows.

It is the transport of a door. It asks for more input only when the door has taken the last one,
and has the door queue the output that the peer's window does not take.
"""

from __future__ import annotations

import struct
from typing import Any

from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.connection import MSG_CHANNEL_DATA
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from zope.interface import implementer

from pyconchat.doors.context import DoorContext
from pyconchat.doors.ssh.interfaces import ISshDoor
from pyconchat.doors.ssh.packet_sender import PacketSender
from pyconchat.doors.ssh.quiet import NOBODY
from pyconchat.net.connection import IConnection, ILayered

__all__ = ["MIN_PACKET", "DataChannel"]

WINDOW = 65_536
"""Bytes that the peer may send before the door has taken any."""

MAX_PACKET = 32_768
"""Maximum bytes of data in a packet, in both directions."""

MIN_PACKET = 64
"""Minimum of the peer's maximum: else a message would be hundreds of packets."""

MAX_LINGER = 2.0
"""Maximum seconds in which the peer may confirm that the channel is closed."""

_data_head = struct.Struct(">BLL").pack  # RFC 4254, 5.2


@implementer(IConnection, ILayered)
class DataChannel(SSHChannel):
    """A channel of *connection*. A subclass sets the door.

    The peer takes *window* bytes, in packets of *max_packet* bytes.
    """

    # Slots keep the fields that each block of output needs in one small object.
    __slots__ = (
        "_number",
        "_sender",
        "_unsent",
        "localClosed",
        "remoteMaxPacket",
        "remoteWindowLeft",
    )

    conn: Any
    _log = NOBODY
    _own_log = Logger(namespace="pyconchat")

    def __init__(self, context: DoorContext, connection: Any, window: int, max_packet: int) -> None:
        super().__init__(WINDOW, MAX_PACKET, window, min(max_packet, MAX_PACKET), connection)
        self._context = context
        self._sender: PacketSender = connection.transport.sender
        self.exit_status = 0
        self._door: ISshDoor | None = None
        self._held = bytearray()  # input that the door has not taken
        self._number = 0  # by which the peer knows the channel
        self._window = WINDOW
        self._taken = 0  # bytes that were taken, and not given back to the window
        self._input_paused = False
        self._input_ended = False
        self._delivering = False
        self._unsent = bytearray()
        self._stopped = False  # the producer is paused
        self._producer: IPushProducer | None = None
        self._closing = False
        self._timer: IDelayedCall | None = None

    def channelOpen(self, specificData: bytes) -> None:  # noqa: N803
        self._number = self.conn.channelsToRemoteChannel[self]

    # Input.

    def dataReceived(self, data: bytes) -> None:
        self._held += data
        self._deliver()

    def eofReceived(self) -> None:
        self._input_ended = True
        if self._door is None:
            self.loseConnection()
        else:
            self._deliver()

    def take_back(self, size: int) -> None:
        """Give *size* bytes back to the peer's window."""
        self._taken += size
        if self._taken >= self._window // 2:
            self.conn.adjustWindow(self, self._taken)
            self._taken = 0

    def widen(self, window: int) -> None:
        """Let the peer send *window* bytes before the door has taken any: for far clients."""
        self.conn.adjustWindow(self, window - self._window)
        self._window = window

    @property
    def held(self) -> int:
        """Return the bytes of input that the door has not taken."""
        return len(self._held)

    @property
    def door_pays(self) -> bool:
        """Return whether the door pays for the packets of its requests itself."""
        return self._door is not None and bool(self._door.pays)

    @property
    def takes_input(self) -> bool:
        """Return whether the door takes input now."""
        return not self._input_paused

    def _deliver(self) -> None:
        """Pass input to the door while it takes any."""
        door = self._door
        if self._delivering or door is None or getattr(door, "transport", None) is None:
            return
        self._delivering = True
        try:
            while self._held and not self._input_paused:
                most = door.max_read
                piece = bytes(self._held[:most])
                del self._held[:most]
                self._taken += len(piece)
                door.dataReceived(piece)
            if not self._input_paused and not self.localClosed:
                self.take_back(0)
            if self._input_ended and not self._held and not self._input_paused:
                self._input_ended = False
                door.readConnectionLost()
        except Exception:
            self._own_log.failure("a door failed")
            self.conn.transport.abort()
        finally:
            self._delivering = False

    # Called by the door: the transport.

    @property
    def transport(self) -> Any:
        """Return the transport below, for callers that need the socket."""
        return self.conn.transport

    def getHost(self) -> Any:
        """Return the address of the server."""
        return self.conn.transport.transport.getHost()

    def getPeer(self) -> Any:
        """Return the address of the client."""
        return self.conn.transport.transport.getPeer()

    def pauseProducing(self) -> None:
        """Pass no input to the door, and let the peer's window run out."""
        self._input_paused = True

    def resumeProducing(self) -> None:
        """Pass input to the door again."""
        self._input_paused = False
        self._deliver()

    def stopProducing(self) -> None:
        """Take no more input."""
        self.loseConnection()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Tell *producer* when to write."""
        self._producer = producer
        if self._stopped:
            producer.pauseProducing()

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        self._producer = None

    def write(self, data: bytes) -> None:
        """Send *data* as far as the window allows, and the rest later."""
        if self.localClosed or not data:
            return
        size, sender, left = len(data), self._sender, self.remoteWindowLeft
        if sender.can_send and not self._unsent and size <= left and size <= self.remoteMaxPacket:
            self.remoteWindowLeft = left - size  # nearly always
            sender.send(_data_head(MSG_CHANNEL_DATA, self._number, size), data)
        else:
            self._unsent += data
            self.send()

    def addWindowBytes(self, data: int) -> None:
        self.remoteWindowLeft += data
        self.send()

    def send(self) -> None:
        """Send the unsent output, as far as the window and the transport allow."""
        sender = self._sender
        while self._unsent and self.remoteWindowLeft and sender.can_send and not self.localClosed:
            size = min(len(self._unsent), self.remoteWindowLeft, self.remoteMaxPacket)
            piece = bytes(self._unsent[:size])
            del self._unsent[:size]
            self.remoteWindowLeft -= size
            sender.send(_data_head(MSG_CHANNEL_DATA, self._number, size), piece)
        stopped = bool(self._unsent) or not sender.can_send
        if stopped is not self._stopped:
            self._stopped = stopped
            if self._producer is not None:
                if stopped:
                    self._producer.pauseProducing()
                else:
                    self._producer.resumeProducing()
        if self._closing and not self._unsent:
            self._finish()

    def unacknowledged(self) -> int:
        """Return the bytes that the peer's kernel has not acknowledged, as far as can be known."""
        return len(self._unsent) + self._sender.unacknowledged()

    # The end.

    def loseConnection(self) -> None:
        """Close the channel when everything is sent."""
        self._closing = True
        if not self._unsent:
            self._finish()

    def close_unused(self) -> None:
        """Close the channel if it has no door yet, or one that has not begun."""
        if getattr(self._door, "transport", None) is None:
            self.loseConnection()

    def abortConnection(self) -> None:
        """Close the channel at once; the connection, too, if that does not get through."""
        self._unsent.clear()
        if self.localClosed or not self._sender.can_send:
            self.conn.transport.abort()
        else:
            self._finish()

    def _finish(self) -> None:
        if self.localClosed:
            return
        self.conn.sendRequest(self, b"exit-status", struct.pack(">L", self.exit_status))
        self.conn.sendEOF(self)
        self.conn.sendClose(self)
        if self.id in self.conn.channels:
            self._timer = self._context.reactor.callLater(MAX_LINGER, self.conn.transport.abort)

    def closeReceived(self) -> None:
        self._unsent.clear()
        self._finish()

    def closed(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._held.clear()
        self._unsent.clear()
        self._producer = None
        door, self._door = self._door, None
        if door is not None and getattr(door, "transport", None) is not None:
            door.connectionLost(connectionDone)

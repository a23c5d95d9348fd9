"""PacketSender: frames, encrypts, authenticates and sends packets (RFC 4253, 6).

Conch copies each packet several times, creates a new HMAC for it, and waits for the reactor's next
turn. Each message to a terminal is a packet of its own: at a few hundred sessions, that cost
as much as all the rest. So there is one small object for a connection, and one function for all.
"""

from __future__ import annotations

import io
import os
import struct
from typing import Any

from twisted.conch.ssh.transport import SSHCiphers

from pyconchat.doors.ssh.authenticator import keyed_hmac
from pyconchat.net.connection import (
    IConnection,
    is_idle,
    plain_socket,
    unacknowledged,
    unsent,
)

__all__ = ["RANDOM_BYTES", "PacketSender"]

RANDOM_BYTES = 4096
"""Bytes of padding that are taken from the system at once, for all connections."""

_frame = struct.Struct(">LB").pack
_number = struct.Struct(">L").pack


class _Padding:
    """Random bytes, none of which is used twice."""

    __slots__ = ("_read",)

    def __init__(self) -> None:
        self._read = io.BytesIO().read

    def take(self, size: int) -> bytes:
        """Return *size* bytes."""
        taken = self._read(size)
        if len(taken) < size:
            self._read = io.BytesIO(os.urandom(RANDOM_BYTES)).read
            taken = self._read(size)
        return taken


_take_padding = _Padding().take


class PacketSender:
    """Sends the packets of one SSH connection to *connection*, the TCP transport."""

    __slots__ = (
        "_block",
        "_connection",
        "_encrypt",
        "_hmac",
        "_kernel_send",
        "_sequence",
        "_socket",
        "_waits",
        "bytes_sent",
        "can_send",
    )

    def __init__(self, connection: IConnection) -> None:
        self._connection = connection
        self._socket = plain_socket(connection)
        self._kernel_send = None if self._socket is None else self._socket.send
        self._waits = True  # the transport may have unsent bytes
        self._sequence = 0
        self.can_send = False
        """Whether a channel may send data now."""
        self.bytes_sent = 0
        """Bytes that were sent with the current keys; the owner sets it to 0."""

    def use(self, ciphers: SSHCiphers) -> None:
        """Seal further packets as Conch has agreed with the peer."""
        self._block: int = ciphers.encBlockSize
        self._hmac = keyed_hmac(ciphers.outMAC)
        self._encrypt: Any = ciphers.encryptor.update if self._hmac is not None else None

    def send(self, head: bytes, data: bytes) -> None:
        """Send a packet whose payload is *head* and *data*; it is one, so that none is copied."""
        block = self._block
        size = 5 + len(head) + len(data)
        padding = block - size % block
        if padding < 4:
            padding += block
        frame = _frame(size - 4 + padding, padding)
        packet = b"".join((frame, head, data, _take_padding(padding)))
        sequence = self._sequence
        self._sequence = (sequence + 1) & 0xFFFFFFFF
        if self._hmac is not None:
            hmac = self._hmac.copy()
            hmac.update(_number(sequence))
            hmac.update(packet)
            packet = self._encrypt(packet) + hmac.finalize()
        self.bytes_sent += len(packet)
        self.write(packet)

    def write(self, data: bytes) -> None:
        """Give *data* to the kernel at once, if nothing waits, and the rest later."""
        sent = 0
        if self._waits:
            self._waits = not is_idle(self._connection)
        if not self._waits and self._kernel_send is not None:
            try:
                sent = self._kernel_send(data)
            except OSError:  # it is full, or the transport fails at its next write
                sent = 0
        if sent < len(data):
            self._waits = True
            self._connection.write(data[sent:] if sent else data)

    def unacknowledged(self) -> int:
        """Return the bytes that the peer's kernel has not acknowledged, as far as can be known."""
        waiting = unsent(self._connection) if self._waits else 0
        return waiting + unacknowledged(self._socket)

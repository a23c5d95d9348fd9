"""Stream connections, for server and client: their states, their kernel sockets, keepalive."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import termios
from enum import Enum
from ipaddress import IPv6Address, ip_address

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IConsumer, IPushProducer, ITCPTransport, ITransport
from zope.interface import Interface

__all__ = [
    "FIRST_READ_SIZE",
    "READ_SIZE",
    "IConnection",
    "ILayered",
    "Lifecycle",
    "is_idle",
    "keep_alive",
    "kernel_socket",
    "plain_address",
    "plain_socket",
    "set_read_size",
    "unacknowledged",
    "unread",
    "unsent",
]

KEEPALIVE_PROBES = 4
"""Probes that the kernel sends to a silent peer before it gives the connection up."""


READ_SIZE = FileDescriptor.bufferSize
"""Maximum bytes that a transport of Twisted reads in a turn of the reactor."""

FIRST_READ_SIZE = 16_384
"""Maximum bytes that are read in a turn before the login: many may connect in the same turn."""


class Lifecycle(Enum):
    """The state of one connection. It only moves forward, and may skip states."""

    OPEN = "open"
    INPUT_ENDED = "input ended"
    """The peer has ended its output (a half-close), and still reads."""
    CLOSING = "closing"
    """The last bytes are being sent; nothing more is read or written."""
    GONE = "gone"
    """The connection no longer exists."""


class IConnection(ITransport, IConsumer, IPushProducer):
    """The methods of a transport that our protocols use; Twisted's stream transports have them."""

    def abortConnection() -> None:
        """Close at once and discard unsent bytes."""


class ILayered(Interface):
    """A connection within another one, such as a channel of SSH."""

    def unacknowledged() -> int:
        """Return the bytes that the peer's kernel has not acknowledged, as far as is known."""


def keep_alive(transport: IConnection, idle: float, limit: float) -> None:
    """Have the kernel probe the peer after *idle* seconds, and drop it after *limit* seconds.

    A reader at `nc` sends nothing, and `nc` answers no pings; the kernel of their machine answers
    keepalive probes (RFC 9293, 3.8.4). 0 leaves the system's own settings.
    """
    if not ITCPTransport.providedBy(transport):
        return
    transport.setTcpNoDelay(True)
    transport.setTcpKeepAlive(True)
    handle = getattr(transport, "getHandle", lambda: None)()
    if not isinstance(handle, socket.socket) or idle <= 0 or limit <= idle:
        return
    between = max(1, int((limit - idle) / KEEPALIVE_PROBES))
    with contextlib.suppress(OSError, AttributeError):  # not every system has all three
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, int(idle)))
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, between)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)


def plain_address(host: str) -> str:
    """Return the IP address *host* in the form for the log; any other text unchanged.

    An IPv4 address at a port for both versions is returned in its usual form.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or host)


def plain_socket(transport: IConnection) -> socket.socket | None:
    """Return the socket that takes bytes as they are; None under TLS and on other transports."""
    if isinstance(transport, FileDescriptor) and not getattr(transport, "TLS", False):
        handle = getattr(transport, "getHandle", lambda: None)()
        return handle if isinstance(handle, socket.socket) else None
    return None


def kernel_socket(transport: object) -> socket.socket | None:
    """Return the socket below *transport*, TLS or not; None if there is none."""
    handle = getattr(_lowest(transport), "getHandle", lambda: None)()
    return handle if isinstance(handle, socket.socket) else None


def set_read_size(transport: object, size: int) -> None:
    """Read at most *size* bytes in a turn of the reactor from now on."""
    lowest = _lowest(transport)
    if lowest is not None:
        lowest.bufferSize = size


def _lowest(transport: object) -> FileDescriptor | None:
    """Return the transport with the descriptor, below *transport*, which may be wrapped."""
    while transport is not None and not isinstance(transport, FileDescriptor):
        transport = getattr(transport, "transport", None)
    return transport


def unacknowledged(handle: socket.socket | None) -> int:
    """Return the bytes in the kernel that the peer has not acknowledged (SIOCOUTQ, tcp(7)).

    0 where that cannot be known.
    """
    return _queued(handle, termios.TIOCOUTQ)


def unread(handle: socket.socket | None) -> int:
    """Return the bytes that have arrived and are still in the kernel (SIOCINQ, tcp(7)).

    0 where that cannot be known.
    """
    return _queued(handle, termios.FIONREAD)


def unsent(transport: object) -> int:
    """Return the bytes that the TCP *transport* has not given to the kernel.

    0 where that cannot be known.
    """
    lowest = _lowest(transport)
    if lowest is None:
        return 0
    return len(lowest.dataBuffer) - lowest.offset + lowest._tempDataLen


def is_idle(transport: object) -> bool:
    """Return whether the TCP *transport* is open, and has no unsent data."""
    if not isinstance(transport, FileDescriptor):
        return False
    waits = transport._tempDataLen or len(transport.dataBuffer) > transport.offset
    return bool(transport.connected and not (waits or transport.disconnecting))


def _queued(handle: socket.socket | None, request: int) -> int:
    if handle is not None:
        with contextlib.suppress(OSError):
            answer = fcntl.ioctl(handle.fileno(), request, b"\0\0\0\0")
            return int(struct.unpack("i", answer)[0])
    return 0

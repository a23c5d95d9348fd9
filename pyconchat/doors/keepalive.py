"""Keeping track of silent peers in the kernel, where the protocol has no way to ask."""

from __future__ import annotations

import contextlib
import socket

from twisted.internet.interfaces import ITCPTransport

from pyconchat.chat.interfaces import IConnection

__all__ = ["keep_alive"]

PROBES = 4


def keep_alive(transport: IConnection, idle: float, limit: float) -> None:
    """Have the kernel probe the peer after *idle* seconds, and give it up after *limit*.

    A person who only reads at `nc` sends nothing and cannot be asked for a sign of life; the
    kernel of their machine can (RFC 9293, 3.8.4). 0 leaves the system's own settings.
    """
    if not ITCPTransport.providedBy(transport):
        return
    transport.setTcpNoDelay(True)
    transport.setTcpKeepAlive(True)
    handle = getattr(transport, "getHandle", lambda: None)()
    if not isinstance(handle, socket.socket) or idle <= 0 or limit <= idle:
        return
    between = max(1, int((limit - idle) / PROBES))
    with contextlib.suppress(OSError, AttributeError):  # not every system has all three
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, int(idle)))
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, between)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES)

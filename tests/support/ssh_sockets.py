"""SSH clients at a real server that break the rules."""

from __future__ import annotations

import select
import socket
import time

from twisted.conch.ssh.common import NS
from twisted.internet.testing import StringTransport

from tests.support.servers import PATIENCE
from tests.support.ssh_wire import (
    FAILURE,
    PASSWORD,
    REQUEST,
    SERVICE_ACCEPT,
    SERVICE_REQUEST,
    SUCCESS,
    ClientTransport,
)

__all__ = ["SocketSsh"]


class SocketSsh:
    """A connection to the SSH port *port*; with *small*, its kernel keeps little unread data."""

    def __init__(self, port: int, small: bool = False) -> None:
        self.socket = socket.socket()
        if small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self.ssh = ClientTransport()
        self._out = StringTransport()
        self.gone = False

    def __enter__(self) -> SocketSsh:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def logs_in(self, name: str) -> SocketSsh:
        """Exchange keys, and log in with PASSWORD."""
        self.ssh.makeConnection(self._out)
        self.waits_until(lambda: self.ssh.exchanges > 0)
        self.sends(SERVICE_REQUEST, NS(b"ssh-userauth"))
        self.waits_for(SERVICE_ACCEPT)
        packet = NS(name.encode()) + NS(b"ssh-connection") + NS(b"password")
        self.sends(REQUEST, packet + b"\0" + NS(PASSWORD.encode()))
        assert self.waits_for(SUCCESS, FAILURE)[0] == SUCCESS
        return self

    def sends(self, number: int, payload: bytes) -> None:
        """Send a packet, if the server takes it at once."""
        self.ssh.sendPacket(number, payload)
        self.pump(0.0)

    def pump(self, seconds: float) -> None:
        """Pass bytes on in both directions for *seconds*."""
        until = time.monotonic() + seconds
        while True:
            self._write()
            readable, _, _ = select.select([self.socket], [], [], max(0, until - time.monotonic()))
            if not readable or not self._read():
                return

    def writes(self) -> None:
        """Send pending output, as much as the server takes, and read nothing."""
        self._write()

    def waits_until(self, done: object) -> None:
        """Pass bytes on until *done* returns true, or the server has ended the connection."""
        until = time.monotonic() + PATIENCE
        assert callable(done)
        while not done() and not self.gone:
            assert time.monotonic() < until, "the server did not answer"
            self.pump(0.05)

    def waits_for(self, *numbers: int) -> tuple[int, bytes]:
        """Return the next packet with one of *numbers*."""
        self.waits_until(lambda: any(each[0] in numbers for each in self.ssh.packets))
        found = next(each for each in self.ssh.packets if each[0] in numbers)
        self.ssh.packets.remove(found)
        return found

    def is_cut(self, seconds: float = PATIENCE) -> bool:
        """Return whether the server ends the connection within *seconds*."""
        until = time.monotonic() + seconds
        while not self.gone and time.monotonic() < until:
            self.pump(0.1)
        return self.gone

    def _write(self) -> None:
        data = self._out.value()
        self._out.clear()
        self.socket.setblocking(False)
        try:
            sent = self.socket.send(data) if data else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self.gone, sent = True, len(data)
        self.socket.settimeout(PATIENCE)
        if data[sent:]:
            self._out.write(data[sent:])

    def _read(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.gone = True
            return False
        if self.ssh.transport is not None:
            self.ssh.dataReceived(data)
        return True

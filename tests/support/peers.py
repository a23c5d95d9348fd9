"""Peers whose sockets a test controls in detail, and two users who must not be affected."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.support.servers import PATIENCE, UNLIMITED, Server
from tests.support.users import SocketUser

__all__ = [
    "EVERYBODY",
    "MEGABYTE",
    "SOON",
    "Friends",
    "Peer",
    "cpu",
    "talk_on",
    "talking",
]

MEGABYTE = 1_000_000
EVERYBODY = f"{UNLIMITED}\nunauthenticated = 0\n"
"""Limits with which every connection is accepted."""

SOON = 2.0
"""Maximum seconds until other users are answered, also on a busy machine."""


class Peer(SocketUser):
    """A user at *host*, each of whose sends is a packet. *room* is the receive buffer's size.

    With *client*, *host* is a proxy that sends this client address.
    """

    def __init__(
        self,
        port: int,
        newline: str = "\n",
        host: str = "127.0.0.1",
        room: int = 0,
        client: str = "",
    ) -> None:
        self._host, self._room, self._client = host, room, client
        super().__init__(port, newline)

    def _connect(self, port: int) -> socket.socket:
        connection = socket.socket()
        if self._room:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._room)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(PATIENCE)
        connection.bind((self._host, 0))
        connection.connect(("127.0.0.1", port))
        if self._client:
            connection.sendall(f"PROXY TCP4 {self._client} 127.0.0.1 4000 8000\r\n".encode())
        return connection

    def joins(self, name: str, command: str = "/join tea") -> None:
        """Log in as a guest, and join tea."""
        self.logs_in(name)
        self.types(command)
        self.sees("You are in tea")

    def floods(self, data: bytes, most: int) -> int:
        """Send *data* repeatedly until the server stops reading; return the number of bytes."""
        sent = 0
        self._socket.settimeout(0.2)
        with suppress(TimeoutError, ConnectionError):
            while sent < most:
                sent += self._socket.send(data)
        self._socket.settimeout(PATIENCE)
        return sent

    def resets(self) -> None:
        """Reset the connection."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


Friends = tuple[Peer, Peer]


@contextmanager
def talking(server: Server) -> Iterator[Friends]:
    """Log in alice and bob, who talk in tea and must not be affected."""
    with closing(Peer(server.port)) as alice, closing(Peer(server.port)) as bob:
        alice.joins("alice", "/create tea open")
        bob.joins("bob")
        yield alice, bob


def talk_on(friends: Friends, times: int = 5) -> None:
    """Check that bob receives a message of alice at once."""
    alice, bob = friends
    for number in range(times):
        began = time.monotonic()
        alice.types(f"word {number}")
        bob.sees(f"alice: word {number}\n")
        assert time.monotonic() - began < SOON


def cpu(server: Server) -> float:
    """Return the seconds of processor time that *server* has used (proc(5))."""
    assert server.process is not None
    stat = Path(f"/proc/{server.process.pid}/stat").read_text()
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / 100

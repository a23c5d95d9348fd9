"""Peers at real sockets that a test controls closely, and two users who must not notice them."""

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
"""Limits with which as many are let in as come."""

SOON = 2.0
"""Seconds in which others are answered, whatever goes on and however busy the machine is."""


class Peer(SocketUser):
    """Somebody at *host*, each of whose sends is a packet. *room* bytes fit into what they read."""

    def __init__(
        self, port: int, newline: str = "\n", host: str = "127.0.0.1", room: int = 0
    ) -> None:
        self._host, self._room = host, room
        super().__init__(port, newline)

    def _connect(self, port: int) -> socket.socket:
        connection = socket.socket()
        if self._room:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._room)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(PATIENCE)
        connection.bind((self._host, 0))
        connection.connect(("127.0.0.1", port))
        return connection

    def joins(self, name: str, command: str = "/join tea") -> None:
        """Log in as a guest, and come to tea."""
        self.logs_in(name)
        self.types(command)
        self.sees("You are in tea")

    def floods(self, data: bytes, most: int) -> int:
        """Send *data* again and again until the server takes no more; return how many bytes."""
        sent = 0
        self._socket.settimeout(0.2)
        with suppress(TimeoutError, ConnectionError):
            while sent < most:
                sent += self._socket.send(data)
        self._socket.settimeout(PATIENCE)
        return sent

    def resets(self) -> None:
        """Go away as a machine does that has forgotten the connection."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


Friends = tuple[Peer, Peer]


@contextmanager
def talking(server: Server) -> Iterator[Friends]:
    """Have alice and bob in tea, who must not notice anything."""
    with closing(Peer(server.port)) as alice, closing(Peer(server.port)) as bob:
        alice.joins("alice", "/create tea open")
        bob.joins("bob")
        yield alice, bob


def talk_on(friends: Friends, times: int = 5) -> None:
    """Check that what alice says is with bob at once."""
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

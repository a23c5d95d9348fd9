"""Simulated users: many connections to one server, in one epoll loop."""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Iterable

from benchmarks.options import Failed
from benchmarks.protocols import GROUP, LINE_PROTOCOL, ChatProtocol, Login
from benchmarks.server import LOOPBACK, MAX_CONCURRENT_LOGINS

__all__ = ["MAX_READ_BYTES", "TIMEOUT", "Users", "names"]

TIMEOUT = 10.0
"""Seconds after which a run fails if an expected answer has not come."""

MAX_READ_BYTES = 1 << 20
"""Maximum bytes of one read: more than can wait in one socket while the server is healthy."""


def names(prefix: str, count: int) -> list[str]:
    """Return *count* names of equal length."""
    width = max(2, len(str(count - 1)))
    return [f"{prefix}{number:0{width}}" for number in range(count)]


class Users:
    """Users who are logged in to the server at *port*, which speaks *protocol*.

    At most *logins* are in progress at once.
    """

    def __init__(
        self,
        port: int,
        protocol: ChatProtocol = LINE_PROTOCOL,
        logins: int = MAX_CONCURRENT_LOGINS,
    ) -> None:
        self.protocol = protocol
        # Edge-triggered: each event means new data, and the socket is then read until empty.
        self.epoll = select.epoll()
        self._port = port
        self._logins = logins
        self._sockets: dict[str, socket.socket] = {}
        self._markers = 0

    def connection(self, name: str) -> socket.socket:
        """Return the socket of *name*."""
        return self._sockets[name]

    def connections(self) -> dict[int, socket.socket]:
        """Return all sockets by their descriptors."""
        return {each.fileno(): each for each in self._sockets.values()}

    def log_in(self, logins: Iterable[Login], timeout: float) -> None:
        """Log users in, a few at once, within *timeout* seconds. Raises `Failed`.

        What the server sends to users who are already logged in is read and discarded.
        """
        deadline = time.monotonic() + timeout
        waiting = deque(logins)
        dialogues: dict[int, _LoginDialogue] = {}
        connections = self.connections()
        while waiting or dialogues:
            while waiting and len(dialogues) < self._logins:
                login = waiting.popleft()
                connection = self._connect()
                descriptor = connection.fileno()
                self._sockets[login.name] = connections[descriptor] = connection
                dialogues[descriptor] = _LoginDialogue(connection, login)
                dialogues[descriptor].receive(b"")  # the first prompt may be empty
            for descriptor, _ in self.epoll.poll(1.0):
                data = _read_all(connections[descriptor])
                if descriptor in dialogues and dialogues[descriptor].receive(data):
                    del dialogues[descriptor]
            if time.monotonic() > deadline:
                missing = len(waiting) + len(dialogues)
                raise Failed(f"{missing} users were not logged in after {timeout:.0f} s")

    def wait_until_delivered(self, one: str, other: str) -> None:
        """Wait until all users, who are in one group, have received all earlier messages.

        *one* and *other* each send a marker, because no server sends users their own messages.
        Raises `Failed`.
        """
        for sender in (one, other):
            self._markers += 1
            line = self.protocol.message(f"marker {self._markers}".encode(), GROUP) + b"\n"
            self._sockets[sender].send(line)
            self._wait_for(line[line.index(b"marker") :], self._sockets[sender])

    def drain(self, quiet: float) -> None:
        """Read and discard until nothing has come for *quiet* seconds."""
        connections = self.connections()
        while ready := self.epoll.poll(quiet):
            for descriptor, _ in ready:
                _read_all(connections[descriptor])

    def close(self) -> None:
        """Close all connections.

        Stop the server first: otherwise it announces each disconnect to the other members.
        """
        self.epoll.close()
        for each in self._sockets.values():
            each.close()
        self._sockets.clear()

    def _connect(self) -> socket.socket:
        connection = socket.create_connection((LOOPBACK, self._port), TIMEOUT)
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.epoll.register(connection, select.EPOLLIN | select.EPOLLET)
        return connection

    def _wait_for(self, end: bytes, sender: socket.socket) -> None:
        """Wait until *end* is the last thing that every user except *sender* has received."""
        connections = self.connections()
        deadline = time.monotonic() + TIMEOUT + len(connections) / 50
        tails = dict.fromkeys(connections.keys() - {sender.fileno()}, b"")
        while tails:
            for descriptor, _ in self.epoll.poll(1.0):
                data = _read_all(connections[descriptor])
                if descriptor in tails:
                    tails[descriptor] = (tails[descriptor] + data)[-len(end) :]
                    if tails[descriptor] == end:
                        del tails[descriptor]
            if time.monotonic() > deadline:
                raise Failed(f"a message was not delivered to {len(tails)} members")


class _LoginDialogue:
    """The state of one login."""

    def __init__(self, connection: socket.socket, login: Login) -> None:
        self._connection = connection
        self._done = login.done
        self._steps = deque(login.steps)
        self._received = b""

    def receive(self, data: bytes) -> bool:
        """Answer the prompts in *data*; return whether the user is logged in."""
        self._received += data
        while self._steps and self._steps[0][0] in self._received:
            prompt, answer = self._steps.popleft()
            self._received = self._received[self._received.index(prompt) + len(prompt) :]
            self._connection.send(f"{answer}\n".encode())
        return not self._steps and self._done in self._received


def _read_all(connection: socket.socket) -> bytes:
    """Return everything that has been received. Raises `Failed` if the connection was closed."""
    pieces: list[bytes] = []
    while not pieces or len(pieces[-1]) == MAX_READ_BYTES:
        try:
            pieces.append(connection.recv(MAX_READ_BYTES))
        except BlockingIOError:
            break
        if not pieces[-1]:
            raise Failed("the server closed a connection")
    return b"".join(pieces)

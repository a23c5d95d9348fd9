"""Crowd: many people at raw sockets, all of them looked after by one loop."""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Iterable

from benchmarks.options import Failed
from benchmarks.protocols import GROUP, LINES, Login, Tongue
from benchmarks.server import LOOPBACK

__all__ = ["PATIENCE", "READ", "Crowd", "names"]

AT_ONCE = 16
"""Logins under way at once; fewer than connections that wait to be accepted (listen(2))."""

PATIENCE = 10.0
"""Seconds after which something that was promised is taken not to come."""

READ = 1 << 20
"""Bytes that are read at once: more than can wait for one member while all goes well."""


def names(prefix: str, count: int) -> list[str]:
    """Return *count* names of equal length."""
    width = max(2, len(str(count - 1)))
    return [f"{prefix}{number:0{width}}" for number in range(count)]


class Crowd:
    """People who are logged in to the server at *port*, which speaks *tongue*."""

    def __init__(self, port: int, tongue: Tongue = LINES) -> None:
        self.tongue = tongue
        # Edge-triggered: a socket is looked at when something has come, and is read empty then.
        self.epoll = select.epoll()
        self._port = port
        self._people: dict[str, socket.socket] = {}
        self._markers = 0

    def connection(self, name: str) -> socket.socket:
        """Return the socket of *name*."""
        return self._people[name]

    def connections(self) -> dict[int, socket.socket]:
        """Return everybody's sockets, by their descriptors."""
        return {each.fileno(): each for each in self._people.values()}

    def log_in(self, logins: Iterable[Login], patience: float) -> None:
        """Let people in, a few at once, within *patience* seconds. Raises `Failed`.

        Those who are in already read what they are shown meanwhile.
        """
        deadline = time.monotonic() + patience
        waiting = deque(logins)
        talking: dict[int, _Dialogue] = {}
        connections = self.connections()
        while waiting or talking:
            while waiting and len(talking) < AT_ONCE:
                login = waiting.popleft()
                connection = self._connect()
                descriptor = connection.fileno()
                self._people[login.name] = connections[descriptor] = connection
                talking[descriptor] = _Dialogue(connection, login)
                talking[descriptor].hears(b"")  # some are asked nothing before they speak
            for descriptor, _ in self.epoll.poll(1.0):
                data = _read_all(connections[descriptor])
                if descriptor in talking and talking[descriptor].hears(data):
                    del talking[descriptor]
            if time.monotonic() > deadline:
                missing = len(waiting) + len(talking)
                raise Failed(f"{missing} people were not logged in after {patience:.0f} s")

    def settle(self, one: str, other: str) -> None:
        """Wait until everybody, all in one group, has read all that was said so far.

        It takes two who speak, because nobody is shown their own words. Raises `Failed`.
        """
        for speaker in (one, other):
            self._markers += 1
            said = self.tongue.said(f"marker {self._markers}".encode(), GROUP) + b"\n"
            self._people[speaker].send(said)
            self._all_read(said[said.index(b"marker") :], self._people[speaker])

    def read_all(self, quiet: float) -> None:
        """Read what comes, until nothing has for *quiet* seconds."""
        connections = self.connections()
        while ready := self.epoll.poll(quiet):
            for descriptor, _ in ready:
                _read_all(connections[descriptor])

    def close(self) -> None:
        """Let everybody go. Stop the server first: else it tells each of all who leave."""
        self.epoll.close()
        for each in self._people.values():
            each.close()
        self._people.clear()

    def _connect(self) -> socket.socket:
        connection = socket.create_connection((LOOPBACK, self._port), PATIENCE)
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.epoll.register(connection, select.EPOLLIN | select.EPOLLET)
        return connection

    def _all_read(self, end: bytes, but: socket.socket) -> None:
        """Wait until *end* is the last that everybody *but* one has read."""
        connections = self.connections()
        deadline = time.monotonic() + PATIENCE + len(connections) / 50
        tails = dict.fromkeys(connections.keys() - {but.fileno()}, b"")
        while tails:
            for descriptor, _ in self.epoll.poll(1.0):
                data = _read_all(connections[descriptor])
                if descriptor in tails:
                    tails[descriptor] = (tails[descriptor] + data)[-len(end) :]
                    if tails[descriptor] == end:
                        del tails[descriptor]
            if time.monotonic() > deadline:
                raise Failed(f"{len(tails)} members were not shown a message")


class _Dialogue:
    """How far one login has come."""

    def __init__(self, connection: socket.socket, login: Login) -> None:
        self._connection = connection
        self._inside = login.inside
        self._steps = deque(login.steps)
        self._heard = b""

    def hears(self, data: bytes) -> bool:
        """Answer what can be answered; return whether they are in."""
        self._heard += data
        while self._steps and self._steps[0][0] in self._heard:
            prompt, answer = self._steps.popleft()
            self._heard = self._heard[self._heard.index(prompt) + len(prompt) :]
            self._connection.send(f"{answer}\n".encode())
        return not self._steps and self._inside in self._heard


def _read_all(connection: socket.socket) -> bytes:
    """Return all that has come. Raises `Failed` if the connection was closed."""
    pieces: list[bytes] = []
    while not pieces or len(pieces[-1]) == READ:
        try:
            pieces.append(connection.recv(READ))
        except BlockingIOError:
            break
        if not pieces[-1]:
            raise Failed("the server closed a connection")
    return b"".join(pieces)

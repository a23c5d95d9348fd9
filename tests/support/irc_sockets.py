"""IRC clients at plain sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

from tests.support.servers import PATIENCE

__all__ = ["Connect", "IrcSocket", "ids_in", "irc_clients"]


class IrcSocket:
    """A client at a plain socket, without capabilities unless it requests some."""

    def __init__(self, port: int, nick: str, password: str = "", *caps: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.nick = nick
        self._received = b""
        self._seen = 0
        first = [f"CAP REQ :{' '.join(caps)}"] if caps else []
        secret = [f"PASS :{password}"] if password else []
        self.sends(*first, *secret, f"NICK {nick}", f"USER {nick} 0 * :{nick}")
        if caps:
            self.sends("CAP END")
        self.sees(f" 422 {nick} ")

    def sends(self, *lines: str) -> None:
        """Send *lines*."""
        self._socket.sendall("".join(f"{each}\r\n" for each in lines).encode())

    def sees(self, text: str) -> str:
        """Wait for a line with *text* after the line seen last, and return all up to its end."""
        wanted = text.encode()
        while (at := self._received.find(wanted, self._seen)) < 0 or (
            end := self._received.find(b"\r\n", at)
        ) < 0:
            data = self._socket.recv(65536)
            assert data, f"closed after {self._received[self._seen :]!r}, without {text!r}"
            self._received += data
        begin, self._seen = self._seen, end + 2
        return self._received[begin:end].decode()

    def sees_all(self) -> str:
        """Wait for everything that was sent so far, and return it."""
        self.sends("PING all")
        return self.sees("PONG ")

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def ids(self) -> list[str]:
        """Return the ids of all messages to #tea that arrived before the connection ended."""
        self._socket.settimeout(5)
        with suppress(TimeoutError, ConnectionResetError):
            while data := self._socket.recv(65536):
                self._received += data
        whole = self._received[: self._received.rfind(b"\r\n") + 2]
        return ids_in(whole.decode())


Connect: TypeAlias = Callable[..., IrcSocket]
"""Connects a client: nick, password and capabilities."""


@contextmanager
def irc_clients(port: Callable[[], int]) -> Iterator[Connect]:
    """Yield a function that connects clients, each to the *port* of that moment."""
    clients: list[IrcSocket] = []

    def connect(nick: str, password: str = "", *caps: str) -> IrcSocket:
        clients.append(IrcSocket(port(), nick, password, *caps))
        return clients[-1]

    yield connect
    for each in clients:
        each.close()


def ids_in(text: str) -> list[str]:
    """Return the ids of the messages to #tea in *text*."""
    lines = (each for each in text.split("\r\n") if " PRIVMSG #tea " in each)
    return [each.split("msgid=", 1)[1].split(" ")[0].split(";")[0] for each in lines]

"""A proxy before PostgreSQL that loses the answer to a COMMIT."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from contextlib import suppress

from tests.support.servers import PATIENCE

__all__ = ["CommitCutter"]

_CALL = b"\0store_messages_"  # a Bind message begins so after its length: portal, statement


class CommitCutter:
    """Forwards connections to the Unix socket at *path*.

    When `cut` is ``"before"`` or ``"after"``, the next COMMIT of a write, or call of the function
    that commits by itself, ends its connection before it is forwarded, or when PostgreSQL has
    answered it. With `down_after_cut`, all connections end then, and `down` is set: nobody can
    connect.
    """

    def __init__(self, path: str) -> None:
        self.cut = ""
        self.down_after_cut = False
        self.down = False
        self.cuts = 0
        self._lost: socket.socket | None = None  # the connection whose answers are lost
        self._answered = threading.Event()  # PostgreSQL has answered there
        self._path = path
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._written: set[socket.socket] = set()  # connections with uncommitted new rows
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Stop listening, and end all connections."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listening.close()
        self._end(list(self._connections))
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                if self.down:
                    client.close()
                    continue
                thread = threading.Thread(target=self._forward, args=(client,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _forward(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._path)
            self._connections |= {client, server}
            down = threading.Thread(target=self._down, args=(client, server), daemon=True)
            down.start()
            self._up(client, server)
            down.join()
            self._connections -= {client, server}

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                commits = server in self._written and b"COMMIT\0" in data
                if self.cut and (commits or _CALL in data):
                    how, self.cut = self.cut, ""
                    self.down = self.down_after_cut
                    self.cuts += 1
                    if how == "after":
                        self._lost = server
                        self._answered.clear()
                        server.sendall(data)
                        self._answered.wait(PATIENCE)
                    if self.down:
                        self._end(list(self._connections))
                    break
                server.sendall(data)
        self._end((client, server))

    def _end(self, connections: Iterable[socket.socket]) -> None:
        for each in connections:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if b"INSERT 0 " in data:
                    self._written.add(server)
                elif b"COMMIT\0" in data:
                    self._written.discard(server)
                if self._lost is not server:
                    client.sendall(data)
                elif b"COMMIT\0" in data or b"SELECT 1\0" in data:  # or the function's result
                    self._answered.set()
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

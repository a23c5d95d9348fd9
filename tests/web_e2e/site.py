"""A server with the web door, behind a proxy that cuts connections, and the browser for it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

from tests.support.servers import UNLIMITED, Server, free_port

__all__ = ["CHROMIUM", "OPTIONS", "PAGE", "Cutter", "Site"]

PAGE = Path(__file__).parents[2] / "pyconchat" / "doors" / "web" / "page"

CHROMIUM = "/usr/bin/chromium"
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Cutter:
    """Forwards connections to *port* of loopback, until they are cut.

    While `down` is set, nobody can connect, while `hold_sockets` is, no WebSocket is opened, and
    while `stall` is, no file is sent.
    After `limit` bytes to the server, if it is not None, the connection that sent them is cut, and
    the limit ends.
    """

    def __init__(self, port: int) -> None:
        self.down = False
        self.hold_sockets = False
        self.stall = False
        self.limit: int | None = None
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._connections: set[socket.socket] = set()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def cut(self) -> None:
        """End all connections."""
        for each in list(self._connections):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening, and end all connections."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                if self.down:
                    client.close()
                    continue
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as up:
            self._connections |= {client, up}
            down = threading.Thread(target=self._copy, args=(up, client), daemon=True)
            down.start()
            sent = 0
            while data := client.recv(65536):
                sent += len(data)
                if self.hold_sockets and data.startswith(b"GET /ws"):
                    break
                if self.limit is not None and sent > self.limit:
                    self.limit = None
                    break
                while self.stall and data.startswith(b"PUT "):
                    threading.Event().wait(0.05)
                up.sendall(data)
            for each in (client, up):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            down.join()
        self._connections -= {client}

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


class Site:
    """A server in *folder* with the page at `url`, through `proxy`, and at `direct`."""

    def __init__(self, folder: Path) -> None:
        self.server = Server(folder, limits=UNLIMITED)
        self._port = free_port()
        self.proxy = Cutter(self._port)
        self.url = f"http://127.0.0.1:{self.proxy.port}/"
        self.direct = f"http://127.0.0.1:{self._port}/"

    def start(self) -> None:
        """Start the server, also after a kill."""
        self.server.start("--web", f"tcp:{self._port}:interface=127.0.0.1")

    def stop(self) -> None:
        """Stop everything."""
        self.proxy.close()
        self.server.stop()

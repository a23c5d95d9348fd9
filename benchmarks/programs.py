"""Programs: clients in JSON mode, at a socket or a WebSocket, and what a server's memory does."""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
from typing import Any, BinaryIO, cast

from benchmarks.options import Failed
from benchmarks.proc import resident_bytes
from benchmarks.server import LOOPBACK

__all__ = ["TIMEOUT", "PeakMemory", "Program", "SocketProgram"]

TIMEOUT = 120.0
"""Maximum seconds without an answer, or without progress of a transfer."""


class Program:
    """A program that is logged in to the server at *port*; a guest if *password* is empty."""

    def __init__(self, port: int, name: str, password: str = "benchmark") -> None:
        self.connection = self._connect(port)
        self._file = cast(BinaryIO, self.connection.makefile("rwb"))
        self._number = 0
        self._open()
        login: dict[str, object] = {"password": password} if password else {"guest": True}
        self._write({"hello": 1, "name": name, **login})
        while "hello" not in self._read():
            pass

    def ask(self, **request: str) -> dict[str, Any]:
        """Send a request and return its answer. Raises `Failed` if it is refused."""
        self._number += 1
        self._write({"id": self._number, **request})
        while (answer := self._read()).get("re") != self._number:
            pass
        if not answer["ok"]:
            raise Failed(f"{request}: {answer}")
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self.connection.close()

    def _connect(self, port: int) -> socket.socket:
        return socket.create_connection((LOOPBACK, port), TIMEOUT)

    def _open(self) -> None:
        """Begin to speak JSON."""

    def _write(self, fields: dict[str, Any]) -> None:
        self._file.write(json.dumps(fields).encode() + b"\n")
        self._file.flush()

    def _read(self) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(self._file.readline())
        return fields


class SocketProgram(Program):
    """A guest at the web door, with *tls* if that is not None."""

    def __init__(self, port: int, name: str, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._lines: list[bytes] = []
        super().__init__(port, name, "")

    def _connect(self, port: int) -> socket.socket:
        connection = super()._connect(port)
        return connection if self._tls is None else self._tls.wrap_socket(connection)

    def _open(self) -> None:
        self._file.write(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        self._file.flush()
        status = self._file.readline()
        if b" 101 " not in status:
            raise Failed(status.decode())
        while self._file.readline().strip():
            pass

    def _write(self, fields: dict[str, Any]) -> None:
        text, mask = json.dumps(fields).encode(), os.urandom(4)
        masked = bytes(each ^ mask[at % 4] for at, each in enumerate(text))
        size = len(text)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self._file.write(b"\x81" + length + mask + masked)
        self._file.flush()

    def _read(self) -> dict[str, Any]:
        while not self._lines:
            opcode, size = self._file.read(2)
            if size >= 126:
                size = int.from_bytes(self._file.read(2 if size == 126 else 8), "big")
            payload = self._file.read(size)
            if opcode == 0x81:
                self._lines = payload.splitlines()
        fields: dict[str, Any] = json.loads(self._lines.pop(0))
        return fields


class PeakMemory:
    """The highest resident memory of a process, sampled a hundred times per second."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._highest = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> int:
        """Stop sampling, and return the highest value in bytes."""
        self._stopped.set()
        self._thread.join()
        return self._highest

    def _watch(self) -> None:
        while not self._stopped.wait(0.01):
            self._highest = max(self._highest, resident_bytes(self._pid))

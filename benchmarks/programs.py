"""A program in JSON mode that blocks, and the memory of a process while something happens."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

from benchmarks.options import Failed
from benchmarks.proc import resident_bytes
from benchmarks.server import LOOPBACK

__all__ = ["TIMEOUT", "PeakMemory", "Program"]

TIMEOUT = 120.0
"""Maximum seconds without an answer, or without progress of a transfer."""


class Program:
    """A program that is logged in to the server at *port*."""

    def __init__(self, port: int, name: str) -> None:
        connection = socket.create_connection((LOOPBACK, port), TIMEOUT)
        self._file = connection.makefile("rw", encoding="utf-8")
        connection.close()  # the file keeps it open
        self._number = 0
        self._write({"hello": 1, "name": name, "password": "benchmark"})
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

    def _write(self, fields: dict[str, Any]) -> None:
        print(json.dumps(fields), file=self._file, flush=True)

    def _read(self) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(self._file.readline())
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

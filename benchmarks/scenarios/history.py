"""`history`: ``/history`` in a group with a million messages."""

from __future__ import annotations

import socket
import time

from benchmarks import proc
from benchmarks.large_state import large_state, last_line
from benchmarks.options import Failed, Options
from benchmarks.report import Result, percentile
from benchmarks.scenarios.archive import archive_readers

__all__ = ["history"]

ENTRIES = 50
REQUESTS = 300

MAX_MS = 10.0
"""The target for one request."""


def history(options: Options) -> list[Result]:
    """Measure ``/history 50``, and for comparison ``/admin``, which reads no entries."""
    state = large_state(options)
    result = Result(
        "history",
        f"history: /history {ENTRIES} in a group of {options.entries:,} messages",
        entries=options.entries,
        requests=REQUESTS,
    )
    for reader, pid in archive_readers(options, state):
        _measure(result, reader, pid, options)
    return [result]


def _measure(result: Result, reader: socket.socket, pid: int, options: Options) -> None:
    command = f"/history {ENTRIES}"
    lines = ENTRIES + 1  # and one with the command for older ones
    _ask(reader, command, lines, last_line(options))  # the first opens database connections
    before = proc.cpu_seconds(pid)
    times = sorted(_ask(reader, command, lines, last_line(options)) for _ in range(REQUESTS))
    cpu = (proc.cpu_seconds(pid) - before) / REQUESTS
    others = sorted(_ask(reader, "/admin", 1, b"\n") for _ in range(REQUESTS))
    result.add("response time p50", "ms", percentile(times, 0.5) * 1e3)
    result.add("response time p99", "ms", percentile(times, 0.99) * 1e3, maximum=MAX_MS)
    result.add("server's processor time", "ms", cpu * 1e3, maximum=MAX_MS)
    result.add("/admin, response time p50", "ms", percentile(others, 0.5) * 1e3)


def _ask(reader: socket.socket, command: str, lines: int, end: bytes) -> float:
    """Return the seconds until the whole answer has been received. Raises `Failed`."""
    began = time.perf_counter()
    reader.send(f"{command}\n".encode())
    answer = b""
    while answer.count(b"\n") < lines:
        data = reader.recv(65536)
        if not data:
            raise Failed(f"the server closed the connection after {command}")
        answer += data
    took = time.perf_counter() - began
    if answer.count(b"\n") != lines or not answer.endswith(end):
        raise Failed(f"{command} was answered {answer!r}")
    return took

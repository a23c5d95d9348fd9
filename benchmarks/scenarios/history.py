"""`history`: reading back in a group in which a million things were said."""

from __future__ import annotations

import socket
import time
from contextlib import closing

from benchmarks import proc
from benchmarks.large_state import ARCHIVE, OWNER, PASSWORD, full_state, last_words
from benchmarks.options import Failed, Options
from benchmarks.protocols import registered
from benchmarks.report import Result, percentile
from benchmarks.server import running
from benchmarks.users import PATIENCE, Crowd

__all__ = ["history"]

ENTRIES = 50
REQUESTS = 300

PROMISED = 10.0
"""Milliseconds for one request, in the server."""


def history(options: Options) -> list[Result]:
    """Measure ``/history 50``, and ``/admin``, which reads nothing, to compare."""
    state = full_state(options)
    result = Result(
        "history",
        f"history: /history {ENTRIES} in a group of {options.entries:,} messages",
        entries=options.entries,
        requests=REQUESTS,
    )
    for _ in range(options.runs):
        with running(options, state) as server:
            server.start()
            with closing(Crowd(server.port)) as crowd:
                crowd.log_in([registered(OWNER, PASSWORD, ARCHIVE)], PATIENCE)
                reader = crowd.connection(OWNER)
                crowd.epoll.unregister(reader)
                reader.settimeout(PATIENCE)
                _measure(result, reader, server.pid, options)
                server.stop()
    return [result]


def _measure(result: Result, reader: socket.socket, pid: int, options: Options) -> None:
    asked = f"/history {ENTRIES}"
    _ask(reader, asked, ENTRIES, last_words(options))  # the first one opens the connections
    before = proc.cpu_seconds(pid)
    times = sorted(_ask(reader, asked, ENTRIES, last_words(options)) for _ in range(REQUESTS))
    work = (proc.cpu_seconds(pid) - before) / REQUESTS
    others = sorted(_ask(reader, "/admin", 1, b"\n") for _ in range(REQUESTS))
    result.note("asked to answered, p50", "ms", percentile(times, 0.5) * 1e3)
    result.note("asked to answered, p99", "ms", percentile(times, 0.99) * 1e3, most=PROMISED)
    result.note("server's processor time", "ms", work * 1e3, most=PROMISED)
    result.note("/admin, asked to answered, p50", "ms", percentile(others, 0.5) * 1e3)


def _ask(reader: socket.socket, command: str, lines: int, end: bytes) -> float:
    """Return the seconds until the whole answer has come. Raises `Failed`."""
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

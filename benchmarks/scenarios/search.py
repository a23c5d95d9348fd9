"""`search`: ``/search`` in a group with a million messages, and building the index."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.large_state import ARCHIVE_ID, OWNER, fill, large_state
from benchmarks.options import Failed, Options
from benchmarks.postgres import empty
from benchmarks.report import Result, percentile
from benchmarks.scenarios.archive import archive_readers
from pyconchat.domain.search import Query, phrases
from pyconchat.store import SqlStore

__all__ = ["search"]

REQUESTS = 100

PAGE = 20
"""Messages in one answer."""

MAX_RARE_MS = 10.0
MAX_COMMON_MS = 50.0


def search(options: Options) -> list[Result]:
    """Measure searches for words in one, in some, and in all of the messages."""
    state = large_state(options)
    result = Result(
        "search",
        f"search: in a group of {options.entries:,} messages",
        entries=options.entries,
        requests=REQUESTS,
    )
    for reader, _ in archive_readers(options, state):
        _measure(result, reader, options)
    _build(result, state, options)
    return [result, *([_in_postgres(options)] if options.postgres else [])]


def _measure(result: Result, reader: socket.socket, options: Options) -> None:
    middle, oldest = options.entries // 2, options.entries // 10
    older = ("an older page", f"number before:{oldest}", PAGE + 2, MAX_COMMON_MS)
    sender = ("of one of ten senders, newest page", f"from:{OWNER}", PAGE + 2, MAX_COMMON_MS)
    for name, words, lines, limit in (*_searches(middle), older, sender):
        times = sorted(_ask(reader, f"/search {words}", lines) for _ in range(REQUESTS))
        _add(result, name, times, limit)


def _searches(middle: int) -> list[tuple[str, str, int, float | None]]:
    """Return names, words, lines of the answer, and the maximum p99 in milliseconds."""
    return [
        ("a word in one message", f"{middle}", 2, MAX_RARE_MS),
        ("two words, together in one message", f"number {middle}", 2, MAX_RARE_MS),
        ("a word in all messages, newest page", "number", PAGE + 2, MAX_COMMON_MS),
        ("the phrase of a word and a number", f'"number {middle}"', 2, MAX_COMMON_MS),
        ("a prefix of three digits", f"{middle // 1000}*", PAGE + 2, MAX_COMMON_MS),
        ("a prefix of one letter", "a*", PAGE + 2, None),
    ]


def _add(result: Result, name: str, times: Sequence[float], limit: float | None) -> None:
    result.add(f"{name}: p50", "ms", percentile(times, 0.5) * 1e3)
    result.add(f"{name}: p99", "ms", percentile(times, 0.99) * 1e3, maximum=limit)


def _in_postgres(options: Options) -> Result:
    """Measure the same searches in the store alone, in PostgreSQL."""
    result = Result(
        "search",
        f"search in PostgreSQL: in a group of {options.entries:,} messages, the store alone",
        entries=options.entries,
        requests=REQUESTS,
    )
    empty(options.postgres)
    store = SqlStore(options.postgres, "normal")
    store.open()
    try:
        fill(store, options)
        before = store.load().groups[ARCHIVE_ID].head + 1
        for name, words, _, limit in _searches(options.entries // 2):
            query, times = Query(phrases(words)), []
            for _ in range(REQUESTS):
                began = time.perf_counter()
                found = store.search(ARCHIVE_ID, query, before, PAGE).entries
                times.append(time.perf_counter() - began)
                if not found:
                    raise Failed(f"nothing was found for {words}")
            _add(result, name, sorted(times), limit)
    finally:
        store.close()
    return result


def _ask(reader: socket.socket, command: str, lines: int) -> float:
    """Return the seconds until the whole answer has been received. Raises `Failed`."""
    began = time.perf_counter()
    reader.send(f"{command}\n".encode())
    answer = b""
    while answer.count(b"\n") < lines:
        data = reader.recv(65536)
        if not data:
            raise Failed(f"the server closed the connection after {command}")
        answer += data
        if answer.startswith((b"* Nothing", b"* The search")):
            raise Failed(f"{command} was answered {answer!r}")
    return time.perf_counter() - began


def _build(result: Result, state: Path, options: Options) -> None:
    """Measure how fast a new index follows the log, and its size."""
    folder = options.folder / "index-new"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(state, folder)
    database = folder / "pyconchat.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
        connection.execute("DELETE FROM indexed")
    store = SqlStore(f"sqlite:///{database.absolute()}", options.durability)
    store.open()
    slowest, count, began = 0.0, store.behind, time.perf_counter()
    while store.behind:
        step = time.perf_counter()
        store.index(store.index_step)
        slowest = max(slowest, time.perf_counter() - step)
    seconds = time.perf_counter() - began
    store.close()
    with closing(sqlite3.connect(database)) as connection:
        (size,) = connection.execute("SELECT sum(length(block)) FROM words_data").fetchone()
    shutil.rmtree(folder)
    result.add("entries indexed per second", "", count / seconds)
    result.add("slowest step of the index", "ms", slowest * 1e3)
    result.add("size of the index", "MB", size / 1e6)

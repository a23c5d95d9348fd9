"""`start`: how long a server with much on its disk takes to greet somebody."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks import proc
from benchmarks.large_state import ACCOUNTS, full_state
from benchmarks.options import Options
from benchmarks.report import Result
from benchmarks.server import running

__all__ = ["start"]

PROMISED = 2.0
"""Seconds from exec to the first prompt."""


def start(options: Options) -> list[Result]:
    """Measure the start on an empty state, and on a full one, in memory already or not."""
    state = full_state(options)
    size = sum(file.stat().st_size for file in state.iterdir())
    result = Result(
        "start",
        f"start: {options.groups:,} groups, {ACCOUNTS:,} accounts, {options.entries:,} messages"
        f" ({size / 2**20:,.0f} MiB)",
        groups=options.groups,
        accounts=ACCOUNTS,
        entries=options.entries,
        bytes=size,
    )
    for _ in range(options.runs):
        result.note("nothing on disk, to first prompt", "s", _start(options)[0])
        _forget(state)
        cold, _ = _start(options, state)
        warm, memory = _start(options, state)
        result.note("not in the page cache", "s", cold, most=PROMISED)
        result.note("in the page cache", "s", warm, most=PROMISED)
        result.note("server's resident memory", "MiB", memory / 2**20)
    return [result]


def _start(options: Options, state: Path | None = None) -> tuple[float, int]:
    with running(options, state) as server:
        return server.start(), proc.resident(server.pid)


def _forget(state: Path) -> None:
    """Have the kernel drop what it has in memory of the files in *state*."""
    for path in state.iterdir():
        file = os.open(path, os.O_RDONLY)
        try:
            os.fsync(file)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(file)

"""`start`: the time to the first prompt of a server with a large state."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks import proc
from benchmarks.large_state import ACCOUNTS, large_state
from benchmarks.options import Options
from benchmarks.report import Result
from benchmarks.server import running

__all__ = ["start"]

MAX_SECONDS = 2.0
"""The target for the time from exec to the first prompt."""


def start(options: Options) -> list[Result]:
    """Measure the start on an empty state, and on a large one with a cold and a warm cache."""
    state = large_state(options)
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
        result.add("empty state, to first prompt", "s", _start(options)[0])
        _drop_page_cache(state)
        cold, _ = _start(options, state)
        warm, memory = _start(options, state)
        result.add("large state, cold page cache", "s", cold, maximum=MAX_SECONDS)
        result.add("large state, warm page cache", "s", warm, maximum=MAX_SECONDS)
        result.add("server's resident memory", "MiB", memory / 2**20)
    return [result]


def _start(options: Options, state: Path | None = None) -> tuple[float, int]:
    with running(options, state) as server:
        return server.start(), proc.resident_bytes(server.pid)


def _drop_page_cache(state: Path) -> None:
    """Have the kernel drop the files in *state* from its page cache."""
    for path in state.iterdir():
        file = os.open(path, os.O_RDONLY)
        try:
            os.fsync(file)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(file)

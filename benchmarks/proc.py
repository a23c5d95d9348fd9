"""Processor time and memory of a process, from Linux's /proc."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cores import GENERATOR_CORE, SERVER_CORE

__all__ = ["Reading", "Usage", "cpu_seconds", "read", "resident_bytes", "usage_between"]

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_IDLE, _IOWAIT = 3, 4  # columns of /proc/stat


def resident_bytes(pid: int) -> int:
    """Return the resident memory of the process *pid* in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES


def cpu_seconds(pid: int) -> float:
    """Return the processor time of *pid*, including threads that have ended."""
    # The clock id that clock_getcpuclockid(3) returns for a process on Linux.
    return time.clock_gettime(~pid << 3 | 2)


@dataclass(frozen=True)
class Reading:
    """The counters at one moment, in seconds; *busy* covers both cores that we use."""

    at: float
    server: float
    generator: float
    busy: float


@dataclass(frozen=True)
class Usage:
    """Processor time between two readings, in cores: 1.0 is one core all the time.

    *others* is the share of all other processes; if it is large, the figures are unreliable.
    """

    seconds: float
    server: float
    generator: float
    others: float


def read(*pids: int) -> Reading:
    """Read the counters; *pids* are the processes of the server."""
    server = sum(map(cpu_seconds, pids))
    return Reading(time.perf_counter(), server, time.process_time(), _busy_seconds())


def usage_between(start: Reading, end: Reading) -> Usage:
    """Return the usage from *start* to *end*."""
    seconds = end.at - start.at
    server = (end.server - start.server) / seconds
    generator = (end.generator - start.generator) / seconds
    others = (end.busy - start.busy) / seconds - server - generator
    return Usage(seconds, server, generator, max(0.0, others))


def _busy_seconds() -> float:
    """Return how long our cores have been busy since boot, including stolen time (proc(5))."""
    ours = {f"cpu{core}" for core in (SERVER_CORE, GENERATOR_CORE)}
    ticks = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in ours:
            counts = [int(field) for field in fields[:8]]
            ticks += sum(counts) - counts[_IDLE] - counts[_IOWAIT]
    return ticks * _TICK_SECONDS

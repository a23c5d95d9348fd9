"""Readings of the kernel's counters: the time and memory that a process takes, by Linux's /proc."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cores import GENERATOR_CORE, SERVER_CORE

__all__ = ["Reading", "Usage", "cpu_seconds", "read", "resident", "usage_between"]

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = 1 / os.sysconf("SC_CLK_TCK")
_IDLE, _IOWAIT = 3, 4


def resident(pid: int) -> int:
    """Return the bytes of memory that the process *pid* has resident."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def cpu_seconds(pid: int) -> float:
    """Return the processor time that *pid* has used, threads that have ended included."""
    # What clock_getcpuclockid(3) returns on Linux, where it may be any process of ours.
    return time.clock_gettime(~pid << 3 | 2)


@dataclass(frozen=True)
class Reading:
    """The counters at one moment, all in seconds; *busy* is of the two cores that we use."""

    at: float
    server: float
    generator: float
    busy: float


@dataclass(frozen=True)
class Usage:
    """What was used between two readings, in cores: 1.0 is one core all the time.

    *others* is what neither the server nor the generator did: noise, if it is much.
    """

    seconds: float
    server: float
    generator: float
    others: float


def read(pid: int) -> Reading:
    """Read the counters; *pid* is the server."""
    return Reading(time.perf_counter(), cpu_seconds(pid), time.process_time(), _busy_seconds())


def usage_between(one: Reading, other: Reading) -> Usage:
    """Return what was used from *one* to the *other*."""
    seconds = other.at - one.at
    server = (other.server - one.server) / seconds
    generator = (other.generator - one.generator) / seconds
    others = (other.busy - one.busy) / seconds - server - generator
    return Usage(seconds, server, generator, max(0.0, others))


def _busy_seconds() -> float:
    """Return how long our cores have been busy since the boot, stolen time included (proc(5))."""
    ours = {f"cpu{core}" for core in (SERVER_CORE, GENERATOR_CORE)}
    ticks = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in ours:
            counts = [int(field) for field in fields[:8]]
            ticks += sum(counts) - counts[_IDLE] - counts[_IOWAIT]
    return ticks * _TICK

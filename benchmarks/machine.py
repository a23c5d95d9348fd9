"""The machine and the versions of the software on which the figures were measured."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.cores import GENERATOR_CORE, SERVER_CORE

__all__ = ["describe"]

SYNCS = 100
"""Number of fdatasync calls that are timed."""


def describe(folder: Path) -> dict[str, str]:
    """Return a description of the machine; the servers' state is on the disk of *folder*."""
    packages = ["Twisted", "SQLAlchemy", "msgspec"]
    syncs = _sync_times(folder)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "processor": _field("/proc/cpuinfo", "model name"),
        "cores": f"{os.cpu_count()}; server on {SERVER_CORE}, load generator on {GENERATOR_CORE}",
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        **{package: version(package) for package in packages},
        "SQLite": sqlite3.sqlite_version,
        "fdatasync of 4 KiB": f"{median(syncs) * 1e3:.3f} ms (maximum {max(syncs) * 1e3:.3f})",
        "load average before": f"{os.getloadavg()[0]:.2f}",
    }


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def _commit() -> str:
    """Return the commit of the checkout, followed by + if files of the server are modified."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        head = subprocess.check_output([*git, "rev-parse", "--short", "HEAD"], text=True)
        changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", ":/pyconchat"])
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.strip() + "+" * (changed.returncode != 0)


def _sync_times(folder: Path) -> list[float]:
    """Return the time in seconds of each fdatasync after an append of 4 KiB."""
    path = folder / "sync-probe"
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    times = []
    try:
        for _ in range(SYNCS):
            os.write(file, bytes(4096))
            began = time.perf_counter()
            os.fdatasync(file)
            times.append(time.perf_counter() - began)
    finally:
        os.close(file)
        path.unlink()
    return times

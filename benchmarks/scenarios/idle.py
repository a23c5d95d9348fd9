"""`idle`: what a session costs that is only there."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from benchmarks import proc
from benchmarks.options import Options
from benchmarks.protocols import Login, guest
from benchmarks.report import Result
from benchmarks.server import running
from benchmarks.users import Crowd, names

__all__ = ["idle"]

PROMISED = 12.0
"""KiB of resident memory a session."""

FRESH = 80.0
"""MiB of resident memory of a server in which nobody is yet."""

SMALL_GROUP = 10

PATIENCE = 0.02
"""Seconds that one login may take, on top of a minute."""

STILL = 0.01
"""Processor use below which a server has nothing left to do."""


def idle(options: Options) -> list[Result]:
    """Measure resident memory, with all sessions at the front desk or in small groups."""
    return [
        _measured(options, "at the front desk", _at_the_desk),
        _measured(options, f"in groups of {SMALL_GROUP}", _in_a_group),
    ]


def _at_the_desk(name: str, number: int) -> Login:
    return guest(name, "", "at the front desk")


def _in_a_group(name: str, number: int) -> Login:
    # The first of each ten makes the group; logins under way together may swap who that is.
    group = f"g{number // SMALL_GROUP}"
    return guest(name, f"/create {group} open" if number % SMALL_GROUP == 0 else group)


def _measured(options: Options, where: str, login: Callable[[str, int], Login]) -> Result:
    result = Result(
        "idle",
        f"idle: {options.sessions:,} sessions {where}",
        sessions=options.sessions,
        where=where,
    )
    for _ in range(options.runs):
        with running(options) as server:
            # The second start is measured: making the tables takes memory that is free then.
            server.start()
            server.stop()
            server.start()
            _wait_until_still(server.pid)
            before = proc.resident(server.pid)
            with closing(Crowd(server.port)) as crowd:
                people = [login(*each) for each in _numbered(options.sessions)]
                began = time.perf_counter()
                patience = 60 + PATIENCE * options.sessions
                crowd.log_in(people[::SMALL_GROUP], patience)
                del people[::SMALL_GROUP]
                crowd.log_in(people, patience)
                took = time.perf_counter() - began
                _wait_until_still(server.pid)
                after = proc.resident(server.pid)
                server.stop()
        each = (after - before) / options.sessions / 1024
        result.note("memory of a fresh server", "MiB", before / 2**20, most=FRESH)
        result.note("memory of a session", "KiB", each, most=PROMISED)
        result.note("logins", "a second", options.sessions / took)
    return result


def _numbered(count: int) -> list[tuple[str, int]]:
    return [(name, number) for number, name in enumerate(names("m", count))]


def _wait_until_still(pid: int) -> None:
    """Wait until the server has done what there was to do, or for ten seconds."""
    for _ in range(20):
        before = proc.cpu_seconds(pid)
        time.sleep(0.5)
        if proc.cpu_seconds(pid) - before < STILL * 0.5:
            return

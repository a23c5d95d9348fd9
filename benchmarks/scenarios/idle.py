"""`idle`: the memory and the processor use of idle sessions."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from benchmarks import proc
from benchmarks.options import Options
from benchmarks.protocols import Login, guest
from benchmarks.report import Result
from benchmarks.server import running
from benchmarks.users import Users, names

__all__ = ["idle"]

MAX_SESSION_KIB = 12.0
MAX_FRESH_MIB = 80.0
"""The targets for the resident memory of a session, and of a server without sessions."""

GROUP_MEMBERS = 10

SECONDS_PER_LOGIN = 0.02
"""For the timeout of all logins, in addition to a minute."""

MAX_IDLE_USAGE = 0.01
"""Maximum processor use, as a share of a core, of a server that has nothing left to do."""

REST_SECONDS = 12.0
"""Seconds after which the doors of silent sessions rest."""

WATCHED_SECONDS = 30.0
"""Seconds in which the processor use of idle sessions is measured."""

MAX_USAGE = 0.3
"""The target for the processor use of 10,000 idle sessions, in % of a core."""


def idle(options: Options) -> list[Result]:
    """Measure resident memory with all sessions at the front desk, and in small groups."""
    return [
        _measure(options, "at the front desk", _at_the_desk),
        _measure(options, f"in groups of {GROUP_MEMBERS}", _in_a_group),
    ]


def _at_the_desk(name: str, number: int) -> Login:
    return guest(name, "", "at the front desk")


def _in_a_group(name: str, number: int) -> Login:
    # The first of ten creates the group; concurrent logins may change the order.
    group = f"g{number // GROUP_MEMBERS}"
    return guest(name, f"/create {group} open" if number % GROUP_MEMBERS == 0 else group)


def _measure(options: Options, where: str, login: Callable[[str, int], Login]) -> Result:
    result = Result(
        "idle",
        f"idle: {options.sessions:,} sessions {where}",
        sessions=options.sessions,
        where=where,
    )
    for _ in range(options.runs):
        with running(options) as server:
            # The second start is measured: creating the tables at the first one takes memory.
            server.start()
            server.stop()
            server.start()
            _wait_until_idle(server.pid)
            before = proc.resident_bytes(server.pid)
            with closing(Users(server.port)) as users:
                logins = [login(*each) for each in _numbered(options.sessions)]
                began = time.perf_counter()
                timeout = 60 + SECONDS_PER_LOGIN * options.sessions
                users.log_in(logins[::GROUP_MEMBERS], timeout)
                del logins[::GROUP_MEMBERS]
                users.log_in(logins, timeout)
                seconds = time.perf_counter() - began
                _wait_until_idle(server.pid)
                after = proc.resident_bytes(server.pid)
                usage = _idle_usage(users, server.pid)
                server.stop()
        per_session = (after - before) / options.sessions / 1024
        result.add("memory without sessions", "MiB", before / 2**20, maximum=MAX_FRESH_MIB)
        result.add("memory of a session", "KiB", per_session, maximum=MAX_SESSION_KIB)
        result.add("processor use", "% of a core", usage, maximum=MAX_USAGE)
        result.add("logins", "per second", options.sessions / seconds)
    return result


def _idle_usage(users: Users, pid: int) -> float:
    """Return the server's processor use while nobody does anything, in % of a core."""
    time.sleep(REST_SECONDS)
    users.drain(1.0)
    before = proc.cpu_seconds(pid)
    time.sleep(WATCHED_SECONDS)
    return (proc.cpu_seconds(pid) - before) / WATCHED_SECONDS * 100


def _numbered(count: int) -> list[tuple[str, int]]:
    return [(name, number) for number, name in enumerate(names("m", count))]


def _wait_until_idle(pid: int) -> None:
    """Wait until the server is idle, but at most ten seconds."""
    for _ in range(20):
        before = proc.cpu_seconds(pid)
        time.sleep(0.5)
        if proc.cpu_seconds(pid) - before < MAX_IDLE_USAGE * 0.5:
            return

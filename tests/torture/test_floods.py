"""Floods of cheap input: the round trip of an honest session stays short."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import cycle
from pathlib import Path

import pytest

from tests.support.programs import Program
from tests.support.servers import Server, free_port, running
from tests.torture.flood import KINDS

pytestmark = pytest.mark.torture

SECONDS = 4.0
"""How long each flood is measured."""

WEB_PORT, IRC_PORT = free_port(), free_port()

PROGRAMS = 8
"""Honest sessions, which send commands in turn: each is within the message rate."""

MOST = 0.050
"""Maximum seconds of 99 of 100 round trips, on an idle machine."""

MOST_LOGIN = 2.0
"""Maximum seconds of a login with its first command, during a flood and after it."""

NEWCOMERS = 3

MOST_WORK = 0.8
"""Maximum share of a processor that the server uses during a flood.

A fifth is for the work that floods cause; logins, the honest sessions, and messages within the
message rate come in addition. It does not depend on what else the machine does.
"""

# The message rate of floods that are logged in is the default's; the honest one is below it.
LIMITS = """
[limits]
unauthenticated = 0
"""


@contextmanager
def flooding(port: int, kind: str) -> Iterator[None]:
    """Flood the server at *port*."""
    command = [sys.executable, "-m", "tests.torture.flood", str(port), kind]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"flooding\n"
            yield
            assert process.poll() is None
        finally:
            process.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with its default rates, and all doors."""
    folder = tmp_path_factory.mktemp("server")
    server = Server(folder, limits=LIMITS, tls=True, ssh=True, real_hashes=True)
    doors = [("--web", WEB_PORT), ("--irc", IRC_PORT)]
    options = [f"{door}=tcp:{port}:interface=127.0.0.1" for door, port in doors]
    with running(server, *options):
        yield server


def port_of(server: Server, kind: str) -> int:
    """Return the port of the door that a flood of *kind* goes to."""
    ports = {"web": WEB_PORT, "IRC": IRC_PORT, "SSH": server.ssh_port, "secure": server.tls_port}
    return ports.get(kind.split()[0], server.port)


def work_of(server: Server) -> float:
    """Return the seconds of processor time that the server has used (proc_pid_stat(5))."""
    assert server.process is not None
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def round_trips(honest: list[Program], seconds: float) -> list[float]:
    """Return the seconds that commands take, in order, for *seconds*."""
    took: list[float] = []
    until, turns = time.monotonic() + seconds, cycle(honest)
    while time.monotonic() < until:
        time.sleep(0.2 / len(honest))  # within the message rate
        began = time.monotonic()
        assert next(turns).does("/who")["type"] == "who"
        took.append(time.monotonic() - began)
    return sorted(took)


def login(port: int, name: str) -> float:
    """Return the seconds that the login of *name* takes, with a first command."""
    with closing(Program(port)) as newcomer:
        began = time.monotonic()
        newcomer.logs_in(name)
        assert newcomer.does("/who")["type"] == "who"
        return time.monotonic() - began


def part(took: list[float], share: float) -> float:
    """Return the percentile *share* of *took*, which is sorted, in milliseconds."""
    return 1000 * took[int(len(took) * share)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_round_trip_of_others(server: Server, kind: str) -> None:
    """With 45 flooding connections, 99 of 100 commands are answered within 50 ms.

    Newcomers are let in meanwhile, and after it.
    """
    number = list(KINDS).index(kind)
    with ExitStack() as stack:
        honest = [stack.enter_context(closing(Program(server.port))) for _ in range(PROGRAMS)]
        for which, each in enumerate(honest):
            each.logs_in(f"honest-{number}-{which}")
        with flooding(port_of(server, kind), kind):
            began, work = time.monotonic(), work_of(server)
            took = round_trips(honest, SECONDS)
            work = (work_of(server) - work) / (time.monotonic() - began)
            logins = [login(server.port, f"new-{number}-{which}") for which in range(NEWCOMERS)]
        after = login(server.port, f"late-{number}")
        print(
            f"{kind}: p50 {part(took, 0.5):.1f} ms, p99 {part(took, 0.99):.1f} ms, {len(took)};"
            f" logins {1000 * max(logins):.1f} ms, after it {1000 * after:.1f} ms;"
            f" {100 * work:.0f} % of a processor"
        )
        assert part(took, 0.99) < 1000 * MOST
        assert max(*logins, after) < MOST_LOGIN
        assert work < MOST_WORK

"""Floods of cheap input: the round trip of an honest session stays short."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.programs import Program
from tests.support.servers import Server, running
from tests.torture.flood import KINDS

pytestmark = pytest.mark.torture

SECONDS = 4.0
"""How long each flood is measured."""

MOST = 0.050
"""Maximum round trip in seconds, of 99 in 100."""

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
    """A server with its default rates."""
    server = Server(tmp_path_factory.mktemp("server"), limits=LIMITS)
    with running(server):
        yield server


@pytest.mark.parametrize("kind", KINDS)
def test_the_round_trip_of_others(server: Server, kind: str) -> None:
    """With 45 flooding connections, 99 of 100 messages are stored and answered within 50 ms."""
    with closing(Program(server.port)) as honest:
        honest.logs_in(f"honest-{list(KINDS).index(kind)}", "password h")
        honest.does(f"/create quiet-{list(KINDS).index(kind)} open")
        took: list[float] = []
        with flooding(server.port, kind):
            until = time.monotonic() + SECONDS
            while time.monotonic() < until:
                time.sleep(0.2)  # within the message rate
                began = time.monotonic()
                assert honest.does("/who")["type"] == "who"
                took.append(time.monotonic() - began)
        took.sort()
        p50, p99 = (1000 * took[int(len(took) * share)] for share in (0.5, 0.99))
        print(f"{kind}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, of {len(took)}")
        assert p99 < 1000 * MOST

"""A rolling restart of two nodes, each of which ends its sessions a few at a time."""

from __future__ import annotations

import signal
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.support.clusters import running_nodes
from tests.support.programs import Program
from tests.support.rolling_restart import restart_in_turn
from tests.support.servers import PATIENCE, Server, free_port
from tests.support.users import SocketUser

SLOWLY = {
    "pyconchat.server.drain.SESSIONS_PER_SECOND": 1,
    "pyconchat.server.drain.STEP_SECONDS": 20.0,
}


def readiness(port: int) -> str:
    """Return what ``/ready`` says at the *port* for metrics."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        said = answer.read().decode()
    assert answer.status == (200 if said == "ready\n" else 503)
    return said


def test_nothing_is_lost_or_doubled(tmp_path: Path, postgresql_url: str) -> None:
    """Programs receive each entry once, in order; people at nc miss nothing, and lose no line."""
    restart_in_turn(tmp_path, postgresql_url, clients=30, senders=10, people=6)


@contextmanager
def two_slow_nodes(folder: Path, url: str) -> Iterator[tuple[Server, Server, int]]:
    """Run two nodes that end few sessions a second; the port for the first one's metrics."""
    metrics = free_port()
    doors = f'[doors]\nmetrics = "tcp:{metrics}:interface=127.0.0.1"\n'
    with running_nodes(folder, url, 2, constants=SLOWLY) as cluster:
        first, second = cluster.nodes
        first.stop()
        first._toml += doors
        first.restart()
        yield first, second, metrics
    assert cluster.tracebacks() == []


def test_a_node_that_drains(tmp_path: Path, postgresql_url: str) -> None:
    """It is not ready, and does not listen; people and programs are told; a signal hurries it."""
    with two_slow_nodes(tmp_path, postgresql_url) as (first, second, metrics):
        assert readiness(metrics) == "ready\n"
        alice = SocketUser(first.port)
        alice.logs_in("alice", "secret of alice")
        alice.types("/create tea open")
        alice.sees("You are in tea")
        gus = SocketUser(second.port)
        gus.logs_in("gus")
        gus.types("/join tea")
        gus.sees("You are in tea")
        programs = [Program(first.port) for _ in range(60)]
        for number, each in enumerate(programs):
            each.logs_in(f"program{number}")
        assert first.process is not None
        first.process.terminate()
        alice.sees("* This server is stopping. Connect again: another one takes over.\n")
        assert readiness(metrics) == "draining\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics") as page:
            assert b"\npyconchat_draining 1.0\n" in page.read()
        with pytest.raises(ConnectionRefusedError):
            Program(first.port)
        programs[0].sees("end", why="stopping")
        assert alice.is_disconnected()
        programs[59].asks("/who")  # its turn has not come yet
        first.process.send_signal(signal.SIGTERM)
        first.stop()
        programs[59].sees("end", why="stopping")
        again = SocketUser(second.port)
        again.logs_in("alice", "secret of alice", "tea")
        again.sees("You are in tea")
        for each in (alice, again, gus, *programs):
            each.close()


def test_guests_of_a_node_that_stops(tmp_path: Path, postgresql_url: str) -> None:
    """Their memberships end at once, and their names are free."""
    with running_nodes(tmp_path, postgresql_url, 2) as cluster:
        first, second = cluster.nodes
        alice = SocketUser(second.port)
        alice.logs_in("alice", "secret of alice")
        alice.types("/create tea open")
        alice.sees("You are in tea")
        gus = SocketUser(first.port)
        gus.logs_in("gus")
        gus.types("/join tea")
        alice.sees("gus has joined")
        first.stop()
        alice.sees("gus has left the chat (disconnected)")
        again = SocketUser(second.port)
        again.logs_in("gus")
        for each in (alice, gus, again):
            each.close()
    assert cluster.tracebacks() == []

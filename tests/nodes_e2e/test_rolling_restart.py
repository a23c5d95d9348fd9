"""A rolling restart of two nodes, each of which ends its sessions a few at a time."""

from __future__ import annotations

import re
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from pyconchat.store import SqlStore
from tests.contracts.test_fold import fold_log
from tests.support.clusters import running_nodes
from tests.support.crowds import GROUPS, MOST, Crowd, crowd, settle
from tests.support.programs import Object, Program
from tests.support.servers import PATIENCE, Server, free_port
from tests.support.users import SocketUser

CLIENTS, SENDERS, PEOPLE = 200, 60, 20
EVERYBODY = CLIENTS + PEOPLE

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
    file = tmp_path / "crowd.json"
    with closing(SqlStore(postgresql_url)) as store:
        store.open_as_is()
        settle(store, file, CLIENTS, SENDERS, PEOPLE)
    with running_nodes(tmp_path, postgresql_url, 2) as cluster:
        ports = [node.port for node in cluster.nodes]
        with crowd(ports, file) as everybody:
            everybody.waits_for(lambda report: report["live"] == EVERYBODY, 2 * MOST)
            told = 0
            for node in cluster.nodes:
                _talk(everybody)
                began = time.monotonic()
                node.stop()
                stopped = time.monotonic() - began
                back = everybody.waits_for(lambda report: report["live"] == EVERYBODY, MOST)
                ended = everybody.report["told"] - told
                told = everybody.report["told"]
                print(f"{ended} sessions ended in {stopped:.1f} s; all back {back:.1f} s later")
                node.restart()
            _talk(everybody)
            report = everybody.ends()
        assert cluster.tracebacks() == []
    assert report["told"] >= EVERYBODY  # those at the first node, and then all
    with closing(SqlStore(postgresql_url)) as store:
        store.open_as_is()
        _check(store, report)


def _talk(everybody: Crowd) -> None:
    """Wait until each sender has sent something more."""
    said = everybody.report["said"] + SENDERS + PEOPLE // 2
    everybody.waits_for(lambda report: report["said"] >= said, MOST)


def _check(store: SqlStore, report: Object) -> None:
    """Compare what the crowd has sent and received with the log."""
    log: dict[str, dict[int, str]] = {}
    loaded = store.load()
    for id, stored in loaded.groups.items():
        entries = store.entries(id, 0, 2**62, 10**9)
        assert [each.seq for each in entries] == list(range(1, len(entries) + 1))
        assert fold_log(entries).state == stored.state
        found = {each.seq: re.findall(r"w-\w+-\d+", str(each.event)) for each in entries}
        log[stored.state.name] = {seq: words[0] for seq, words in found.items() if words}
    places: dict[str, list[int]] = {}
    for texts in log.values():
        for seq, words in texts.items():
            places.setdefault(words, []).append(seq)
    assert {words: seqs for words, seqs in places.items() if len(seqs) > 1} == {}
    received = {
        group: {int(seq): words for seq, words in texts.items()}
        for group, texts in report["log"].items()
    }
    assert received == log
    newest = {stored.state.name: stored.head for stored in loaded.groups.values()}
    assert report["last"] == [newest[GROUPS[number % len(GROUPS)]] for number in range(CLIENTS)]
    assert {words: [seq] for words, seq in report["seqs"].items()}.items() <= places.items()
    repeated = crossed = 0
    for name, group, said, crossing, heard in report["people"]:
        others = [words for words in log[group].values() if f"w-{name}-" not in words]
        assert set(others) == set(heard), name
        first = list(dict.fromkeys(heard))
        assert first == others, f"{name} has received messages in another order"
        repeated += len(heard) - len(first)
        lost = [words for words in said if words not in places]
        assert set(lost) <= set(crossing), name
        crossed += len(crossing)
    print(f"{len(places)} messages; {repeated} shown twice at nc; {crossed} lines crossed the end")


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
        assert cluster.tracebacks() == []
        for each in (alice, gus, again):
            each.close()

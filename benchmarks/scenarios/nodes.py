"""`nodes`: one node against two, by delivered lines per second of the nodes' processor time.

All nodes share the server's core with PostgreSQL; a Redis server, if it is the bus, has none of its
own. Two nodes are measured with twice the members and twice the messages in flight, half of them at
each node, and with the load of one node.
"""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from benchmarks.load import Load, LoadedGroup, Sample
from benchmarks.options import Failed, Options
from benchmarks.postgres import empty
from benchmarks.protocols import LINE_PROTOCOL
from benchmarks.report import Result
from benchmarks.scenarios.one_group import WARM_UP
from benchmarks.server import Server
from benchmarks.users import Users, names

__all__ = ["nodes"]

SENDERS = 10
"""Members who send messages, of a large group; of a small one, one does."""


class Case(NamedTuple):
    """A number of *nodes*, with *groups* of so many *members*, and messages *in_flight*."""

    nodes: int
    groups: int
    members: int
    in_flight: Sequence[int]
    load: str

    def __str__(self) -> str:
        nodes = "one node" if self.nodes == 1 else f"{self.nodes} nodes"
        groups = "a group" if self.groups == 1 else f"{self.groups} groups"
        return f"nodes: {nodes}, {groups} of {self.members}, {self.load}"


CASES = (
    Case(1, 1, 100, (64, 640), "the load of one node"),
    Case(2, 1, 200, (128, 1280), "twice the load"),
    Case(2, 1, 100, (64, 640), "the load of one node"),
    Case(1, 100, 10, (1024,), "the load of one node"),
    Case(2, 200, 10, (2048,), "twice the load"),
    Case(2, 100, 10, (1024,), "the load of one node"),
)


class _NodeUsers(Users):
    """Users who connect to the nodes at *ports* in turn."""

    def __init__(self, ports: Sequence[int]) -> None:
        super().__init__(ports[0], LINE_PROTOCOL)
        self._ports = cycle(ports)

    def _connect(self) -> socket.socket:
        self._port = next(self._ports)
        return super()._connect()


def nodes(options: Options) -> list[Result]:
    """Measure one node, two with twice the load, and two with the same load, in turn."""
    if not options.postgres:
        raise Failed("this needs --postgres URL: a database in which everything is deleted")
    results = [Result("nodes", str(case)) for case in CASES]
    for _ in range(options.runs):
        for result, case in zip(results, CASES, strict=True):
            for sample in _measure(options, case):
                per_second = sample.lines / (sample.usage.server * sample.usage.seconds)
                what = f"{sample.in_flight} in flight"
                result.add(what, "lines per processor-second", per_second)
                result.add(f"{what}: delivered", "lines/s", sample.lines / sample.usage.seconds)
    return results


def _measure(options: Options, case: Case) -> list[Sample]:
    groups = {
        group: names(f"m{nth}x", case.members) for nth, group in enumerate(names("g", case.groups))
    }
    first = [LINE_PROTOCOL.login(people[0], group, True) for group, people in groups.items()]
    others = [
        LINE_PROTOCOL.login(name, group, False)
        for group, people in groups.items()
        for name in people[1:]
    ]
    senders = SENDERS if case.groups == 1 else 1
    loaded = [
        LoadedGroup(group, case.members, people[:senders], people[case.members // 2])
        for group, people in groups.items()
    ]
    with ExitStack() as stack:
        servers = stack.enter_context(_running(options, case.nodes))
        users = stack.enter_context(closing(_NodeUsers([server.port for server in servers])))
        timeout = 60 + (len(first) + len(others)) / 10
        users.log_in(first, timeout)
        time.sleep(0.5)  # until the other node knows the groups
        users.log_in(others, timeout)
        users.drain(1.0)
        pid, *rest = [server.pid for server in servers]
        return [
            Load(users, loaded, messages, options.seed).run(pid, WARM_UP, options.seconds, rest)
            for messages in case.in_flight
        ]


@contextmanager
def _running(options: Options, count: int) -> Iterator[list[Server]]:
    empty(options.postgres)
    with ExitStack() as stack:
        servers = []
        for number in range(count):
            name = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="run-", dir=options.folder)
            )
            folder = Path(name).resolve()
            settings = f'[node]\nname = "node{number}"\n'
            if options.bus and count > 1:
                settings += f'[bus]\nurl = "{options.bus}"\n'
            server = Server(folder, folder / "state", options.durability, settings)
            server.use_store(options.postgres)
            stack.callback(server.stop)
            server.start()
            servers.append(server)
        yield servers

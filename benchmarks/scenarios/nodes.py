"""`nodes`: one node against two, by delivered lines per second of the nodes' processor time.

All nodes share the server's core with PostgreSQL. Two nodes are measured with twice the members and
twice the messages in flight, half of them at each node, and with the load of one node.
"""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import cycle
from pathlib import Path

from benchmarks.load import Load, LoadedGroup, Sample
from benchmarks.options import Failed, Options
from benchmarks.protocols import GROUP, LINE_PROTOCOL
from benchmarks.report import Result
from benchmarks.scenarios.one_group import WARM_UP
from benchmarks.server import Server
from benchmarks.users import Users, names

__all__ = ["nodes"]

MEMBERS = 100
IN_FLIGHT = (64, 640)


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
    results = [
        Result("nodes", f"nodes: {count} with {MEMBERS * factor} members, {what}")
        for count, factor, what in _CASES
    ]
    for _ in range(options.runs):
        for result, (count, factor, _what) in zip(results, _CASES, strict=True):
            for sample in _measure(options, count, factor):
                per_second = sample.lines / (sample.usage.server * sample.usage.seconds)
                what = f"{sample.in_flight // factor} in flight" + " x 2" * (factor == 2)
                result.add(what, "lines per processor-second", per_second)
                result.add(f"{what}: delivered", "lines/s", sample.lines / sample.usage.seconds)
    return results


_CASES = ((1, 1, "one node"), (2, 2, "twice the load"), (2, 1, "the same load"))


def _measure(options: Options, count: int, factor: int) -> list[Sample]:
    members = MEMBERS * factor
    senders, listeners = names("s", 10), names("m", members - 10)
    observer = listeners[len(listeners) // 2]
    with ExitStack() as stack:
        servers = stack.enter_context(_running(options, count))
        ports = [server.port for server in servers]
        users = stack.enter_context(closing(_NodeUsers(ports)))
        first, *others = [*senders, *listeners]
        timeout = 60 + members**2 / 5_000
        users.log_in([LINE_PROTOCOL.login(first, GROUP, True)], timeout)
        time.sleep(0.5)  # until the other node knows the group
        users.log_in([LINE_PROTOCOL.login(name, GROUP, False) for name in others], timeout)
        users.drain(1.0)
        users.wait_until_delivered(first, observer)
        group = LoadedGroup(GROUP, members, senders, observer)
        pid, *rest = [server.pid for server in servers]
        return [
            Load(users, [group], messages * factor, options.seed).run(
                pid, WARM_UP, options.seconds, rest
            )
            for messages in IN_FLIGHT
        ]


@contextmanager
def _running(options: Options, count: int) -> Iterator[list[Server]]:
    _empty(options.postgres)
    with ExitStack() as stack:
        servers = []
        for number in range(count):
            name = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="run-", dir=options.folder)
            )
            folder = Path(name).resolve()
            settings = f'[node]\nname = "node{number}"\n'
            server = Server(folder, folder / "state", options.durability, settings)
            server.use_store(options.postgres)
            stack.callback(server.stop)
            server.start()
            servers.append(server)
        yield servers


def _empty(url: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")

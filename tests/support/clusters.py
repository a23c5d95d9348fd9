"""Several real servers on one PostgreSQL, used as one: new connections go to them in turn."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

from tests.support.servers import PATIENCE, UNLIMITED, Server

__all__ = ["ServerCluster", "running_nodes"]


class ServerCluster:
    """The servers *nodes*, whose ports are returned in turn."""

    def __init__(self, nodes: list[Server]) -> None:
        self.nodes = nodes
        self._next = cycle(nodes)
        self._next_tls = cycle(nodes)

    @property
    def port(self) -> int:
        """Return the port of the next node."""
        return next(self._next).port

    @property
    def tls_port(self) -> int:
        """Return the TLS port of the next node."""
        return next(self._next_tls).tls_port

    def log(self) -> str:
        """Return what all nodes have logged."""
        return "".join(node.log() for node in self.nodes)

    def says(self, pattern: str) -> re.Match[str]:
        """Wait until the log of any node has a line with *pattern*."""
        deadline = time.monotonic() + PATIENCE
        while (found := re.search(pattern, self.log())) is None:
            assert time.monotonic() < deadline, f"no node has logged {pattern!r}"
            time.sleep(0.01)
        return found

    def tracebacks(self) -> list[str]:
        """Return the lines that report unexpected failures."""
        return [line for node in self.nodes for line in node.tracebacks()]


@contextmanager
def running_nodes(
    folder: Path,
    url: str,
    count: int,
    limits: str = UNLIMITED,
    constants: Mapping[str, float] | None = None,
) -> Iterator[ServerCluster]:
    """Run *count* nodes on the database at *url*.

    *limits* and *constants* are as in `Server`.
    """
    nodes: list[Server] = []
    try:
        for number in range(count):
            place = folder / f"node{number}"
            place.mkdir()
            toml = f'[store]\nurl = "{url}"\n[node]\nname = "node{number}"\n'
            node = Server(place, toml, limits, tls=True, constants=constants)
            nodes.append(node)
            node.start()
        yield ServerCluster(nodes)
    finally:
        for node in nodes:
            node.stop()

"""Several real servers on one PostgreSQL: each user connects to the next of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

from tests.support.servers import PATIENCE, UNLIMITED, Server
from tests.support.users import User

__all__ = ["ServerCluster", "at_next_node", "running_nodes"]


class ServerCluster:
    """The servers *nodes*, which `next` returns in turn."""

    def __init__(self, nodes: list[Server]) -> None:
        self.nodes = nodes
        self.next = cycle(nodes).__next__

    def log(self) -> str:
        """Return the logs of all nodes."""
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


def at_next_node(
    connect: Callable[[Server, Path], User],
) -> Callable[[ServerCluster, Path], User]:
    """Return *connect* for a cluster: it connects each user to the next node."""
    return lambda cluster, folder: connect(cluster.next(), folder)


@contextmanager
def running_nodes(
    folder: Path,
    url: str,
    count: int,
    bus: str = "",
    doors: bool = False,
    limits: str = UNLIMITED,
    constants: Mapping[str, float] | None = None,
) -> Iterator[ServerCluster]:
    """Run *count* nodes on the database at *url*, with one folder of files.

    They have all *doors* if that is true. *bus* is the URL of Redis; without it they use NOTIFY.
    *limits* and *constants* are as in `Server`.
    """
    nodes: list[Server] = []
    files = folder / "files"
    files.mkdir(mode=0o700, exist_ok=True)
    try:
        for number in range(count):
            place = folder / f"node{number}"
            place.mkdir()
            toml = f'[store]\nurl = "{url}"\n[node]\nname = "node{number}"\n'
            if bus:
                toml += f'[bus]\nurl = "{bus}"\n'
            node = Server(
                *(place, toml, limits),
                tls=True,
                ssh=doors,
                irc=doors,
                web=doors,
                constants=constants,
            )
            nodes.append(node)
            node.state.mkdir(mode=0o700)
            (node.state / "files").symlink_to(files)
            node.start()
        yield ServerCluster(nodes)
    finally:
        for node in nodes:
            node.stop()

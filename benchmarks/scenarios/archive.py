"""The owner of the archive of `large_state`, connected to a new server, for each run."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.large_state import ARCHIVE, OWNER, PASSWORD
from benchmarks.options import Options
from benchmarks.protocols import registered
from benchmarks.server import running
from benchmarks.users import TIMEOUT, Users

__all__ = ["archive_readers"]


def archive_readers(options: Options, state: Path) -> Iterator[tuple[socket.socket, int]]:
    """Yield, for each run, the connection of the owner and the server's process id."""
    for _ in range(options.runs):
        with running(options, state) as server:
            server.start()
            with closing(Users(server.port)) as users:
                users.log_in([registered(OWNER, PASSWORD, ARCHIVE)], TIMEOUT)
                reader = users.connection(OWNER)
                users.epoll.unregister(reader)
                reader.settimeout(TIMEOUT)
                yield reader, server.pid
                server.stop()

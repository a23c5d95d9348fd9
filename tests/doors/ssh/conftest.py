"""An SSH door in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from pyconchat.store import SqlStore
from tests.support.ssh_wire import ServerOf, SshClient, SshServer


@pytest.fixture
def server_of(store: SqlStore, clock: Clock, tmp_path: Path) -> Iterator[ServerOf]:
    """Make a server."""
    made: list[SshServer] = []

    def make(limits: Any = None, **settings: Any) -> SshServer:
        made.append(SshServer(store, clock, tmp_path, limits, **settings))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def ssh(server_of: ServerOf) -> SshServer:
    """A server where alice and bob are registered."""
    server = server_of(new_groups="open")
    server.registers("alice", "bob")
    return server


@pytest.fixture
def alice(ssh: SshServer) -> SshClient:
    """Alice, who is logged in by her password."""
    return SshClient(ssh).logs_in("alice")

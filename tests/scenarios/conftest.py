"""Clients at terminals, programs, and states of stopped servers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.administration import PASSWORD, share_file
from tests.support.programs import Program
from tests.support.servers import Server
from tests.support.terminals import StartClient, at_terminals
from tests.support.users import SocketUser, Visit

# Clients.


@pytest.fixture
def start_client(tmp_path: Path) -> Iterator[StartClient]:
    """Start the client at a terminal: ``start_client("alice", "HOST:PORT")``."""
    with at_terminals(tmp_path) as start:
        yield start


@pytest.fixture
def visit(server: Server) -> Iterator[Visit]:
    """Log somebody in over a raw socket: ``visit("bob")``."""
    people: list[SocketUser] = []

    def log_in(name: str, password: str = "", port: int = 0) -> SocketUser:
        people.append(SocketUser(port or server.port))
        people[-1].logs_in(name, password)
        return people[-1]

    yield log_in
    for person in people:
        person.close()


# Administration.


@pytest.fixture
def enter(server: Server) -> Iterator[Callable[..., Program]]:
    """Log a program in to the running server, or to another."""
    programs: list[Program] = []

    def log_in(
        name: str, at: Server = server, password: str | None = None, **more: object
    ) -> Program:
        each = Program(at.port)
        programs.append(each)
        each.logs_in(name, password or PASSWORD + name, **more)
        return each

    yield log_in
    for each in programs:
        each.close()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state of a server that was stopped: two accounts, a group with 1,203 entries, a file."""
    server = Server(tmp_path_factory.mktemp("stopped"))
    server.start()
    alice, bob = Program(server.port), Program(server.port)
    alice.logs_in("alice", PASSWORD + "alice")
    bob.logs_in("Bob", PASSWORD + "Bob")
    alice.does("/create tea open")
    bob.does("/join tea")
    last = [alice.requests(f"line {number}", "tea") for number in range(1200)][-1]
    assert alice.answer(last)["seq"] == 1202
    share_file(server, alice, "tea")
    for each in (alice, bob):
        each.close()
    server.stop()
    return server.state


@pytest.fixture
def state(stopped: Path, tmp_path: Path) -> Path:
    """A copy of that state, which a test may change."""
    return Path(shutil.copytree(stopped, tmp_path / "state"))


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Path], Server]]:
    """Start a server on a given state."""
    servers: list[Server] = []

    def start(state: Path) -> Server:
        folder = tmp_path / f"server{len(servers)}"
        folder.mkdir()
        server = Server(folder)
        server.state = state
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.stop()
        assert server.tracebacks() == []

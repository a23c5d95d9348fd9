"""The real client at a terminal, and people at real sockets with whom it talks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.servers import Server
from tests.support.terminals import PASSWORD, At, Terminal
from tests.support.users import SocketUser, Visit


@pytest.fixture
def chat(at: At, server: Server) -> Callable[..., Terminal]:
    """Start the client as a registered person, who is asked nothing, and wait for the server."""

    def start(name: str, group: str = "", port: int = 0, **environ: str) -> Terminal:
        place = f"/{group}" if group else ""
        environ = {"PYCONCHAT_PASSWORD": PASSWORD, **environ}
        who = at(name, f"{name}@127.0.0.1:{port or server.port}{place}", **environ)
        if group:
            who.sees_below(f"{group}: ")
        else:
            who.sees("You are at the front desk")
        who.waits(lambda: "pending" not in who.bottom(), "be answered")
        return who

    return start


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

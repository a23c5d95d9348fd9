"""The real client at a terminal."""

from __future__ import annotations

import pytest

from tests.support.servers import Server
from tests.support.terminals import PASSWORD, StartClient, Terminal


@pytest.fixture
def log_in(start_client: StartClient, server: Server) -> StartClient:
    """Start the client as a registered user, and wait until they are logged in."""

    def start(name: str, group: str = "", port: int = 0, **environ: str) -> Terminal:
        path = f"/{group}" if group else ""
        environ = {"PYCONCHAT_PASSWORD": PASSWORD, **environ}
        who = start_client(name, f"{name}@127.0.0.1:{port or server.port}{path}", **environ)
        if group:
            who.sees_below(f"{group}: ")
        else:
            who.sees("You are at the front desk")
        who.waits(lambda: "pending" not in who.bottom(), "be answered")
        return who

    return start

"""Kills while IRC clients talk: every id that somebody has seen is in the history, once."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.irc_sockets import IrcSocket, ids_in
from tests.support.servers import Server
from tests.support.users import SocketUser

pytestmark = pytest.mark.torture

KILLS, CLIENTS, LINES = 50, 20, 30
CAPS = ("echo-message", "message-tags", "server-time", "batch", "draft/chathistory")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, irc=True)
    server.start()
    yield server
    server.stop()
    assert server.tracebacks() == []


def test_kills_while_clients_talk(server: Server) -> None:
    """After fifty of them nothing that was seen is missing, and nothing is there twice."""
    owner = SocketUser(server.port)
    owner.logs_in("owner", "a long password")
    owner.types("/create tea open")
    owner.sees("You are in tea")
    owner.close()
    seen: set[str] = set()
    for _ in range(KILLS):
        clients = [IrcSocket(server.irc_port, f"c{number}", "", *CAPS) for number in range(CLIENTS)]
        for client in clients:
            client.sends("JOIN #tea")
        for client in clients:
            client.sees(f" 366 {client.nick} #tea ")
            client.sends(*(f"PRIVMSG #tea :{number}" for number in range(LINES)))
        time.sleep(random.random() / 4)
        server.kill()
        for client in clients:
            seen.update(client.ids())
            client.close()
        server.start()
    stored = history(server)
    assert len(stored) == len(set(stored))
    assert len(seen) > KILLS
    assert seen <= set(stored)


def history(server: Server) -> list[str]:
    """Return all ids of the group's log, in order."""
    owner = IrcSocket(server.irc_port, "owner", "a long password", *CAPS)
    stored: list[str] = []
    while True:
        after = f"msgid={stored[-1]}" if stored else "timestamp=2000-01-01T00:00:00.000Z"
        owner.sends(f"CHATHISTORY AFTER #tea {after} 100")
        owner.sees("BATCH +")
        page = ids_in(owner.sees("BATCH -"))
        if not page:
            owner.close()
            return stored
        stored += page

"""A restart of the server with a thousand clients."""

from __future__ import annotations

import re
import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pyconchat.testing import make_store
from tests.support.crowds import GROUPS, MOST, crowd, settle
from tests.support.programs import Program, line_of
from tests.support.servers import Server
from tests.support.users import SocketUser

pytestmark = pytest.mark.torture

CLIENTS = 1000
SENDERS = 40
STOPPED = 5.0
"""Maximum seconds until the server has stopped."""


@contextmanager
def stopping(server: Server) -> Iterator[None]:
    """Start *server*, and stop it at the end."""
    server.start()
    try:
        yield
    finally:
        server.stop()


def test_a_thousand_clients_come_back(tmp_path: Path) -> None:
    """All are told, and connected again within 30 s, with tokens; nothing is lost or doubled."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    server = Server(tmp_path)
    file = tmp_path / "crowd.json"
    server.state.mkdir(mode=0o700)
    with closing(make_store(server.state)) as store:
        settle(store, file, CLIENTS, SENDERS)
    with stopping(server), crowd([server.port], file) as clients:
        came = clients.waits_for(lambda report: report["live"] == CLIENTS, 2 * MOST)
        clients.waits_for(lambda report: report["said"] >= 3 * SENDERS, MOST)
        began = time.monotonic()
        server.stop()
        stopped = time.monotonic() - began
        clients.waits_for(lambda report: report["told"] == CLIENTS, MOST)
        server.start()
        said = clients.report["said"]
        back = clients.waits_for(lambda report: report["live"] == CLIENTS, MOST)
        clients.waits_for(lambda report: report["said"] >= said + 3 * SENDERS, MOST)
        report = clients.ends()
    print(f"{CLIENTS} came in {came:.1f} s; stopped in {stopped:.1f} s; back in {back:.1f} s")
    assert stopped < STOPPED
    assert server.tracebacks() == []
    with closing(sqlite3.connect(server.state / "pyconchat.db")) as database:
        rows = database.execute("SELECT conversation, seq, body FROM entries").fetchall()
        heads = dict(database.execute("SELECT id, head FROM conversations"))
    stored: dict[str, list[int]] = {}
    for _, seq, body in rows:
        for words in re.findall(r"w-client\d+-\d+", body):
            stored.setdefault(words, []).append(seq)
    assert len(stored) == report["said"] == len(report["seqs"])
    assert stored == {words: [seq] for words, seq in report["seqs"].items()}
    newest = [heads[2 + number % len(GROUPS)] for number in range(CLIENTS)]
    assert report["last"] == newest


def test_sigterm_under_load(tmp_path: Path) -> None:
    """All are told, also at nc and telnet, and a client that does not read delays nothing."""
    server = Server(tmp_path)
    server.start()
    programs = [Program(server.port) for _ in range(6)]
    people = [SocketUser(server.port) for _ in range(6)]
    silent = SocketUser(server.port)  # not logged in
    lazy = Program(server.port)
    for number, each in enumerate(programs):
        each.logs_in(f"program{number}")
        each.asks("/create tea open")
        each.does("/join tea")
    lazy.logs_in("lazy")
    lazy.does("/join tea")
    for number, person in enumerate(people):
        person.logs_in(f"person{number}")
        person.types("/join tea")
        person.sees("You are in tea")
    silent.sees("Username: ")
    talkers, listeners = programs[:3], programs[3:]
    for number, each in enumerate(talkers):
        each.sends(
            b"".join(
                line_of(id=f"{number}-{n}", group="tea", text=f"w-{number}-{n} {'x' * 400}")
                for n in range(400)
            )
        )
    listeners[0].sees("message")
    began = time.monotonic()
    assert server.process is not None
    server.process.terminate()
    for each in (*programs, *people, silent):  # all but one read while the server stops
        assert each.is_disconnected()
    server.stop()
    took = time.monotonic() - began
    print(f"ended in {took:.1f} s")
    assert took < STOPPED
    with closing(sqlite3.connect(server.state / "pyconchat.db")) as database:
        bodies = [body for (body,) in database.execute("SELECT body FROM entries ORDER BY seq")]
    stored = [words for body in bodies for words in re.findall(r"w-\d-\d+", body)]
    assert len(stored) == len(set(stored))
    for each in programs:
        ends = [event["why"] for event in each.events if event["type"] == "end"]
        assert ends == ["stopping"]
    for each in talkers:
        for answer in each.objects:
            if "-" in str(answer.get("re", "")):
                assert answer["ok"]
                assert f"w-{answer['re']}" in stored
    for person in people:
        assert b"The server is stopping" in person.everything()
        seen = re.findall(r"w-\d-\d+", person.everything().decode())
        assert set(seen) <= set(stored)
    for each in (*programs, *people, silent, lazy):
        each.close()
    assert server.tracebacks() == []

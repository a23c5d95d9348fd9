"""The teardown of a connection is complete, whatever fails in it."""

from __future__ import annotations

from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest

from pyconchat.chat.session_registry import SessionRegistry
from pyconchat.doors.input_budget import InputBudget
from pyconchat.doors.irc.monitors import Monitors
from pyconchat.doors.irc.output import Output
from pyconchat.doors.output_buffer import OutputBuffer
from pyconchat.doors.ssh.sftp.handles import NewFile, OpenFile
from pyconchat.doors.transfer.download import Download
from pyconchat.doors.transfer.idle import IdleTimer
from pyconchat.doors.transfer.upload import Upload
from pyconchat.sessions.subscription import Subscriptions
from tests.support import sftp
from tests.support.cuts import TurnByTurn
from tests.support.sftp import SftpClient
from tests.support.web import masked

STEPS: list[tuple[type, str]] = [
    (OutputBuffer, "close"),
    (InputBudget, "close"),
    (Subscriptions, "receipts"),
    (Subscriptions, "stop"),
    (Subscriptions, "clear"),
    (SessionRegistry, "move_cursors"),
    (SessionRegistry, "revoke"),
    (SessionRegistry, "_announce"),
    (SessionRegistry, "release_private"),
    (IdleTimer, "stop"),
    (Upload, "cut"),
    (Download, "cut"),
    (NewFile, "give_up"),
    (OpenFile, "give_up"),
    (Monitors, "leaving"),
    (Monitors, "clear"),
    (Output, "close"),
]


def connect_everywhere(server: TurnByTurn) -> None:
    """Open a connection to each door, with transfers that are running."""
    alice = server.program()
    part = bytes(1000)
    for line in ("/send b.txt", "/send c.txt"):
        ticket = alice.does(line, "tea")["ticket"]
        if line == "/send b.txt":
            server.at_nc().sends(f"upload {ticket} 0 5000\n".encode() + part)
        else:
            head = f"PUT /file/{ticket} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n"
            server.at_web().sends(head.encode() + part)
    for head in ("download {}\n", "GET /file/{}/a HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        user: Any = server.at_nc() if head.startswith("download") else server.at_web()
        user.wire.room = 100_000
        user.sends(head.format(alice.does("/get 1", "tea")["ticket"]).encode())
    server.at_nc().sends(b"gus\n\n/join tea\n")
    socket = server.at_web()
    socket.upgrades()
    socket.sends(masked(b'{"hello": 1, "name": "guy", "guest": true}'))
    irc = server.at_irc()
    irc.sends("NICK ian", "USER ian 0 * :Ian", "JOIN #tea", "MONITOR + alice")
    client = server.at_ssh().begins()
    assert client.password("alice", "alice pw") is True
    client.runs(term="xterm")
    client.tick(1)
    client = server.at_ssh().begins()
    assert client.password("bob", "bob pw") is True  # an account may have two uploads
    files = SftpClient(client)
    files.opens("/tea/a.txt")
    handle = files.opens("/tea/d.txt", sftp.WRITE | sftp.CREATE).string
    assert files.asks(sftp.WRITE_FILE, handle, [0], part).status == sftp.OK


@pytest.mark.parametrize(("kind", "step"), STEPS, ids=lambda each: getattr(each, "__name__", each))
def test_a_step_that_fails(
    kind: type, step: str, tmp_path: Path, failures: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step raises at its end; nothing is left of any connection."""
    server = TurnByTurn(tmp_path)
    server.work.stepwise = False
    connect_everywhere(server)
    assert failures == []

    original = getattr(kind, step)

    def fail(*args: Any) -> None:
        original(*args)
        raise ZeroDivisionError

    async def fail_later(*args: Any) -> None:
        await original(*args)
        raise ZeroDivisionError

    monkeypatch.setattr(kind, step, fail_later if iscoroutinefunction(original) else fail)
    server.lose_all()
    assert failures, "the step was not reached"
    assert server.leaks() == {}
    monkeypatch.undo()
    server.close()

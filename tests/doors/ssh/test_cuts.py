"""An SSH connection that is cut at any await leaves nothing behind."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.conch.ssh.common import NS
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.support import sftp
from tests.support.ssh_wire import (
    DATA,
    INFO_RESPONSE,
    OPEN,
    PASSWORD,
    REQUEST,
    SshClient,
    SshServer,
)
from tests.support.stepwise import MAX_STEPS, StepByStep
from tests.support.stores import quick_store

Part = Callable[[SshClient], None]


def tries(name: str, method: bytes, rest: bytes) -> Part:
    """Send a request to log in."""
    packet = NS(name.encode()) + NS(b"ssh-connection") + NS(method) + rest
    return lambda client: client.sends(REQUEST, packet)


def asks(request: bytes, rest: bytes = b"") -> Part:
    """Send a request of the first channel."""
    return lambda client: client.asks(0, request, rest)


def sends(data: bytes) -> Part:
    """Send data on the first channel."""
    return lambda client: client.sends(DATA, struct.pack(">L", 0) + NS(data))


def request(kind: int, number: int, rest: bytes) -> Part:
    """Send a request of SFTP."""
    return sends(NS(bytes([kind]) + struct.pack(">L", number) + rest))


def opens(client: SshClient) -> None:
    """Open the first channel."""
    client.sends(OPEN, NS(b"session") + struct.pack(">3L", 7, 2**21, 32768))


LOGIN = tries("alice", b"password", b"\0" + NS(PASSWORD.encode()))
WRONG = tries("alice", b"password", b"\0" + NS(b"wrong"))
GUEST = (
    tries("gus", b"keyboard-interactive", NS(b"") + NS(b"")),
    lambda client: client.sends(INFO_RESPONSE, struct.pack(">L", 0)),
)
NEW = struct.pack(">2L", sftp.WRITE | sftp.CREATE | sftp.TRUNCATE, 0)
HANDLE = NS(b"1")

FLOWS: dict[str, tuple[Part, ...]] = {
    "shell": (LOGIN, opens, asks(b"shell"), sends(b"tea\n"), sends(b"hi\n/history\n")),
    "wrong password": (WRONG, LOGIN),
    "guest": (*GUEST, opens, asks(b"shell"), sends(b"tea\nhi\n")),
    "one shot": (LOGIN, opens, asks(b"exec", NS(b"say tea hello"))),
    "json": (LOGIN, opens, asks(b"exec", NS(b"json")), sends(b'{"hello": 1}\n')),
    "sftp": (
        *(LOGIN, opens, asks(b"subsystem", NS(b"sftp"))),
        sends(NS(bytes([sftp.INIT]) + struct.pack(">L", 3))),
        request(sftp.OPEN, 1, NS(b"/tea/a.bin") + NEW),
        request(sftp.WRITE_FILE, 2, HANDLE + struct.pack(">Q", 0) + NS(b"data")),
        request(sftp.CLOSE, 3, HANDLE),
        request(sftp.OPENDIR, 4, NS(b"/tea")),
    ),
}


@pytest.mark.parametrize("flow", FLOWS)
def test_a_cut_at_any_await(flow: str, tmp_path: Path, failures: list[object]) -> None:
    """In every state of a flow, a cut ends the session, and closes its files."""
    work, store = StepByStep(), quick_store(tmp_path)
    server = SshServer(store, Clock(), tmp_path, work=work, new_groups="open")
    server.registers("alice")
    bob = server.at_nc("bob", PASSWORD)
    bob.types("/join tea")
    server.at_nc("alice", PASSWORD).types("/join tea", "/quit")
    server.waits(10)
    alone, files = len(server.lines.open_doors), len(os.listdir("/proc/self/fd"))
    for steps in range(MAX_STEPS):
        client, parts, done = SshClient(server).begins(), list(FLOWS[flow]), 0
        work.stepwise = True
        while True:
            if parts and not work.waiting:
                parts.pop(0)(client)
                client.tick(0.1)
            elif done < steps and work.step():
                client.tick(0.1)
                done += 1
            else:
                break
        if not client.gone:
            client.door.connectionLost(Failure(ConnectionLost()))
        while work.step():
            server.waits(0)
        work.stepwise = False
        server.waits(10)
        online = [each.account.name for each in server.chat.presence.connected()]
        assert (steps, online, len(server.lines.open_doors)) == (steps, ["bob"], alone)
        assert server.chat.accounts.get("gus") is None
        assert (steps, len(os.listdir("/proc/self/fd"))) == (steps, files)
        assert failures == []
        if done < steps:
            break
    else:
        raise AssertionError("the flow needs more steps")
    assert steps
    if flow == "sftp":
        bob.types("/files")
        assert "a.bin" in bob.sees()
    server.stop()
    store.close()

"""An SSH connection that is cut in any turn of the reactor leaves nothing behind."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from twisted.conch.ssh.common import NS

from tests.support import sftp
from tests.support.cuts import Flow, TurnByTurn, cut_in_every_turn, every_turn
from tests.support.sftp import SftpClient
from tests.support.ssh_wire import INFO_RESPONSE, SshClient, new_key

KEY = new_key()
NEW = sftp.WRITE | sftp.CREATE | sftp.TRUNCATE


def logged_in(server: TurnByTurn) -> SshClient:
    """Return alice's client."""
    client = server.at_ssh().begins()
    assert client.password("alice", "alice pw") is True
    return client


def passwords(server: TurnByTurn) -> None:
    """Log in at the third attempt, by keyboard-interactive."""
    client = server.at_ssh().begins()
    assert client.password("alice", "wrong") is False
    assert client.password("alice", "wrong again") is False
    assert client.tries("alice", b"keyboard-interactive", NS(b"") + NS(b"")) is None
    client.sends(INFO_RESPONSE, struct.pack(">L", 1) + NS(b"alice pw"))
    assert client.result() is True


def terminal(server: TurnByTurn) -> None:
    """A session at the editor, with commands that ask the store and the user."""
    client = logged_in(server)
    channel = client.runs(term="xterm")
    lines = ("tea", "/history", "/search hello", "/policy password x", "/key", "/history 5")
    for line in lines:
        client.types(channel, f"{line}\r")
    client.types(channel, "/password\r", "alice pw\r", "alice pw\r", "alice pw\r", "hi\r")
    assert ": hi" in client.sees()
    client.types(channel, "/quit\r")
    assert client.status() == 0


def a_key(server: TurnByTurn) -> None:
    """A newcomer registers with a key, and uses it."""
    name = f"new{server.turn}"
    key = new_key()
    for answers in ("\r", "tea\r"), ("tea\r",):
        client = server.at_ssh().begins()
        assert client.probe(name, key) is None
        assert client.key(name, key) is True
        channel = client.runs(term="xterm")
        client.types(channel, *answers, "hi\r")
        assert ": hi" in client.sees()
        client.closes(channel)


def a_newcomer(server: TurnByTurn) -> None:
    """Registers with a password, after one that is too short."""
    name = f"new{server.turn}"
    client = server.at_ssh().enters(name)
    channel = client.runs(term="xterm")
    client.types(channel, "x\r", "a password\r", "another\r", "a password\r", "a password\r")
    client.types(channel, "tea\r", "hi\r")
    assert ": hi" in client.sees()
    client.ends_input(channel)


def a_guest(server: TurnByTurn) -> None:
    """Without a terminal there are no questions."""
    client = server.at_ssh().enters(f"gus{server.turn}")
    channel = client.runs()
    client.types(channel, "", "/join vault", "secret", "hi")
    assert "Earlier, in vault" in client.sees()
    client.ends_input(channel)
    assert client.status() == 0


def commands(server: TurnByTurn) -> None:
    """Several sessions of one connection."""
    client = logged_in(server)
    for command in ("say tea hello", "msg bob psst", "in tea history", "token", "send a.txt"):
        channel = client.runs(command)
        assert client.status() is not None, command
        client.closes(channel)
    channel = client.runs("say tea")
    client.types(channel, "one", "two")
    client.ends_input(channel)
    assert client.status() == 0
    client.runs("follow tea")


def a_program(server: TurnByTurn) -> None:
    """JSON mode, with requests sent ahead."""
    client = logged_in(server)
    channel = client.runs("json")
    client.types(channel, '{"id": 1, "line": "/history", "group": "tea"}\n' * 3)
    client.types(channel, '{"id": 1, "line": "hi", "group": "tea", "key": "k"}')
    assert '"seq":' in client.sees()
    client.ends_input(channel)


def file_transfers(server: TurnByTurn) -> None:
    """Files are sent and fetched, and folders listed."""
    files = SftpClient(logged_in(server))
    path = f"/tea/{server.turn}.txt"
    assert files.puts(path, bytes(40_000)).status == sftp.OK
    assert files.gets(path) == bytes(40_000)
    assert files.lists("/tea")
    assert files.asks(sftp.RENAME, path, "/tea/b.txt").status != sftp.OK
    assert files.asks(sftp.STAT, path).size == 40_000
    assert files.asks(sftp.REMOVE, path).status == sftp.OK


def requests_ahead(server: TurnByTurn) -> None:
    """Many requests in one packet, of a file that is refused, too."""
    files = SftpClient(logged_in(server))
    path = f"/tea/{server.turn}.txt"
    handle = files.opens(path, NEW).string
    for at in range(0, 200_000, 20_000):
        files.requests(sftp.WRITE_FILE, handle, [at], bytes(20_000))
    files.requests(sftp.OPENDIR, "/tea")
    last = files.requests(sftp.CLOSE, handle)
    assert files.answer(last).status == sftp.OK
    handle = files.opens(path).string
    reads = [
        files.requests(sftp.READ_FILE, handle, [at], 50_000) for at in range(0, 200_000, 50_000)
    ]
    files.answer(reads[-1])
    refused = files.opens(f"/tea/{server.turn}.pdf", NEW).string
    assert files.asks(sftp.WRITE_FILE, refused, [5], b"xy").status != sftp.OK
    files.requests(sftp.OPEN, "/tea/open.pdf", NEW, 0)


FLOWS: dict[str, Flow] = {
    each.__name__: each
    for each in (
        passwords,
        terminal,
        a_key,
        a_newcomer,
        a_guest,
        commands,
        a_program,
        file_transfers,
        requests_ahead,
    )
}


@pytest.mark.parametrize("every", every_turn(11))
@pytest.mark.parametrize("name", FLOWS)
def test_cuts(name: str, every: int, tmp_path: Path, failures: list[object]) -> None:
    """The connection is lost, or closed, or the server ends all connections."""
    cut_in_every_turn(FLOWS[name], tmp_path, failures, every)

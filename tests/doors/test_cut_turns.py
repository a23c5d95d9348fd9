"""A transfer of a file that is cut in any turn of the reactor leaves nothing behind."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.support.cuts import Flow, TurnByTurn, cut_in_every_turn, every_turn

DATA = bytes(200_000)
SHA256 = hashlib.sha256(DATA).hexdigest()


def ticket(program: Any, line: str) -> str:
    """Return the ticket of an upload or download in tea."""
    return str(program.does(line, "tea")["ticket"])


def upload(server: TurnByTurn, header: str, data: bytes, ends: bool = False) -> bytes:
    """Return the answer to an upload in two pieces."""
    connection = server.at_nc()
    connection.sends(f"upload {header}\n".encode() + data[: len(data) // 2])
    connection.waits(1)
    connection.sends(data[len(data) // 2 :])
    if ends:
        connection.ends_input()
    connection.waits(1)
    return bytes(connection.receives())


def uploads(server: TurnByTurn) -> None:
    """With a size, and without one; resumed; refused before, during and after the transfer."""
    alice, send = server.program(), f"/send {server.turn}.txt"
    assert upload(server, f"{ticket(alice, send)} 0 200000 {SHA256}", DATA).startswith(b"shared")
    assert upload(server, f"{ticket(alice, send)} 0", DATA, ends=True).startswith(b"shared")
    cut = server.at_nc().sends(f"upload {ticket(alice, send)} 0 200000\n".encode() + DATA[:9000])
    cut.wire.loseConnection()
    cut.waits(1)
    assert upload(server, f"{ticket(alice, send)} 9000 200000", DATA[9000:]).startswith(b"shared")
    for header in (
        f"{ticket(alice, send)} 0 200000 {'0' * 64}",
        f"{ticket(alice, send)} 0 150000",
        f"{ticket(alice, send)} 9000",
        f"{ticket(alice, send)} x",
        f"{ticket(alice, send)} 0 {10**15}",
        "0123456789abcdef",
    ):
        assert upload(server, header, DATA).startswith(b"refused")
    assert upload(server, f"{ticket(alice, send)} 0 300000", DATA, ends=True).startswith(b"refused")


def downloads(server: TurnByTurn) -> None:
    """By somebody who reads slowly, from an offset, and refused."""
    alice = server.program()
    for offset in ("", " 299999", " 300000", " 900000"):
        connection = server.at_nc()
        connection.wire.room = 50_000
        connection.sends(f"download {ticket(alice, '/get 1')}{offset}\n".encode())
        for _ in range(10):
            connection.tick()
            if connection.wire.producer is not None:
                connection.wire.reads(50_000)
        assert bool(connection.receives()) is (offset != " 300000")
    assert server.at_nc().sends(b"download 0123456789abcdef\n").receives().startswith(b"refused")


def ends_that_revoke(server: TurnByTurn) -> None:
    """Transfers in both directions, whose tickets are revoked and whose file is removed."""
    alice, name = server.program(), f"{server.turn}.txt"
    upload(server, f"{ticket(alice, f'/send {name}')} 0 200000", DATA)
    reading = server.at_nc()
    reading.wire.room = 1000
    reading.sends(f"download {ticket(alice, f'/get {name}')}\n".encode())
    writing = server.at_nc().sends(f"upload {ticket(alice, f'/send {name}')}\n".encode() + DATA)
    alice.asks(f"/remove {name}", "tea")
    writing.sends(DATA)
    alice.asks("/quit everywhere")
    writing.sends(DATA)
    writing.ends_input()
    writing.waits(1)
    assert b"refused" in writing.receives()
    reading.waits(3)


FLOWS: dict[str, Flow] = {each.__name__: each for each in (uploads, downloads, ends_that_revoke)}


@pytest.mark.parametrize("every", every_turn(11))
@pytest.mark.parametrize("name", FLOWS)
def test_cuts(name: str, every: int, tmp_path: Path, failures: list[object]) -> None:
    """The connection is lost, or closed, or the server ends all connections."""
    cut_in_every_turn(FLOWS[name], tmp_path, failures, every)

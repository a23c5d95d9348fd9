"""Slow readers at real sockets, where the kernel's buffers count too."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.servers import PATIENCE, UNLIMITED, Server
from tests.support.users import SocketUser, UserOf

pytestmark = pytest.mark.server(limits=f"{UNLIMITED}\nunsent_hard_bytes = 262144\n")


BATCH = 100
LONG = "x" * 3900


class SlowReader(SocketUser):
    """Somebody whose machine takes little at a time."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._socket.close()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(("127.0.0.1", port))


@pytest.fixture
def slow(server: Server) -> Iterator[SlowReader]:
    with closing(SlowReader(server.port)) as slow:
        yield slow


def numbers(received: bytes) -> list[int]:
    """Return the numbers of the messages that came whole."""
    return [int(number) for number in re.findall(rb": (\d+) x{3900}\n", received)]


def test_a_slow_reader_slows_nobody(user: UserOf, slow: SlowReader, server: Server) -> None:
    """Who does not read is cut off while the others read on, and later gets all of the rest."""
    alice, carol = user("nc", "alice"), user("nc", "carol")
    slow.logs_in("slow", "password s")
    alice.types("/create tea open")
    alice.sees("You are in tea")
    for each in (carol, slow):
        each.types("/join tea")
        each.sees("You are in tea")
    said = 0
    # How much the kernel takes is its own business, so she talks until it has enough.
    while "dropped slow, who left" not in server.log():
        assert said < 100 * BATCH
        alice.types(*(f"{number} {LONG}" for number in range(said, said + BATCH)))
        said += BATCH
        carol.sees(f"alice: {said - 1} ")
    alice.types("the end")
    carol.sees("alice: the end")
    assert b"slow has gone offline" in carol.everything()
    assert numbers(carol.everything()) == list(range(said))
    assert slow.is_disconnected()
    before = numbers(slow.everything())
    assert before == list(range(len(before)))
    again = user("nc", "slow", "password s")
    again.sees("alice (in tea): the end")
    rest = numbers(again.everything())
    assert rest == list(range(rest[0], said))
    assert rest[0] <= len(before)


def test_a_reader_that_is_late_gets_everything(user: UserOf, slow: SlowReader) -> None:
    """What waits within the bound arrives whole and in order as soon as the peer reads."""
    alice = user("nc", "alice")
    slow.logs_in("slow")
    alice.types("/create tea open")
    alice.sees("You are in tea")
    slow.types("/join tea")
    slow.sees("You are in tea")
    alice.types(*(f"{number} {LONG}" for number in range(60)), "the end")
    alice.does_not_see("slow has gone")
    slow.sees("alice: the end")
    assert numbers(slow.everything()) == list(range(60))

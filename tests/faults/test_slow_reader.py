"""Slow readers at real sockets, with the buffers of the kernel."""

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
    """A user whose kernel takes little at a time."""

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
    """Return the numbers of the complete messages."""
    return [int(number) for number in re.findall(rb": (\d+) x{3900}\n", received)]


def test_a_slow_reader_does_not_affect_others(
    user: UserOf, slow: SlowReader, server: Server
) -> None:
    """It is dropped while others receive everything; its next login delivers the newest part."""
    alice, carol = user("nc", "alice"), user("nc", "carol")
    slow.logs_in("slow", "password s")
    alice.types("/create tea open")
    alice.sees("You are in tea")
    for each in (carol, slow):
        each.types("/join tea")
        each.sees("You are in tea")
    alice.types("welcome")
    for each in (carol, slow):
        each.sees("alice: welcome")  # from here on it comes live: it is not read from the log
    posted = 0
    # How much the kernels take is not known, so she posts until it is enough.
    while "dropped slow from 127.0.0.1, who left" not in server.log():
        assert posted < 50 * BATCH, server.log()
        alice.types(*(f"{number} {LONG}" for number in range(posted, posted + BATCH)))
        posted += BATCH
        carol.sees(f"alice: {posted - 1} ")
    alice.types("the end")
    carol.sees("alice: the end")
    assert b"slow has gone offline" in carol.everything()
    assert numbers(carol.everything()) == list(range(posted))
    assert slow.is_disconnected()
    before = numbers(slow.everything())
    assert before == list(range(len(before)))
    again = user("nc", "slow", "password s")
    again.sees("alice (in tea): the end")
    rest = numbers(again.everything())
    assert rest == list(range(rest[0], posted))
    assert rest[0] <= len(before) or b" older: /history" in again.everything()


def test_a_peer_that_reads_late_receives_everything(user: UserOf, slow: SlowReader) -> None:
    """What is queued within the limit arrives whole and in order when the peer reads."""
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

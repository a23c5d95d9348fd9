"""OutputBuffer: what is on its way to one peer, in order, within a bound."""

from __future__ import annotations

import socket
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.abstract import FileDescriptor

from pyconchat.doors.output_buffer import PIECE, OutputBuffer
from pyconchat.net.connection import IConnection
from tests.support.connections import Wire


class Selector:
    """As much of a reactor as a file descriptor needs: it remembers who wants to write."""

    def __init__(self) -> None:
        self.writers: set[object] = set()

    def addWriter(self, writer: object) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: object) -> None:
        self.writers.discard(writer)

    def removeReader(self, reader: object) -> None:
        pass


class Pipe(FileDescriptor):
    """A real socket with a small buffer; the peer and the reactor do what the test says."""

    def __init__(self) -> None:
        self.selector = Selector()
        super().__init__(cast(Any, self.selector))
        self.connected = 1
        self.near, self.far = socket.socketpair()
        for end in (self.near, self.far):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)

    def getHandle(self) -> socket.socket:
        return self.near

    def writeSomeData(self, data: bytes) -> int:
        try:
            return self.near.send(data)
        except BlockingIOError:
            return 0

    def turn(self) -> None:
        """Let the reactor see that the socket takes bytes, if anybody wants to know."""
        if self in self.selector.writers:
            self.doWrite()

    def reads(self, size: int) -> bytes:
        """Read up to *size* bytes at the far end."""
        try:
            return self.far.recv(size)
        except BlockingIOError:
            return b""

    def reads_all(self) -> bytes:
        """Read at the far end for as long as something comes."""
        got = b""
        while (data := self.reads(65536)) or self.selector.writers:
            got += data
            self.turn()
        return got

    def close(self) -> None:
        self.near.close()
        self.far.close()


class Watched(OutputBuffer):
    """An outlet that counts what it reports."""

    def __init__(self, transport: object, most: int = 0) -> None:
        self.overflows = 0
        self.drains = 0
        super().__init__(cast(IConnection, transport), most, self._over, self._dry)

    def _over(self) -> None:
        self.overflows += 1
        self.close()

    def _dry(self) -> None:
        self.drains += 1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


sizes = st.integers(1, 40_000)
deeds = st.lists(st.tuples(st.sampled_from(["write", "read", "turn"]), sizes), max_size=30)


def numbered(start: int, size: int) -> bytes:
    """Return *size* bytes that show where in the stream, at *start*, they stand."""
    block = b"".join(b"%07d\n" % at for at in range(start // 8, (start + size) // 8 + 1))
    return block[start % 8 :][:size]


@given(deeds)
def test_a_socket_gets_everything_in_order(deeds: list[tuple[str, int]]) -> None:
    """However slowly a peer reads, it gets the bytes that were written, in their order."""
    with closing(Pipe()) as pipe:
        outlet = Watched(pipe)
        written, got = 0, b""
        for deed, size in deeds:
            if deed == "write":
                outlet.write(numbered(written, size))
                written += size
            elif deed == "read":
                got += pipe.reads(size)
            else:
                pipe.turn()
        got += pipe.reads_all()
        assert got == numbered(0, written)
        assert outlet.empty
        assert outlet.queued == 0


@given(deeds)
def test_a_wrapped_transport_gets_everything_in_order(deeds: list[tuple[str, int]]) -> None:
    """The same through a transport that is no plain socket and pauses us when it is full."""
    wire = Wire()
    outlet = Watched(wire)
    written = 0
    for deed, size in deeds:
        if deed == "write":
            outlet.write(numbered(written, size))
            written += size
        elif deed == "read":
            wire.reads(size)
        else:
            wire.stops_reading()
    wire.reads()
    assert wire.value() == numbered(0, written)
    assert outlet.empty
    assert outlet.queued == 0


def test_what_the_kernel_takes_does_not_wait(pipe: Pipe) -> None:
    """A block is at the peer when `write` returns: no turn of the reactor is lost."""
    outlet = Watched(pipe)
    outlet.write(b"hello\n")
    assert pipe.reads(100) == b"hello\n"
    assert outlet.empty
    assert not pipe.selector.writers


def test_more_than_may_wait_is_an_overflow(pipe: Pipe) -> None:
    """A peer that reads nothing has at most the bound waiting for it; then it is reported."""
    outlet = Watched(pipe, most=100_000)
    block = b"x" * 1000
    writes = 0
    while not outlet.overflows:
        outlet.write(block)
        writes += 1
        assert outlet.queued <= 100_000 + len(block)
        assert writes < 1000
    assert writes >= 100
    outlet.write(block)
    assert outlet.overflows == 1


def test_no_bound(pipe: Pipe) -> None:
    """A bound of 0 is none."""
    outlet = Watched(pipe)
    for _ in range(300):
        outlet.write(b"x" * 10_000)
    assert outlet.overflows == 0
    assert len(pipe.reads_all()) == 3_000_000


def test_drained_is_told_each_time(pipe: Pipe) -> None:
    """Who waits for room is told each time that nothing waits any more, and only then."""
    outlet = Watched(pipe)
    for count in (1, 2):
        outlet.write(b"x" * 200_000)
        assert not outlet.empty
        pipe.reads(1000)
        pipe.turn()
        assert outlet.drains == count - 1
        pipe.reads_all()
        assert outlet.empty
        assert outlet.drains == count


def test_acknowledged_is_what_the_peer_has(pipe: Pipe) -> None:
    """Bytes count as received when neither we nor the kernel hold any of them."""
    outlet = Watched(pipe)
    assert outlet.acknowledged()
    outlet.write(b"hello\n")
    assert not outlet.acknowledged()
    pipe.reads_all()
    assert outlet.acknowledged()
    outlet.write(b"x" * 100_000)
    assert not outlet.acknowledged()
    pipe.reads_all()
    assert outlet.acknowledged()
    outlet.close()
    assert not outlet.acknowledged()


def test_progress_is_what_the_peer_takes(pipe: Pipe) -> None:
    """A peer makes progress if it takes something, or if nothing waits for it."""
    outlet = Watched(pipe)
    assert outlet.made_progress()
    outlet.write(b"x" * 200_000)
    outlet.made_progress()
    assert not outlet.made_progress()
    assert pipe.reads(65536)
    assert outlet.made_progress()
    assert not outlet.made_progress()
    pipe.reads_all()
    assert outlet.made_progress()


def test_more_to_read_is_no_progress(pipe: Pipe) -> None:
    """That others go on talking does not make a peer that reads nothing move."""
    outlet = Watched(pipe)
    outlet.write(b"x" * 200_000)
    outlet.made_progress()
    outlet.write(b"one more\n")
    assert not outlet.made_progress()


def test_nothing_is_written_after_the_end(pipe: Pipe) -> None:
    """After `close`, nothing reaches the peer that was not on its way."""
    outlet = Watched(pipe)
    outlet.write(b"last\n")
    outlet.close()
    outlet.write(b"too late\n")
    assert pipe.reads_all() == b"last\n"


def test_a_broken_connection_is_no_failure(pipe: Pipe) -> None:
    """Writing to a peer that is gone raises nothing; the transport finds out by itself."""
    outlet = Watched(pipe)
    pipe.far.close()
    pipe.writeSomeData = lambda data: 0  # type: ignore[method-assign]
    outlet.write(b"hello\n")
    outlet.stopProducing()
    assert outlet.queued == 0
    outlet.write(b"hello\n")
    assert outlet.queued == 0


def test_a_block_for_many_is_in_memory_once() -> None:
    """A block that waits for a hundred slow peers is not copied for each."""
    outlets: list[Watched] = []
    for _ in range(100):
        wire = Wire()
        outlets.append(Watched(wire))
        wire.producer.pauseProducing()
    tracemalloc.start()
    try:
        block = bytes(100_000)
        for outlet in outlets:
            outlet.write(block)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(outlet.queued for outlet in outlets) == 100 * len(block)
    assert kept < 2 * len(block)


def test_a_long_queue_is_handed_on_in_pieces(pipe: Pipe) -> None:
    """The transport gets a piece at a time, so that a slow peer shows its progress."""
    outlet = Watched(pipe)
    written: list[int] = []
    write: Callable[[bytes], None] = pipe.write

    def watching(data: bytes) -> None:
        written.append(len(data))
        write(data)

    pipe.write = watching  # type: ignore[method-assign]
    outlet.write(b"x" * 200_000)
    for _ in range(50):
        outlet.write(b"y" * 1000)
    assert len(pipe.reads_all()) == 250_000
    assert max(written) <= PIECE
    assert len(written) < 40

"""OutputBuffer: the unsent output of one connection, in order, up to a maximum size."""

from __future__ import annotations

import socket
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.abstract import FileDescriptor

from pyconchat.doors.output_buffer import MAX_PIECE, OutputBuffer
from pyconchat.net.connection import IConnection
from tests.support.connections import Wire


class Selector:
    """The part of a reactor that a file descriptor needs: it remembers the writers."""

    def __init__(self) -> None:
        self.writers: set[object] = set()

    def addWriter(self, writer: object) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: object) -> None:
        self.writers.discard(writer)

    def removeReader(self, reader: object) -> None:
        pass


class Pipe(FileDescriptor):
    """A real socket with a small buffer; the test controls the peer and the reactor."""

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
        """Call `doWrite` if the transport has asked for it, as the reactor does."""
        if self in self.selector.writers:
            self.doWrite()

    def reads(self, size: int) -> bytes:
        """Read up to *size* bytes at the far end."""
        try:
            return self.far.recv(size)
        except BlockingIOError:
            return b""

    def reads_all(self) -> bytes:
        """Read at the far end until nothing more comes."""
        got = b""
        while (data := self.reads(65536)) or self.selector.writers:
            got += data
            self.turn()
        return got

    def close(self) -> None:
        self.near.close()
        self.far.close()


class RecordingBuffer(OutputBuffer):
    """An OutputBuffer that counts its callbacks."""

    def __init__(self, transport: object, max_bytes: int = 0) -> None:
        self.overflows = 0
        self.drains = 0
        super().__init__(
            cast(IConnection, transport), max_bytes, self._count_overflow, self._count_drain
        )

    def _count_overflow(self) -> None:
        self.overflows += 1
        self.close()

    def _count_drain(self) -> None:
        self.drains += 1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def test_a_connection_that_was_reset_stays_broken() -> None:
    """The kernel reports the error once, and the transport may not be reading."""
    with socket.create_server(("127.0.0.1", 0)) as listening, closing(Pipe()) as pipe:
        pipe.far.close()
        pipe.far = socket.create_connection(listening.getsockname())
        pipe.near.close()
        pipe.near, _ = listening.accept()
        pipe.near.setblocking(False)
        buffer = RecordingBuffer(pipe)
        assert not buffer.broken()
        pipe.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        pipe.far.close()
        assert [buffer.broken(), buffer.broken()] == [True, True]


sizes = st.integers(1, 40_000)
actions = st.lists(st.tuples(st.sampled_from(["write", "read", "turn"]), sizes), max_size=30)


def numbered(start: int, size: int) -> bytes:
    """Return *size* bytes that show their position in the stream, from *start* on."""
    block = b"".join(b"%07d\n" % at for at in range(start // 8, (start + size) // 8 + 1))
    return block[start % 8 :][:size]


@given(actions)
def test_a_socket_gets_everything_in_order(actions: list[tuple[str, int]]) -> None:
    """The peer gets all bytes in order, however slowly it reads."""
    with closing(Pipe()) as pipe:
        buffer = RecordingBuffer(pipe)
        written, got = 0, b""
        for action, size in actions:
            if action == "write":
                buffer.write(numbered(written, size))
                written += size
            elif action == "read":
                got += pipe.reads(size)
            else:
                pipe.turn()
        got += pipe.reads_all()
        assert got == numbered(0, written)
        assert buffer.empty
        assert buffer.queued == 0


@given(actions)
def test_a_wrapped_transport_gets_everything_in_order(actions: list[tuple[str, int]]) -> None:
    """Also when the transport is not a plain socket and pauses the buffer while it is full."""
    wire = Wire()
    buffer = RecordingBuffer(wire)
    written = 0
    for action, size in actions:
        if action == "write":
            buffer.write(numbered(written, size))
            written += size
        elif action == "read":
            wire.reads(size)
        else:
            wire.stops_reading()
    wire.reads()
    assert wire.value() == numbered(0, written)
    assert buffer.empty
    assert buffer.queued == 0


def test_a_block_is_sent_at_once_if_the_kernel_takes_it(pipe: Pipe) -> None:
    """The peer has the block when `write` returns, without a turn of the reactor."""
    buffer = RecordingBuffer(pipe)
    buffer.write(b"hello\n")
    assert pipe.reads(100) == b"hello\n"
    assert buffer.empty
    assert not pipe.selector.writers


def test_direct_writes_end_when_the_wrapped_transport_is_full() -> None:
    """They may begin again when it has room, and nothing is queued."""
    left: list[int] = []
    buffer = OutputBuffer(cast(IConnection, Wire()), 0, lambda: None, lambda: None)
    assert buffer.begin_direct(lambda: left.append(1))
    buffer.pauseProducing()
    assert left == [1]
    assert not buffer.begin_direct(lambda: left.append(2))
    buffer.write(b"later")
    buffer.resumeProducing()
    assert buffer.begin_direct(lambda: left.append(3))
    buffer.finish()
    assert left == [1, 3]


def test_overflow(pipe: Pipe) -> None:
    """If a peer reads nothing and more than the maximum is queued, *overflow* is called once."""
    buffer = RecordingBuffer(pipe, max_bytes=100_000)
    block = b"x" * 1000
    writes = 0
    while not buffer.overflows:
        buffer.write(block)
        writes += 1
        assert buffer.queued <= 100_000 + len(block)
        assert writes < 1000
    assert writes >= 100
    buffer.write(block)
    assert buffer.overflows == 1


def test_no_maximum(pipe: Pipe) -> None:
    """With a maximum of 0 there is no overflow."""
    buffer = RecordingBuffer(pipe)
    for _ in range(300):
        buffer.write(b"x" * 10_000)
    assert buffer.overflows == 0
    assert len(pipe.reads_all()) == 3_000_000


def test_drained_is_called_each_time_that_the_queue_becomes_empty(pipe: Pipe) -> None:
    """*drained* is called once for each time that the queue becomes empty, and not before."""
    buffer = RecordingBuffer(pipe)
    for count in (1, 2):
        buffer.write(b"x" * 200_000)
        assert not buffer.empty
        pipe.reads(1000)
        pipe.turn()
        assert buffer.drains == count - 1
        pipe.reads_all()
        assert buffer.empty
        assert buffer.drains == count


def test_acknowledged(pipe: Pipe) -> None:
    """Output is acknowledged when neither the buffer nor the kernel holds any of it."""
    buffer = RecordingBuffer(pipe)
    assert buffer.acknowledged()
    buffer.write(b"hello\n")
    assert not buffer.acknowledged()
    pipe.reads_all()
    assert buffer.acknowledged()
    buffer.write(b"x" * 100_000)
    assert not buffer.acknowledged()
    pipe.reads_all()
    assert buffer.acknowledged()
    buffer.close()
    assert not buffer.acknowledged()


def test_progress(pipe: Pipe) -> None:
    """A peer makes progress if it takes bytes, or if the queue is empty."""
    buffer = RecordingBuffer(pipe)
    assert buffer.made_progress()
    buffer.write(b"x" * 200_000)
    buffer.made_progress()
    assert not buffer.made_progress()
    assert pipe.reads(65536)
    assert buffer.made_progress()
    assert not buffer.made_progress()
    pipe.reads_all()
    assert buffer.made_progress()


def test_further_output_is_no_progress(pipe: Pipe) -> None:
    """Further writes do not count as progress of a peer that reads nothing."""
    buffer = RecordingBuffer(pipe)
    buffer.write(b"x" * 200_000)
    buffer.made_progress()
    buffer.write(b"one more\n")
    assert not buffer.made_progress()


def test_nothing_is_sent_after_close(pipe: Pipe) -> None:
    """A block that is written after `close` is discarded."""
    buffer = RecordingBuffer(pipe)
    buffer.write(b"last\n")
    buffer.close()
    buffer.write(b"too late\n")
    assert pipe.reads_all() == b"last\n"


def test_writing_to_a_lost_connection(pipe: Pipe) -> None:
    """It raises nothing, and queues nothing once the transport has reported the loss."""
    buffer = RecordingBuffer(pipe)
    pipe.far.close()
    pipe.writeSomeData = lambda data: 0  # type: ignore[method-assign]
    buffer.write(b"hello\n")
    buffer.stopProducing()
    assert buffer.queued == 0
    buffer.write(b"hello\n")
    assert buffer.queued == 0


def test_a_block_for_many_peers_is_in_memory_once() -> None:
    """A block that waits for a hundred slow peers is not copied for each."""
    buffers: list[RecordingBuffer] = []
    for _ in range(100):
        wire = Wire()
        buffers.append(RecordingBuffer(wire))
        wire.producer.pauseProducing()
    tracemalloc.start()
    try:
        block = bytes(1_000_000)
        for buffer in buffers:
            buffer.write(block)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(buffer.queued for buffer in buffers) == 100 * len(block)
    assert kept < 2 * len(block)


def test_a_long_queue_is_passed_on_in_pieces(pipe: Pipe) -> None:
    """The transport gets one piece at a time, so that a slow peer shows progress."""
    buffer = RecordingBuffer(pipe)
    written: list[int] = []
    write: Callable[[bytes], None] = pipe.write

    def recording(data: bytes) -> None:
        written.append(len(data))
        write(data)

    pipe.write = recording  # type: ignore[method-assign]
    buffer.write(b"x" * 200_000)
    for _ in range(50):
        buffer.write(b"y" * 1000)
    assert len(pipe.reads_all()) == 250_000
    assert max(written) <= MAX_PIECE
    assert len(written) < 40

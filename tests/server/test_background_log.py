"""The thread that writes the log: what cannot be written delays nobody, and is counted."""

from __future__ import annotations

import errno
import os
import re
import select
from collections.abc import Iterator
from threading import Event

import pytest

from pyconchat.server.background_log import MAX_WAITING, BackgroundLog, descriptor_writer
from tests.support.servers import PATIENCE

LOST = re.compile(rb"\n\S+ error: lines of the log that were lost: (\d+)\n")


class Disk:
    """Lines that were written. While *full*, nothing is; until *answers* is set, it blocks."""

    def __init__(self) -> None:
        self.written = b""
        self.full = False
        self.answers = Event()
        self.answers.set()

    def write(self, data: bytes) -> None:
        assert self.answers.wait(PATIENCE)
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.written += data


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def log(disk: Disk) -> Iterator[BackgroundLog]:
    """A log on *disk*, whose thread runs."""
    log = BackgroundLog(disk.write, now=lambda: 0.0)
    log.start()
    yield log
    disk.answers.set()
    log.stop(PATIENCE)


def test_lines_are_written_in_order(log: BackgroundLog, disk: Disk) -> None:
    """Lines of before the start, of the thread, and of after the end."""
    for number in range(100):
        log.write(f"line {number}\n")
    log.stop(PATIENCE)
    log.write("the last\n")
    expected = [*(f"line {number}" for number in range(100)), "the last"]
    assert disk.written.decode().splitlines() == expected


def test_without_a_thread_the_caller_writes(disk: Disk) -> None:
    """So the lines of a start that fails are written."""
    BackgroundLog(disk.write).write("cannot listen\n")
    assert disk.written == b"cannot listen\n"


def test_lines_that_the_encoding_does_not_have(disk: Disk) -> None:
    """They are written with escapes, as Python's standard error does."""
    BackgroundLog(disk.write, "latin-1").write("é and 漢\n")
    assert disk.written == b"\xe9 and \\u6f22\n"


def test_a_full_disk(log: BackgroundLog, disk: Disk) -> None:
    """The lost lines are counted, and the number is written before the next line."""
    disk.full = True
    log.write("one\n")
    log.write("two\n")
    log.stop(PATIENCE)
    disk.full = False
    log.write("three\n")
    found = LOST.match(disk.written)
    assert found is not None
    assert found[1] == b"2"
    assert disk.written[found.end() :] == b"three\n"


def test_a_target_that_blocks(log: BackgroundLog, disk: Disk) -> None:
    """Nobody waits for it; the lines that wait are bounded, and the others are counted."""
    disk.answers.clear()
    line = "x" * 1023 + "\n"
    count = 3 * MAX_WAITING // len(line)
    for _ in range(count):
        log.write(line)
    log.stop(0.0)  # it does not wait either
    disk.answers.set()
    log.stop(PATIENCE)
    log.write("then\n")
    kept = disk.written.count(line.encode())
    assert MAX_WAITING <= kept * len(line) <= 2 * MAX_WAITING
    assert sum(map(int, LOST.findall(disk.written))) == count - kept
    assert disk.written.endswith(b"\nthen\n")


def test_an_action_is_called_in_its_turn(log: BackgroundLog, disk: Disk) -> None:
    """A log file is rotated between two lines, by the thread that writes."""
    log.write("old\n")
    log.call(lambda: disk.write(b"(rotated)\n"))
    log.write("new\n")
    log.stop(PATIENCE)
    assert disk.written == b"old\n(rotated)\nnew\n"


def test_a_descriptor_that_does_not_block() -> None:
    """A terminal may be non-blocking because of another process: the thread waits for it."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    log = BackgroundLog(descriptor_writer(writing))
    log.start()
    text = "y" * 70_000 + "\n" + "z" * 70_000 + "\n"
    log.write(text)
    read = b""
    while len(read) < len(text):
        assert select.select([reading], [], [], PATIENCE)[0]
        read += os.read(reading, 65536)
    log.stop(PATIENCE)
    assert read.decode() == text
    os.close(reading)
    os.close(writing)

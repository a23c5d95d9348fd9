"""BackgroundLog: a thread writes the log, so that a log that cannot be written delays nobody.

Standard output may be a pipe that nobody reads, or a terminal that is stopped with Ctrl-S. A log
file may be on a disk that is full, or does not answer.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable

from twisted.logger import formatTime

__all__ = ["BackgroundLog", "descriptor_writer"]

MAX_WAITING = 1024 * 1024
"""Maximum bytes of lines that wait for the thread; further lines are dropped and counted."""

MAX_STOPPING = 1.0
"""Seconds for which the end of the server waits until all lines are written."""


def descriptor_writer(descriptor: int) -> Callable[[bytes], None]:
    """Return a function that writes all of its bytes to *descriptor*, and may block."""

    def write(data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:  # another process has made the terminal non-blocking
                select.select([], [descriptor], [])

    return write


class BackgroundLog:
    """A text stream for the log: a thread passes each line to *target*, which may block.

    If *target* raises `OSError`, the line is lost. The number of lost and dropped lines is written
    before the next line. Without the thread, before `start` and after `stop`, the caller of `write`
    writes.
    """

    def __init__(
        self,
        target: Callable[[bytes], object],
        encoding: str = "utf-8",
        now: Callable[[], float] = time.time,
    ) -> None:
        self._target = target
        self._encoding = encoding
        self._now = now
        self._changed = threading.Condition()  # its lock is reentrant: a signal handler may log
        self._waiting: list[bytes | Callable[[], object]] = []
        self._bytes = 0  # of the waiting lines
        self._dropped = 0  # lines that came after the waiting ones
        self._lost = 0  # lines that have not been reported; only `_write_waiting` uses it
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread. A process that forks must do so before, as threads are not copied."""
        self._thread = threading.Thread(target=self._run, name="pyconchat-log", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = MAX_STOPPING) -> None:
        """End the thread when all lines are written, and wait *seconds* for it at most."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(seconds)
            if not self._thread.is_alive():
                self._thread = None

    def write(self, text: str) -> None:
        """Write *text*, which is one line or several, soon."""
        line = text.encode(self._encoding, "backslashreplace")
        with self._changed:
            if self._bytes + len(line) > MAX_WAITING:
                self._dropped += 1
                return
            self._bytes += len(line)
        self.call(line)

    def flush(self) -> None:
        """Do nothing: each line is written as soon as possible."""

    def call(self, action: bytes | Callable[[], object]) -> None:
        """Call *action* when the lines before it are written. A line is an action too."""
        with self._changed:
            self._waiting.append(action)
            self._changed.notify()
        if self._thread is None:
            self._write_waiting()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._stopping:
                    self._changed.wait()
                if not self._waiting:
                    return
            self._write_waiting()

    def _write_waiting(self) -> None:
        with self._changed:
            actions, self._waiting, self._bytes = self._waiting, [], 0
            dropped, self._dropped = self._dropped, 0
        for action in actions:
            try:
                self._report()
                if isinstance(action, bytes):
                    self._target(action)
                else:
                    action()
            except OSError:
                self._lost += 1
        self._lost += dropped

    def _report(self) -> None:
        """Write how many lines were lost, if any. The last one may have been written in part."""
        if self._lost:
            line = f"error: lines of the log that were lost: {self._lost}"
            self._target(f"\n{formatTime(self._now())} {line}\n".encode())
            self._lost = 0

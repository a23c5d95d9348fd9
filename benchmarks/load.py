"""The closed loop that loads a group.

Each sender keeps a number of messages under way, and sends the next one
when the observer, who is a member like the others, has read one.

The observer parses and checks every line. The other members' bytes are taken in reads as
large as they come, and their newlines are counted.
"""

from __future__ import annotations

import random
import string
import time
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import meters
from benchmarks.crowd import PATIENCE, READ, Crowd
from benchmarks.meters import Usage
from benchmarks.options import Failed

__all__ = ["Load", "Sample"]

MESSAGE = 64
"""Bytes of text in a message, the end of the line not counted."""

AT_ONCE = 64
"""Sockets that are read between two questions to the kernel."""

FILLERS = 256


@dataclass(frozen=True)
class Sample:
    """What a time of load has shown. *latencies* are sorted, in seconds."""

    under_way: int
    messages: int
    lines: int
    latencies: Sequence[float]
    usage: Usage
    resident: int


class _Sender:
    """One who sends, and knows when each message left that the observer has not read yet."""

    def __init__(self, crowd: Crowd, name: str, random: random.Random) -> None:
        self.under_way: deque[tuple[bytes, float]] = deque()
        self.sent = 0
        self._socket = crowd.connection(name)
        self._said = crowd.tongue.said
        self._unsent = b""
        letters = string.ascii_letters + " "
        length = MESSAGE - len(b"00000000 ")
        # The last is no space: some servers cut those off.
        self._fillers = [
            "".join(random.choices(letters, k=length - 1)) + "." for _ in range(FILLERS)
        ]

    def send(self, count: int) -> None:
        """Say *count* more things."""
        if not count:
            return
        first, fillers = self.sent, self._fillers
        self.sent += count
        texts = [
            f"{number:08} {fillers[number % FILLERS]}".encode()
            for number in range(first, self.sent)
        ]
        now = time.perf_counter()
        self.under_way.extend([(text, now) for text in texts])
        self._unsent += b"\n".join(map(self._said, texts)) + b"\n"
        self.flush()

    def flush(self) -> None:
        """Give the kernel what it takes: all of it, unless the server reads no further."""
        if self._unsent:
            try:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
            except BlockingIOError:
                return


class Load:
    """The *senders* of a settled *crowd*, and the *observer*.

    *under_way* is how many messages there are at any time, of all senders together; it is
    divided among them. Nobody else may say anything in the group meanwhile.
    """

    def __init__(
        self, crowd: Crowd, senders: Sequence[str], observer: str, under_way: int, seed: int
    ) -> None:
        chance = random.Random(seed)
        self._crowd = crowd
        self._heard = crowd.tongue.heard
        self._under_way = under_way
        self._sending = True
        self._observer = crowd.connection(observer)
        self._senders = {name.encode(): _Sender(crowd, name, chance) for name in senders}
        self._receivers = {fd: each.recv_into for fd, each in crowd.connections().items()}
        self._buffer = bytearray(READ)
        self._view = memoryview(self._buffer)
        self._rest = b""
        self._lines = 0
        self._latencies = array("d")

    def run(self, pid: int, warm_up: float, seconds: float) -> Sample:
        """Load the server *pid*; measure for some *seconds* after the *warm_up*. Raises `Failed`.

        At the end everything that was sent must have come to everybody.
        """
        share, more = divmod(self._under_way, len(self._senders))
        for nth, sender in enumerate(self._senders.values()):
            sender.send(share + (nth < more))
        self._turn(time.perf_counter() + warm_up)
        self._latencies = array("d")
        lines, messages, began = self._lines, self._sent, meters.read(pid)
        self._turn(began.at + seconds)
        ended = meters.read(pid)
        sample = Sample(
            self._under_way,
            self._sent - messages,
            self._lines - lines,
            sorted(self._latencies),
            meters.usage_between(began, ended),
            meters.resident(pid),
        )
        if not sample.latencies:
            raise Failed(f"the observer has read nothing in {seconds:.0f} s")
        self._finish()
        return sample

    @property
    def _sent(self) -> int:
        return sum(sender.sent for sender in self._senders.values())

    def _turn(self, until: float) -> None:
        """Read and send until the time is *until*."""
        observer = self._observer.fileno()
        poll, receivers = self._crowd.epoll.poll, self._receivers
        buffer, count = self._buffer, self._buffer.count
        while (left := until - time.perf_counter()) > 0:
            for descriptor, _ in poll(min(left, 0.1), AT_ONCE):
                size = READ
                while size == READ:  # edge-triggered: until nothing is left
                    try:
                        size = receivers[descriptor](buffer)
                    except BlockingIOError:
                        break
                    if not size:
                        raise Failed("the server closed a connection under load")
                    self._lines += count(b"\n", 0, size)
                    if descriptor == observer:
                        self._read(bytes(self._view[:size]))
            for sender in self._senders.values():
                sender.flush()

    def _read(self, data: bytes) -> None:
        """Read, as the observer, what the senders have said; let each say as much again."""
        now = time.perf_counter()
        *lines, self._rest = (self._rest + data).split(b"\n")
        seen = dict.fromkeys(self._senders, 0)
        note = self._latencies.append
        for line in lines:
            name, text = self._heard(line)
            sender = self._senders.get(name)
            if sender is None or not sender.under_way:
                raise Failed(f"nobody has sent {line!r}")
            expected, sent_at = sender.under_way.popleft()
            if text != expected:
                raise Failed(f"{expected!r} of {name!r} came as {text!r}")
            note(now - sent_at)
            seen[name] += 1
        if self._sending:
            for name, number in seen.items():
                if number:
                    self._senders[name].send(number)

    def _finish(self) -> None:
        """Send nothing more; wait until all is delivered, and check that it is."""
        self._sending = False
        receivers = len(self._receivers) - 1  # nobody is shown their own words
        deadline = time.perf_counter() + PATIENCE
        while self._lines < self._sent * receivers and time.perf_counter() < deadline:
            self._turn(time.perf_counter() + 0.05)
        if self._lines != self._sent * receivers:
            raise Failed(f"{self._sent * receivers:,} lines were due, {self._lines:,} came")

"""The load generator: a closed loop of messages in one group or in many.

A fixed number of messages is in flight. Each group has an observer, an ordinary member. When an
observer has received a message, the next one is sent: by the same sender if there is one group, by
the next sender in turn if there are many, so that all groups have traffic.

An observer parses and checks every line. What other members receive is only read in large pieces,
and its newlines are counted.
"""

from __future__ import annotations

import random
import string
import time
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import NamedTuple

from benchmarks import proc
from benchmarks.options import Failed
from benchmarks.proc import Usage
from benchmarks.users import MAX_READ_BYTES, TIMEOUT, Users

__all__ = ["Load", "LoadedGroup", "Sample"]

MESSAGE_BYTES = 64
"""Text of a message, without the LF."""

MAX_EVENTS = 64
"""Maximum sockets that are read per call of epoll_wait(2)."""

FILLERS = 256
"""Number of different texts."""


@dataclass(frozen=True)
class Sample:
    """The figures of one measured period. *latencies* are sorted, in seconds."""

    in_flight: int
    messages: int
    lines: int
    latencies: Sequence[float]
    usage: Usage
    resident_bytes: int


class LoadedGroup(NamedTuple):
    """A group with a number of *members*, including the *senders* and the *observer*."""

    name: str
    members: int
    senders: Sequence[str]
    observer: str


class _Sender:
    """A sender, with the text and the time of each message that its observer has not received."""

    def __init__(self, users: Users, name: str, group: LoadedGroup, fillers: Sequence[str]) -> None:
        self.in_flight: deque[tuple[bytes, float]] = deque()
        self.sent = 0
        self.receivers = group.members - 1  # the server does not send it to the sender
        self._socket = users.connection(name)
        self._group = group.name
        self._format = users.protocol.message
        self._fillers = fillers
        self._unsent = b""

    def send(self, count: int) -> None:
        """Send *count* more messages."""
        first, fillers, format, group = self.sent, self._fillers, self._format, self._group
        self.sent += count
        texts = [
            f"{number:08} {fillers[number % FILLERS]}".encode()
            for number in range(first, self.sent)
        ]
        now = time.perf_counter()
        self.in_flight.extend([(text, now) for text in texts])
        self._unsent += b"\n".join([format(text, group) for text in texts]) + b"\n"
        self.flush()

    def flush(self) -> bool:
        """Send as much as the kernel accepts; return whether everything has been sent."""
        if self._unsent:
            try:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
            except BlockingIOError:
                return False
        return not self._unsent


class _Observer:
    """A member who receives the messages of the *senders* of one group."""

    def __init__(self, senders: dict[bytes, _Sender]) -> None:
        self.senders = senders
        self.partial_line = b""


class Load:
    """Load by *users* in their *groups*.

    *in_flight* messages are divided among all senders. Nobody else may send messages in these
    groups, and none may be in flight before.
    """

    def __init__(
        self, users: Users, groups: Sequence[LoadedGroup], in_flight: int, seed: int
    ) -> None:
        self._users = users
        self._parse = users.protocol.parse
        self._in_flight = in_flight
        self._sending = True
        fillers = _fillers(random.Random(seed))
        self._observers: dict[int, _Observer] = {}
        self._senders: list[_Sender] = []
        for group in groups:
            senders = {
                name.encode(): _Sender(users, name, group, fillers) for name in group.senders
            }
            self._observers[users.connection(group.observer).fileno()] = _Observer(senders)
            self._senders += senders.values()
        self._next_senders = cycle(self._senders) if len(groups) > 1 else None
        self._blocked: set[_Sender] = set()
        self._receivers = {fd: each.recv_into for fd, each in users.connections().items()}
        self._buffer = bytearray(MAX_READ_BYTES)
        self._view = memoryview(self._buffer)
        self._lines = 0
        self._latencies = array("d")

    def run(self, pid: int, warm_up: float, seconds: float, others: Sequence[int] = ()) -> Sample:
        """Load the server *pid*, and measure for *seconds* after the *warm_up*.

        The processor time includes that of *others*, further processes of the server.

        Raises `Failed`, also if not every message is delivered to every member in the end.
        """
        for sender, count in self._shares():
            self._send(sender, count)
        self._run_until(time.perf_counter() + warm_up)
        self._latencies = array("d")
        lines, messages, start = self._lines, self._sent, proc.read(pid, *others)
        self._run_until(start.at + seconds)
        end = proc.read(pid, *others)
        sample = Sample(
            self._in_flight,
            self._sent - messages,
            self._lines - lines,
            sorted(self._latencies),
            proc.usage_between(start, end),
            proc.resident_bytes(pid),
        )
        if not sample.latencies:
            raise Failed(f"the observers have received nothing in {seconds:.0f} s")
        self._finish()
        return sample

    @property
    def _sent(self) -> int:
        return sum(sender.sent for sender in self._senders)

    def _shares(self) -> list[tuple[_Sender, int]]:
        """Divide the messages in flight among the senders; each share is at least 1."""
        count = min(self._in_flight, len(self._senders))
        senders = self._senders[:count]
        if self._next_senders is not None:
            senders = list(islice(self._next_senders, count))
        share, rest = divmod(self._in_flight, len(senders))
        return [(sender, share + (nth < rest)) for nth, sender in enumerate(senders)]

    def _run_until(self, until: float) -> None:
        """Receive and send until *until*, a time of `time.perf_counter`."""
        observers = self._observers
        poll, receivers = self._users.epoll.poll, self._receivers
        buffer, count = self._buffer, self._buffer.count
        while (left := until - time.perf_counter()) > 0:
            for descriptor, _ in poll(min(left, 0.1), MAX_EVENTS):
                size = MAX_READ_BYTES
                while size == MAX_READ_BYTES:  # edge-triggered: read until the socket is empty
                    try:
                        size = receivers[descriptor](buffer)
                    except BlockingIOError:
                        break
                    if not size:
                        raise Failed("the server closed a connection under load")
                    self._lines += count(b"\n", 0, size)
                    if descriptor in observers:
                        self._read(observers[descriptor], bytes(self._view[:size]))
            self._blocked = {sender for sender in self._blocked if not sender.flush()}

    def _read(self, observer: _Observer, data: bytes) -> None:
        """Check the messages that *observer* has received, and send as many new ones."""
        now = time.perf_counter()
        *lines, observer.partial_line = (observer.partial_line + data).split(b"\n")
        received = dict.fromkeys(observer.senders.values(), 0)
        record = self._latencies.append
        for line in lines:
            name, text = self._parse(line)
            sender = observer.senders.get(name)
            if sender is None or not sender.in_flight:
                raise Failed(f"nobody has sent {line!r}")
            expected, sent_at = sender.in_flight.popleft()
            if text != expected:
                raise Failed(f"{name!r} sent {expected!r}, but {text!r} was received")
            record(now - sent_at)
            received[sender] += 1
        if not self._sending:
            return
        if self._next_senders is not None:
            for sender in islice(self._next_senders, len(lines)):
                self._send(sender, 1)
            return
        for sender, number in received.items():
            if number:
                self._send(sender, number)

    def _send(self, sender: _Sender, count: int) -> None:
        sender.send(count)
        if not sender.flush():
            self._blocked.add(sender)

    def _finish(self) -> None:
        """Stop sending, and check that every message is delivered to every member."""
        self._sending = False
        expected = sum(sender.sent * sender.receivers for sender in self._senders)
        deadline = time.perf_counter() + TIMEOUT
        while self._lines < expected and time.perf_counter() < deadline:
            self._run_until(time.perf_counter() + 0.05)
        if self._lines != expected:
            raise Failed(f"{expected:,} lines were expected, {self._lines:,} were received")


def _fillers(rng: random.Random) -> list[str]:
    """Return the texts that follow a message's number."""
    letters = string.ascii_letters + " "
    length = MESSAGE_BYTES - len(b"00000000 ")
    # Not a space at the end: some servers strip it.
    return ["".join(rng.choices(letters, k=length - 1)) + "." for _ in range(FILLERS)]

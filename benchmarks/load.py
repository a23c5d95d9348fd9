"""The closed loop that loads one group, or many.

A number of messages is under way at any time: when the observer of a group, who is a member like
the others, has read one, the next one is sent; by the same sender if there is one group, by the
next sender in turn if there are many, so that all have traffic.

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
from itertools import cycle, islice
from typing import NamedTuple

from benchmarks import proc
from benchmarks.options import Failed
from benchmarks.proc import Usage
from benchmarks.users import PATIENCE, READ, Crowd

__all__ = ["Load", "Room", "Sample"]

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


class Room(NamedTuple):
    """A group of so many *members*, among them those who send and one who observes."""

    group: str
    members: int
    senders: Sequence[str]
    observer: str


class _Sender:
    """One who sends, and knows when each message left that the observer has not read yet."""

    def __init__(self, crowd: Crowd, name: str, room: Room, fillers: Sequence[str]) -> None:
        self.under_way: deque[tuple[bytes, float]] = deque()
        self.sent = 0
        self.others = room.members - 1  # nobody is shown their own words
        self._socket = crowd.connection(name)
        self._group = room.group
        self._said = crowd.tongue.said
        self._fillers = fillers
        self._unsent = b""

    def send(self, count: int) -> None:
        """Say *count* more things."""
        first, fillers, said, group = self.sent, self._fillers, self._said, self._group
        self.sent += count
        texts = [
            f"{number:08} {fillers[number % FILLERS]}".encode()
            for number in range(first, self.sent)
        ]
        now = time.perf_counter()
        self.under_way.extend([(text, now) for text in texts])
        self._unsent += b"\n".join([said(text, group) for text in texts]) + b"\n"
        self.flush()

    def flush(self) -> bool:
        """Give the kernel what it takes; return whether that is all: else the server is behind."""
        if self._unsent:
            try:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
            except BlockingIOError:
                return False
        return not self._unsent


class _Observer:
    """One who reads what the *senders* of one group say."""

    def __init__(self, senders: dict[bytes, _Sender]) -> None:
        self.senders = senders
        self.rest = b""


class Load:
    """The senders of a settled *crowd* in its *rooms*, and the observers.

    *under_way* is how many messages there are at any time, of all senders together; it is
    divided among them. Nobody else may say anything in the rooms meanwhile.
    """

    def __init__(self, crowd: Crowd, rooms: Sequence[Room], under_way: int, seed: int) -> None:
        self._crowd = crowd
        self._heard = crowd.tongue.heard
        self._under_way = under_way
        self._sending = True
        fillers = _fillers(random.Random(seed))
        self._observers: dict[int, _Observer] = {}
        self._senders: list[_Sender] = []
        for room in rooms:
            senders = {name.encode(): _Sender(crowd, name, room, fillers) for name in room.senders}
            self._observers[crowd.connection(room.observer).fileno()] = _Observer(senders)
            self._senders += senders.values()
        # One group: who is read says more. Many: it is the turn of the next one.
        self._turns = cycle(self._senders) if len(rooms) > 1 else None
        self._stuck: set[_Sender] = set()
        self._receivers = {fd: each.recv_into for fd, each in crowd.connections().items()}
        self._buffer = bytearray(READ)
        self._view = memoryview(self._buffer)
        self._lines = 0
        self._latencies = array("d")

    def run(self, pid: int, warm_up: float, seconds: float) -> Sample:
        """Load the server *pid*; measure for some *seconds* after the *warm_up*. Raises `Failed`.

        At the end everything that was sent must have come to everybody.
        """
        for sender, count in self._shares():
            self._send(sender, count)
        self._turn(time.perf_counter() + warm_up)
        self._latencies = array("d")
        lines, messages, began = self._lines, self._sent, proc.read(pid)
        self._turn(began.at + seconds)
        ended = proc.read(pid)
        sample = Sample(
            self._under_way,
            self._sent - messages,
            self._lines - lines,
            sorted(self._latencies),
            proc.usage_between(began, ended),
            proc.resident(pid),
        )
        if not sample.latencies:
            raise Failed(f"the observers have read nothing in {seconds:.0f} s")
        self._finish()
        return sample

    @property
    def _sent(self) -> int:
        return sum(sender.sent for sender in self._senders)

    def _shares(self) -> list[tuple[_Sender, int]]:
        """Divide what is to be under way among those who send."""
        senders = self._senders
        if self._turns is not None:
            senders = list(islice(self._turns, min(self._under_way, len(senders))))
        share, more = divmod(self._under_way, len(senders))
        return [(sender, share + (nth < more)) for nth, sender in enumerate(senders)]

    def _turn(self, until: float) -> None:
        """Read and send until the time is *until*."""
        observers = self._observers
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
                    if descriptor in observers:
                        self._read(observers[descriptor], bytes(self._view[:size]))
            self._stuck = {sender for sender in self._stuck if not sender.flush()}

    def _read(self, observer: _Observer, data: bytes) -> None:
        """Read what was said in one group; have as much said again."""
        now = time.perf_counter()
        *lines, observer.rest = (observer.rest + data).split(b"\n")
        seen = dict.fromkeys(observer.senders.values(), 0)
        note = self._latencies.append
        for line in lines:
            name, text = self._heard(line)
            sender = observer.senders.get(name)
            if sender is None or not sender.under_way:
                raise Failed(f"nobody has sent {line!r}")
            expected, sent_at = sender.under_way.popleft()
            if text != expected:
                raise Failed(f"{expected!r} of {name!r} came as {text!r}")
            note(now - sent_at)
            seen[sender] += 1
        if not self._sending:
            return
        if self._turns is not None:
            for sender in islice(self._turns, len(lines)):
                self._send(sender, 1)
            return
        for sender, number in seen.items():
            if number:
                self._send(sender, number)

    def _send(self, sender: _Sender, count: int) -> None:
        sender.send(count)
        if not sender.flush():
            self._stuck.add(sender)

    def _finish(self) -> None:
        """Send nothing more; wait until all is delivered, and check that it is."""
        self._sending = False
        due = sum(sender.sent * sender.others for sender in self._senders)
        deadline = time.perf_counter() + PATIENCE
        while self._lines < due and time.perf_counter() < deadline:
            self._turn(time.perf_counter() + 0.05)
        if self._lines != due:
            raise Failed(f"{due:,} lines were due, {self._lines:,} came")


def _fillers(chance: random.Random) -> list[str]:
    """Return what messages consist of after their number."""
    letters = string.ascii_letters + " "
    length = MESSAGE - len(b"00000000 ")
    # The last is no space: some servers cut those off.
    return ["".join(chance.choices(letters, k=length - 1)) + "." for _ in range(FILLERS)]

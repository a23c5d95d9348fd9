"""`storm` and `catchup`: programs come back with their tokens, all at once."""

from __future__ import annotations

import hashlib
import select
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import proc
from benchmarks.large_state import BEGAN, founded
from benchmarks.options import Failed, Options
from benchmarks.report import Result
from benchmarks.server import LOOPBACK, Server, running
from benchmarks.users import READ, names
from pyconchat.domain.decisions import Decision, NewEntry, SaveAccount, SaveToken
from pyconchat.domain.events import Message
from pyconchat.domain.group import Actor
from pyconchat.domain.names import Name, fold
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore

__all__ = ["catchup", "storm"]

PATIENCE = 120.0
"""Seconds after which those who are not back are taken not to come."""

TEXT = "what was said while they were away, in 64 bytes like all the rest"

_BATCH = 10_000

_MESSAGE, _LIVE = b'"type":"message"', b'"type":"live"'
"""What is in the line of a message, and in the one that says: all that was missed was sent."""


@dataclass(frozen=True)
class _Absence:
    """So many *groups* of so many *members* each; each missed so many *messages* of each."""

    groups: int
    members: int
    messages: int

    @property
    def people(self) -> int:
        """Return how many people that is: each in one group."""
        return self.groups * self.members


STORM = _Absence(groups=200, members=10, messages=5)
CATCHUP = _Absence(groups=10, members=10, messages=10_000)

STORM_SECONDS = 5.0
CATCHUP_ENTRIES = 200_000.0
"""What is promised: the seconds until all are live, and the entries a second."""


def storm(options: Options) -> list[Result]:
    """Measure how long it takes until all are back and live, from the first connection on."""
    result = Result(
        "storm",
        f"storm: {STORM.people:,} programs come back with tokens, {STORM.messages} unread each",
        people=STORM.people,
        unread=STORM.messages,
    )
    for took, usage in _comebacks(options, STORM):
        result.note("until all are live", "s", took, most=STORM_SECONDS)
        result.note("logins", "a second", STORM.people / took)
        result.note("server's work per login", "ms", usage / STORM.people * 1e3)
    return [result]


def catchup(options: Options) -> list[Result]:
    """Measure how fast the log is read to those who were away."""
    result = Result(
        "catchup",
        f"catchup: {CATCHUP.people} programs come back, each has missed"
        f" {CATCHUP.messages:,} messages",
        people=CATCHUP.people,
        unread=CATCHUP.messages,
    )
    for took, usage in _comebacks(options, CATCHUP):
        entries = CATCHUP.people * CATCHUP.messages
        result.note("entries", "a second", entries / took, least=CATCHUP_ENTRIES)
        result.note("server's work per entry", "us", usage / entries * 1e6)
    return [result]


def _comebacks(options: Options, absence: _Absence) -> Iterator[tuple[float, float]]:
    """Yield for each run the seconds until all were live, and those that the server worked."""
    with tempfile.TemporaryDirectory(prefix="absence-", dir=options.folder) as folder:
        for number in range(options.runs):
            state = Path(folder).resolve() / f"state-{number}"
            _settle(state, absence)
            with running(options, state) as server:
                server.start()
                yield _come_back(server, absence)


def _token(name: str) -> str:
    return f"token of {name}"


def _settle(state: Path, absence: _Absence) -> None:
    """Make the accounts with their tokens, the groups, and what was said."""
    store = SqlStore(f"sqlite:///{state / 'pyconchat.db'}", "normal")
    store.open()
    people = [Actor(Name(name)) for name in names("u", absence.people)]
    writes = [
        write
        for each in people
        for write in (
            SaveAccount(each.name, "no hash: only the token lets in"),
            SaveToken(fold(each.name), hashlib.sha256(_token(each.name).encode()).hexdigest()),
        )
    ]
    store.commit([Decision(int(time.time() * 1000), writes=writes)])
    for nth, name in enumerate(names("group-", absence.groups)):
        members = people[nth * absence.members :][: absence.members]
        group, entries = founded(nth, Name(name), members)
        store.commit([Decision(BEGAN, entries)])
        said = [
            Decision(BEGAN, [NewEntry(group.id, Message(members[0].name, SafeText(TEXT)))])
        ] * absence.messages
        for first in range(0, len(said), _BATCH):
            store.commit(said[first : first + _BATCH])
    store.close()


class _Program:
    """One who comes back: how far that is."""

    def __init__(self, name: str, port: int) -> None:
        self.connection = socket.socket()
        self.connection.setblocking(False)
        self.connection.connect_ex((LOOPBACK, port))
        self.live = False
        self.missed = 0
        self._hello = f'{{"hello":1,"name":"{name}","token":"{_token(name)}"}}\n'.encode()
        self._end = b""  # of what came: a word may come in two pieces

    def speaks(self) -> None:
        """Say hello, as soon as there is a connection."""
        hello, self._hello = self._hello, b""
        if hello:
            self.connection.send(hello)

    def hears(self) -> None:
        """Read all that has come. Raises `Failed`."""
        size = READ
        while size == READ:
            try:
                data = self.connection.recv(READ)
            except BlockingIOError:
                return
            if not data:
                raise Failed("the server closed a connection")
            size = len(data)
            data = self._end + data
            self.missed += data.count(_MESSAGE)
            self.live = self.live or _LIVE in data
            self._end = data[1 - len(_MESSAGE) :]


def _come_back(server: Server, absence: _Absence) -> tuple[float, float]:
    """Connect all at once; return what `_comebacks` yields. Raises `Failed`."""
    before = proc.cpu_seconds(server.pid)
    began = time.perf_counter()
    with ExitStack() as stack:
        epoll = stack.enter_context(select.epoll())
        programs: dict[int, _Program] = {}
        for name in names("u", absence.people):
            program = _Program(name, server.port)
            stack.enter_context(program.connection)
            programs[program.connection.fileno()] = program
            epoll.register(program.connection, select.EPOLLOUT | select.EPOLLIN | select.EPOLLET)
        away = set(programs)
        while away:
            if time.perf_counter() - began > PATIENCE:
                raise Failed(f"{len(away)} programs were not live after {PATIENCE:.0f} s")
            for descriptor, event in epoll.poll(1.0):
                if event & select.EPOLLOUT:
                    programs[descriptor].speaks()
                if event & select.EPOLLIN:
                    programs[descriptor].hears()
                    if programs[descriptor].live:
                        away.discard(descriptor)
        took = time.perf_counter() - began
        worked = proc.cpu_seconds(server.pid) - before
        server.stop()  # first: else it tells each of all who leave
    for program in programs.values():
        if program.missed != absence.messages:
            raise Failed(f"{absence.messages:,} messages were missed, {program.missed:,} came")
    return took, worked

"""`login_storm` and `catch_up`: programs reconnect with their tokens, all at once."""

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
from benchmarks.large_state import START_MS, new_group
from benchmarks.options import Failed, Options
from benchmarks.report import Result
from benchmarks.server import LOOPBACK, Server, running
from benchmarks.users import MAX_READ_BYTES, names
from pyconchat.domain.decisions import Decision, NewEntry, Register, SaveToken
from pyconchat.domain.events import Message
from pyconchat.domain.group import Actor
from pyconchat.domain.names import Name, fold
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore

__all__ = ["catch_up", "login_storm"]

TIMEOUT = 120.0
"""Maximum seconds until all programs have caught up."""

TEXT = "A message sent while the programs were offline. It has 64 bytes."

_BATCH = 10_000

_MESSAGE, _LIVE = b'"type":"message"', b'"type":"live"'
"""Parts of a message's line, and of the line after the last missed message."""


@dataclass(frozen=True)
class _Size:
    """The numbers of *groups*, of *members* in each, and of *messages* that each member missed."""

    groups: int
    members: int
    messages: int

    @property
    def programs(self) -> int:
        """Return the number of programs; each is a member of one group."""
        return self.groups * self.members


LOGIN_STORM = _Size(groups=200, members=10, messages=5)
CATCH_UP = _Size(groups=10, members=10, messages=10_000)

MAX_LOGIN_STORM_SECONDS = 5.0
MIN_ENTRIES_PER_SECOND = 200_000.0
"""The targets of the two scenarios."""


def login_storm(options: Options) -> list[Result]:
    """Measure the time from the first connection until all programs have caught up."""
    size = LOGIN_STORM
    result = Result(
        "login_storm",
        f"login_storm: {size.programs:,} programs reconnect with tokens,"
        f" {size.messages} unread messages each",
        programs=size.programs,
        unread=size.messages,
    )
    for seconds, cpu in _reconnects(options, size):
        result.add("until all have caught up", "s", seconds, maximum=MAX_LOGIN_STORM_SECONDS)
        result.add("logins", "per second", size.programs / seconds)
        result.add("server's time per login", "ms", cpu / size.programs * 1e3)
    return [result]


def catch_up(options: Options) -> list[Result]:
    """Measure how fast the server sends missed messages."""
    size = CATCH_UP
    result = Result(
        "catch_up",
        f"catch_up: {size.programs} programs reconnect, {size.messages:,} unread messages each",
        programs=size.programs,
        unread=size.messages,
    )
    for seconds, cpu in _reconnects(options, size):
        entries = size.programs * size.messages
        result.add("entries", "per second", entries / seconds, minimum=MIN_ENTRIES_PER_SECOND)
        result.add("server's time per entry", "us", cpu / entries * 1e6)
    return [result]


def _reconnects(options: Options, size: _Size) -> Iterator[tuple[float, float]]:
    """Yield for each run the seconds until all have caught up, and the server's CPU seconds."""
    with tempfile.TemporaryDirectory(prefix="reconnect-", dir=options.folder) as folder:
        for number in range(options.runs):
            state = Path(folder).resolve() / f"state-{number}"
            _create_state(state, size)
            with running(options, state) as server:
                server.start()
                yield _reconnect_all(server, size)


def _token(name: str) -> str:
    return f"token of {name}"


def _create_state(state: Path, size: _Size) -> None:
    """Create a state folder with accounts, their tokens, groups, and the missed messages."""
    store = SqlStore(f"sqlite:///{state / 'pyconchat.db'}", "normal")
    store.open()
    accounts = [Actor(Name(name)) for name in names("u", size.programs)]
    writes = [
        write
        for each in accounts
        for write in (
            Register(each.name, "no hash: login only by token"),
            SaveToken(fold(each.name), hashlib.sha256(_token(each.name).encode()).hexdigest()),
        )
    ]
    store.commit([Decision(int(time.time() * 1000), writes=writes)])
    for nth, name in enumerate(names("group-", size.groups)):
        members = accounts[nth * size.members :][: size.members]
        group, entries = new_group(nth, Name(name), members)
        store.commit([Decision(START_MS, entries)])
        entry = NewEntry(group.id, Message(members[0].name, SafeText(TEXT)))
        messages = [Decision(START_MS, [entry])] * size.messages
        for first in range(0, len(messages), _BATCH):
            store.commit(messages[first : first + _BATCH])
    store.close()


class _Program:
    """A program that reconnects, and what it has received."""

    def __init__(self, name: str, port: int) -> None:
        self.connection = socket.socket()
        self.connection.setblocking(False)
        self.connection.connect_ex((LOOPBACK, port))
        self.live = False  # it has caught up
        self.messages = 0
        self._hello = f'{{"hello":1,"name":"{name}","token":"{_token(name)}"}}\n'.encode()
        self._tail = b""  # of the received data: a line may come in two pieces

    def send_hello(self) -> None:
        """Send the login once the connection is established."""
        hello, self._hello = self._hello, b""
        if hello:
            self.connection.send(hello)

    def receive(self) -> None:
        """Read everything that has been received. Raises `Failed`."""
        size = MAX_READ_BYTES
        while size == MAX_READ_BYTES:
            try:
                data = self.connection.recv(MAX_READ_BYTES)
            except BlockingIOError:
                return
            if not data:
                raise Failed("the server closed a connection")
            size = len(data)
            data = self._tail + data
            self.messages += data.count(_MESSAGE)
            self.live = self.live or _LIVE in data
            self._tail = data[1 - len(_MESSAGE) :]


def _reconnect_all(server: Server, size: _Size) -> tuple[float, float]:
    """Connect all programs at once, and return what `_reconnects` yields. Raises `Failed`."""
    cpu_before = proc.cpu_seconds(server.pid)
    began = time.perf_counter()
    with ExitStack() as stack:
        epoll = stack.enter_context(select.epoll())
        programs: dict[int, _Program] = {}
        for name in names("u", size.programs):
            program = _Program(name, server.port)
            stack.enter_context(program.connection)
            programs[program.connection.fileno()] = program
            epoll.register(program.connection, select.EPOLLOUT | select.EPOLLIN | select.EPOLLET)
        waiting = set(programs)
        while waiting:
            if time.perf_counter() - began > TIMEOUT:
                raise Failed(f"{len(waiting)} programs have not caught up in {TIMEOUT:.0f} s")
            for descriptor, event in epoll.poll(1.0):
                if event & select.EPOLLOUT:
                    programs[descriptor].send_hello()
                if event & select.EPOLLIN:
                    programs[descriptor].receive()
                    if programs[descriptor].live:
                        waiting.discard(descriptor)
        seconds = time.perf_counter() - began
        cpu = proc.cpu_seconds(server.pid) - cpu_before
        server.stop()  # before it announces all disconnects
    for program in programs.values():
        if program.messages != size.messages:
            raise Failed(f"{program.messages:,} of {size.messages:,} messages were received")
    return seconds, cpu

"""Servers in memory whose connections are cut at any step, or at any turn of the reactor."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CoroutineType
from typing import Any
from weakref import WeakSet

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pyconchat.chat.chat import Chat
from pyconchat.doors.factory import IrcFactory
from pyconchat.doors.ssh.factory import SshFactory
from pyconchat.doors.ssh.host_key import host_key
from pyconchat.files import FileSharing, Storage
from tests.support.connections import Wire
from tests.support.irc import IrcUser
from tests.support.programs import MemoryServer, WiredProgram
from tests.support.ssh_wire import SshClient
from tests.support.stepwise import CutError, CuttingClock, StepByStep
from tests.support.stores import quick_store
from tests.support.web import HttpUser, WebUsers

__all__ = ["CUTS", "Flow", "Stepped", "TurnByTurn", "cut_in_every_turn", "every_turn"]

CUTS = ("reset", "close", "stop")
"""How a flow ends: the peer is lost, or closes, or the server closes all connections."""

MAX_TURNS = 1000
"""More than any of the flows has; a flow that needs more fails."""


class Stepped:
    """A server in memory with an account, two groups and a private conversation, run stepwise."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        database, self.token = _prepared()
        self.work = StepByStep(clock)
        self.store = quick_store(folder, database)
        self.server = MemoryServer(
            self.store,
            clock or Clock(),
            files=lambda chat: self._keep(chat, folder),
            hasher=self.work,
            threads=self.work,
        )
        self.files.start({}, {})
        self.work.stepwise = True

    def _keep(self, chat: Chat, folder: Path) -> FileSharing:
        self.files = FileSharing(chat, Storage(folder / "files"), self.work.run)
        return self.files

    def cut_after(self, data: bytes, steps: int) -> bool:
        """Send *data*, cut the connection after *steps* steps; return whether all were done."""
        connection = self.server.connect()
        connection.sends(data)
        done = 0
        while done < steps and self.work.step():
            connection.tick()
            done += 1
        if connection.wire.connected:
            connection.door.connectionLost(Failure(ConnectionLost()))
        return done == steps

    def settle(self) -> None:
        """Run all calls that are left, and let a minute pass."""
        for _ in range(3):
            while self.work.step():
                self.server.clock.advance(0)
            self.server.waits(25)

    def close(self) -> None:
        """Stop the server."""
        self.server.stop()
        self.store.close()

    def leftovers(self) -> list[object]:
        """Return what was not removed with the connection."""
        chat, factory = self.server.chat, self.server.factory
        left: list[object] = [*factory.open_doors, *chat.presence.connected()]
        left += [name for name in ("gus", "new") if _is_guest(chat.accounts.get(name))]
        limits = factory.connection_limits
        left += [count for count in (limits.open, limits.unauthenticated) if count]
        return left


@cache
def _prepared() -> tuple[bytes, str]:
    """Return the database with which a `Stepped` begins, and a token of alice."""
    with TemporaryDirectory() as name:
        folder, work = Path(name), StepByStep()
        store = quick_store(folder)
        server = MemoryServer(store, Clock(), hasher=work, threads=work)
        alice, bob = server.program("alice", "alice pw"), server.program("bob", "bob pw")
        alice.does("/create tea open")
        alice.does("/create vault password secret")
        bob.does("/join tea")
        for _ in range(3):
            bob.requests("hello", "tea")
        bob.does("/msg alice psst")
        for each in (alice, bob):
            each.cut()
        server.waits(1)
        assert len(server.factory.open_doors) == 0
        server.stop()
        store.close()
        return (folder / "pyconchat.db").read_bytes(), alice.hello["token"]


def _is_guest(account: Any) -> bool:
    return account is not None and not account.registered


class TurnByTurn(Stepped):
    """A server with all doors, in which each call of a thread takes a turn of the reactor.

    *turn* is the number of the current flow: a part of names that have to be new.
    """

    def __init__(self, folder: Path) -> None:
        self.clock = CuttingClock()
        super().__init__(folder, self.clock)
        self.ssh = SshFactory(self.server.factory, host_key(folder / "host_key", make=True))
        self.web = WebUsers(self.server.factory, self.clock)
        self.irc = IrcFactory(self.server.factory)
        self.turn = 0
        self._ended = True  # the server has read the end of the input
        self._wires: list[Wire] = []
        self.hook = self._prepare()
        self.settle()
        self._earlier = WeakSet(suspended())  # of other tests
        self._before = self.held()

    def _prepare(self) -> str:
        """Share a file, which is number 1 in tea; return the token of a hook there."""
        self.work.stepwise = False
        program = self.server.program("alice", "alice pw")
        ticket = program.does("/send a.txt", "tea")["ticket"]
        self.server.connect().sends(f"upload {ticket} 0 300000\n".encode() + bytes(300_000))
        answer = program.does("/hook add builds", "tea")
        program.cut()
        self.work.stepwise = True
        return str(answer["address"]).rpartition("/")[2]

    # Connections of a flow: the last one is cut.

    def program(self) -> WiredProgram:
        """Return a program that is alice's."""
        program = self.server.connect_program()
        self._wires.append(program.wire)
        program.logs_in("alice", "alice pw")
        return program

    def at_nc(self) -> Any:
        """Return a connection of nc."""
        connection = self.server.connect()
        self._wires.append(connection.wire)
        return connection

    def at_ssh(self) -> SshClient:
        """Return a client of SSH."""
        client = SshClient(self, connects=False)  # type: ignore[arg-type]
        self._wires.append(client.wire)
        client.ssh.makeConnection(client.out)
        client.tick()
        return client

    def at_irc(self) -> IrcUser:
        """Return a client of IRC."""
        user = IrcUser(self, ())  # type: ignore[arg-type]
        self._wires.append(user.wire)
        return user

    def at_web(self) -> HttpUser:
        """Return a client of HTTP."""
        user = self.web.connects()
        self._wires.append(user.wire)
        return user

    # Cuts.

    def run(self, flow: Flow, turns: int, cut: str) -> bool:
        """Run *flow*, and cut it after *turns* turns; return whether it went on so far."""
        self.turn += 1
        self.clock.cut_after(turns, lambda: self._cut(cut))
        try:
            flow(self)
        except CutError:
            self._require_ended(cut)
            return True
        finally:
            self.clock.cut_after(0, None)
            self._end()
        return False

    def _require_ended(self, cut: str) -> None:
        """Raise `AssertionError` unless the server closes the connection by itself, and soon."""
        doors, people = self.server.factory.open_doors, self.server.chat.presence.everybody
        for _ in range(0 if cut == "reset" else 10):
            self.server.waits(1)
            self._end_input()
        if cut != "close" or len(self._wires) == 1:
            still = [*doors, *people()]
            assert still == [], f"{cut} after {self.clock.turns} turns"

    def _cut(self, cut: str) -> None:
        if cut == "stop":
            self.server.factory.open_doors.shut_down()
        elif cut == "close":
            self._ended = False
            self._end_input()
        elif cut == "reset":
            for wire in self._wires:
                lose(wire, ConnectionLost())

    def _end_input(self) -> None:
        """Let the server read the end of the input, unless it is not reading."""
        wire = self._wires[-1] if self._wires else None
        if not self._ended and wire is not None and wire.connected and not wire.paused:
            self._ended = True
            wire.protocol.readConnectionLost()

    def _end(self) -> None:
        self.server.waits(10)
        for wire in self._wires:
            lose(wire, ConnectionDone())
        self._wires.clear()
        self.settle()

    def lose_all(self) -> None:
        """Lose all connections, and let some time pass."""
        for wire in self._wires:
            lose(wire, ConnectionLost())
        self._end()

    def held(self) -> dict[str, object]:
        """Return what connections hold, but for those of the store."""
        factory, files = self.server.factory, self.files
        limits, turns = factory.connection_limits, self.work.turns
        accounts = self.server.chat.accounts
        return {
            "doors": len(factory.open_doors),
            "people": list(self.server.chat.presence.connected()),
            "guests": [each.name for each in accounts._accounts.values() if not each.registered],
            "names": set(accounts._reserved),
            "open": limits.open,
            "strangers": (limits.unauthenticated, dict(limits._strangers)),
            "sessions": dict(limits._sessions),
            "refused": limits.farewells,
            "http": dict(self.web.web.site.limits._open),
            "uploads": dict(files._active),
            "reserved": (+files.quotas._reserved, +files.quotas._uploads),
            "hashing": (turns.waiting, turns._running),
            "calls": self.work.waiting,
            "timers": self.clock.timers(),
            "descriptors": descriptors(),
        }

    def leaks(self) -> dict[str, object]:
        """Return what is still held for connections that have ended."""
        return {key: each for key, each in self.held().items() if each != self._before[key]}

    def require_clean(self) -> None:
        """Raise `AssertionError` unless everything of the connections is gone."""
        assert self.leaks() == {}

    def require_good(self) -> None:
        """Raise `AssertionError` unless a newcomer is served, and the server can end."""
        self.require_clean()
        gc.collect()
        waiting = [each.__qualname__ for each in suspended() if each not in self._earlier]
        assert waiting == []
        newcomer = self.server.program("zoe", "zoe's password")
        newcomer.does("/create cups open")
        newcomer.does("Hello", "cups")
        self.server.factory.open_doors.shut_down()
        empty = self.server.factory.open_doors.when_empty()
        idle = self.server.chat.journal.when_idle()
        self.server.waits(5)
        assert empty.called
        assert idle.called


Flow = Callable[[TurnByTurn], None]


def lose(wire: Wire, why: Exception) -> None:
    """Lose the connection at *wire*, as the reactor does."""
    if wire.connected:
        wire.connected = False
        wire.protocol.connectionLost(Failure(why))


def descriptors() -> list[str]:
    """Return the files that this process has open, but for databases and sockets."""
    found = []
    for each in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{each}")
        except OSError:
            continue
        if "/files/" in path:
            found.append(path)
    return found


def suspended() -> Iterator[CoroutineType[Any, Any, Any]]:
    """Yield the coroutines of all servers in this process that wait for something."""
    for each in gc.get_objects():
        if isinstance(each, CoroutineType) and each.cr_frame is not None:  # it has not ended
            yield from [each] if "pyconchat" in each.cr_code.co_filename else []


def every_turn(quick: int) -> list[Any]:
    """Return the parameters *every* of a test: *quick*, and 1 for ``make torture``."""
    return [quick, pytest.param(1, marks=pytest.mark.torture)]


def cut_in_every_turn(flow: Flow, folder: Path, failures: list[object], every: int) -> None:
    """Cut *flow* in every turn of the reactor, or (for a quick test) *every* so many turns."""
    server = TurnByTurn(folder)
    assert not server.run(flow, MAX_TURNS, "reset"), "the flow does not end"
    server.require_clean()
    more, turns = True, 0
    while more:
        kinds = CUTS if every == 1 else (CUTS[turns // every % len(CUTS)],)
        for kind in kinds:
            more = server.run(flow, turns, kind)
            left = (server.leaks(), failures)
            assert left == ({}, []), f"{kind} after {turns} turns: {left}"
        turns += every
    server.require_good()
    assert failures == []
    server.close()

"""New connections, at each door, while too many others come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from pyconchat.config import Config, DoorsConfig
from pyconchat.doors.factory import ChatFactory, IrcFactory
from pyconchat.doors.input_budget import RECENT, SHARE
from pyconchat.doors.ssh.factory import SshFactory
from pyconchat.doors.ssh.host_key import host_key
from pyconchat.doors.web.factory import WebFactory
from pyconchat.sessions.portal import login_portal
from pyconchat.store import SqlStore
from pyconchat.testing import make_chat, services_of
from tests.support.connections import Wire
from tests.torture.flood import EXCHANGE
from tests.torture.flood import request as http_request

DEBT = 2.0
"""Seconds of work that earlier connections have caused."""

MakeFactory = Callable[[ChatFactory, Path], Any]
FACTORIES: dict[str, MakeFactory] = {
    "line": lambda lines, _: lines,
    "irc": lambda lines, _: IrcFactory(lines),
    "web": lambda lines, _: WebFactory(lines, lambda: b""),
    "ssh": lambda lines, folder: SshFactory(lines, host_key(folder / "key", make=True)),
}

FIRST_INPUT = {
    "line": b"alice\n",
    "irc": b"CAP LS 302\r\n",
    "web": http_request("GET /nothing"),
    "ssh": EXCHANGE,
}


@pytest.fixture
def lines(store: SqlStore, clock: Clock) -> ChatFactory:
    """A line door."""
    config = Config(doors=DoorsConfig(web=("tcp:8080:interface=127.0.0.1",)))
    services = services_of(make_chat(store, clock, config))
    return ChatFactory(services, login_portal(services), clock)


@pytest.fixture(params=FACTORIES)
def connect(
    request: pytest.FixtureRequest, lines: ChatFactory, tmp_path: Path
) -> Callable[[], Wire]:
    """Connect to a door; the result is the connection's transport."""
    factory = FACTORIES[request.param](lines, tmp_path)

    def connect() -> Wire:
        wire = Wire()
        wire.peerAddr = IPv4Address("TCP", "192.0.2.7", 50_000)
        wire.protocol = factory.buildProtocol(wire.peerAddr)
        wire.protocol.makeConnection(wire)
        return wire

    return connect


def test_one_begins_at_once(connect: Callable[[], Wire]) -> None:
    """Nothing waits on a server that has little to do."""
    assert connect().paused is False


def test_too_many_wait_for_their_turns(
    connect: Callable[[], Wire], lines: ChatFactory, clock: Clock
) -> None:
    """Nothing is read before the work for earlier ones is done; then one is read after another."""
    lines.context.input_turns.within.spend(DEBT)
    wires = [connect() for _ in range(3)]
    clock.advance(DEBT / SHARE / 2)
    assert [wire.paused for wire in wires] == [True] * 3
    clock.pump([0.05] * round(DEBT / SHARE / 2 / 0.05))
    assert [wire.paused for wire in wires] == [False] * 3


def test_one_that_is_cut_while_it_waits(
    connect: Callable[[], Wire], lines: ChatFactory, clock: Clock
) -> None:
    """It leaves nothing behind."""
    lines.context.input_turns.within.spend(DEBT)
    wire = connect()
    wire.loseConnection()
    clock.advance(DEBT / SHARE + 1)
    assert clock.getDelayedCalls() == []
    assert len(lines.open_doors) == lines.connection_limits.open == 0


def test_the_first_input_of_many_is_handled_in_turns(
    connect: Callable[[], Wire], clock: Clock, request: pytest.FixtureRequest
) -> None:
    """Also of those that have connected before: they wait, and are read no further until then."""
    wires = []
    for _ in range(30):
        wires.append(connect())
        clock.advance(RECENT)
    for wire in wires:
        assert wire.paused is False
        wire.clear()
        wire.protocol.dataReceived(FIRST_INPUT[request.node.callspec.params["connect"]])
    assert [wire.paused for wire in wires].count(True) >= 20
    assert wires[0].value()
    assert not wires[-1].value()
    clock.advance(1)
    assert all(wire.value() for wire in wires)

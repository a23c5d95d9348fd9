"""Connections over a limit: they get one line and are closed."""

from __future__ import annotations

import json

from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport

from pyconchat.doors.connection_limits import MAX_FAREWELLS
from tests.support.connections import OpenDoor, TestConnection

ADDRESS = IPv4Address("TCP", "192.0.2.1", 50_000)

# Limits of connections.


def refused(connection: TestConnection) -> str:
    """Return the one line that a refused *connection* received."""
    assert connection.wire.closed or not connection.wire.connected
    (line,) = connection.sees().splitlines()
    return line


def test_connections_of_one_address(open_door: OpenDoor) -> None:
    """One too many without a login from one address is refused; a login or a close makes room."""
    connect = open_door(connections_per_ip=16, connections_per_ip_10min=0)
    connections = [connect() for _ in range(16)]
    assert all("Username: " in each.sees() for each in connections)
    sentence = (
        "* There are too many connections from your address that have not logged in; close one."
    )
    assert refused(connect()) == sentence
    assert refused(connect()) == sentence
    assert "Username: " in connect(host="192.0.2.2").sees()
    connections[3].wire.loseConnection()
    assert "Username: " in connect().sees()
    assert refused(connect()) == sentence
    connections[4].logs_in("alice")
    assert "Username: " in connect().sees()


def test_sessions_of_one_address(open_door: OpenDoor) -> None:
    """One too many is refused in one line, in any protocol; a disconnect allows another."""
    connect = open_door(sessions_per_ip=2)
    sessions = [connect().logs_in(name) for name in ("alice", "bob")]
    sentence = "* There are too many connections from your address; close one."
    silent = connect()
    silent.waits(1)
    assert refused(silent) == sentence
    assert refused(connect().sends(b'{"hello": 1, "name": "carol", "guest": true}\n')) == sentence
    connect(host="192.0.2.2").logs_in("dora")
    sessions[0].wire.loseConnection()
    connect().logs_in("carol")


def test_an_ipv6_network_counts_as_one(open_door: OpenDoor) -> None:
    """All addresses of a /64 count together, separately from other networks."""
    connect = open_door(connections_per_ip=2)
    connect(host="2001:db8:0:1::1")
    connect(host="2001:db8:0:1:ffff::2")
    assert "too many connections" in refused(connect(host="2001:db8:0:1:1234:5678:9abc:def0"))
    assert "Username: " in connect(host="2001:db8:0:2::1").sees()
    assert "Username: " in connect(host="192.0.2.1").sees()


def test_an_ipv4_mapped_address_counts_as_ipv4(open_door: OpenDoor) -> None:
    """An IPv4 client at an IPv6 socket counts as the same address."""
    connect = open_door(connections_per_ip=1)
    connect(host="::ffff:192.0.2.1")
    assert "too many connections" in refused(connect(host="192.0.2.1"))
    assert "Username: " in connect(host="::ffff:192.0.2.2").sees()


def test_connections_without_a_login_within_ten_minutes(open_door: OpenDoor) -> None:
    """After 32 the next is refused, with the time to wait; then one passes."""
    connect = open_door(connections_per_ip_10min=32)
    for number in range(32):
        connect().logs_in(f"guest{number}").wire.loseConnection()  # these do not count
    for _ in range(32):
        connection = connect()
        connection.wire.loseConnection()
        connection.waits(1)
    sentence = "* There were too many connections from your address that did not log in;"
    assert refused(connect()) == f"{sentence} try again in 569 s."
    connection.waits(566)
    assert "try again in 2 s" in refused(connect())
    connection.waits(2)
    assert "Username: " in connect().sees()


def test_maximum_connections_before_login(open_door: OpenDoor) -> None:
    """The address with the most connections without a login loses the oldest, with the reason."""
    connect = open_door(unauthenticated=2, connections_per_ip=0)
    sentence = "* Too many people are logging in; try again in a minute."
    one, other, third = connect(), connect(host="192.0.2.2"), connect()
    assert one.sees() == f"{sentence}\n"
    assert one.wire.closed
    assert "Username: " in third.sees()
    other.logs_in("alice")
    greeted = connect(host="192.0.2.3")
    assert "Username: " in greeted.sees()
    connect(host="192.0.2.3")
    greeted.waits(1)
    assert greeted.sees() == f"\n{sentence}\n"
    assert greeted.wire.closed
    other.types("/quit")
    assert "Bye." in other.sees()


def test_a_program_that_is_crowded_out(open_door: OpenDoor) -> None:
    """It gets the reason as an object."""
    connect = open_door(unauthenticated=1)
    program = connect()
    program.sends(b'{"hello": 1, ')
    assert "Username: " in connect(host="192.0.2.2").sees()
    program.waits(1)
    assert json.loads(program.sees())["why"] == "late"
    assert program.wire.closed


def test_a_flood_of_refused_connections(open_door: OpenDoor) -> None:
    """Only so many stay open until their line has arrived; all are closed in the end."""
    connect = open_door(connections_per_ip=1)
    factory = connect().factory
    flood = []
    for _ in range(MAX_FAREWELLS + 10):
        door, transport = factory.buildProtocol(ADDRESS), StringTransport()
        door.makeConnection(transport)
        flood.append((door, transport))
    assert sum(bool(transport.value()) for _, transport in flood) == MAX_FAREWELLS
    assert all(transport.disconnected for _, transport in flood[MAX_FAREWELLS:])
    assert factory.connection_limits.open == 1 + len(flood)
    for door, _ in flood:
        door.connectionLost()
    assert factory.connection_limits.open == 1


def test_the_input_of_a_refused_connection_is_discarded(open_door: OpenDoor) -> None:
    """A refused connection gets its one line, whatever it sends."""
    connect = open_door(connections_per_ip=1)
    connect()
    extra = connect()
    extra.sends(b"alice\n\n\n")
    extra.sends(b"\xff\xfd\x01\r\n")
    assert refused(extra).startswith("* There are too many")


def test_zero_turns_the_limits_off(open_door: OpenDoor) -> None:
    """With 0 each limit on connections is off."""
    connect = open_door(connections_per_ip=0, connections_per_ip_10min=0, unauthenticated=0)
    connections = [connect() for _ in range(120)]
    assert all("Username: " in each.sees() for each in connections)


def test_connections_without_an_address_have_no_limit_by_address(open_door: OpenDoor) -> None:
    """Many people may be behind a Unix socket, or a proxy on this machine."""
    connect = open_door(connections_per_ip=1)
    factory = connect().factory
    for address in [None] * 3 + [IPv4Address("TCP", "127.0.0.1", 5000)] * 3:
        door, transport = factory.buildProtocol(address), StringTransport()
        door.makeConnection(transport)
        door.readConnectionLost()
        assert b"Username: " in transport.value()

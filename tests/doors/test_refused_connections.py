"""Connections over a limit: they get one line and are closed."""

from __future__ import annotations

from twisted.internet.testing import StringTransport

from tests.support.connections import OpenDoor, TestConnection

# Limits of connections.


def refused(connection: TestConnection) -> str:
    """Return the one line that a refused *connection* received."""
    assert connection.wire.closed or not connection.wire.connected
    (line,) = connection.sees().splitlines()
    return line


def test_connections_of_one_address(open_door: OpenDoor) -> None:
    """The 17th connection from one address is refused; a closed one makes room."""
    connect = open_door(connections_per_ip_10min=0)
    connections = [connect() for _ in range(16)]
    assert all("Username: " in each.sees() for each in connections)
    sentence = "* There are too many connections from your address; close one."
    assert refused(connect()) == sentence
    assert refused(connect()) == sentence
    assert "Username: " in connect(host="192.0.2.2").sees()
    connections[3].wire.loseConnection()
    assert "Username: " in connect().sees()
    assert refused(connect()) == sentence


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


def test_connections_within_ten_minutes(open_door: OpenDoor) -> None:
    """The 33rd connection within 10 minutes is refused, with the time to wait; then one passes."""
    connect = open_door()
    for _ in range(32):
        connection = connect()
        connection.wire.loseConnection()
        connection.waits(1)
    assert refused(connect()) == (
        "* There were too many connections from your address; try again in 569 s."
    )
    connection.waits(566)
    assert "try again in 2 s" in refused(connect())
    connection.waits(2)
    assert "Username: " in connect().sees()
    assert "try again in 1 s" in refused(connect())
    connection.waits(1)
    assert "Username: " in connect().sees()


def test_maximum_connections_before_login(open_door: OpenDoor) -> None:
    """Connections without a login are limited in total."""
    connect = open_door(unauthenticated=2, connections_per_ip=0)
    one, other = connect(), connect()
    assert refused(connect()) == "* Too many people are logging in; try again in a minute."
    one.logs_in("alice")
    third = connect()
    assert "Username: " in third.sees()
    assert "logging in" in refused(connect())
    other.wire.loseConnection()
    one.wire.loseConnection()
    assert "Username: " in connect().sees()
    assert "logging in" in refused(connect())


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


def test_connections_without_an_address_count_together(open_door: OpenDoor) -> None:
    """Peers at a Unix socket have no address."""
    connect = open_door(connections_per_ip=1)
    factory = connect().factory
    transports = []
    for _ in range(2):
        door = factory.buildProtocol(None)
        transports.append(StringTransport())
        door.makeConnection(transports[-1])
        door.readConnectionLost()
    assert b"Username: " in transports[0].value()
    assert b"too many connections" in transports[1].value()

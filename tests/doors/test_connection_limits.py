"""Limits on connections: per address, and before login."""

from __future__ import annotations

import pytest

from pyconchat.auth.rate_limits import LOCAL
from pyconchat.config import LimitsConfig
from pyconchat.domain.errors import Code
from pyconchat.doors.connection_limits import (
    MAX_FAREWELLS,
    ConnectionLimits,
    CountedConnection,
    TooManyConnections,
)

HERE, THERE = "192.0.2.1", "192.0.2.2"
THIS_MACHINE = ["127.0.0.1", "127.9.8.7", "::", LOCAL]


class Arrivals:
    """Connections that arrive at `limits`, and those that were crowded out."""

    def __init__(self, **changes: int) -> None:
        off = {
            "connections_per_ip": 0,
            "connections_per_ip_10min": 0,
            "sessions_per_ip": 0,
            "unauthenticated": 0,
        }
        self.limits = ConnectionLimits(LimitsConfig(**{**off, **changes}))
        self.crowded_out: list[CountedConnection] = []

    def arrives(self, network: str = HERE, now: float = 0.0) -> CountedConnection:
        """Admit a connection of *network*. Raises `TooManyConnections`."""
        connection = self.limits.connection(network)

        def crowd_out() -> None:
            connection.refused(now)
            self.crowded_out.append(connection)

        connection.crowd_out = crowd_out
        try:
            connection.admit(now)
        except TooManyConnections:
            connection.closed(now)
            raise
        return connection

    def fails(self, network: str = HERE, now: float = 0.0) -> str:
        """Return why a connection of *network* is refused."""
        with pytest.raises(TooManyConnections) as caught:
            self.arrives(network, now)
        assert caught.value.code is Code.TOO_MANY
        return caught.value.sentence

    def has_session(self, network: str = HERE) -> CountedConnection:
        """Return a connection of *network* that has logged in."""
        connection = self.arrives(network)
        connection.require_session_room()
        connection.logged_in()
        return connection


def test_connections_of_a_network_before_the_login() -> None:
    """One too many is refused and not counted; other networks are not affected."""
    arrivals = Arrivals(connections_per_ip=2)
    first = arrivals.arrives()
    arrivals.arrives()
    for _ in range(3):
        assert "have not logged in" in arrivals.fails()
    arrivals.arrives(THERE)
    first.closed(0.0)
    arrivals.arrives()
    arrivals.fails()


@pytest.mark.parametrize("how", ["logged_in", "redeemed"])
def test_sessions_and_transfers_take_no_place_of_a_newcomer(how: str) -> None:
    """Any number of people behind one address log in, reconnect and transfer files."""
    arrivals = Arrivals(connections_per_ip=2, connections_per_ip_10min=2, unauthenticated=2)
    for _ in range(100):
        connection = arrivals.arrives()
        getattr(connection, how)()
        arrivals.arrives().logged_in()
        connection.closed(0.0)
    assert arrivals.limits.unauthenticated == 0
    assert arrivals.limits.open == 100
    assert arrivals.crowded_out == []


def test_sessions_of_a_network() -> None:
    """Above the limit there is no other session; transfers are not affected."""
    arrivals = Arrivals(sessions_per_ip=2)
    first = arrivals.has_session()
    arrivals.has_session()
    with pytest.raises(TooManyConnections, match="from your address"):
        arrivals.has_session()
    arrivals.arrives().redeemed()
    arrivals.has_session(THERE)
    first.closed(0.0)
    arrivals.has_session()


def test_connections_that_end_without_a_login() -> None:
    """They count for ten minutes, those of sessions and transfers do not."""
    arrivals = Arrivals(connections_per_ip_10min=2)
    for now in (0.0, 100.0):
        arrivals.arrives(now=now).closed(now)
    assert "try again in 401 s" in arrivals.fails(now=200.0)
    arrivals.arrives(THERE, 200.0)
    arrivals.fails(now=599.0)
    arrivals.arrives(now=600.5).closed(600.5)
    arrivals.fails(now=600.5)  # a refused one does not prolong it
    arrivals.arrives(now=700.5).closed(700.5)


def test_a_newcomer_gets_the_place_of_the_address_with_most() -> None:
    """Its oldest connection has to go."""
    arrivals = Arrivals(unauthenticated=100)
    silent = {f"10.0.0.{number}": [] for number in range(10)}
    for _ in range(10):
        for network, connections in silent.items():
            connections.append(arrivals.arrives(network))
    newcomers = [arrivals.arrives(f"192.0.2.{number}") for number in range(80)]
    assert arrivals.crowded_out[:10] == [each[0] for each in silent.values()]
    assert not set(newcomers) & set(arrivals.crowded_out)
    assert arrivals.limits.unauthenticated == 100
    more = [arrivals.arrives("10.0.0.1") for _ in range(20)]  # at the cost of its own
    assert set(arrivals.crowded_out[80:]) <= {*silent["10.0.0.1"], *more}


def test_a_crowd_of_single_connections() -> None:
    """If every address has one, the oldest has to go: a newcomer always gets in."""
    arrivals = Arrivals(unauthenticated=3)
    first, second, *_ = [arrivals.arrives(f"192.0.2.{number}") for number in range(5)]
    assert arrivals.crowded_out == [first, second]


@pytest.mark.parametrize("network", THIS_MACHINE)
def test_this_machine_has_no_limits_by_address(network: str) -> None:
    """Connections by loopback or a Unix socket have no limits by address."""
    arrivals = Arrivals(connections_per_ip=2, connections_per_ip_10min=2, sessions_per_ip=2)
    for _ in range(10):
        arrivals.arrives(network).closed(0.0)
        arrivals.has_session(network)
        arrivals.arrives(network)


def test_few_refusals_are_open_at_once() -> None:
    """Above a maximum, a refused connection is closed at once; all count as open."""
    arrivals = Arrivals()
    refused = [arrivals.arrives() for _ in range(MAX_FAREWELLS + 1)]
    assert [each.refused(0.0) for each in refused] == [True] * MAX_FAREWELLS + [False]
    assert (arrivals.limits.open, arrivals.limits.unauthenticated) == (MAX_FAREWELLS + 1, 0)
    for each in refused[-2:]:
        each.closed(0.0)
    one_more = arrivals.arrives()
    assert one_more.refused(0.0)
    for each in (*refused[:-2], one_more):
        each.closed(0.0)
    assert (arrivals.limits.open, arrivals.limits.farewells) == (0, 0)


def test_zero_turns_the_limits_off() -> None:
    """Without limits any number of connections is accepted."""
    arrivals = Arrivals()
    for _ in range(500):
        arrivals.arrives()
    for _ in range(500):
        arrivals.has_session()


def test_the_defaults() -> None:
    """Of one address: 64 before the login and 64 sessions, 128 in ten minutes without a login."""
    arrivals = Arrivals(
        **{name: getattr(LimitsConfig(), name) for name in (
            "connections_per_ip", "connections_per_ip_10min", "sessions_per_ip", "unauthenticated",
        )}
    )  # fmt: skip
    for _ in range(64):
        arrivals.has_session()
    with pytest.raises(TooManyConnections):
        arrivals.has_session()
    strangers = [arrivals.arrives() for _ in range(63)]
    arrivals.fails()
    for each in strangers:
        each.closed(1.0)
    for _ in range(65):
        arrivals.arrives(now=2.0).closed(2.0)
    assert "did not log in" in arrivals.fails(now=3.0)

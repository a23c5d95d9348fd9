"""Limits on connections: per address, and before login."""

from __future__ import annotations

import pytest

from pyconchat.config import LimitsConfig
from pyconchat.domain.errors import Code, Refused
from pyconchat.doors.connection_limits import ConnectionLimits

HERE, THERE = "192.0.2.1", "192.0.2.2"


def limits(**changes: int) -> LimitsConfig:
    off = {
        "connections_per_ip": 0,
        "connections_per_ip_10min": 0,
        "unauthenticated": 0,
    }
    return LimitsConfig(**{**off, **changes})


def refused(connections: ConnectionLimits, network: str, now: float) -> str:
    with pytest.raises(Refused) as caught:
        connections.opened(network, now)
    assert caught.value.code is Code.TOO_MANY
    return caught.value.sentence


def test_maximum_open_connections_of_a_network() -> None:
    """One too many is refused and not counted.

    A closed one makes room. Other networks are not affected.
    """
    connections = ConnectionLimits(limits(connections_per_ip=2))
    connections.opened(HERE, 0.0)
    connections.opened(HERE, 0.0)
    for _ in range(3):
        refused(connections, HERE, 0.0)
    connections.opened(THERE, 0.0)
    connections.closed(HERE, logged_in=False)
    connections.opened(HERE, 0.0)
    refused(connections, HERE, 0.0)


def test_maximum_connections_of_a_network_in_ten_minutes() -> None:
    """Closed connections count too, for ten minutes; the refusal says how long to wait."""
    connections = ConnectionLimits(limits(connections_per_ip_10min=2))
    for now in (0.0, 100.0):
        connections.opened(HERE, now)
        connections.closed(HERE, logged_in=False)
    assert "401 s" in refused(connections, HERE, 200.0)
    connections.opened(THERE, 200.0)
    refused(connections, HERE, 599.0)
    connections.opened(HERE, 600.5)
    refused(connections, HERE, 600.5)
    connections.opened(HERE, 700.5)


def test_maximum_connections_before_login() -> None:
    """Connections from all networks count together until they log in or are closed."""
    connections = ConnectionLimits(limits(unauthenticated=2), random_number=lambda: 0.99)
    connections.opened(HERE, 0.0)
    connections.opened(THERE, 0.0)
    refused(connections, "192.0.2.3", 0.0)
    connections.logged_in()
    connections.opened("192.0.2.3", 0.0)
    refused(connections, "192.0.2.4", 0.0)
    connections.closed(HERE, logged_in=True)
    refused(connections, "192.0.2.4", 0.0)
    connections.closed(THERE, logged_in=False)
    connections.opened("192.0.2.4", 0.0)


def test_connections_are_refused_at_random_before_the_limit() -> None:
    """From half of the limit on, ever more are refused. So one peer cannot take every place."""
    chances: list[float] = []
    connections = ConnectionLimits(limits(unauthenticated=100), random_number=lambda: chances.pop())

    def share_refused() -> float:
        """Return the probability of a refusal, in hundredths."""
        for hundredth in range(101):
            chances[:] = [hundredth / 100 + 0.001]
            try:
                connections.opened("192.0.2.9", 0.0)
            except Refused:
                continue
            connections.closed("192.0.2.9", logged_in=False)
            return hundredth / 100
        return 1.0

    shares = {}
    for number in range(101):
        shares[number] = share_refused()
        chances[:] = [2.0]
        if number < 100:
            connections.opened(f"192.0.2.{number}", 0.0)
    assert shares[0] == shares[49] == 0.0
    assert shares[50] == pytest.approx(0.3, abs=0.02)
    assert shares[75] == pytest.approx(0.65, abs=0.02)
    assert shares[100] == 1.0


def test_zero_turns_the_limits_off() -> None:
    """Without limits any number of connections is accepted."""
    connections = ConnectionLimits(limits())
    for _ in range(500):
        connections.opened(HERE, 0.0)


def test_the_defaults() -> None:
    """At most 16 at once, and 32 in ten minutes, from one address."""
    connections = ConnectionLimits(LimitsConfig())
    for _ in range(16):
        connections.opened(HERE, 0.0)
    refused(connections, HERE, 0.0)
    for _ in range(16):
        connections.closed(HERE, logged_in=True)
        connections.opened(HERE, 1.0)
    connections.closed(HERE, logged_in=True)
    refused(connections, HERE, 2.0)

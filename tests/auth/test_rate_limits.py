"""Limits: rates and counts, with time as an argument."""

from __future__ import annotations

import pytest

from pyconchat.auth.rate_limits import ConnectionLimits, LoginLimits, TokenBucket, network_of
from pyconchat.config import LimitsConfig
from pyconchat.domain.errors import Code, Refused

HERE, THERE = "192.0.2.1", "192.0.2.2"


def limits(**changes: int) -> LimitsConfig:
    off = {
        "connections_per_ip": 0,
        "connections_per_ip_10min": 0,
        "unauthenticated": 0,
        "login_attempts_per_minute": 0,
    }
    return LimitsConfig(**{**off, **changes})


def is_refused(connections: ConnectionLimits, network: str, now: float) -> str:
    with pytest.raises(Refused) as caught:
        connections.opened(network, now)
    assert caught.value.code is Code.TOO_MANY
    return caught.value.sentence


# Messages.


def test_a_burst_then_a_steady_rate() -> None:
    """Ten at once, then five a second; who is too early is told how long to wait."""
    bucket = TokenBucket(10, 5, now=100.0)
    assert [bucket.take(100.0) for _ in range(10)] == [0.0] * 10
    wait = bucket.take(100.0)
    assert wait == pytest.approx(0.2)
    assert bucket.take(100.0 + wait) == 0.0
    assert bucket.take(100.0 + wait) > 0


def test_who_waits_as_told_gets_through() -> None:
    """The time to wait is never 0 for one who must, and always enough."""
    bucket, now = TokenBucket(3, 7, now=0.1), 0.1
    for _ in range(1000):
        wait = bucket.take(now)
        if wait:
            now += wait
            assert bucket.take(now) == 0.0
    assert now == pytest.approx(0.1 + (1000 - 3) / 7, rel=0.6)


def test_a_pause_fills_the_bucket_and_no_more() -> None:
    """However long somebody was silent, the burst is the burst."""
    bucket = TokenBucket(2, 5, now=0.0)
    bucket.take(0.0)
    assert not bucket.full
    assert [bucket.take(1_000_000.0) for _ in range(3)][:2] == [0.0, 0.0]
    assert bucket.take(1_000_000.0) > 0


def test_a_rate_of_zero_lets_everything_through() -> None:
    """0 turns the limit off."""
    bucket = TokenBucket(1, 0, now=0.0)
    assert not any(bucket.take(0.0) for _ in range(1000))


def test_a_burst_of_zero_lets_at_least_one_through() -> None:
    """Without a burst the rate alone counts."""
    bucket = TokenBucket(0, 5, now=0.0)
    assert bucket.take(0.0) == 0.0
    assert bucket.take(0.0) == pytest.approx(0.2)


# Connections.


def test_so_many_at_once_from_one_network() -> None:
    """One too many is refused and not counted; one that ends makes room; others are not touched."""
    connections = ConnectionLimits(limits(connections_per_ip=2))
    connections.opened(HERE, 0.0)
    connections.opened(HERE, 0.0)
    for _ in range(3):
        is_refused(connections, HERE, 0.0)
    connections.opened(THERE, 0.0)
    connections.closed(HERE, logged_in=False)
    connections.opened(HERE, 0.0)
    is_refused(connections, HERE, 0.0)


def test_so_many_in_ten_minutes_from_one_network() -> None:
    """Those that have ended count too, for ten minutes; the refusal says how long it takes."""
    connections = ConnectionLimits(limits(connections_per_ip_10min=2))
    for now in (0.0, 100.0):
        connections.opened(HERE, now)
        connections.closed(HERE, logged_in=False)
    assert "401 s" in is_refused(connections, HERE, 200.0)
    connections.opened(THERE, 200.0)
    is_refused(connections, HERE, 599.0)
    connections.opened(HERE, 600.5)
    is_refused(connections, HERE, 600.5)
    connections.opened(HERE, 700.5)


def test_so_many_strangers_in_all() -> None:
    """Those who have not logged in are counted from everywhere; a login or an end makes room."""
    connections = ConnectionLimits(limits(unauthenticated=2), chance=lambda: 0.99)
    connections.opened(HERE, 0.0)
    connections.opened(THERE, 0.0)
    is_refused(connections, "192.0.2.3", 0.0)
    connections.logged_in()
    connections.opened("192.0.2.3", 0.0)
    is_refused(connections, "192.0.2.4", 0.0)
    connections.closed(HERE, logged_in=True)
    is_refused(connections, "192.0.2.4", 0.0)
    connections.closed(THERE, logged_in=False)
    connections.opened("192.0.2.4", 0.0)


def test_strangers_are_turned_away_at_random_before_the_limit() -> None:
    """From half of the places on, ever more of the newcomers: they are never all for one."""
    chances: list[float] = []
    connections = ConnectionLimits(limits(unauthenticated=100), chance=lambda: chances.pop())

    def share_turned_away() -> float:
        """Find between which two hundredths the chance to be turned away is."""
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
        shares[number] = share_turned_away()
        chances[:] = [2.0]
        if number < 100:
            connections.opened(f"192.0.2.{number}", 0.0)
    assert shares[0] == shares[49] == 0.0
    assert shares[50] == pytest.approx(0.3, abs=0.02)
    assert shares[75] == pytest.approx(0.65, abs=0.02)
    assert shares[100] == 1.0


def test_zero_turns_the_limits_off() -> None:
    """Without limits everybody may connect, as often as they like."""
    connections = ConnectionLimits(limits())
    for _ in range(500):
        connections.opened(HERE, 0.0)


def test_the_defaults() -> None:
    """16 at once, and 32 in ten minutes, from one address."""
    connections = ConnectionLimits(LimitsConfig())
    for _ in range(16):
        connections.opened(HERE, 0.0)
    is_refused(connections, HERE, 0.0)
    for _ in range(16):
        connections.closed(HERE, logged_in=True)
        connections.opened(HERE, 1.0)
    connections.closed(HERE, logged_in=True)
    is_refused(connections, HERE, 2.0)


# Wrong passwords.


def test_so_many_wrong_passwords_a_minute() -> None:
    """After the third the next has to wait until the first is a minute old; others need not."""
    attempts = LoginLimits(limits(login_attempts_per_minute=3))
    for now in (0.0, 10.0, 20.0):
        attempts.check(HERE, now)
        attempts.wrong(HERE, "alice", now)
    with pytest.raises(Refused) as caught:
        attempts.check(HERE, 30.0)
    assert caught.value.code is Code.TOO_MANY
    assert "31 s" in caught.value.sentence
    attempts.check(THERE, 30.0)
    attempts.check(HERE, 60.5)
    attempts.wrong(HERE, "alice", 60.5)
    with pytest.raises(Refused):
        attempts.check(HERE, 61.0)


def test_wrong_passwords_without_a_limit() -> None:
    """0 turns this limit off too."""
    attempts = LoginLimits(limits())
    for _ in range(100):
        attempts.wrong(HERE, "alice", 0.0)
        attempts.check(HERE, 0.0)


def test_guessing_from_many_addresses_is_slowed_down_but_for_the_owner() -> None:
    """Where the right password came from lately, and for other accounts, nobody waits."""
    attempts = LoginLimits(limits(login_attempts_per_minute=3))
    attempts.right(HERE, "alice")
    for number in range(3):
        assert attempts.delay(THERE, "alice", 1.0) == 0.0
        attempts.wrong(f"192.0.2.{number + 10}", "alice", 1.0)
    assert attempts.delay(THERE, "alice", 2.0) == 5.0
    attempts.check(THERE, 2.0)
    assert attempts.delay(HERE, "alice", 2.0) == 0.0
    assert attempts.delay(THERE, "bob", 2.0) == 0.0
    assert attempts.delay(THERE, "alice", 61.5) == 0.0


def test_where_right_passwords_came_from_is_remembered_within_a_bound() -> None:
    """The address longest unused is forgotten first."""
    attempts = LoginLimits(limits(login_attempts_per_minute=1))
    for number in range(10_001):
        attempts.right(f"network {number}", "alice")
    attempts.wrong(THERE, "alice", 0.0)
    assert attempts.delay("network 0", "alice", 1.0) == 5.0
    assert attempts.delay("network 1", "alice", 1.0) == 0.0


def test_a_flood_of_addresses_is_forgotten_oldest_first() -> None:
    """What is remembered is bounded, and the newest offenders are still known."""
    attempts = LoginLimits(limits(login_attempts_per_minute=1))
    for number in range(20_000):
        attempts.wrong(f"network {number}", "alice", 0.0)
    attempts.check("network 0", 1.0)
    with pytest.raises(Refused):
        attempts.check("network 19999", 1.0)


# What is counted together.


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("local", "local"),
    ],
)
def test_networks(host: str, network: str) -> None:
    """IPv4 counts by address, IPv6 by its /64, what is no address as it is."""
    assert network_of(host) == network

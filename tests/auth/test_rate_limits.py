"""Rate limits, and the networks that are counted."""

from __future__ import annotations

import pytest

from pyconchat.auth.rate_limits import TokenBucket, network_of


def test_a_burst_then_a_steady_rate() -> None:
    """Ten at once, then five a second; a request that is too early gets the time to wait."""
    bucket = TokenBucket(10, 5, now=100.0)
    assert [bucket.take(100.0) for _ in range(10)] == [0.0] * 10
    wait = bucket.take(100.0)
    assert wait == pytest.approx(0.2)
    assert bucket.take(100.0 + wait) == 0.0
    assert bucket.take(100.0 + wait) > 0


def test_the_time_to_wait_is_sufficient() -> None:
    """It is never 0 for a request that has to wait."""
    bucket, now = TokenBucket(3, 7, now=0.1), 0.1
    for _ in range(1000):
        wait = bucket.take(now)
        if wait:
            now += wait
            assert bucket.take(now) == 0.0
    assert now == pytest.approx(0.1 + (1000 - 3) / 7, rel=0.6)


def test_a_pause_fills_the_bucket_and_no_more() -> None:
    """The burst is the maximum, however long the pause."""
    bucket = TokenBucket(2, 5, now=0.0)
    bucket.take(0.0)
    assert not bucket.full
    assert [bucket.take(1_000_000.0) for _ in range(3)][:2] == [0.0, 0.0]
    assert bucket.take(1_000_000.0) > 0


def test_a_rate_of_zero_allows_everything() -> None:
    """0 turns the limit off."""
    bucket = TokenBucket(1, 0, now=0.0)
    assert not any(bucket.take(0.0) for _ in range(1000))


def test_a_burst_of_zero_allows_one() -> None:
    """Only the rate counts."""
    bucket = TokenBucket(0, 5, now=0.0)
    assert bucket.take(0.0) == 0.0
    assert bucket.take(0.0) == pytest.approx(0.2)


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
    """IPv4 counts by address, IPv6 by its /64, and other text as it is."""
    assert network_of(host) == network

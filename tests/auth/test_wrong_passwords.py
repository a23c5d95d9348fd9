"""The counts of wrong passwords."""

from __future__ import annotations

import pytest

from pyconchat.auth.throttle import WrongPasswords
from pyconchat.config import LimitsConfig
from pyconchat.domain.errors import Code, Refused

HERE, THERE = "192.0.2.1", "192.0.2.2"


def limits(**changes: int) -> LimitsConfig:
    off = {
        "login_attempts_per_minute": 0,
    }
    return LimitsConfig(**{**off, **changes})


def test_maximum_wrong_passwords_in_a_minute() -> None:
    """After three the next must wait until the first is a minute old.

    Other addresses are not affected.
    """
    attempts = WrongPasswords(limits(login_attempts_per_minute=3))
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
    """0 turns the limit off."""
    attempts = WrongPasswords(limits())
    for _ in range(100):
        attempts.wrong(HERE, "alice", 0.0)
        attempts.check(HERE, 0.0)


def test_guessing_from_many_addresses_is_delayed() -> None:
    """Not for the address of a recent right password, and not for other accounts."""
    attempts = WrongPasswords(limits(login_attempts_per_minute=3))
    attempts.right(HERE, "alice")
    for number in range(3):
        assert attempts.delay(THERE, "alice", 1.0) == 0.0
        attempts.wrong(f"192.0.2.{number + 10}", "alice", 1.0)
    assert attempts.delay(THERE, "alice", 2.0) == 5.0
    attempts.check(THERE, 2.0)
    assert attempts.delay(HERE, "alice", 2.0) == 0.0
    assert attempts.delay(THERE, "bob", 2.0) == 0.0
    assert attempts.delay(THERE, "alice", 61.5) == 0.0


def test_maximum_addresses_of_right_passwords() -> None:
    """The one unused for longest is forgotten first."""
    attempts = WrongPasswords(limits(login_attempts_per_minute=1))
    for number in range(10_001):
        attempts.right(f"network {number}", "alice")
    attempts.wrong(THERE, "alice", 0.0)
    assert attempts.delay("network 0", "alice", 1.0) == 5.0
    assert attempts.delay("network 1", "alice", 1.0) == 0.0


def test_maximum_addresses_of_wrong_passwords() -> None:
    """The oldest are forgotten first."""
    attempts = WrongPasswords(limits(login_attempts_per_minute=1))
    for number in range(20_000):
        attempts.wrong(f"network {number}", "alice", 0.0)
    attempts.check("network 0", 1.0)
    with pytest.raises(Refused):
        attempts.check("network 19999", 1.0)

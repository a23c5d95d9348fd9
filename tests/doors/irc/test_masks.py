"""Masks of names: what they match, and that no mask takes long."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from pyconchat.doors.irc.masks import mask_pattern
from tests.support.irc import IrcServer

LONG = ["?*" * 200, "*a" * 200, "*?a?" * 100, "*" * 400 + "x", "a*" * 200 + "x", "[a]*" * 100]
"""Masks for which a pattern with an asterisk for each of theirs tries all ways to share a name."""


@pytest.fixture(autouse=True)
def alarm() -> Iterator[None]:
    """Fail after some seconds, instead of never."""

    def late(_number: int, _frame: object) -> None:
        raise AssertionError("it takes for ever")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    ("mask", "names"),
    [
        ("*", ["", "al", "Al.ice", "[al]", "a\\l"]),
        ("al", ["al"]),
        ("a?", ["al"]),
        ("*l*", ["al", "Al.ice", "[al]", "a\\l"]),
        ("?*?l*", ["[al]", "a\\l"]),
        ("[al]", ["[al]"]),
        ("[*]", ["[al]"]),
        ("a\\*", ["a\\l"]),
        ("al.ice", []),
        ("*.ice", ["Al.ice"]),
        ("", [""]),
    ],
)
def test_what_a_mask_matches(mask: str, names: list[str]) -> None:
    """Only the two wildcards have a meaning."""
    known = ["", "al", "Al.ice", "[al]", "a\\l"]
    assert [name for name in known if mask_pattern(mask).match(name)] == names


@pytest.mark.parametrize("mask", LONG)
def test_no_mask_takes_long(mask: str) -> None:
    """Whatever the name, and whether it matches or not."""
    pattern = mask_pattern(mask)
    for name in ("a" * 32, "b" * 32, "ab" * 16, "a" * 31 + "b"):
        pattern.match(name)


@pytest.mark.parametrize("command", ["WHO", "LIST"])
def test_long_masks_of_clients(irc: IrcServer, command: str) -> None:
    """They are answered at once, like others."""
    user = irc.enters("a" * 30)
    user.sends(f"JOIN #{'a' * 32}")
    for mask in LONG:
        assert user.gets(f"{command} {mask}")[-1].split()[1] in ("315", "323")

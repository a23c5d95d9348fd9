"""Names that are one change apart."""

from __future__ import annotations

import random
from itertools import product

import pytest

from pyconchat.domain.similar import close_names, is_close


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lobby", "lobyb"),  # exchanged
        ("lobby", "loby"),  # left out
        ("lobby", "lobbys"),
        ("lobby", "hlobby"),
        ("lobby", "lobbx"),  # replaced
        ("lobby", "xobby"),
        ("tea", "ten"),
        ("ab", "abc"),
        ("tea", "eta"),
    ],
)
def test_one_change(one: str, other: str) -> None:
    """In either direction."""
    assert is_close(one, other)
    assert is_close(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lobby", "lobby"),
        ("lobby", "lob"),
        ("lobby", "lboby b"),
        ("lobby", "yobbl"),
        ("tea", "aet"),
        ("abcd", "badc"),  # two exchanges
        ("abcd", "acbx"),
        ("a", "b"),  # too short to tell
        ("ab", "ba"),
        ("", "a"),
        ("", ""),
    ],
)
def test_none_or_several_changes(one: str, other: str) -> None:
    """Equal names, and names that are farther apart, are not close."""
    assert not is_close(one, other)
    assert not is_close(other, one)


def test_the_close_ones_of_many() -> None:
    """Exactly those that a comparison with all names finds."""
    everything = ["".join(each) for size in range(1, 5) for each in product("abc", repeat=size)]
    names = set(random.Random(5).sample(everything, 40))
    for name in [*everything, "", "xyz", "abx", "x"]:
        found = close_names(name, names, "abc")
        assert sorted(found) == sorted(each for each in names if is_close(name, each))

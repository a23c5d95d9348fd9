"""Names that are one change apart."""

from __future__ import annotations

import pytest

from pyconchat.domain.similar import is_close


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

# ruff: noqa: RUF001 - letters of many scripts are here on purpose
"""Confusable names are found, and only while the other one exists."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyconchat.domain.lookalikes import Lookalikes, skeletons
from pyconchat.domain.names import Name, fold

steady = settings(deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize(
    ("taken", "other"),
    [
        ("alice", "aIice"),
        ("alice", "a1ice"),
        ("alice", "al1ce"),
        ("alice", "A1ICE"),
        ("Alice", "аlice"),
        ("ALICE", "AL1CE"),
        ("Ian", "lan"),
        ("bob", "b0b"),
        ("mike", "rnike"),
        ("софа", "coфa"),
        ("сор", "cop"),  # all Cyrillic, and all Latin
        ("Οδος", "Oδoς"),
        ("Ünal", "ünaI"),
        ("क्ष", "क्\u200dष"),
    ],
)
def test_names_that_look_alike(taken: str, other: str) -> None:
    """A name is found by a confusable one, in both directions."""
    for first, second in ((taken, other), (other, taken)):
        names = Lookalikes([Name(first)])
        assert names.find(second) == first
        assert names.find(first.upper()) == first


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("alice", "alicia"),
        ("user1", "user2"),
        ("Neil", "Nell"),
        ("ali", "all"),
        ("юля", "юла"),
        ("李明", "李朋"),
        ("Jürgen", "Jurgen"),
    ],
)
def test_names_that_do_not_look_alike(one: str, other: str) -> None:
    """Similar names of different people are different."""
    assert Lookalikes([Name(one)]).find(other) is None


def test_a_removed_name_is_not_found() -> None:
    """Of several that look alike, each is found until it is removed."""
    names = Lookalikes([Name("alice"), Name("a1ice"), Name("bob"), Name("alice")])
    names.remove(Name("alice"))
    assert names.find("aIice") == "a1ice"
    names.remove(Name("a1ice"))
    assert names.find("aIice") is None
    names.remove(Name("alice"))  # once more: nothing happens
    assert names.find("BOB") == "bob"


@given(st.text(max_size=12))
@steady
def test_equal_names_look_alike(name: str) -> None:
    """Names with the same key have a skeleton in common."""
    assert skeletons(name) & skeletons(fold(name))

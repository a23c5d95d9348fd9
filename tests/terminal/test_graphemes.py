"""Graphemes: one key deletes one visible character."""

from __future__ import annotations

import pytest

from pyconchat.terminal.graphemes import length_after, length_before

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
FLAG = "\U0001f1e9\U0001f1ea"


@pytest.mark.parametrize(
    "cluster",
    ["a", "漢", FAMILY, FLAG, "e\u0301", "\u0928\u093f", "\U0001f44d\U0001f3fd", "1\ufe0f\u20e3"],
)
@pytest.mark.parametrize("around", ["", "x", FLAG, FAMILY * 20])
def test_a_cluster_is_one_step(cluster: str, around: str) -> None:
    """In both directions, with any text before and after it."""
    assert length_before(around + cluster) == len(cluster)
    assert length_after(cluster + around) == len(cluster)


def test_no_text() -> None:
    """An empty text has no cluster."""
    assert length_before("") == length_after("") == 0


def test_a_cluster_without_an_end() -> None:
    """Somebody pastes thousands of combining marks: each step stays short, and moves on."""
    text = "a" + "\u0301" * 10_000
    assert 0 < length_before(text) <= 64
    assert 0 < length_after(text) <= 64

"""The delays between attempts to connect."""

from __future__ import annotations

import pytest

from pyconchat.bus.delays import FIRST, MOST, Delays


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_delays_grow_up_to_a_maximum(share: float) -> None:
    """They double, differ among nodes by up to a factor of three, and begin again."""
    delays = Delays(lambda: share)
    means = [delays.next() / (0.5 + share) for _ in range(20)]
    assert means[:4] == pytest.approx([FIRST * 2**number for number in range(4)])
    assert means[-1] == pytest.approx(MOST)
    delays.reset()
    assert delays.next() == pytest.approx(FIRST * (0.5 + share))


def test_nodes_do_not_come_together() -> None:
    """Whatever the seed of the common generator is."""
    assert len({Delays().next() for _ in range(20)}) == 20

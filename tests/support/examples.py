"""With how many examples a property is tried."""

from __future__ import annotations

import os

from hypothesis import Phase

__all__ = ["QUICK", "examples"]

QUICK = [Phase.explicit, Phase.reuse, Phase.generate]
"""Without making what fails small, which takes long where examples are large."""

_FACTOR = float(os.environ.get("PYCONCHAT_TEST_FACTOR") or 1)


def examples(number: int) -> int:
    """Return *number*, as many times as PYCONCHAT_TEST_FACTOR in the environment says."""
    return max(1, round(number * _FACTOR))

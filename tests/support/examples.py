"""The number of examples of property tests."""

from __future__ import annotations

import os

from hypothesis import Phase

__all__ = ["QUICK", "examples"]

QUICK = [Phase.explicit, Phase.reuse, Phase.generate]
"""All phases but shrinking, which takes long for large examples."""

_FACTOR = float(os.environ.get("PYCONCHAT_TEST_FACTOR") or 1)


def examples(number: int) -> int:
    """Return *number* times PYCONCHAT_TEST_FACTOR of the environment."""
    return max(1, round(number * _FACTOR))

"""Masks: names with wildcards, as in WHO and LIST."""

from __future__ import annotations

import re
from fnmatch import translate

__all__ = ["comparing", "mask_pattern"]

COMPARE_COST = 1e-6
"""Seconds of work for a name that is compared with a mask, whether it is in the answer or not."""


def comparing(count: int) -> float:
    """Return the seconds of work to compare so many names with a mask."""
    return COMPARE_COST * count


def mask_pattern(mask: str) -> re.Pattern[str]:
    """Return the pattern of *mask*, in which ``*`` is any text and ``?`` any character.

    It takes time in proportion to the lengths of the mask and the name. With ``.*`` for each
    asterisk, a mask of many of them would take for ever: `re` would try all ways to share out the
    name among them.
    """
    return re.compile(translate(mask.replace("[", "[[]")))

"""NameColours: the colours of names, different within one group as far as possible."""

from __future__ import annotations

import zlib
from collections.abc import Hashable

from pyconchat.domain.names import fold

__all__ = ["NAME_COLOURS", "NameColours"]

NAME_COLOURS = 12

MAX_PLACES = 200
"""Maximum conversations whose colours are kept; a server could name any number."""

MAX_PEOPLE = 1000
"""Maximum people of one conversation whose colours are kept."""


class NameColours:
    """Chooses colours, from 0 to NAME_COLOURS - 1, by conversation.

    The first person of a conversation gets the colour of their name. The next with the same colour
    gets the one that the fewest people there have.
    """

    def __init__(self) -> None:
        self._places: dict[Hashable, dict[str, int]] = {}

    def of(self, name: str, place: Hashable) -> int:
        """Return the colour of *name* in the conversation *place*."""
        key = fold(name)
        people = self._places.get(place, {})
        if key not in people:
            _bound(self._places, MAX_PLACES)
            _bound(people, MAX_PEOPLE)
            self._places[place] = people
            people[key] = _choice(key, [*people.values()])
        return people[key]


def _choice(key: str, taken: list[int]) -> int:
    preferred = zlib.crc32(key.encode()) % NAME_COLOURS
    nearest = [(preferred + step) % NAME_COLOURS for step in range(NAME_COLOURS)]
    return min(nearest, key=taken.count)  # the first of the least used


def _bound(chosen: dict[Hashable, dict[str, int]] | dict[str, int], most: int) -> None:
    """Remove the oldest entries of *chosen* above *most* - 1."""
    while len(chosen) >= most:
        del chosen[next(iter(chosen))]  # type: ignore[arg-type]  # a key of the same dict

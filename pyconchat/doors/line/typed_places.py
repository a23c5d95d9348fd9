"""TypedPlaces: in which place the next lines of a person were typed."""

from __future__ import annotations

from pyconchat.chat.places import Place

__all__ = ["TypedPlaces"]


class TypedPlaces:
    """The place of a session, and of the lines that were typed before somebody else changed it."""

    __slots__ = ("_lines", "_now", "_then")

    def __init__(self) -> None:
        self._now: Place = None  # where the session is
        self._then: Place = None  # where the next lines were typed
        self._lines = 0  # how many of them

    def changed(self, place: Place) -> bool:
        """The session is in *place* now; return whether it was in another one."""
        self._now, before = place, self._now
        if before is place:
            return False
        if not self._lines:
            self._then = before
        return True

    def keep(self, lines: int) -> None:
        """The next *lines* were typed in the place before, unless some wait from an earlier one."""
        self._lines = self._lines or lines

    def discard(self, lines: int) -> None:
        """Of these lines, *lines* were discarded."""
        self._lines = max(0, self._lines - lines)

    def clear(self) -> None:
        """All of these lines were discarded."""
        self._lines = 0

    def next(self, current: Place) -> Place:
        """Return where the next line was typed; *current* if that is where the session is."""
        if self._lines:
            self._lines -= 1
            return self._then
        return current

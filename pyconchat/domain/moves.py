"""Moves: whether a line was typed for the previous place of a person."""

from __future__ import annotations

from pyconchat.domain.names import COMMAND_WORDS
from pyconchat.domain.similar import is_close

__all__ = ["Moves", "is_nearly_command_word"]

GRACE = 10.0
"""Seconds after a move in which a line may have been typed before it."""


class Moves:
    """The last move of one person, by others, between the front desk and a group.

    An approval moves somebody into a group, a kick out of it, while they type. Their next line may
    be meant for the place where it was begun. If it is a command at one of the places and a message
    at the other, it is doubtful, until it is sent again. Times are in seconds of one clock.
    """

    __slots__ = ("_doubted", "_next_line", "_until", "pending")

    def __init__(self) -> None:
        self.pending = False  # whether a line may have been begun before a move
        self._until = 0.0
        self._next_line = False  # has not been typed since the move
        self._doubted = ""

    def moved(self, now: float) -> None:
        """Record a move by others."""
        self.pending = True
        self._until = now + GRACE
        self._next_line = True
        self._doubted = ""

    def chose(self) -> None:
        """Record a move by the person."""
        self.pending = False
        self._next_line = False

    def recent(self, now: float) -> bool:
        """Return whether the line that was just typed may have been begun before the move."""
        first, self._next_line = self._next_line, False
        self.pending = self.pending and now < self._until
        return self.pending or first

    def repeated(self, line: str) -> bool:
        """Return whether *line*, which is doubtful, is sent a second time."""
        again, self._doubted = line == self._doubted, line
        return again


def is_nearly_command_word(word: str) -> bool:
    """Return whether *word*, such as ``mesage``, may be a mistyped command of the front desk."""
    return any(len(each) > 3 and is_close(word.lower(), each) for each in COMMAND_WORDS)

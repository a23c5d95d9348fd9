"""HistorySearch: Ctrl-R."""

from __future__ import annotations

from pyconchat.terminal.history import History

__all__ = ["HistorySearch"]

MAX_PATTERN = 64
"""Maximum characters of a pattern."""


class HistorySearch:
    """A search in *history* for a pattern that is being typed; the newest line first."""

    __slots__ = ("_at", "_history", "pattern")

    def __init__(self, history: History) -> None:
        self._history = history
        self._at: int | None = None
        self.pattern = ""

    @property
    def line(self) -> str | None:
        """Return the line that was found, if any."""
        return None if self._at is None else self._history.line(self._at)

    def type(self, text: str) -> None:
        """Add *text* to the pattern."""
        self._search((self.pattern + text)[:MAX_PATTERN])

    def erase(self) -> None:
        """Remove the last character of the pattern."""
        self._search(self.pattern[:-1])

    def older(self) -> bool:
        """Find an older line; return whether there is one."""
        found = None if self._at is None else self._history.find(self.pattern, self._at)
        if found is not None:
            self._at = found
        return found is not None

    def _search(self, pattern: str) -> None:
        self.pattern = pattern
        self._at = self._history.find(pattern) if pattern else None

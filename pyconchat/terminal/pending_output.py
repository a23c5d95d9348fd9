"""PendingOutput: collects the output for a terminal, to write it in one piece."""

from __future__ import annotations

from collections.abc import Callable

from pyconchat.terminal.screen import Screen, Shown

__all__ = ["PendingOutput"]

BELL = "\a"


class PendingOutput:
    """Changes of *screen* that are passed to *write* together."""

    __slots__ = ("_pending", "_write", "screen")

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.screen = Screen()
        self._write = write
        self._pending: list[str] = []

    def add(self, text: str) -> None:
        """Add *text*, which the screen has returned."""
        self._pending.append(text)

    def ring(self) -> None:
        """Add the bell: a key has no effect."""
        self._pending.append(BELL)

    def leave(self, shown: Shown) -> None:
        """Display *shown*, leave it on the screen, and continue below."""
        self._pending += (self.screen.show(shown), self.screen.leave())

    def flush(self, shown: Shown | None) -> None:
        """Write everything that was added, and then *shown*, unless it is None."""
        if shown is not None:
            self._pending.append(self.screen.show(shown))
        out = "".join(self._pending)
        self._pending.clear()
        if out:
            self._write(out.encode())

"""JoinedLines: recognizes a paste by its timing, on terminals that send single lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pyconchat.terminal.pasted import MAX_PASTED_LINES

__all__ = ["JoinedLines"]

MAX_PAUSE = 0.05
"""Maximum seconds between two pasted lines. Nobody types lines so fast, or notices the delay."""


class JoinedLines:
    """Calls *send* with the lines that follow one another without a pause.

    Blank lines between them are kept, and the others are not sent.
    """

    def __init__(self, clock: IReactorTime, send: Callable[[Sequence[str]], None]) -> None:
        self._clock = clock
        self._send = send
        self._lines: list[str] = []
        self._pause: IDelayedCall | None = None

    def add(self, line: str) -> None:
        """Send *line* together with those that follow."""
        if not self._lines and not line.strip():
            return
        self._lines.append(line)
        if len(self._lines) == MAX_PASTED_LINES:
            self.flush()
        elif self._pause is None:
            self._pause = self._clock.callLater(MAX_PAUSE, self._paused)
        else:
            self._pause.reset(MAX_PAUSE)

    def flush(self) -> None:
        """Send the lines now."""
        if self._pause is not None:
            self._pause.cancel()
        if self._lines:
            self._paused()

    def _paused(self) -> None:
        self._pause = None
        lines, self._lines = self._lines, []
        while not lines[-1].strip():
            lines.pop()
        self._send(lines)

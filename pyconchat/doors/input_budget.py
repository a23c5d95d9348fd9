"""InputBudget: what one connection may make the server do with its input.

Work that no rate of an account limits is paid from it: bytes, telnet commands, and lines before
the login or in answer to a question. While it is overdrawn, the server does not read from the peer.
A person never notices: it pays for a paste of 4 MiB at once.
"""

from __future__ import annotations

__all__ = ["COMMAND_COST", "LINE_COST", "InputBudget"]

BURST = 4 * 1024 * 1024
"""Bytes that may arrive at once."""

BYTES_PER_SECOND = 1024 * 1024
"""Bytes a second after the burst."""

LINE_COST = 256 * 1024
"""Bytes that a line before the login counts for: 16 lines, then 4 a second."""

COMMAND_COST = 128
"""Bytes that a telnet command counts for: 32,768 commands, then 8,192 a second."""


class InputBudget:
    """The budget of one connection. Times are seconds of a monotonic clock."""

    __slots__ = ("_bytes", "_updated")

    def __init__(self, now: float) -> None:
        self._bytes: float = BURST
        self._updated = now

    def spend(self, cost: int, now: float) -> float:
        """Spend *cost* bytes; return the seconds until the budget is no longer overdrawn."""
        left = self._bytes + (now - self._updated) * BYTES_PER_SECOND
        self._updated = now
        self._bytes = (BURST if left > BURST else left) - cost
        return -self._bytes / BYTES_PER_SECOND if self._bytes < 0 else 0.0

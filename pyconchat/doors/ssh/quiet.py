"""A logger for Conch, which would log each connection, and what any peer sends."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["NOBODY"]


class _Nobody:
    """Drops everything. A `Logger` without an observer would still make each event."""

    def debug(self, format: str | None = None, **fields: object) -> None:
        """Drop an event."""

    info = warn = error = critical = debug

    def failure(self, format: str, failure: object = None, **fields: object) -> None:
        """Drop a failure."""


NOBODY: Final[Any] = _Nobody()

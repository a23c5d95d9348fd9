"""A logger for Conch, which would log each connection, and what any peer sends."""

from __future__ import annotations

from typing import cast

from twisted.logger import ILogObserver, Logger

__all__ = ["NOBODY"]


def _ignore(_event: object) -> None:
    """Drop an event of the log."""


NOBODY = Logger(observer=cast(ILogObserver, _ignore))

"""The steps of a teardown: each one is called, even if others fail."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

__all__ = ["take_all"]

_log = Logger(namespace="pyconchat")


def take_all(*steps: Callable[[], object]) -> None:
    """Call each of *steps*; what one of them raises is logged."""
    for step in steps:
        try:
            step()
        except Exception:
            _log.failure("a step of closing a connection failed")

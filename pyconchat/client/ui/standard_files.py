"""StandardFiles: standard input and output, for a protocol that has to know how the input ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure

__all__ = ["StandardFiles"]


class StandardFiles(StandardIO):
    """Standard input and output of *protocol*.

    *input_failed* is called before the end of the input is reported, if reading has failed: unread
    input must not count as sent.
    """

    def __init__(self, protocol: IProtocol, input_failed: Callable[[], None], reactor: Any) -> None:
        self._input_failed = input_failed
        super().__init__(protocol, reactor=reactor)  # type: ignore[no-untyped-call]

    def childConnectionLost(self, fd: str, reason: Failure) -> None:
        if fd == "read" and not isinstance(reason.value, ConnectionDone):
            self._input_failed()
        super().childConnectionLost(fd, reason)  # type: ignore[misc]  # mypy knows only Windows'

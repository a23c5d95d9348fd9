"""Silence: for how long nothing was received from the server."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from pyconchat.client.net.json_protocol import JsonProtocol

__all__ = ["SilenceMonitor"]

CHECK_INTERVAL = 5.0
"""Seconds between two checks."""


class SilenceMonitor:
    """Calls *silent* at each check with the seconds since the last byte was received."""

    def __init__(self, reactor: IReactorTime, silent: Callable[[float], None]) -> None:
        self._silent = silent
        self._seconds = reactor.seconds
        self._protocol: JsonProtocol | None = None
        self._received = 0  # bytes, at the last check
        self._last_received = 0.0
        self._checks = LoopingCall(self._check)
        self._checks.clock = reactor

    def start(self) -> None:
        """Begin to check."""
        self._checks.start(CHECK_INTERVAL, now=False)

    def stop(self) -> None:
        """Check no more."""
        if self._checks.running:
            self._checks.stop()

    def watch(self, protocol: JsonProtocol | None) -> None:
        """Check *protocol* from now on; nothing, if it is None."""
        self._protocol = protocol
        self._received = 0
        self.reset()

    def reset(self) -> None:
        """Record that something was just received."""
        self._last_received = self._seconds()

    def _check(self) -> None:
        if self._protocol is None:
            return
        if self._protocol.received != self._received:  # a part of a long line counts too
            self._received = self._protocol.received
            self.reset()
        self._silent(self._seconds() - self._last_received)

"""Stopping: the steps of a server's end, and the signals that arrive meanwhile."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.logger import Logger

__all__ = ["Stopping"]


class Stopping:
    """The end of a server; *hurry* is called for a second signal, which requests an immediate end.

    *hangup* is the server's handler of SIGHUP.
    """

    _log = Logger(namespace="pyconchat")

    def __init__(
        self,
        reactor: Any,
        hurry: Callable[[], None],
        hangup: Callable[..., None],
    ) -> None:
        self._reactor = reactor
        self._hurry = hurry
        self._hangup = hangup

    async def run(self, steps: Sequence[Callable[[], object]]) -> None:
        """Execute all *steps* in order, even if some fail."""
        self._log.info("stopping")
        self._take_signals()
        for step in steps:
            try:
                await maybeDeferred(step)
            except Exception:
                self._log.failure("a step of stopping failed")
        self._log.info("stopped")

    def _take_signals(self) -> None:
        """Let no further signal stop the reactor again, or read a store that is being closed."""
        handlers = {getattr(self._reactor, each, None) for each in ("sigInt", "sigTerm")}
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) in handlers | {self._hangup}:
                signal.signal(number, self._signalled)

    def _signalled(self, number: int, _frame: object) -> None:
        self._reactor.callFromThread(self._stops_already, number)

    def _stops_already(self, number: int) -> None:
        self._log.info("stopping already")
        if number != signal.SIGHUP:  # which `pyconchat-admin` sends
            self._hurry()

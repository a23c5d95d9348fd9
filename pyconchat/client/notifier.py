"""Notifier: runs a person's command for mentions and private messages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

__all__ = ["Notifier", "ignore_notice"]

MAX_TEXT = 1000
"""Maximum characters of a message in the command's argument."""


def ignore_notice(sender: str, text: str) -> None:
    """Do nothing: there is no command."""


class Notifier:
    """Runs *command* with two more arguments, the sender and the text; no shell reads them.

    One runs at a time, so that many mentions do not start many processes. Messages in the meantime
    are not reported.
    """

    def __init__(self, reactor: Any, command: Sequence[str]) -> None:
        self._reactor = reactor
        self._command = command
        self._running = False
        null = os.open(os.devnull, os.O_RDWR)
        self._files = dict.fromkeys((0, 1, 2), null)  # of the command
        self._environ = {k: v for k, v in os.environ.items() if k != "PYCONCHAT_PASSWORD"}

    def notify(self, sender: str, text: str) -> None:
        """Report a message of *sender*, which is safe text."""
        if self._running:
            return
        self._running = True
        # A "-" at the beginning would be an option of the command.
        words = [each if not each.startswith("-") else f" {each}" for each in (sender, text)]
        arguments = [*self._command, *(each[:MAX_TEXT] for each in words)]
        try:
            self._reactor.spawnProcess(
                _Command(self),
                self._command[0],
                arguments,
                env=self._environ,
                childFDs=self._files,
            )
        except OSError:
            self._running = False

    def ended(self) -> None:
        """Called when the command has ended."""
        self._running = False


class _Command(ProcessProtocol):
    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    def processEnded(self, reason: Failure) -> None:
        self._notifier.ended()

"""ReadMarkers: reports to the server up to which entry each conversation was displayed.

The server notifies the account's other devices, and counts later entries as unread.
"""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pyconchat.client.interfaces import ConnectionState
from pyconchat.client.net.connection import ServerConnection

__all__ = ["ReadMarkers"]

MIN_BETWEEN = 1.0
"""Minimum seconds between two reports, so that a busy group costs the server little."""


class ReadMarkers:
    """Reports over *connection*, in the time of *reactor*."""

    def __init__(self, reactor: IReactorTime, connection: ServerConnection) -> None:
        self._reactor = reactor
        self._connection = connection
        self._shown: dict[tuple[str, str], int] = {}  # that is not reported yet
        self._timer: IDelayedCall | None = None
        self._sent_at = float("-inf")

    def group_shown(self, name: str, seq: int) -> None:
        """The entries of the group *name* up to *seq* were displayed."""
        self._note(("group", name), seq)

    def private_shown(self, partner: str, seq: int) -> None:
        """The entries of the conversation with *partner* up to *seq* were displayed."""
        self._note(("with", partner), seq)

    def report(self) -> None:
        """Report at once; without a connection, only when this is called after the next login."""
        if self._timer is not None:
            self._timer.cancel()
        if self._shown:
            self._send()

    def _note(self, conversation: tuple[str, str], seq: int) -> None:
        self._shown[conversation] = max(seq, self._shown.get(conversation, 0))
        if self._timer is None:
            wait = self._sent_at + MIN_BETWEEN - self._reactor.seconds()
            self._timer = self._reactor.callLater(max(0.0, wait), self._send)

    def _send(self) -> None:
        self._timer = None
        if self._connection.state is not ConnectionState.LIVE:
            return
        shown, self._shown = self._shown, {}
        self._sent_at = self._reactor.seconds()
        for (field, name), seq in shown.items():
            self._connection.ask_quietly(lambda _answer: None, **{field: name, "read": seq})

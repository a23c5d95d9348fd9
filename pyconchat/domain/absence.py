"""Absence: the away text of a person, and the senders who have received it."""

from __future__ import annotations

from pyconchat.domain.text import SafeText

__all__ = ["MAX_TOLD", "Absence"]

MAX_TOLD = 1000
"""Maximum senders recorded for an absence; after more, the earliest receives the text again."""


class Absence:
    """A person is away since *at* (milliseconds since the epoch), with the away text *text*."""

    __slots__ = ("_told", "at", "text")

    def __init__(self, text: SafeText, at: int) -> None:
        self.text = text
        self.at = at
        self._told: dict[str, None] = {}

    def is_news_to(self, party: str) -> bool:
        """Record that *party* (`Account.party`) receives the text; return whether it had not."""
        if party in self._told:
            return False
        if len(self._told) >= MAX_TOLD:
            del self._told[next(iter(self._told))]
        self._told[party] = None
        return True

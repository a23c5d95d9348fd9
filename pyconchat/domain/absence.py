"""Absence: what somebody who is away says to others, and who was told."""

from __future__ import annotations

from pyconchat.domain.text import SafeText

__all__ = ["MAX_TOLD", "Absence"]

MAX_TOLD = 1000
"""Maximum senders that an absence remembers; beyond that, the earliest is told once more."""


class Absence:
    """Somebody is away since *at* (milliseconds since the epoch), and says why in *text*."""

    __slots__ = ("_told", "at", "text")

    def __init__(self, text: SafeText, at: int) -> None:
        self.text = text
        self.at = at
        self._told: dict[str, None] = {}

    def is_news_to(self, party: str) -> bool:
        """Return whether the sender *party* (`Account.party`) was not told yet; now they are."""
        if party in self._told:
            return False
        if len(self._told) >= MAX_TOLD:
            del self._told[next(iter(self._told))]
        self._told[party] = None
        return True

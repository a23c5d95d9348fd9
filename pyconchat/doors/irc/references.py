"""References of clients to entries of the log: ids of messages, and times."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from pyconchat.chat.conversations import Conversation

__all__ = ["id_in", "seq_in", "time_in", "timestamp_in"]

_DIGITS = r"(\d{1,15})"
_ID = re.compile(rf"{_DIGITS}-{_DIGITS}", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,3})\d*)?Z", re.ASCII)


def id_in(text: str) -> tuple[int, int] | None:
    """Return the conversation and the number that the msgid *text* has; None if it is none."""
    found = _ID.fullmatch(text)
    return None if found is None else (int(found[1]), int(found[2]))


def seq_in(text: str, conversation: Conversation | None) -> int:
    """Return the number of the entry of *conversation* with the msgid *text*; 0 if it is none."""
    found = id_in(text)
    if found is None or conversation is None or found[0] != conversation.id:
        return 0
    return found[1] if found[1] <= conversation.published else 0


def time_in(text: str) -> int | None:
    """Return the time *text* (server-time) in milliseconds since the epoch; None if it is none."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) * 1000 + int((found[2] or "0").ljust(3, "0"))


def timestamp_in(reference: str) -> int | None:
    """Return the time of ``timestamp=…`` in milliseconds since the epoch; None if it is none."""
    kind, _, value = reference.partition("=")
    return time_in(value) if kind == "timestamp" else None

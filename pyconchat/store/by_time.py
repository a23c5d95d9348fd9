"""Finds entries by their time. The log has no index of times: they rise with the numbers."""

from __future__ import annotations

from sqlalchemy import Connection, text

__all__ = ["newest_before"]

_HEAD = text("SELECT head FROM conversations WHERE id = :conversation")
_TIME = text("SELECT at FROM entries WHERE conversation = :conversation AND seq = :seq")


def newest_before(connection: Connection, conversation: int, at: int) -> int:
    """Return the number of the newest entry of *conversation* that is older than *at*; 0 if none.

    *at* is in milliseconds since the epoch. A million entries take 20 look-ups.
    """
    older, newer = 0, (connection.scalar(_HEAD, {"conversation": conversation}) or 0) + 1
    while newer - older > 1:
        middle = (older + newer) // 2
        time = connection.scalar(_TIME, {"conversation": conversation, "seq": middle})
        if time is None or time < at:
            older = middle
        else:
            newer = middle
    return older

"""Points in a log, as they are typed: an entry's number, a date, or an age."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from pyconchat.chat.conversations import Conversation
from pyconchat.commands.arguments import is_number, is_time, milliseconds
from pyconchat.commands.call import Call
from pyconchat.domain.errors import Code, Refused

__all__ = ["Point", "entry_at", "is_point", "point"]

_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{3})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)


@dataclass(frozen=True)
class Point:
    """The entry *seq*; or the time *at*, or *age* before now, in milliseconds."""

    seq: int | None = None
    at: int | None = None
    age: int = 0


def point(typed: str) -> Point:
    """Return the point that *typed* names. Raises `Refused`.

    A number may have a ``#`` before it, as in the history. A date is in the zone of the server,
    unless it has a time and a zone of its own.
    """
    number = typed.removeprefix("#")
    if is_number(number):
        return Point(seq=int(number))
    if is_time(typed):
        return Point(age=milliseconds(typed))
    try:
        if _DATE.fullmatch(typed.upper()):
            return Point(at=int(datetime.fromisoformat(typed.upper()).timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        pass  # such as February 30
    raise Refused(
        Code.BAD_ARGUMENT,
        "Before what? The number of an entry, a date such as 2026-11-20, or an age such as 2h.",
    )


def is_point(typed: str) -> bool:
    """Return whether *typed* names a point."""
    try:
        point(typed)
    except Refused:
        return False
    return True


async def entry_at(call: Call, conversation: Conversation, where: Point) -> int:
    """Return the number of the first entry that is not before *where*.

    Raises `Refused`, also if the caller may no longer read there.
    """
    if where.seq is not None:
        return where.seq
    at = call.chat.now() - where.age if where.at is None else where.at
    newest = await call.chat.reading.seq_at(conversation.id, at, conversation.published)
    call.require_talk()  # again: reading takes time
    return newest + 1

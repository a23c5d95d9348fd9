"""Times in words, in the zone of this machine or a reader's, from milliseconds since the epoch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, tzinfo
from functools import lru_cache

__all__ = [
    "date_and_time",
    "day",
    "day_and_time",
    "in_zone",
    "local_time",
    "seconds",
    "time_of_day",
    "until_in_words",
]

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

WEEK = 6 * 24 * 3600 * 1000
"""Milliseconds for which the name of a weekday is unambiguous."""


_zone: ContextVar[tzinfo | None] = ContextVar("zone", default=None)


@contextmanager
def in_zone(zone: tzinfo) -> Iterator[None]:
    """Have all functions of this module use *zone* within the block."""
    token = _zone.set(zone)
    try:
        yield
    finally:
        _zone.reset(token)


def local_time(at: float) -> time.struct_time:
    """Return the time *at* (seconds since the epoch) in the zone."""
    zone = _zone.get()
    if zone is None:
        return time.localtime(at)
    then = datetime.fromtimestamp(at, zone)
    offset = then.utcoffset()
    assert offset is not None, "it has a zone"
    return time.struct_time((*then.timetuple(), then.tzname(), int(offset.total_seconds())))


def date_and_time(at: int, now: int) -> str:
    """Return ``Nov 26 15:00``; with the year, if *now* is in another one, and so with the zone.

    The zone differs where summer time begins or ends: ``Jul 3 15:00 CEST``.
    """
    then, today = local_time(at / 1000), local_time(now / 1000)
    year = "" if then.tm_year == today.tm_year else f" {then.tm_year}"
    return f"{_MONTHS[then.tm_mon - 1]} {then.tm_mday}{year} {_clock_time(then, today)}"


def day(at: int) -> str:
    """Return ``Nov 26 2025``."""
    then = local_time(at / 1000)
    return f"{_MONTHS[then.tm_mon - 1]} {then.tm_mday} {then.tm_year}"


def day_and_time(at: int, now: int) -> str:
    """Return ``Tue 18:02`` for a time in the last days, else as `date_and_time`."""
    if not 0 <= now - at < WEEK:
        return date_and_time(at, now)
    then = local_time(at / 1000)
    return f"{_DAYS[then.tm_wday]} {_clock_time(then, local_time(now / 1000))}"


def _clock_time(then: time.struct_time, today: time.struct_time) -> str:
    """Return ``18:02``; with the name of the zone, if it is not that of *today*."""
    zone = "" if then.tm_gmtoff == today.tm_gmtoff else f" {then.tm_zone}"
    return f"{then.tm_hour:02}:{then.tm_min:02}{zone}"


@lru_cache(maxsize=64)
def _time_of_minute(minute: int, _zone: tzinfo | None) -> str:
    then = local_time(minute * 60)
    return f"{then.tm_hour:02}:{then.tm_min:02}"


def time_of_day(at: int) -> str:
    """Return ``18:02``. Cached: a tick's messages are mostly of one minute."""
    return _time_of_minute(at // 60_000, _zone.get())


def seconds(count: int) -> str:
    """Return *count* seconds in words: ``1 second``, ``90 seconds``."""
    return f"{count:,} {'second' if count == 1 else 'seconds'}"


def until_in_words(until: int | None, now: int) -> str:
    """Return `` until Nov 26 15:00``; nothing if *until* is None, for good."""
    return "" if until is None else f" until {date_and_time(until, now)}"

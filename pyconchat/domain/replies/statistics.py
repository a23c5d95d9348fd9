"""Replies about the server's load."""

from __future__ import annotations

import msgspec

from pyconchat.domain.replies.base import BaseReply

__all__ = ["Drop", "Durations", "Stats"]


class Durations(msgspec.Struct, frozen=True):
    """Percentiles of *count* durations, and the longest, in seconds."""

    count: int
    p50: float
    p99: float
    longest: float


class Drop(msgspec.Struct, frozen=True):
    """How many connections ended for one cause."""

    cause: str
    count: int


class Stats(BaseReply, frozen=True, tag="stats", kw_only=True):
    """The server's counters since its start, and its load now.

    *uptime* is in seconds, *memory* and *unsent* (data waiting for slow readers) in bytes.
    *strangers* are the *connections* that have not logged in. *deliveries* counts each message
    once for each reader. *waiting* are decisions to be stored, *hashing* passwords being checked.
    *commits* are durations of commits, *lag* is how late the reactor ran timers.
    """

    version: str
    uptime: float
    memory: int
    sessions: int = 0
    connections: int = 0
    strangers: int = 0
    accounts: int = 0
    groups: int = 0
    entries: int
    messages: int
    deliveries: int
    not_saved: int
    waiting: int = 0
    hashing: int = 0
    unsent: int = 0
    commits: Durations
    lag: Durations
    dropped: list[Drop]
    turned_away: list[Drop]

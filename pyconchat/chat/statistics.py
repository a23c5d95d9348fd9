"""Statistics: counters, durations and gauges of this server, since it started.

Counters on the path of a message are plain attributes, because counting must cost next to nothing.
A *gauge* is a function that is called when the statistics are requested.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pyconchat import __version__
from pyconchat.domain.replies import Drop, Durations, Stats

__all__ = ["Histogram", "LagMeter", "Statistics"]

BOUNDS = (*(step * 10.0**power for power in range(-4, 1) for step in (1, 2, 5)), 10.0)
"""Upper bounds of the buckets, from 0.0001 to 10 seconds."""


class Histogram:
    """Durations in seconds, counted by bucket; the last bucket has no bound."""

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.count = 0
        self.sum = 0.0
        self.longest = 0.0

    def record(self, seconds: float) -> None:
        """Count one duration."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.count += 1
        self.sum += seconds
        self.longest = max(self.longest, seconds)

    def durations(self) -> Durations:
        """Return the count, p50 and p99 (as bounds of buckets), and the maximum."""
        return Durations(self.count, self._below(0.5), self._below(0.99), self.longest)

    def _below(self, share: float) -> float:
        wanted = share * self.count
        seen = 0
        for bound, number in zip(BOUNDS, self.buckets, strict=False):
            seen += number
            if seen >= wanted:
                return min(bound, self.longest)
        return self.longest


class LagMeter:
    """Records the lag of *reactor* in *lag*: how many seconds its timers fire late."""

    INTERVAL = 0.25

    def __init__(self, reactor: IReactorTime, lag: Histogram) -> None:
        self._reactor = reactor
        self._lag = lag
        self._next: IDelayedCall | None = None

    def start(self) -> None:
        """Start measuring."""
        self._due = self._reactor.seconds() + self.INTERVAL
        self._next = self._reactor.callLater(self.INTERVAL, self._measure)

    def stop(self) -> None:
        """Stop measuring."""
        if self._next is not None and self._next.active():
            self._next.cancel()

    def _measure(self) -> None:
        self._lag.record(max(0.0, self._reactor.seconds() - self._due))
        self.start()


class Statistics:
    """The statistics of one server; *now* returns seconds of a monotonic clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._started = now()
        self._gauges: dict[str, Callable[[], int]] = {}
        self.entries = 0
        self.messages = 0
        self.deliveries = 0
        self.not_saved = 0
        self.commits = Histogram()
        self.lag = Histogram()
        self.dropped: Counter[str] = Counter()
        self.turned_away: Counter[str] = Counter()

    def gauge(self, name: str, read: Callable[[], int]) -> None:
        """Call *read* for the field *name* of `Stats`."""
        self._gauges[name] = read

    def stats(self) -> Stats:
        """Return all statistics, as they are now."""
        gauges = {name: read() for name, read in self._gauges.items()}
        return Stats(
            version=__version__,
            uptime=self._now() - self._started,
            memory=_resident(),
            entries=self.entries,
            messages=self.messages,
            deliveries=self.deliveries,
            not_saved=self.not_saved,
            commits=self.commits.durations(),
            lag=self.lag.durations(),
            dropped=[Drop(*each) for each in sorted(self.dropped.items())],
            turned_away=[Drop(*each) for each in sorted(self.turned_away.items())],
            **gauges,
        )


def _resident() -> int:
    """Return this process's resident memory in bytes (proc(5)); 0 if it is not known."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")

"""Metrics: the server's figures as Prometheus reads them, over HTTP.

The format is that of Prometheus's text exposition, version 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Site

from pyconchat.chat.statistics import BOUNDS, Histogram, Statistics
from pyconchat.domain.replies import Drop

__all__ = ["metrics_site"]

_GAUGES = {
    "uptime": ("uptime_seconds", "Seconds since the start."),
    "memory": ("resident_memory_bytes", "Memory of the process."),
    "sessions": ("sessions", "Logins that are connected."),
    "connections": ("connections", "Connections that are open."),
    "strangers": ("connections_unauthenticated", "Connections that have not logged in."),
    "accounts": ("accounts_online", "People and programs that have a session."),
    "groups": ("groups", "Groups that are open."),
    "waiting": ("decisions_waiting", "Decisions that wait to be stored."),
    "hashing": ("passwords_waiting", "Passwords that are being hashed, or wait for it."),
    "unsent": ("unsent_bytes", "Bytes that peers have not taken."),
}
"""Fields of `Stats` that go up and down: name and help."""

_COUNTERS = {
    "entries": ("entries", "Entries stored."),
    "messages": ("messages", "Messages and actions shown."),
    "deliveries": ("deliveries", "Messages times the sessions that were shown them."),
    "not_saved": ("not_saved", "Decisions that could not be stored."),
}
"""Fields of `Stats` that only go up: name and help."""


class _Figures(Collector):
    """Reads *statistics* each time that somebody asks."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics

    def collect(self) -> Iterator[Metric]:
        statistics = self._statistics
        stats = statistics.stats()
        for field, (name, help) in _GAUGES.items():
            yield GaugeMetricFamily(f"pyconchat_{name}", help, getattr(stats, field))
        for field, (name, help) in _COUNTERS.items():
            yield CounterMetricFamily(f"pyconchat_{name}", help, getattr(stats, field))
        yield _histogram("commit_seconds", "How long commits took.", statistics.commits)
        yield _histogram("reactor_lag_seconds", "How late the reactor was.", statistics.lag)
        yield _by_cause("dropped", "Connections that were cut, by cause.", stats.dropped)
        yield _by_cause("turned_away", "Connections not let in, by limit.", stats.turned_away)


def _by_cause(name: str, help: str, drops: Iterable[Drop]) -> Metric:
    family = CounterMetricFamily(f"pyconchat_{name}", help, labels=["cause"])
    for drop in drops:
        family.add_metric([drop.cause], drop.count)
    return family


def _histogram(name: str, help: str, histogram: Histogram) -> Metric:
    seen = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip([*map(str, BOUNDS), "+Inf"], histogram.buckets, strict=True):
        seen += count
        buckets.append((bound, seen))
    return HistogramMetricFamily(f"pyconchat_{name}", help, buckets, histogram.sum)


class _Metrics(Resource):
    """The page ``/metrics``."""

    isLeaf = True

    def __init__(self, statistics: Statistics) -> None:
        super().__init__()
        self._registry = CollectorRegistry()
        self._registry.register(_Figures(statistics))

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", CONTENT_TYPE_LATEST.encode())
        return generate_latest(self._registry)


class _Site(Site):
    """A site that logs no requests: nobody wants a line for each time that somebody looks."""

    noisy = False

    def log(self, request: Request) -> None:
        pass


def metrics_site(statistics: Statistics) -> Site:
    """Return the factory of an HTTP server that has *statistics* at ``/metrics``."""
    root = Resource()
    root.putChild(b"metrics", _Metrics(statistics))
    return _Site(root, timeout=30)

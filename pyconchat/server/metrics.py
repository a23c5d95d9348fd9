"""The server's metrics for Prometheus, over HTTP.

The format is Prometheus's text exposition format, version 0.0.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from twisted.web.server import Request as SiteRequest

from pyconchat.chat.nodes import Nodes
from pyconchat.chat.readiness import Readiness
from pyconchat.chat.statistics import BOUNDS, Histogram, Statistics
from pyconchat.domain.replies import Drop

__all__ = ["MAX_CONNECTIONS", "metrics_factory", "metrics_site", "metrics_text"]

MAX_CONNECTIONS = 16
"""Maximum connections to the port: the limits of the doors do not count them."""

_GAUGES = {
    "uptime": ("uptime_seconds", "Seconds since the server started."),
    "memory": ("resident_memory_bytes", "Resident memory of the process."),
    "sessions": ("sessions", "Sessions that are connected."),
    "connections": ("connections", "Open connections."),
    "strangers": ("connections_unauthenticated", "Open connections that have not logged in."),
    "accounts": ("accounts_online", "Accounts and guests that have a session."),
    "groups": ("groups", "Groups that have not been closed."),
    "waiting": ("decisions_waiting", "Decisions waiting to be committed."),
    "hashing": ("passwords_waiting", "Passwords being hashed or waiting for it."),
    "unsent": ("unsent_bytes", "Bytes buffered for peers that have not read them."),
}
"""Fields of `Stats` that rise and fall, with the name and the help text of the metric."""

_COUNTERS = {
    "entries": ("entries", "Entries committed."),
    "messages": ("messages", "Messages and actions published."),
    "deliveries": ("deliveries", "Messages and actions delivered, counted once per session."),
    "not_saved": ("not_saved", "Decisions that could not be committed."),
}
"""Fields of `Stats` that only rise, with the name and the help text of the metric."""


_NODE_GAUGES = {
    "bus_up": "1 while the bus to the other nodes is up.",
    "bus_lag_seconds": "Time that a block took last on the bus.",
    "lease_held": "1 while this node has its lease of the database.",
    "draining": "1 while this node is stopping, and ends its sessions.",
}
_NODE_COUNTERS = {
    "bus_told": "Blocks told to other nodes.",
    "bus_heard": "Blocks heard from other nodes.",
    "bus_dropped": "Blocks dropped because too many were waiting.",
    "gaps": "Gaps in what the bus brought that were read from the database.",
    "conflicts": "Decisions that were made again after a change at another node.",
}
"""Fields of `Nodes.figures`, with the help text of the metric."""


class _StatisticsCollector(Collector):
    """Reads *statistics* at each request, and those of one of several *nodes*."""

    def __init__(self, statistics: Statistics, nodes: Nodes | None = None) -> None:
        self._statistics = statistics
        self._nodes = nodes

    def collect(self) -> Iterator[Metric]:
        statistics = self._statistics
        stats = statistics.stats()
        for field, (name, help) in _GAUGES.items():
            yield GaugeMetricFamily(f"pyconchat_{name}", help, getattr(stats, field))
        for field, (name, help) in _COUNTERS.items():
            yield CounterMetricFamily(f"pyconchat_{name}", help, getattr(stats, field))
        yield _histogram("commit_seconds", "Time of a commit.", statistics.commits)
        yield _histogram("reactor_lag_seconds", "Delay of timers in the reactor.", statistics.lag)
        yield _by_cause("dropped", "Connections dropped, by cause.", stats.dropped)
        yield _by_cause("turned_away", "Connections refused, by limit.", stats.turned_away)
        if self._nodes is not None:
            figures = self._nodes.figures()
            for name, help in _NODE_GAUGES.items():
                yield GaugeMetricFamily(f"pyconchat_{name}", help, figures[name])
            for name, help in _NODE_COUNTERS.items():
                yield CounterMetricFamily(f"pyconchat_{name}", help, figures[name])


def _by_cause(name: str, help: str, drops: Iterable[Drop]) -> Metric:
    family = CounterMetricFamily(f"pyconchat_{name}", help, labels=["cause"])
    for drop in drops:
        family.add_metric([drop.cause], drop.count)
    return family


def _histogram(name: str, help: str, histogram: Histogram) -> Metric:
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip([*map(str, BOUNDS), "+Inf"], histogram.buckets, strict=True):
        total += count
        buckets.append((bound, total))
    return HistogramMetricFamily(f"pyconchat_{name}", help, buckets, histogram.sum)


def metrics_text(statistics: Statistics, nodes: Nodes | None = None) -> Callable[[], bytes]:
    """Return a function that returns the text for Prometheus."""
    registry = CollectorRegistry()
    registry.register(_StatisticsCollector(statistics, nodes))
    return partial(generate_latest, registry)


class _Metrics(Resource):
    """The page ``/metrics``."""

    isLeaf = True

    def __init__(self, statistics: Statistics, nodes: Nodes | None) -> None:
        super().__init__()
        self._text = metrics_text(statistics, nodes)

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", CONTENT_TYPE_LATEST.encode())
        return self._text()


class _Site(Site):
    """A site that does not log requests: Prometheus makes one every few seconds."""

    noisy = False

    def log(self, request: Request) -> None:
        pass


class _OnlyRequest(SiteRequest):
    """The only request of its connection.

    Twisted answers all requests that were sent ahead in one turn of the reactor, and keeps the
    answers in memory: the chat would wait for them.
    """

    def process(self) -> None:
        self.setHeader(b"connection", b"close")
        self.channel.persistent = False
        super().process()


class _Ready(Resource):
    """The page ``/ready``."""

    isLeaf = True

    def __init__(self, readiness: Readiness) -> None:
        super().__init__()
        self._readiness = readiness

    def render_GET(self, request: SiteRequest) -> int:
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)

        def answer(problem: str) -> None:
            if gone:
                return
            request.setResponseCode(503 if problem else 200)
            request.setHeader(b"content-type", b"text/plain; charset=utf-8")
            request.write(f"{problem or 'ready'}\n".encode())
            request.finish()

        asking = Deferred.fromCoroutine(self._readiness.problem())
        asking.addCallback(answer).addErrback(lambda failure: request.processingFailed(failure))
        return NOT_DONE_YET


def metrics_site(
    statistics: Statistics, nodes: Nodes | None = None, readiness: Readiness | None = None
) -> Site:
    """Return the factory of an HTTP server with *statistics* at ``/metrics``.

    *readiness* is at ``/ready``: this port listens until the end of a drain.
    """
    root = Resource()
    root.putChild(b"metrics", _Metrics(statistics, nodes))
    if readiness is not None:
        root.putChild(b"ready", _Ready(readiness))
    return _Site(root, _OnlyRequest, timeout=30)


class _FewConnections(WrappingFactory):
    """Closes the connections that are more than `MAX_CONNECTIONS` at once."""

    noisy = False

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return None if len(self.protocols) >= MAX_CONNECTIONS else super().buildProtocol(addr)


def metrics_factory(
    statistics: Statistics, nodes: Nodes | None, readiness: Readiness
) -> WrappingFactory:
    """Return the factory of `metrics_site` with few connections at once."""
    return _FewConnections(metrics_site(statistics, nodes, readiness))

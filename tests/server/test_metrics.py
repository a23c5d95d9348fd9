"""Every field of `Stats` is in the metrics, and in the answer to /stats."""

from __future__ import annotations

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.test.requesthelper import DummyRequest

from pyconchat.chat.statistics import Statistics
from pyconchat.domain.replies import Drop, Durations, Stats
from pyconchat.render.replies import reply_lines
from pyconchat.server.metrics import (
    _COUNTERS,
    _GAUGES,
    MAX_CONNECTIONS,
    _StatisticsCollector,
    metrics_factory,
    metrics_site,
)
from pyconchat.store import SqlStore
from pyconchat.testing import InlineThreads
from tests.support.programs import MemoryServer

FIELDS = [each.name for each in msgspec.structs.fields(Stats)]
ELSEWHERE = {
    "version": None,
    "commits": "pyconchat_commit_seconds",
    "lag": "pyconchat_reactor_lag_seconds",
    "dropped": "pyconchat_dropped",
    "turned_away": "pyconchat_turned_away",
}
"""The fields that are not numbers, with their metrics. A version is in none."""


def values() -> dict[str, object]:
    """Return a value for each field, none of which is part of another one's text."""
    found: dict[str, object] = {}
    for number, each in enumerate(msgspec.structs.fields(Stats)):
        if each.type is str:
            found[each.name] = "9.8.7"
        elif each.name in ("uptime", "memory"):
            found[each.name] = 3 * 86_400 if each.name == "uptime" else 77_000_000
        elif each.type is int:
            found[each.name] = 1101 + number
        elif each.type is Durations:
            found[each.name] = Durations(
                **{part.name: 2101 + number for part in msgspec.structs.fields(Durations)}
            )
        else:
            found[each.name] = [Drop(f"because-{each.name}", 3101 + number)]
    return found


def test_every_field_has_a_metric() -> None:
    """A number is a gauge or a counter; each metric is collected."""
    assert {*_GAUGES, *_COUNTERS, *ELSEWHERE} == set(FIELDS)
    assert not _GAUGES.keys() & _COUNTERS.keys()
    registry = CollectorRegistry()
    registry.register(_StatisticsCollector(Statistics(lambda: 0.0)))
    names = {each.name for each in registry.collect()}
    short = [name for name, _ in (_GAUGES | _COUNTERS).values()]
    assert names == {f"pyconchat_{name}" for name in short} | {*ELSEWHERE.values()} - {None}


def test_every_gauge_is_read(store: SqlStore, clock: Clock) -> None:
    """Each field with a default is measured: otherwise it would always be 0."""
    optional = {each.name for each in msgspec.structs.fields(Stats) if not each.required}
    server = MemoryServer(store, clock)
    measured = set(server.chat.statistics._gauges)
    server.stop()
    assert optional - measured == {"hashing"}  # which the service measures


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_is_shown(field: str) -> None:
    """Another value of a field makes another answer to /stats."""
    first = values()
    second = dict(first)
    value = first[field]
    match value:
        case str():
            second[field] = "9.9.9"
        case int():
            second[field] = value * 3
        case Durations():
            second[field] = msgspec.structs.replace(
                value, **{part.name: 9999 for part in msgspec.structs.fields(Durations)}
            )
        case _:
            second[field] = [Drop("another-cause", 4)]
    assert reply_lines(Stats(**first)) != reply_lines(Stats(**second))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stopping", "code", "said"), [(False, 200, "ready"), (True, 503, "draining")]
)
def test_readiness_at_the_same_port(
    store: SqlStore, clock: Clock, stopping: bool, code: int, said: str
) -> None:
    """It is there until a server that stops has ended all sessions."""
    server = MemoryServer(store, clock)
    server.chat.registry.stopping = stopping
    root = metrics_site(server.chat.statistics, None, server.chat.readiness).resource
    request = DummyRequest([b"ready"])
    root.getChildWithDefault(b"ready", request).render(request)
    server.stop()
    assert (request.responseCode, b"".join(request.written)) == (code, f"{said}\n".encode())
    assert request.finished == 1


def test_a_client_that_does_not_wait_for_the_readiness(
    store: SqlStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written to it, and nothing fails."""
    server = MemoryServer(store, clock, threads=InlineThreads())
    root = metrics_site(server.chat.statistics, None, server.chat.readiness).resource
    request = DummyRequest([b"ready"])
    slow: Deferred[list[object]] = Deferred()
    monkeypatch.setattr(InlineThreads, "read", lambda *_: slow)
    root.getChildWithDefault(b"ready", request).render(request)
    request.processingFailed(Failure(ConnectionDone()))
    slow.callback([])
    server.stop()
    assert (request.written, request.finished) == ([], 0)


def test_many_connections(store: SqlStore, clock: Clock) -> None:
    """They cannot take all descriptors of the server; when one ends, another one is accepted."""
    server = MemoryServer(store, clock)
    factory = metrics_factory(server.chat.statistics, None, server.chat.readiness)
    peer = IPv4Address("TCP", "192.0.2.1", 4000)
    protocols = []
    while (protocol := factory.buildProtocol(peer)) is not None:
        protocol.makeConnection(StringTransport())
        protocols.append(protocol)
    assert len(protocols) == MAX_CONNECTIONS
    transport = protocols[0].transport
    protocols[0].dataReceived(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"pyconchat_sessions " in transport.value()
    protocols[0].connectionLost(Failure(ConnectionDone()))
    assert factory.buildProtocol(peer) is not None
    for each in protocols[1:]:
        each.connectionLost(Failure(ConnectionDone()))
    server.stop()


def test_requests_that_are_sent_ahead(store: SqlStore, clock: Clock) -> None:
    """A connection has one answer: thousands of them held the chat up, and filled the memory."""
    server = MemoryServer(store, clock)
    factory = metrics_factory(server.chat.statistics, None, server.chat.readiness)
    protocol = factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 4000))
    transport = StringTransport()
    protocol.makeConnection(transport)
    protocol.dataReceived(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
    assert transport.value().count(b"HTTP/1.1 200 OK\r\n") == 1
    assert b"\r\nconnection: close\r\n" in transport.value().lower()
    assert transport.disconnecting
    protocol.connectionLost(Failure(ConnectionDone()))
    server.stop()

"""Statistics: counters, durations, and the lag of the reactor."""

from __future__ import annotations

import os
from bisect import bisect_left
from math import ceil

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.task import Clock
from twisted.web.test.requesthelper import DummyRequest

from pyconchat.chat.statistics import BOUNDS, Histogram, LagMeter, Statistics
from pyconchat.server.metrics import metrics_site

SECONDS = st.lists(st.floats(0, 100), min_size=1, max_size=200)


def test_an_empty_histogram() -> None:
    """All its durations are 0."""
    durations = Histogram().durations()
    assert (durations.count, durations.p50, durations.p99, durations.longest) == (0, 0, 0, 0)


def test_the_bounds_are_round() -> None:
    """1, 2 and 5 times each power of ten, written without rounding errors."""
    assert list(map(str, BOUNDS)) == [
        *("0.0001", "0.0002", "0.0005", "0.001", "0.002", "0.005", "0.01", "0.02", "0.05"),
        *("0.1", "0.2", "0.5", "1.0", "2.0", "5.0", "10.0"),
    ]


@given(SECONDS)
@example(list(BOUNDS))
@example([0.001] * 99 + [60.0])
@example([0.001] * 98 + [60.0] * 2)
def test_a_histogram(seconds: list[float]) -> None:
    """Each duration is in the first bucket whose bound it does not exceed.

    Quantiles are such bounds.
    """
    histogram = Histogram()
    for each in seconds:
        histogram.record(each)
    assert histogram.buckets == [
        sum(bisect_left(BOUNDS, each) == index for each in seconds)
        for index in range(len(BOUNDS) + 1)
    ]
    assert histogram.sum == pytest.approx(sum(seconds))
    durations = histogram.durations()
    assert durations.count == len(seconds)
    assert durations.longest == max(seconds)
    for share, reported in ((50, durations.p50), (99, durations.p99)):
        true = sorted(seconds)[ceil(share * len(seconds) / 100) - 1]
        bound = next((bound for bound in BOUNDS if true <= bound), durations.longest)
        assert reported == min(bound, durations.longest)


def test_a_reactor_without_lag(clock: Clock) -> None:
    """It is measured four times a second."""
    lag = Histogram()
    meter = LagMeter(clock, lag)
    meter.start()
    clock.pump([0.25] * 8)
    assert (lag.count, lag.longest) == (8, 0.0)


def test_a_reactor_that_was_blocked(clock: Clock) -> None:
    """The lag is recorded once; later measurements do not include it."""
    lag = Histogram()
    meter = LagMeter(clock, lag)
    meter.start()
    clock.advance(0.25 + 1.75)
    assert (lag.count, lag.longest) == (1, pytest.approx(1.75))
    clock.pump([0.25] * 4)
    assert (lag.count, lag.sum) == (5, pytest.approx(1.75))


def test_stopping_the_lag_meter(clock: Clock) -> None:
    """It leaves no timer behind, and may be stopped before it was started."""
    lag = Histogram()
    meter = LagMeter(clock, lag)
    meter.stop()
    meter.start()
    meter.stop()
    assert clock.getDelayedCalls() == []
    clock.advance(10)
    assert lag.count == 0


@pytest.fixture
def statistics(clock: Clock) -> Statistics:
    """Statistics in which all values differ."""
    clock.advance(1000)
    statistics = Statistics(clock.seconds)
    for number, name in enumerate(
        ("sessions", "connections", "strangers", "accounts", "groups", "waiting", "hashing"), 1
    ):
        statistics.gauge(name, lambda number=number: number)  # type: ignore[misc]
    statistics.gauge("unsent", lambda: 8)
    statistics.entries, statistics.messages = 100, 101
    statistics.deliveries, statistics.not_saved = 102, 103
    statistics.dropped.update(stuck=2, late=1)
    statistics.turned_away.update(connections_per_ip=3)
    for seconds in (0.0003, 0.004, 60.0):
        statistics.commits.record(seconds)
    return statistics


def test_the_statistics_for_operators(statistics: Statistics, clock: Clock) -> None:
    """Uptime, memory, counters and gauges."""
    clock.advance(90)
    stats = statistics.stats()
    assert stats.uptime == 90
    assert stats.memory > 10_000_000 or not os.path.exists("/proc")
    assert (stats.sessions, stats.unsent) == (1, 8)
    assert (stats.entries, stats.messages, stats.deliveries, stats.not_saved) == (
        100,
        101,
        102,
        103,
    )
    assert [(each.cause, each.count) for each in stats.dropped] == [("late", 1), ("stuck", 2)]
    assert [(each.cause, each.count) for each in stats.turned_away] == [("connections_per_ip", 3)]
    assert (stats.commits.count, stats.commits.longest, stats.lag.count) == (3, 60.0, 0)


def test_the_metrics_for_prometheus(statistics: Statistics) -> None:
    """The same values, with the right types, and cumulative buckets."""
    root = metrics_site(statistics).resource
    request = DummyRequest([b"metrics"])
    page = root.getChildWithDefault(b"metrics", request).render(request)
    families = {each.name: each for each in text_string_to_metric_families(page.decode())}
    kinds = {name: family.type for name, family in families.items()}
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert all(name.startswith("pyconchat_") for name in families)
    assert all(family.documentation for family in families.values())
    assert kinds["pyconchat_sessions"] == "gauge"
    assert kinds["pyconchat_messages"] == kinds["pyconchat_dropped"] == "counter"
    assert kinds["pyconchat_commit_seconds"] == "histogram"
    assert samples["pyconchat_connections_unauthenticated",] == 3
    assert samples["pyconchat_deliveries_total",] == 102
    assert samples["pyconchat_dropped_total", "stuck"] == 2
    assert samples["pyconchat_turned_away_total", "connections_per_ip"] == 3
    buckets = [
        samples["pyconchat_commit_seconds_bucket", bound] for bound in [*map(str, BOUNDS), "+Inf"]
    ]
    assert buckets == [0.0, 0.0, *[1.0] * 3, *[2.0] * 11, 3.0]
    assert samples["pyconchat_commit_seconds_count",] == 3
    assert samples["pyconchat_commit_seconds_sum",] == pytest.approx(60.0043)

"""One group under load: the common part of `fanout`, `small_group` and `scaling`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.load import Load, LoadedGroup, Sample
from benchmarks.options import Failed, Options
from benchmarks.protocols import GROUP, LINE_PROTOCOL, ChatProtocol
from benchmarks.reference_servers import REFERENCE_SERVERS, running_reference
from benchmarks.report import Result, percentile
from benchmarks.server import running
from benchmarks.users import Users, names

__all__ = [
    "WARM_UP",
    "GroupSize",
    "RunningServer",
    "add_sample",
    "measure",
    "measure_on",
    "measure_running",
]

WARM_UP = 1.0
"""Seconds of load before the measurement."""

MAX_GENERATOR_USAGE = 0.95
"""Share of its core above which the generator may limit the measured rate."""

MAX_OTHER_USAGE = 0.1
"""Share of a core that other processes may use before the figures are unreliable."""


@dataclass(frozen=True)
class GroupSize:
    """The number of *members* of a group, and how many of them are *senders*."""

    members: int
    senders: int

    @property
    def login_timeout(self) -> float:
        """Return the maximum seconds for all logins; each is announced to all members."""
        return 60 + self.members**2 / 50_000


def measure(
    options: Options, size: GroupSize, in_flight: Sequence[int], reference: str = ""
) -> list[Sample]:
    """Measure a group on a new server, with each number of messages *in_flight*.

    The server is ours, or the *reference* server of that name.
    """
    if reference:
        protocol = REFERENCE_SERVERS[reference].protocol
        with running_reference(options, reference) as other:
            return measure_running(other, protocol, options, size, in_flight)
    with running(options) as server:
        return measure_running(server, LINE_PROTOCOL, options, size, in_flight)


def measure_on(
    options: Options, state: Path, size: GroupSize, in_flight: Sequence[int]
) -> list[Sample]:
    """Measure as `measure` does, on our server with *state*, where the group already exists."""
    with running(options, state) as server:
        return measure_running(server, LINE_PROTOCOL, options, size, in_flight, group_exists=True)


class RunningServer(Protocol):
    """A server: ours at one of its ports, or a reference server."""

    port: int
    logins: int

    @property
    def pid(self) -> int:
        """Return the process id."""

    def start(self) -> object:
        """Start it."""

    def stop(self) -> None:
        """Stop it."""


def measure_running(
    server: RunningServer,
    protocol: ChatProtocol,
    options: Options,
    size: GroupSize,
    in_flight: Sequence[int],
    group_exists: bool = False,
) -> list[Sample]:
    """Measure on *server*, whose users speak *protocol*."""
    if size.members <= size.senders:
        raise Failed("a group needs more members than senders: one of the others observes")
    senders = names("s", size.senders)
    listeners = names("m", size.members - size.senders)
    observer = listeners[len(listeners) // 2]  # neither the first nor the last to receive a message
    server.start()
    with closing(Users(server.port, protocol, server.logins)) as users:
        first, *others = [*senders, *listeners]
        timeout = size.login_timeout
        users.log_in([protocol.login(first, GROUP, not group_exists)], timeout)
        users.log_in([protocol.login(name, GROUP, False) for name in others], timeout)
        users.wait_until_delivered(first, observer)
        group = LoadedGroup(GROUP, size.members, senders, observer)
        samples = []
        for messages in in_flight:
            load = Load(users, [group], messages, options.seed)
            samples.append(load.run(server.pid, WARM_UP, options.seconds))
        server.stop()
    return samples


def add_sample(
    result: Result,
    sample: Sample,
    min_lines: float | None = None,
    max_latency: float | None = None,
) -> None:
    """Add the figures of *sample* to *result*.

    The targets are *min_lines* delivered per second, and *max_latency* (ms, p50).
    """
    usage = sample.usage
    result.add("delivered", "lines/s", sample.lines / usage.seconds, minimum=min_lines)
    result.add("sent", "messages/s", sample.messages / usage.seconds)
    # Little's law: mean latency times rate is the number of messages in flight. If it differs from
    # the configured number, the other figures are wrong.
    in_flight = sum(sample.latencies) / usage.seconds
    result.add("in flight, by rate and latency", "messages", in_flight)
    p50, p99 = (percentile(sample.latencies, each) * 1e3 for each in (0.5, 0.99))
    result.add("latency p50", "ms", p50, maximum=max_latency)
    result.add("latency p99", "ms", p99)
    result.add("latency maximum", "ms", sample.latencies[-1] * 1e3)
    result.add("server's processor use", "% of core", usage.server * 100)
    result.add("server's time per line", "us", usage.server * usage.seconds / sample.lines * 1e6)
    result.add("server's resident memory", "MiB", sample.resident_bytes / 2**20)
    result.add("generator's processor use", "% of core", usage.generator * 100)
    result.add("others' processor use", "% of core", usage.others * 100)
    if usage.generator > MAX_GENERATOR_USAGE:
        result.remark("the generator used its whole core: the server may be faster than this")
    if usage.others > MAX_OTHER_USAGE:
        result.remark("other processes used the two cores: the server may be faster than this")

"""One group under load: what `fanout` and `small` have in common."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Load, Room, Sample
from benchmarks.options import Failed, Options
from benchmarks.protocols import GROUP, LINES, Tongue
from benchmarks.reference_servers import PEERS, Peer, peering
from benchmarks.report import Result, percentile
from benchmarks.server import Server, running
from benchmarks.users import Crowd, names

__all__ = ["Gathering", "measure", "note"]

WARM_UP = 1.0

BUSY = 0.95
"""Share of its core from which on the generator, not the server, may be what is measured."""

NOISY = 0.1
"""Share of a core that others may use before the figures are to be doubted."""


@dataclass(frozen=True)
class Gathering:
    """A group of so many *members*, so many of them *senders*."""

    members: int
    senders: int

    @property
    def patience(self) -> float:
        """Return the seconds that the logins may take: each one is announced to all before."""
        return 60 + self.members**2 / 50_000


def measure(
    options: Options, gathering: Gathering, under_way: Sequence[int], peer: str = ""
) -> list[Sample]:
    """Let a new server have the *gathering*; return what each of *under_way* gives.

    The server is ours, or the *peer* of that name.
    """
    if peer:
        with peering(options, peer) as other:
            return _measure(other, PEERS[peer].tongue, options, gathering, under_way)
    with running(options) as server:
        return _measure(server, LINES, options, gathering, under_way)


def measure_on(
    options: Options, state: Path, gathering: Gathering, under_way: Sequence[int]
) -> list[Sample]:
    """As `measure`, with our server on *state*, where the group is already."""
    with running(options, state) as server:
        return _measure(server, LINES, options, gathering, under_way, founded=True)


def _measure(
    server: Server | Peer,
    tongue: Tongue,
    options: Options,
    gathering: Gathering,
    under_way: Sequence[int],
    founded: bool = False,
) -> list[Sample]:
    if gathering.members <= gathering.senders:
        raise Failed("a group needs more members than senders: one of the others observes")
    senders = names("s", gathering.senders)
    listeners = names("m", gathering.members - gathering.senders)
    observer = listeners[len(listeners) // 2]  # neither the first to be written to, nor the last
    server.start()
    with closing(Crowd(server.port, tongue)) as crowd:
        first, *others = [*senders, *listeners]
        crowd.log_in([tongue.login(first, GROUP, not founded)], gathering.patience)
        crowd.log_in([tongue.login(name, GROUP, False) for name in others], gathering.patience)
        crowd.settle(first, observer)
        room = Room(GROUP, gathering.members, senders, observer)
        samples = []
        for messages in under_way:
            load = Load(crowd, [room], messages, options.seed)
            samples.append(load.run(server.pid, WARM_UP, options.seconds))
        server.stop()
    return samples


def note(
    result: Result, sample: Sample, lines: float | None = None, latency: float | None = None
) -> None:
    """Note in *result* what *sample* shows.

    Promised were so many *lines* a second at least, and a *latency* (ms, p50) of so much at most.
    """
    usage = sample.usage
    result.note("delivered", "lines/s", sample.lines / usage.seconds, least=lines)
    result.note("sent", "messages/s", sample.messages / usage.seconds)
    # Little's law: the mean latency times the rate is what was under way. If it is not what was
    # meant to be, the figures are of something else; so it is with figures from elsewhere.
    seen = sum(sample.latencies) / usage.seconds
    result.note("under way, by rate and latency", "messages", seen)
    result.note("latency p50", "ms", percentile(sample.latencies, 0.5) * 1e3, most=latency)
    result.note("latency p99", "ms", percentile(sample.latencies, 0.99) * 1e3)
    result.note("latency at most", "ms", sample.latencies[-1] * 1e3)
    result.note("server's processor use", "% of core", usage.server * 100)
    result.note("server's work per line", "us", usage.server * usage.seconds / sample.lines * 1e6)
    result.note("server's resident memory", "MiB", sample.resident / 2**20)
    result.note("generator's processor use", "% of core", usage.generator * 100)
    result.note("others' processor use", "% of core", usage.others * 100)
    if usage.generator > BUSY:
        result.remark("the generator had no time to spare: the server may be faster than this")
    if usage.others > NOISY:
        result.remark("others used the two cores: the server may be faster than this")

"""`rooms`: many small groups talk at once, so that each line takes nearly a system call."""

from __future__ import annotations

from contextlib import closing

from benchmarks.load import Load, Room, Sample
from benchmarks.options import Options
from benchmarks.protocols import LINES, Tongue
from benchmarks.reference_servers import PEERS, Peer, peering
from benchmarks.report import Result
from benchmarks.scenarios.one_group import WARM_UP, note
from benchmarks.server import Server, running
from benchmarks.users import Crowd, names

__all__ = ["rooms"]

MEMBERS = 10

PROMISED = {64: 250_000.0, 4096: 1_000_000.0}
"""Lines delivered a second, by messages under way in all."""

QUIET = 1.0
"""Seconds in which nothing comes, after which all logins are over."""

BARE = "bare"
"""What shows how much of it is the kernel's work."""


def rooms(options: Options) -> list[Result]:
    """Measure delivered lines a second with traffic in all groups, and what a bare loop gives."""
    others = [BARE] if options.peer in ("", BARE) else [BARE, options.peer]
    results = {
        server: [_result(options, messages, server) for messages in PROMISED]
        for server in ("", *others)
    }
    for _ in range(options.runs):
        for server, noted in results.items():
            for result, sample in zip(noted, _measure(options, server), strict=True):
                note(result, sample, None if server else PROMISED[sample.under_way])
    for server in others:
        for ours, theirs in zip(results[""], results[server], strict=True):
            for figure in ("delivered", "latency p50"):
                ours.compare(figure, theirs, f"that of {server}")
    return [result for noted in results.values() for result in noted]


def _result(options: Options, messages: int, server: str) -> Result:
    return Result(
        "rooms",
        f"rooms{f' of {server}' if server else ''}: {options.rooms:,} groups of {MEMBERS},"
        f" {messages:,} messages under way in all"
        f"{'' if server else f', durability {options.durability}'}",
        rooms=options.rooms,
        under_way=messages,
        durability="" if server else options.durability,
        peer=server,
    )


def _measure(options: Options, server: str) -> list[Sample]:
    if server:
        with peering(options, server) as peer:
            return _measured(peer, PEERS[server].tongue, options)
    with running(options) as ours:
        return _measured(ours, LINES, options)


def _measured(server: Server | Peer, tongue: Tongue, options: Options) -> list[Sample]:
    groups = {
        group: names(f"m{number}x", MEMBERS)
        for number, group in enumerate(names("g", options.rooms))
    }
    patience = 60 + options.rooms * MEMBERS / 50
    server.start()
    with closing(Crowd(server.port, tongue)) as crowd:
        crowd.log_in(
            [tongue.login(each[0], group, True) for group, each in groups.items()], patience
        )
        crowd.log_in(
            [
                tongue.login(name, group, False)
                for group, each in groups.items()
                for name in each[1:]
            ],
            patience,
        )
        crowd.read_all(QUIET)
        # The observer is neither the first to be written to, nor the last.
        all_rooms = [
            Room(group, MEMBERS, each[:1], each[MEMBERS // 2]) for group, each in groups.items()
        ]
        samples = []
        for messages in PROMISED:
            load = Load(crowd, all_rooms, messages, options.seed)
            samples.append(load.run(server.pid, WARM_UP, options.seconds))
        server.stop()
    return samples

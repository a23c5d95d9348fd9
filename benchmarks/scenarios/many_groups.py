"""`many_groups`: traffic in many small groups, where nearly every line takes a system call."""

from __future__ import annotations

from contextlib import closing

from benchmarks.load import Load, LoadedGroup, Sample
from benchmarks.options import Options
from benchmarks.protocols import LINE_PROTOCOL, ChatProtocol
from benchmarks.reference_servers import REFERENCE_SERVERS, ReferenceServer, running_reference
from benchmarks.report import Result
from benchmarks.scenarios.one_group import WARM_UP, add_sample
from benchmarks.server import Server, running
from benchmarks.users import Users, names

__all__ = ["many_groups"]

MEMBERS = 10

TARGETS = {64: 250_000.0, 4096: 1_000_000.0}
"""Lines delivered per second, by messages in flight."""

QUIET_SECONDS = 1.0
"""When nothing has come for this time, the server has finished all logins."""

BASELINE = "baseline"
"""Always measured too: it shows how much of the time is the kernel's."""


def many_groups(options: Options) -> list[Result]:
    """Measure lines delivered per second with traffic in all groups, of ours and the baseline."""
    references = (
        [BASELINE] if options.reference in ("", BASELINE) else [BASELINE, options.reference]
    )
    results = {
        server: [_result(options, messages, server) for messages in TARGETS]
        for server in ("", *references)
    }
    for _ in range(options.runs):
        for server, of_server in results.items():
            for result, sample in zip(of_server, _measure(options, server), strict=True):
                add_sample(result, sample, None if server else TARGETS[sample.in_flight])
    for server in references:
        for ours, theirs in zip(results[""], results[server], strict=True):
            for figure in ("delivered", "latency p50"):
                ours.compare(figure, theirs, f"that of {server}")
    return [result for of_server in results.values() for result in of_server]


def _result(options: Options, messages: int, reference: str) -> Result:
    return Result(
        "many_groups",
        f"many_groups{f' of {reference}' if reference else ''}: {options.active_groups:,} groups of"
        f" {MEMBERS}, {messages:,} messages in flight"
        f"{'' if reference else f', durability {options.durability}'}",
        active_groups=options.active_groups,
        in_flight=messages,
        durability="" if reference else options.durability,
        reference=reference,
    )


def _measure(options: Options, reference: str) -> list[Sample]:
    if reference:
        protocol = REFERENCE_SERVERS[reference].protocol
        with running_reference(options, reference) as server:
            return _measure_server(server, protocol, options)
    with running(options) as ours:
        return _measure_server(ours, LINE_PROTOCOL, options)


def _measure_server(
    server: Server | ReferenceServer, protocol: ChatProtocol, options: Options
) -> list[Sample]:
    groups = {
        group: names(f"m{number}x", MEMBERS)
        for number, group in enumerate(names("g", options.active_groups))
    }
    timeout = 60 + options.active_groups * MEMBERS / 50
    first = [protocol.login(members[0], group, True) for group, members in groups.items()]
    others = [
        protocol.login(name, group, False)
        for group, members in groups.items()
        for name in members[1:]
    ]
    server.start()
    with closing(Users(server.port, protocol, server.logins)) as users:
        users.log_in(first, timeout)
        users.log_in(others, timeout)
        users.drain(QUIET_SECONDS)
        # The observer is neither the first nor the last to receive a message.
        loaded = [
            LoadedGroup(group, MEMBERS, members[:1], members[MEMBERS // 2])
            for group, members in groups.items()
        ]
        samples = []
        for messages in TARGETS:
            load = Load(users, loaded, messages, options.seed)
            samples.append(load.run(server.pid, WARM_UP, options.seconds))
        server.stop()
    return samples

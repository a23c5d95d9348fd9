"""`fanout`: a few users send messages to a large group, as fast as the group receives them."""

from __future__ import annotations

from benchmarks.options import Options
from benchmarks.report import Result
from benchmarks.scenarios.one_group import GroupSize, add_sample, measure

__all__ = ["fanout"]

IN_FLIGHT = (1, 64)
"""Messages in flight: once per sender, and once as the total of all senders.

The total matters for a comparison of servers: it determines how many messages go into one write.
"""

TARGETS = {(200, 64): 3_000_000, (200, 640): 3_000_000}
"""Lines delivered per second with `durability = "full"`, by members and messages in flight."""


def fanout(options: Options) -> list[Result]:
    """Measure lines delivered per second and latency, for each size of the group."""
    in_flight = sorted({*IN_FLIGHT, *(each * options.senders for each in IN_FLIGHT)})
    results: list[Result] = []
    reference_results: list[Result] = []
    for members in options.members:
        size = GroupSize(members, options.senders)
        ours = [_result(options, members, messages) for messages in in_flight]
        theirs = [_result(options, members, messages, options.reference) for messages in in_flight]
        for _ in range(options.runs):
            for result, sample in zip(ours, measure(options, size, in_flight), strict=True):
                target = TARGETS.get((members, sample.in_flight))
                add_sample(result, sample, target if options.durability == "full" else None)
            if options.reference:  # in turn, so that noise of the machine affects both
                samples = measure(options, size, in_flight, options.reference)
                for result, sample in zip(theirs, samples, strict=True):
                    add_sample(result, sample)
        results += ours
        if options.reference:
            reference_results += theirs
            for one, other in zip(ours, theirs, strict=True):
                for figure in ("delivered", "latency p50", "latency p99"):
                    one.compare(figure, other, f"that of {options.reference}")
    if not options.reference:
        _compare_sizes(results, len(in_flight))
    return results + reference_results


def _result(options: Options, members: int, messages: int, reference: str = "") -> Result:
    each, rest = divmod(messages, options.senders)
    return Result(
        "fanout",
        f"fanout{f' of {reference}' if reference else ''}: {members:,} members,"
        f" {options.senders} senders, {messages} in flight{'' if rest else f' ({each} each)'}"
        f"{'' if reference else f', durability {options.durability}'}",
        members=members,
        senders=options.senders,
        in_flight=messages,
        durability="" if reference else options.durability,
        reference=reference,
    )


def _compare_sizes(results: list[Result], settings: int) -> None:
    """Compare each size of the group with the first, at equal numbers of messages in flight."""
    for nth, result in enumerate(results[settings:]):
        other = results[nth % settings]
        result.compare("delivered", other, f"that of {other.setting['members']} members")

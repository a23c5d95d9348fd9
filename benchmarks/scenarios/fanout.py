"""`fanout`: a few people say things to a large group, as fast as the group reads them."""

from __future__ import annotations

from benchmarks.options import Options
from benchmarks.report import Result
from benchmarks.scenarios.one_group import Gathering, measure, note

__all__ = ["fanout"]

EACH = (1, 64)
"""Messages under way, of each sender, and once more of all senders together.

The second is far less in one tick of the server. Figures of other servers are comparable only
with the same number of messages in all: it decides how much goes into one write.
"""

PROMISED = {(200, 64): 3_000_000, (200, 640): 3_000_000}
"""Lines delivered a second with `durability = "full"`, by members and messages under way in all."""


def fanout(options: Options) -> list[Result]:
    """Measure delivered lines a second and latency, for each size of the group."""
    in_all = sorted({*EACH, *(each * options.senders for each in EACH)})
    results: list[Result] = []
    others: list[Result] = []
    for members in options.members:
        gathering = Gathering(members, options.senders)
        ours = [_result(options, members, messages) for messages in in_all]
        theirs = [_result(options, members, messages, options.peer) for messages in in_all]
        for _ in range(options.runs):
            for result, sample in zip(ours, measure(options, gathering, in_all), strict=True):
                promised = PROMISED.get((members, sample.under_way))
                note(result, sample, promised if options.durability == "full" else None)
            if options.peer:  # in turn, so that what disturbs the machine disturbs both
                samples = measure(options, gathering, in_all, options.peer)
                for result, sample in zip(theirs, samples, strict=True):
                    note(result, sample)
        results += ours
        if options.peer:
            others += theirs
            for one, other in zip(ours, theirs, strict=True):
                for figure in ("delivered", "latency p50", "latency p99"):
                    one.compare(figure, other, f"that of {options.peer}")
    if not options.peer:
        _compare(results, len(in_all))
    return results + others


def _result(options: Options, members: int, messages: int, peer: str = "") -> Result:
    each, rest = divmod(messages, options.senders)
    return Result(
        "fanout",
        f"fanout{f' of {peer}' if peer else ''}: {members:,} members, {options.senders} senders,"
        f" {messages} under way in all{'' if rest else f' ({each} each)'}"
        f"{'' if peer else f', durability {options.durability}'}",
        members=members,
        senders=options.senders,
        under_way=messages,
        durability="" if peer else options.durability,
        peer=peer,
    )


def _compare(results: list[Result], settings: int) -> None:
    """Compare each size with the first one, with the same number of messages under way."""
    for nth, result in enumerate(results[settings:]):
        other = results[nth % settings]
        result.compare("delivered", other, f"that of {other.setting['members']} members")

"""`small`: five people talk, one message at a time. What a line costs that waits for nothing."""

from __future__ import annotations

from benchmarks.options import Options
from benchmarks.report import Result
from benchmarks.scenarios.group import Gathering, measure, note

__all__ = ["small"]

FIVE = Gathering(members=5, senders=1)


def small(options: Options) -> list[Result]:
    """Measure the latency of one message under way."""
    result = Result(
        "small",
        f"small: {FIVE.members} members, 1 message under way, durability {options.durability}",
        members=FIVE.members,
        durability=options.durability,
    )
    for _ in range(options.runs):
        note(result, measure(options, FIVE, [1])[0])
    return [result]

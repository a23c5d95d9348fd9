"""`small`: five people talk, one message at a time. What a line costs that waits for nothing."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.options import Options
from benchmarks.report import Result
from benchmarks.scenarios.one_group import Gathering, measure, note

__all__ = ["small"]

FIVE = Gathering(members=5, senders=1)

PROMISED = 0.2
"""Milliseconds (p50) with `durability = "normal"`: then nothing waits for the disk."""


def small(options: Options) -> list[Result]:
    """Measure the latency of one message under way, with and without the wait for the disk."""
    return [_measured(options, durability) for durability in ("full", "normal")]


def _measured(options: Options, durability: str) -> Result:
    result = Result(
        "small",
        f"small: {FIVE.members} members, 1 message under way, durability {durability}",
        members=FIVE.members,
        durability=durability,
    )
    for _ in range(options.runs):
        [sample] = measure(replace(options, durability=durability), FIVE, [1])
        note(result, sample, latency=PROMISED if durability == "normal" else None)
    return result

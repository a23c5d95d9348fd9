"""`small_group`: five users and one message in flight, the latency without any queueing."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.options import Options
from benchmarks.report import Result
from benchmarks.scenarios.one_group import GroupSize, add_sample, measure

__all__ = ["small_group"]

SIZE = GroupSize(members=5, senders=1)

TARGET_MS = 0.2
"""Latency (p50) with `durability = "normal"`, which does not wait for the disk."""


def small_group(options: Options) -> list[Result]:
    """Measure the latency of one message in flight, with and without the wait for the disk."""
    return [_measure(options, durability) for durability in ("full", "normal")]


def _measure(options: Options, durability: str) -> Result:
    result = Result(
        "small_group",
        f"small_group: {SIZE.members} members, 1 message in flight, durability {durability}",
        members=SIZE.members,
        durability=durability,
    )
    for _ in range(options.runs):
        [sample] = measure(replace(options, durability=durability), SIZE, [1])
        target = TARGET_MS if durability == "normal" else None
        add_sample(result, sample, max_latency=target)
    return result

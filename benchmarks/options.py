"""The command line options of a benchmark run, as one typed record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Failed", "Options"]


class Failed(Exception):
    """A run produced no figures; the message says why."""


@dataclass(frozen=True)
class Options:
    """What is measured, and how much of it.

    *folder* is where everything is written, and *reference* another server to measure in turn with
    ours. The other fields are described by ``--help``.
    """

    folder: Path
    runs: int = 3
    seconds: float = 5.0
    durability: str = "full"
    members: tuple[int, ...] = (200,)
    senders: int = 10
    sessions: int = 2000
    active_groups: int = 1000
    groups: int = 1000
    entries: int = 1_000_000
    seed: int = 1
    reference: str = ""
    postgres: str = ""
    bus: str = ""

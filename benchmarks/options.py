"""What can be chosen on the command line, as one typed record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Failed", "Options"]


class Failed(Exception):
    """A run did not come to a figure; the message says why."""


@dataclass(frozen=True)
class Options:
    """How much is measured, and on what.

    *members* are sizes of the group of `fanout`, *rooms* the groups of `rooms`, *sessions* those
    that idle, *entries* and *groups* what is on disk for `start` and `history`; *folder* is where
    everything is written, *peer* another server to measure beside ours.
    """

    folder: Path
    runs: int = 3
    seconds: float = 5.0
    durability: str = "full"
    members: tuple[int, ...] = (200,)
    senders: int = 10
    sessions: int = 2000
    rooms: int = 1000
    groups: int = 1000
    entries: int = 1_000_000
    seed: int = 1
    peer: str = ""

"""Newest: the newest entries of a conversation that one session may see, read backwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from pyconchat.domain.events import Entry

__all__ = ["PAGE", "Newest", "newest_entries"]

PAGE = 100
"""Entries that are read from the store at once. A page of the longest entries has less than half
of `unsent_hard_bytes`."""

MAX_READ = 2000
"""Maximum entries that are read to find visible ones."""


class Newest(NamedTuple):
    """The *entries* that were found, and the number of *older* ones."""

    entries: list[Entry]
    older: int


async def newest_entries(
    read: Callable[[int, int], Awaitable[Sequence[Entry]]],
    after: int,
    upto: int,
    most: int,
    shown: Callable[[Entry], bool],
) -> Newest:
    """Return the newest entries between *after* and *upto* that are *shown*, at most *most*.

    *read* returns the entries after a number, up to another; at most a page. Raises `NotSaved`.
    """
    found: list[Entry] = []
    first = upto
    while first > after and len(found) < most and upto - first < MAX_READ:
        last, first = first, max(after, first - PAGE)
        page = await read(first, last)
        found[:0] = [entry for entry in page if shown(entry)]
    left_out = max(0, len(found) - most)
    return Newest(found[left_out:], first - after + left_out)

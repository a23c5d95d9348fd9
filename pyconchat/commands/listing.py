"""Listing: lists that are cut into pages, by count and by bytes.

An answer is written at once, so its size must not depend on the number of groups, people or bans.
It has the number of items left out, and the command that lists the next ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from pyconchat.commands.arguments import Arg
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import NO_TEXT, Edit, Entry, Talk
from pyconchat.domain.names import fold
from pyconchat.domain.text import TAB, SafeText, safe_line
from pyconchat.render.layout import INDENT

__all__ = [
    "LISTING",
    "MAX_LISTED",
    "MAX_LISTED_BYTES",
    "Listing",
    "Page",
    "entry_bytes",
    "fitting",
    "page",
]

T = TypeVar("T")
R = TypeVar("R")

MAX_LISTED = 500
"""Maximum items of an answer."""

MAX_LISTED_BYTES = 48 * 1024
"""Maximum bytes of the items of an answer, in JSON. With a renderer's additions, the answer is
smaller than `unsent_soft_bytes`."""

MAX_ADDED = 100
"""Maximum bytes that a renderer adds to an entry: the group's name, the time of day."""

_WORDS = ("after", "before")

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True)
class Listing:
    """The filter of a list: names with *part* in them, after the item *after*."""

    part: SafeText = NO_TEXT
    after: SafeText = NO_TEXT

    def wants(self, name: str) -> bool:
        """Return whether *name* contains the part."""
        return self.part.casefold() in name.casefold()


@dataclass(frozen=True)
class Page(Generic[R]):
    """Some items of a list; *more* is the number of further items, *next* the command for them.

    *next* is empty without further items.
    """

    items: list[R]
    more: int
    next: SafeText


def page(
    items: Sequence[T],
    listing: Listing,
    name_of: Callable[[T], str],
    make: Callable[[T], R],
    command: str,
    group: str = "",
) -> Page[R]:
    """Return the page of *items* that *listing* selects; *make* converts each item for the reply.

    *group* is the group named after the *command*, if any. Raises `Refused` if there is
    no item with the name `Listing.after`.
    """
    first = 0
    if listing.after:
        after = fold(listing.after)
        found = (index for index, item in enumerate(items, 1) if fold(name_of(item)) == after)
        first = next(found, 0)
        if not first:
            raise Refused(Code.BAD_ARGUMENT, "{after} is not in the list.", after=listing.after)
    shown = fitting(map(make, items[first : first + MAX_LISTED]), MAX_LISTED_BYTES)
    end = first + len(shown)
    if end >= len(items):
        return Page(shown, 0, NO_TEXT)
    words = [command, *([listing.part] if listing.part else [])]
    words += [_WORDS[command == "/files"], name_of(items[end - 1])]
    words += [group] if group else []
    return Page(shown, len(items) - end, SafeText(" ".join(words)))


def fitting(items: Iterable[R], most: int, size_of: Callable[[R], int] | None = None) -> list[R]:
    """Return the first of *items* with at most *most* bytes in total; but at least one.

    *size_of* returns the bytes of one; without it they are counted in JSON.
    """
    size_of = size_of or _json_bytes
    shown: list[R] = []
    size = 0
    for item in items:
        size += size_of(item)
        if size > most and shown:
            break
        shown.append(item)
    return shown


def entry_bytes(entry: Entry) -> int:
    """Return the maximum bytes of *entry* over all styles."""
    size = _json_bytes(entry) + MAX_ADDED
    if isinstance(entry.event, Talk | Edit):
        # On a terminal, a later line is indented, and a tab takes up to 8 columns.
        text = entry.event.text
        size += len(INDENT) * text.count("\n") + TAB * text.count("\t")
    return size


def _json_bytes(item: object) -> int:
    return len(_encoder.encode(item))


def _listing(typed: str) -> Listing:
    words = safe_line(typed).split()
    after = ""
    if len(words) > 1 and words[-2].lower() in _WORDS:
        *words, _, after = words
    if len(words) > 1:
        raise Refused(
            Code.BAD_ARGUMENT, "Too many arguments: the command takes [FILTER after NAME]."
        )
    return Listing(SafeText(" ".join(words)), SafeText(after))


def _ends_with_item(words: list[str]) -> bool:
    return len(words) > 1 and words[-2].lower() in _WORDS


LISTING = Arg("FILTER after NAME", _listing, rest=True, holds=_ends_with_item)
"""Part of a name: only names that contain it are listed; and the item before the page."""

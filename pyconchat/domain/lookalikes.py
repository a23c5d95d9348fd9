"""Confusable names: `alice`, `aIice` with a capital I, `a1ice` with a digit.

Two names are confusable if they have a skeleton in common (Unicode UTS #39, section 4).
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files

from pyconchat.domain.names import Name, fold

__all__ = ["Lookalikes", "skeletons"]

# Invisible characters that are valid in names: the joiners, in scripts that need them.
_INVISIBLE = dict.fromkeys("\u200c\u200d", "")


class Lookalikes:
    """Finds the confusable names of a name, in constant time."""

    def __init__(self, names: Iterable[Name] = ()) -> None:
        _prototypes()  # now: loading them later would block the reactor
        # Almost always one name; several only if they were stored before this rule.
        self._names: dict[str, tuple[Name, ...]] = {}
        for name in names:
            self.add(name)

    def add(self, name: Name) -> None:
        """Add *name*, unless it was added before."""
        for skeleton in skeletons(name):
            names = self._names.get(skeleton, ())
            if name not in names:
                self._names[skeleton] = (*names, name)

    def remove(self, name: Name) -> None:
        """Remove *name*, in the spelling in which it was added."""
        for skeleton in skeletons(name):
            others = tuple(each for each in self._names.get(skeleton, ()) if each != name)
            if others:
                self._names[skeleton] = others
            else:
                self._names.pop(skeleton, None)

    def find(self, name: str) -> Name | None:
        """Return a name that looks like *name* or is equal to it, or None."""
        return next(self.alike(name), None)

    def alike(self, name: str) -> Iterator[Name]:
        """Yield the names that look like *name* or are equal to it."""
        for skeleton in skeletons(name):
            yield from self._names.get(skeleton, ())


@lru_cache(1 << 13)
def skeletons(name: str) -> frozenset[str]:
    """Return the skeletons of *name* as it is written, and as it is in lower case.

    In Unicode's table the digit one is confusable with the letter l only; in `al1ce` it is read as
    an i.
    """
    key = fold(name)
    return frozenset(map(_skeleton, {name, key, key.replace("1", "i")}))


def _skeleton(text: str) -> str:
    """Return the skeleton of *text*.

    Case is folded after it: a zero is confusable with a capital O, so `b0b` with `bob`.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFD", text)
    looks = text.translate(_prototypes())
    return looks.lower() if looks.isascii() else unicodedata.normalize("NFD", looks).casefold()


@lru_cache(1)
def _prototypes() -> dict[int, str]:
    """Return the prototype of a code point: one or more characters.

    The package has Unicode's table as a graph, with the prototype next to each character that
    looks like it. Of two characters that look like each other alone, the lower is the prototype.
    """
    file = files("confusable_homoglyphs") / "confusables.json"
    graph: dict[str, list[dict[str, str]]] = json.loads(file.read_text("utf-8"))
    found: dict[str, str] = {}
    for source, alike in graph.items():
        target = alike[0]["c"]
        char, prototype = _visible(source), _visible(target)
        if len(char) != 1 or len(alike) > 1:
            continue
        if len(graph[target]) > 1 or len(prototype) > 1 or prototype < char:
            found[char] = prototype
    table = str.maketrans({**found, **_INVISIBLE})
    # Once more: a prototype of several characters may contain one that has a prototype here.
    return {code: (looks or "").translate(table) for code, looks in table.items()}


def _visible(text: str) -> str:
    """Return *text* without the marks that the table puts around right-to-left letters."""
    return text.replace("\u200e", "")

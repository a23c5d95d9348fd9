"""Mentions: the members whose names are in a message, with ``@`` before the name or without.

A name counts if it is a whole word, by the word boundaries of Unicode (UAX #29). Beyond
them, an apostrophe or a colon ends a name (``bob's``, ``bob:yes``), and so does a change to or
from Korean letters (``bob씨``). It does not count inside an address (``bob@example.com``, a URL)
or a longer name (``bob-2``, ``jean.bob``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import regex

from pyconchat.domain.events import AnyEvent, Talk
from pyconchat.domain.group_state import Member
from pyconchat.domain.names import Key, Name, fold, folded_text

__all__ = ["NameFinder", "names_reader"]

MAX_MENTIONS = 32
"""Maximum members whom one message can mention: each of them gets a row in the store."""

MAX_FOUND = 256
"""Maximum names that are looked up in one message, with those that it repeats."""

# A letter or digit of ASCII in lower case; every other byte separates words.
_WORD_BYTES = bytes(
    ord(chr(byte).lower()) if chr(byte).isascii() and (chr(byte).isalnum() or byte == 95) else 32
    for byte in range(256)
)

# Scripts without spaces between words begin at these characters; other words are runs of the rest.
_DENSE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\U0010ffff"
_RUNS = re.compile(rf"[^\W{_DENSE}]+")
# The first bytes of U+FF00 to U+FF7F, which include full-width letters, in UTF-8.
_FULL_WIDTH = (b"\xef\xbc", b"\xef\xbd")
_BOUNDARY = regex.compile(r"\b", regex.WORD)
_BREAKS = frozenset("'\u2019:")
# Tried once for each run of characters: a run without an address must not cost its square.
_ADDRESS = re.compile(r"(?<![\w+.-])[\w+.-]++://\S+|\bwww\.\S+")
_JOINERS = frozenset("-.@")


class NameFinder:
    """Finds the members of one group in texts.

    Most texts have no mention. They are recognized within a microsecond, by the first words of the
    names.
    """

    __slots__ = ("_by_first", "_dense", "_members", "_others", "_runs", "_version", "_words")

    def __init__(self) -> None:
        self._members: Mapping[Key, Member] | None = None
        self._version = 0

    def find(
        self, text: str, members: Mapping[Key, Member], version: int, by: Name
    ) -> tuple[Name, ...]:
        """Return the *members* whom the *text* of *by* mentions, in its order.

        *version* changes whenever *members* changes.
        """
        if version != self._version or members is not self._members:
            self._learn(members)
            self._members, self._version = members, version
        encoded = text.encode()
        if self._words.isdisjoint(encoded.translate(_WORD_BYTES).split()):
            if text.isascii():
                return ()
            if not self._others and not any(each in encoded for each in _FULL_WIDTH):
                return ()
        folded = text.lower() if text.isascii() else folded_text(text)
        if self._runs.isdisjoint(_RUNS.findall(folded)) and self._dense.isdisjoint(folded):
            return ()
        keys = dict.fromkeys(self._keys_in(folded, members))
        keys.pop(fold(by), None)
        return tuple(members[key].name for key in list(keys)[:MAX_MENTIONS])

    def _learn(self, members: Mapping[Key, Member]) -> None:
        """Index the names by their first words, with their lengths, the longest first."""
        self._words: set[bytes] = set()
        self._runs: set[str] = set()
        self._dense: set[str] = set()
        self._others = False  # whether there are names outside of ASCII
        by_first: dict[str, set[int]] = {}
        for key in members:
            by_first.setdefault(key[0], set()).add(len(key))
            if key.isascii():
                self._words.update(key.encode().translate(_WORD_BYTES).split()[:1])
            else:
                self._others = True
            run = _RUNS.match(key)
            if run is not None:
                self._runs.add(run[0])
            else:
                self._dense.add(key[0])
        self._by_first = {first: sorted(sizes)[::-1] for first, sizes in by_first.items()}

    def _keys_in(self, folded: str, members: Mapping[Key, Member]) -> list[Key]:
        if "://" in folded or "www." in folded:
            folded = _ADDRESS.sub(lambda found: " " * len(found[0]), folded)
        found: list[Key] = []
        done = 0
        for begin, char in enumerate(folded):
            sizes = self._by_first.get(char)
            if len(found) == MAX_FOUND:
                break
            if sizes is None or begin < done or not _may_begin(folded, begin):
                continue
            for size in sizes:
                end = begin + size
                key = Key(folded[begin:end])
                if key in members and end <= len(folded) and _may_end(folded, end):
                    found.append(key)
                    done = end
                    break
        return found


def _may_begin(text: str, at: int) -> bool:
    """Return whether a name may begin at *at*."""
    if at == 0:
        return True
    before = text[at - 1]
    if before.isascii() and (before.isalnum() or before == "_") and text[at].isascii():
        return False  # fast path: most letters of a text
    joined = before in _JOINERS and at > 1 and text[at - 2].isalnum()
    return not joined and _is_cut(text, at)


def _may_end(text: str, at: int) -> bool:
    """Return whether a name may end before *at*."""
    joined = text[at : at + 1] in _JOINERS and text[at + 1 : at + 2].isalnum()
    return at == len(text) or (not joined and _is_cut(text, at))


def _is_cut(text: str, at: int) -> bool:
    """Return whether two words may meet at *at*, which is neither begin nor end of *text*."""
    before, after = text[at - 1], text[at]
    if before in _BREAKS or after in _BREAKS or _is_hangul(before) != _is_hangul(after):
        return True
    return _BOUNDARY.match(text, at) is not None


def _is_hangul(char: str) -> bool:
    return "\uac00" <= char <= "\ud7a3"


def names_reader(event: AnyEvent, reader: Key) -> bool:
    """Return whether *event* mentions *reader*."""
    return isinstance(event, Talk) and any(fold(name) == reader for name in event.mentions)

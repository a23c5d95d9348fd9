"""Search: the words of messages, and queries for them.

The index of the store has the *tokens* of a message. They find candidates; the results are
chosen from them here, by `Query.finds`, so that every database gives the same results.

Words are compared after compatibility composition and case folding (Unicode's NFKC_Casefold), and
without the accents of Latin and Greek letters: ``STRASSE`` finds ``Straße``, ``cafe`` finds
``Café``. Scripts without spaces between words, such as Chinese and Thai, are searched for any part
of a text: its tokens are all pairs of neighbouring characters, and the last character.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise

import msgspec
import regex

from pyconchat.domain.events import Action, AnyEvent, Entry, Message
from pyconchat.domain.names import Key, fold

__all__ = ["Found", "Phrase", "Query", "phrases", "straight_quotes", "tokens"]

MAX_TOKEN = 64
"""Maximum characters of a token; of a longer word, the first ones are in the index."""

MAX_QUERY_TOKENS = 64
"""Maximum tokens by which the index finds the candidates of a query."""

_SENDER = "="
"""Before a sender's key in a token; no word begins with it."""

# Scripts without spaces between words, and the Korean one; as in `domain.mentions`.
_DENSE = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\U0010ffff"
_LETTER = r"\p{L}\p{M}\p{N}\p{Co}"
# A run of a dense script, a word, or one symbol, such as an emoji. ASCII's symbols are left out.
_ELEMENT = regex.compile(
    rf"[[{_LETTER}]&&[{_DENSE}]]+|[[{_LETTER}]--[{_DENSE}]]+|[[\p{{S}}\p{{Cn}}]--[\x00-\x7f]]",
    regex.V1,
)
_DENSE_LETTER = regex.compile(rf"[[{_LETTER}]&&[{_DENSE}]]", regex.V1)
# Ignored differences: accents of Latin and Greek letters, the diaeresis of the Cyrillic yo,
# the points of Hebrew and Arabic, joiners and other invisible characters, variation selectors.
_ACCENTS = re.compile(
    r"([a-z\u00df-\u02af\u0370-\u03ff\u1e00-\u1fff\u2c60-\u2c7f\ua720-\ua7ff])[\u0300-\u036f]+"
    r"|(\u0435)\u0308"
    r"|[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0640\u064b-\u0652\u0670]"
)
_INVISIBLE = regex.compile(r"[\p{Cf}\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
_FIRST_DENSE = "\u0e00"
_ASCII = "".join(chr(code) if chr(code).isalnum() else " " for code in range(128))
_QUOTES = str.maketrans("“”„«»", '"' * 5)
_TYPED = re.compile(r'"([^"]*)(?:"(\*?)|$)|(\S+)')


class Phrase(msgspec.Struct, frozen=True):
    """Words, or runs of a dense script, that a text has next to each other.

    With *prefix*, the last word is the beginning of one. Quoted phrases, and typed words such as
    ``tea-time``, have several *elements*.
    """

    elements: tuple[str, ...]
    prefix: bool = False

    @property
    def needle(self) -> str:
        """Return the string that a folded text with the phrase contains."""
        begin = "" if _is_dense(self.elements[0]) else " "
        end = "" if self.prefix or _is_dense(self.elements[-1]) else " "
        return f"{begin}{' '.join(self.elements)}{end}"

    def tokens(self) -> Iterable[tuple[str, bool]]:
        """Yield tokens that every text with the phrase has; and whether each is a prefix."""
        for number, element in enumerate(self.elements, 1):
            if not _is_dense(element):
                cut = element[:MAX_TOKEN]
                yield cut, self.prefix and number == len(self.elements) and cut == element
            elif len(element) == 1:
                yield element, True  # the next character may be in the token
            else:
                yield from ((pair, False) for pair in _pairs(element))


class Query(msgspec.Struct, frozen=True):
    """Finds the messages and actions with all of *phrases*; only those of *sender*, if given."""

    phrases: tuple[Phrase, ...]
    sender: Key | None = None

    def tokens(self) -> list[tuple[str, bool]]:
        """Return tokens that every result has, and whether each is a prefix."""
        found = {} if self.sender is None else {(_SENDER + self.sender, False): None}
        for phrase in self.phrases:
            found |= dict.fromkeys(phrase.tokens())
        return list(found)[:MAX_QUERY_TOKENS]

    @property
    def is_exact(self) -> bool:
        """Return whether a text with the tokens is a result, in nearly all cases."""
        return all(
            len(phrase.elements) == 1 and not (_is_dense(phrase.elements[0][2:]))
            for phrase in self.phrases
        )

    def finds(self, event: AnyEvent) -> bool:
        """Return whether *event* is a result."""
        if not isinstance(event, Message | Action):
            return False
        if self.sender is not None and fold(event.sender) != self.sender:
            return False
        text = f" {' '.join(_elements(event.text))} "
        return all(phrase.needle in text for phrase in self.phrases)


class Found(msgspec.Struct, frozen=True):
    """The newest *entries* that a search has found, oldest first.

    Entries before *rest* were not searched; it is 0 if all were.
    """

    entries: list[Entry]
    rest: int


def phrases(typed: str) -> tuple[Phrase, ...]:
    """Return the query in *typed*: words, phrases in quotes, and prefixes with ``*``.

    Punctuation and repetitions are left out.
    """
    found: dict[Phrase, None] = {}
    for quoted, star, word in _TYPED.findall(straight_quotes(typed)):
        text = (quoted + star or word).rstrip()
        elements = tuple(_elements(text))
        if elements:
            prefix = text.endswith("*") and not _is_dense(elements[-1])
            found[Phrase(elements, prefix)] = None
    return tuple(found)


def straight_quotes(typed: str) -> str:
    """Return *typed* with ``"`` for the double quotes that keyboards of phones type."""
    return typed.translate(_QUOTES)


def tokens(event: AnyEvent) -> str:
    """Return the tokens of *event* for the index, with spaces between them.

    The result is empty for an event that cannot be searched for. SQLite removes an entry by the
    same tokens. So if they change, a migration must empty the index, as 0016 does; then it is
    built anew.
    """
    if not isinstance(event, Message | Action):
        return ""
    found = [_SENDER + fold(event.sender)]
    for element in set(_elements(event.text)):
        if element.isascii() or not _is_dense(element):
            found.append(element if len(element) <= MAX_TOKEN else element[:MAX_TOKEN])
        else:
            found += {*_pairs(element), element[-1]}
    return " ".join(found)


def _elements(text: str) -> list[str]:
    """Return the words of *text*, its runs of dense scripts, and its symbols, folded."""
    if text.isascii():
        return text.lower().translate(_ASCII).split()
    folded = unicodedata.normalize("NFKD", text).casefold()
    bare = _ACCENTS.sub(r"\1\2", unicodedata.normalize("NFKD", _INVISIBLE.sub("", folded)))
    return _ELEMENT.findall(unicodedata.normalize("NFC", bare))


def _is_dense(element: str) -> bool:
    """Return whether *element* is a run of a dense script."""
    return element >= _FIRST_DENSE and _DENSE_LETTER.match(element) is not None


def _pairs(run: str) -> Iterable[str]:
    return (one + other for one, other in pairwise(run))

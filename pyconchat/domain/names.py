"""Names of people and groups: which are valid, and when two are equal.

A name is a username of RFC 8265 (UsernameCaseMapped) with letters of one script (Unicode UTS #39,
"single script"), so it is safe on every terminal and needs no `SafeText`. Confusable names are in
`pyconchat.domain.lookalikes`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NewType

import regex
from precis_i18n.bidi import bidi_rule
from precis_i18n.context import context_rule_error
from precis_i18n.derived import CONTEXTJ, CONTEXTO, PVALID, derived_property
from precis_i18n.unicode import UnicodeData

from pyconchat.domain.errors import Code, Refused

__all__ = [
    "COMMAND_WORDS",
    "MAX_NAME",
    "MAX_NAME_BYTES",
    "Key",
    "Name",
    "fold",
    "folded_text",
    "group_name",
    "group_number",
    "person_name",
]

Name = NewType("Name", str)
"""A valid name in NFC, in the spelling in which it was first used."""

Key = NewType("Key", str)
"""A name after case folding. Two names are the same if their keys are equal."""

NOBODY = Key("")
"""The key of no name: that of a reader whom no entry is about."""

MAX_NAME = 32
"""Maximum characters in a name, and in its key. The store's columns are that wide."""

MAX_NAME_BYTES = 64
"""Maximum bytes in a name and in its key, in UTF-8."""

# Words that work as commands without a slash. A group or a person with such a name could not be
# distinguished from the command.
COMMAND_WORDS = frozenset({"exit", "help", "join", "leave", "message", "qqq", "quit", "who"})

_SHAPE = f"1 to {MAX_NAME} letters, digits, '_', '.' or '-', and begins with a letter or a digit"
_BYTES = f"at most {MAX_NAME_BYTES} bytes; a letter outside of ASCII has 2 to 4 of them"
_ONE_SCRIPT = "letters of one script, and digits of one kind"
_FEW_MARKS = "at most 4 marks on one letter, and none of them twice"

_ASCII = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{MAX_NAME - 1}}}")
_FORBIDDEN_ASCII = re.compile(r"[\x00-,/:-@\[-^`{-\x7f]")
_MANY_MARKS = regex.compile(r"\p{Mn}{5}|(\p{Mn})\1")
_HALF_OR_FULL_WIDTH = re.compile(r"[\uff01-\uffef]")
_ALLOWED = frozenset({PVALID, CONTEXTJ, CONTEXTO})
_RTL = frozenset({"R", "AL", "AN"})

# The scripts in everyday use (Unicode UAX #31, table 5), and the sets of them that one language
# is written in: Japanese, Korean, Chinese with Bopomofo (UTS #39, 5.1). A character of several
# scripts counts as any of its Script_Extensions; Zyyy and Zinh belong to every script.
_SCRIPTS = (
    "Latn Cyrl Grek Hani+Hira+Kana Hani+Hang Hani+Bopo Arab Armn Beng Deva Ethi Geor Gujr Guru"
    " Hebr Khmr Knda Laoo Mlym Mymr Orya Sinh Taml Telu Thaa Thai Tibt"
)
_SINGLE_SCRIPT = regex.compile(
    "|".join(
        "[" + "".join(rf"\p{{scx={each}}}" for each in f"{scripts}+Zyyy+Zinh".split("+")) + r"]*+\Z"
        for scripts in _SCRIPTS.split()
    )
)
_unicode = UnicodeData()


def fold(name: str) -> Key:
    """Return the key of *name*: the same for every spelling in upper and lower case.

    Full-width letters, and letters that are composed of other code points, have the same key too.
    """
    return Key(name.lower()) if name.isascii() else _fold(name)


def folded_text(text: str) -> str:
    """Return *text* with everything folded as `fold` does: it contains the keys of its names."""
    decomposed = unicodedata.normalize("NFD", _normal(text))
    return unicodedata.normalize("NFC", decomposed.casefold())


def person_name(raw: str) -> Name:
    """Return a person's name in NFC. Raises `Refused` with `Code.BAD_NAME`.

    Whether a new account may have it is decided in `Accounts.require_free`.
    """
    return _checked(raw, "A name")


def group_name(raw: str) -> Name:
    """Return the name of a new group in NFC. Raises `Refused` with `Code.BAD_NAME`.

    It is not a number: the server numbers the groups, and a number means the same everywhere.
    """
    name = _checked(raw, "A group's name")
    if name.isdecimal():
        raise Refused(
            Code.BAD_NAME,
            "A number cannot name a new group: the server numbers them. Choose a name.",
        )
    return name


def group_number(name: str) -> int | None:
    """Return *name* as a number; None if it is not one."""
    return int(name) if name.isascii() and name.isdigit() and len(name) <= 9 else None


def _checked(raw: str, what: str) -> Name:
    # A letter has at most 4 code points; longer input is refused before the expensive checks.
    name = raw if raw.isascii() or len(raw) > 4 * MAX_NAME else _normal(raw)
    if not _ASCII.fullmatch(name):
        broken = _broken_rule(name)
        if broken:
            raise Refused(Code.BAD_NAME, "{what} has {rule}.", what=what, rule=broken)
    if fold(name) in COMMAND_WORDS:
        raise Refused(
            Code.BAD_NAME, "{word} is a command, not a name: choose another.", word=fold(name)
        )
    return Name(name)


def _broken_rule(name: str) -> str:
    """Return the rule that *name*, which is no valid ASCII name, breaks; "" if it is valid.

    The rules of RFC 8265 are applied to the name in both cases of its letters.
    """
    # The cheap checks come first: names are checked before the login.
    if name.isascii() or len(name) > MAX_NAME or len(key := fold(name)) > MAX_NAME:
        return _SHAPE
    if max(len(name.encode(errors="replace")), len(key.encode(errors="replace"))) > MAX_NAME_BYTES:
        return _BYTES
    if _FORBIDDEN_ASCII.search(name) or not (name[0].isalpha() or name[0].isdecimal()):
        return _SHAPE
    if not _SINGLE_SCRIPT.match(name):
        return _ONE_SCRIPT if _ALLOWED.issuperset(map(_category, name)) else _SHAPE
    if not (_follows_precis(name) and (key == name or _follows_precis(key))):
        return _SHAPE
    zeros = {ord(char) - unicodedata.decimal(char) for char in name if char.isdecimal()}
    if len(zeros) > 1:
        return _ONE_SCRIPT
    if _MANY_MARKS.search(unicodedata.normalize("NFD", name)):
        return _FEW_MARKS
    return ""


def _follows_precis(name: str) -> bool:
    """Return whether *name*, in NFC, follows the IdentifierClass and the bidi rule of RFC 8265.

    `precis_i18n.get_profile` does the same ten times slower: it has no cache for characters.
    """
    categories = list(map(_category, name))
    if not _ALLOWED.issuperset(categories):
        return False
    for place, category in enumerate(categories):
        if category != PVALID and context_rule_error(name, place, _unicode):
            return False
    return _RTL.isdisjoint(map(unicodedata.bidirectional, name)) or bidi_rule(name, _unicode)


@lru_cache(1 << 16)
def _category(char: str) -> str:
    return derived_property(ord(char), _unicode)[0]


def _normal(name: str) -> str:
    """Return *name* in NFC, with the usual width of its letters."""
    return unicodedata.normalize("NFC", _HALF_OR_FULL_WIDTH.sub(_usual_width, name))


def _usual_width(found: re.Match[str]) -> str:
    usual = unicodedata.normalize("NFKC", found[0])
    return usual if len(usual) == 1 else found[0]


@lru_cache(1 << 13)
def _fold(name: str) -> Key:
    return Key(folded_text(name))

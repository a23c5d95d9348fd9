"""Arguments of commands: how each is parsed, and described."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyconchat.commands.call import Call
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import Policy
from pyconchat.domain.moderation import MAX_SLOW
from pyconchat.domain.names import Name, person_name
from pyconchat.domain.refusals import empty_message, note_too_long
from pyconchat.domain.replies import ArgumentHelp
from pyconchat.domain.text import MAX_NOTE, SafeText, safe_line, safe_text

__all__ = [
    "FILE",
    "FILE_NUMBER",
    "FOR_TIME",
    "GROUP",
    "MESSAGE",
    "NAME",
    "NAMES",
    "NUMBER",
    "OFF",
    "OR_OFF",
    "PACE",
    "PATH",
    "POLICY",
    "SWITCH",
    "TEXT",
    "TIME_OR_OFF",
    "WORD",
    "Arg",
    "PolicyChoice",
    "first_word",
    "is_number",
    "is_time",
    "milliseconds",
    "optional",
    "several_words",
]

MAX_DIGITS = 18
"""Maximum digits of an entry's number, as in the protocol."""


@dataclass(frozen=True)
class PolicyChoice:
    """A policy that was typed, with the password if there was one."""

    policy: Policy
    password: str = ""


@dataclass(frozen=True)
class Arg:
    """An argument: its *label* in help, its parser, and the *prompt* that asks for it.

    Without a prompt it is optional, and None if it is missing. With *rest* it takes the rest of
    the line. *secret* arguments may be passwords. *kind* selects the completion. *default*
    returns the value of a missing argument, if there is only one possible value. An optional
    argument is missing, too, if the next word does not *fit*: that word belongs to the next
    argument. *holds* returns whether the last of all words belongs to the argument, and is not a
    group. In a group, text that the argument *claims* is all its own: its last word is not a group.
    *prompt_after* returns the prompt, if it depends on the values of the arguments before.
    """

    label: str
    parse: Callable[[str], Any]
    prompt: str = ""
    rest: bool = False
    kind: str = "text"
    secret: bool = False
    default: Callable[[Call], str | None] = lambda _call: None
    fits: Callable[[str], bool] = lambda _word: True
    holds: Callable[[list[str]], bool] = lambda _words: False
    claims: Callable[[str], bool] = lambda _typed: False
    prompt_after: Callable[[Sequence[Any]], str] | None = None

    def asked(self, prompt: str) -> Arg:
        """Return the argument with another *prompt*."""
        return replace(self, prompt=prompt)

    def labelled(self, label: str) -> Arg:
        """Return the argument with another name in help."""
        return replace(self, label=label)

    def hidden(self) -> Arg:
        """Return the argument as a secret: clients do not keep it in their history."""
        return replace(self, secret=True)

    def offering(self, kind: str) -> Arg:
        """Return the argument with another *kind* of completion."""
        return replace(self, kind=kind)

    def defaulting(self, default: Callable[[Call], str | None]) -> Arg:
        """Return the argument with a *default*."""
        return replace(self, default=default)

    def accepts(self, word: str) -> bool:
        """Return whether *word* can be the argument."""
        try:
            self.parse(word)
        except Refused:
            return False
        return self.fits(word)

    @property
    def usage(self) -> str:
        """Return its form in help."""
        return self.label if self.prompt else f"[{self.label}]"

    @property
    def help(self) -> ArgumentHelp:
        """Return the description for completion."""
        return ArgumentHelp(self.label, self.kind, not self.prompt, self.rest, self.secret)


def optional(arg: Arg) -> Arg:
    """Return *arg* without a prompt: it is not asked for."""
    return replace(arg, prompt="")


def first_word(line: str) -> tuple[str, str]:
    """Return the first word of *line* and the rest."""
    word, *rest = re.split(r"[ \t]+", line.strip(" \t"), maxsplit=1)
    return word, "".join(rest)


def several_words(typed: str) -> bool:
    """Return whether *typed* has more than one word."""
    return len(typed.split()) > 1


def is_number(word: str, digits: int = MAX_DIGITS) -> bool:
    """Return whether *word* is a whole number, in ASCII, of at most so many *digits*."""
    return word.isascii() and word.isdigit() and len(word) <= digits


def _names(typed: str) -> list[Name]:
    return [person_name(word) for word in typed.replace(",", " ").split()]


def _message(typed: str) -> SafeText:
    text = safe_text(typed)
    if not text:
        raise empty_message()
    return text


def _text(typed: str) -> SafeText:
    text = safe_line(typed)
    if not text:
        raise Refused(Code.BAD_TEXT, "The text is empty.")
    if len(text) > MAX_NOTE:
        raise note_too_long()
    return text


def _number(typed: str) -> int:
    if not (is_number(typed, digits=3) and 0 < int(typed) <= 500):
        raise Refused(Code.BAD_ARGUMENT, "How many? A number from 1 to 500.")
    return int(typed)


_UNITS = {"m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}
"""The seconds of each unit of a time."""

_TIME = re.compile(r"([1-9][0-9]{0,3})([mhdw])", re.ASCII | re.IGNORECASE)

_MEANT_AS_TIME = re.compile(
    r"[-+]?\d*[.,:½¼¾]?\d+(?!st$|nd$|rd$|th$)[a-z]*|[-+]?\d*[½¼¾][a-z]*", re.IGNORECASE
)

OFF = "off"
"""The word that undoes a command, such as ``/quiet bob off``."""


def is_time(word: str) -> bool:
    """Return whether *word* is a time such as ``30m``, ``1h``, ``7d`` or ``2w``."""
    return _TIME.fullmatch(word) is not None


def _is_meant_as_time(word: str) -> bool:
    """Return whether *word* is a time, or a mistyped one: ``1x``, ``2hours``, or the 1 of 1 hour.

    As the start of a reason, it would make a ban for an hour one for good.
    """
    return _MEANT_AS_TIME.fullmatch(word) is not None


def milliseconds(typed: str) -> int:
    """Return a time such as ``1h`` in milliseconds. Raises `Refused`."""
    found = _TIME.fullmatch(typed)
    if found is None:
        raise Refused(Code.BAD_ARGUMENT, "For how long? A time such as 30m, 1h, 7d or 2w.")
    return int(found[1]) * _UNITS[found[2].lower()] * 1000


def _time_or_off(typed: str) -> int | str:
    return OFF if typed.lower() == OFF else milliseconds(typed)


def _off(typed: str) -> str:
    if typed.lower() != OFF:
        raise Refused(Code.BAD_ARGUMENT, "Only the word off can follow.")
    return OFF


def _pace(typed: str) -> int:
    """Return the seconds of ``/slow``."""
    if typed.lower() == OFF:
        return 0
    count = int(typed) if is_number(typed, digits=9) else -1
    if not 0 <= count <= MAX_SLOW:
        raise Refused(
            Code.BAD_ARGUMENT,
            "How many seconds? A number up to {most}; 0 for no limit.",
            most=MAX_SLOW,
        )
    return count


def _file_number(typed: str) -> int:
    if not is_number(typed, digits=9):
        raise Refused(Code.BAD_ARGUMENT, "Which file? Its number; /files lists them.")
    return int(typed)


def _is_file_name(typed: str) -> bool:
    """Return whether *typed* is a name with spaces, rather than a file's number and a group."""
    words = typed.split()
    return len(words) > 1 and not (len(words) == 2 and is_number(words[0]))


def _switch(typed: str) -> bool:
    if typed.lower() not in ("on", OFF):
        raise Refused(Code.BAD_ARGUMENT, "On or off?")
    return typed.lower() != OFF


def _policy(typed: str) -> PolicyChoice:
    word, password = first_word(typed)
    try:
        policy = Policy(word.lower())
    except ValueError:
        raise Refused(
            Code.BAD_ARGUMENT, "A policy is open, approval, invite, or password PASSWORD."
        ) from None
    password = password.strip()
    if password and policy is not Policy.PASSWORD:
        raise Refused(Code.BAD_ARGUMENT, "Only the policy password takes a password.")
    return PolicyChoice(policy, password)


def _is_policy(typed: str) -> bool:
    try:
        _policy(typed)
    except Refused:
        return False
    return True


FOR_TIME = Arg("1h|7d", milliseconds, fits=_is_meant_as_time)
TIME_OR_OFF = Arg("TIME|off", _time_or_off)
OR_OFF = Arg("off", _off)
PACE = Arg("SECONDS", _pace)
NAME = Arg("NAME", person_name, "Whom?", kind="name")
NAMES = Arg("NAME…", _names, "Whom?", rest=True, kind="name")
PATH = Arg("FILE", str, "Which file?", rest=True, kind="file")
FILE = Arg("FILE", str, "Which file?", rest=True, claims=_is_file_name)
FILE_NUMBER = Arg("NUMBER", _file_number, "Which file?")
GROUP = Arg("GROUP", str, "Group: ", kind="group")
SWITCH = Arg("on|off", _switch)
WORD = Arg("WORD", str, "What?")
MESSAGE = Arg("TEXT", _message, "Text: ", rest=True)
TEXT = Arg("TEXT", _text, "Text: ", rest=True)
NUMBER = Arg("N", _number, "How many? ")
POLICY = Arg(
    "open|approval|invite|password PW",
    _policy,
    rest=True,
    kind="policy",
    secret=True,
    claims=_is_policy,
)

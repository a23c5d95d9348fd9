"""What a line editor reports to its owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "Completing",
    "EditorEvent",
    "EndOfInput",
    "GoTo",
    "Interrupted",
    "LineEntered",
    "LinesPasted",
]


@dataclass(frozen=True, slots=True)
class LineEntered:
    """*text* was entered; *answer* is true if it answers the question of `LineEditor.ask`."""

    text: str
    answer: bool


@dataclass(frozen=True, slots=True)
class LinesPasted:
    """*lines* were pasted, two or more, and the person has confirmed that they are to be sent.

    The first one begins with the text that was already typed.
    """

    lines: list[str]


@dataclass(frozen=True, slots=True)
class Completing:
    """Tab was pressed after *before*: the owner may call `LineEditor.complete`, now or later."""

    before: str


@dataclass(frozen=True, slots=True)
class GoTo:
    """Alt and the digit *number*, 1 to 9."""

    number: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Ctrl-C in an empty line; *asked* is true if a question waits for an answer."""

    asked: bool


@dataclass(frozen=True, slots=True)
class EndOfInput:
    """Ctrl-D in an empty line; *asked* is true if a question waits for an answer."""

    asked: bool


EditorEvent: TypeAlias = LineEntered | LinesPasted | Completing | GoTo | Interrupted | EndOfInput

"""A formatter for alice, and the texts and styles of lines."""

from __future__ import annotations

from collections.abc import Callable

from pyconchat.client.lines import Line, LineFormatter, plain_text
from tests.client.fakes import is_safe
from tests.client.people import NOON

SetZone = Callable[[str], None]


class WallClock:
    """A clock that shows what the test sets: noon of 21 November 2026 UTC at first."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def formatter_for_alice(wall_clock: Callable[[], float]) -> LineFormatter:
    """Return a formatter whose reader is alice."""
    formatter = LineFormatter(wall_clock)
    formatter.me = "alice"
    return formatter


def texts(lines: list[Line]) -> list[str]:
    """Return the text of *lines*, and check that it is safe."""
    assert all(is_safe(line) for line in lines)
    return [plain_text(line) for line in lines]


def style_of(line: Line, text: str) -> str:
    """Return the style of *text* in *line*."""
    (style,) = {style for style, each in line.pieces if each == text}
    return style

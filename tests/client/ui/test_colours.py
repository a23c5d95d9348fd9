"""Colours: lines as text with the codes of their styles, and no others."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconchat.client.lines import Line, plain_text
from pyconchat.client.name_colours import NAME_COLOURS
from pyconchat.client.ui.colours import BELL, coloured
from pyconchat.domain.text import safe_text

STYLES = ["", "time", "group", "server", "day", "mention", "error", "name:0", "name:11"]
CODE = re.compile(r"\x1b\[[0-9;]*m")

lines = st.builds(
    lambda pieces: Line(tuple(pieces)),
    st.lists(st.tuples(st.sampled_from(STYLES), st.text().map(safe_text))),
)


@given(lines)
def test_codes_are_only_added(line: Line) -> None:
    """Without its codes a line is unchanged, and contains nothing else that a terminal obeys."""
    written = coloured(line)
    assert CODE.sub("", written) == plain_text(line)
    assert "\x1b" not in CODE.sub("", written)


@given(lines)
def test_colours_end(line: Line) -> None:
    """Each colour ends with its piece."""
    codes = CODE.findall(coloured(line))
    assert all(code == "\x1b[0m" for code in codes[1::2])
    assert len(codes) % 2 == 0


def test_text_without_a_style() -> None:
    """It has no codes."""
    assert coloured(Line((("", "hello"),))) == "hello"


def test_styles_that_look_different() -> None:
    """Mentions and errors look different from all other text."""
    looks = {style: coloured(Line(((style, "x"),))) for style in ("", "mention", "error", "server")}
    assert len({*looks.values()}) == 4


def test_name_colours() -> None:
    """Each number is another colour."""
    looks = {coloured(Line(((f"name:{number}", "x"),))) for number in range(NAME_COLOURS)}
    assert len(looks) == NAME_COLOURS


@pytest.mark.parametrize("style", STYLES)
def test_no_background(style: str) -> None:
    """No code changes the background or hides text."""
    for code in CODE.findall(coloured(Line(((style, "x"),)))):
        numbers = [int(each) for each in code[2:-1].split(";")]
        assert all(number in (0, 1, 2, *range(31, 37)) for number in numbers)


def test_the_bell() -> None:
    """It is the terminal's own."""
    assert BELL == "\x07"

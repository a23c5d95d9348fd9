"""Whatever keys, blocks and sizes come: the screen has exactly blocks, prompt and text.

The screen is pyte's. The alphabet is what pyte and real terminals draw alike: narrow and wide
letters, wide emoji of one code point, and combining marks. Emoji that are joined, flags and
variation selectors are left out: pyte draws each of their code points by itself.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from pyconchat.terminal.editor import LineEditor
from pyconchat.terminal.events import LineEntered
from pyconchat.terminal.layout import cut
from tests.terminal.reflowing import ReflowingTerminal

Screenful: TypeAlias = tuple[list[str], tuple[int, int]]

LETTERS = st.sampled_from(
    ["a", "Z", "/", " ", "é", "ß", "三", "四", "한", "😀", "e\u0301", "o\u0323\u0301"]
)
KEYS = st.sampled_from(
    [
        "\x7f",
        "\x1b[D",
        "\x1b[C",
        "\x1b[A",
        "\x1b[B",
        "\x1b[H",
        "\x1b[F",
        "\x1b[3~",
        "\x01",
        "\x05",
        "\x0b",
        "\x15",
        "\x17",
        "\x19",
        "\x03",
        "\r",
        "\x1b",
        "\x1b[1;5D",
        "\x1b[99;9~",
    ]
)
TYPED = st.lists(st.one_of(LETTERS, LETTERS, KEYS), max_size=60).map("".join)
LINES = st.lists(st.text(st.sampled_from("ab 三😀"), max_size=70), min_size=1, max_size=3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("type"), TYPED),
        st.tuples(st.just("block"), LINES),
        st.tuples(st.just("resize"), st.integers(20, 90)),
        st.tuples(st.just("prompt"), st.sampled_from(["> ", "[tea] ", "[三四の間] "])),
        st.tuples(st.just("status"), st.sampled_from(["", "alice | tea 3", "三" * 60])),
    ),
    max_size=12,
)


def expected(
    above: list[str], prompt: str, text: str, cursor: int, status: str, columns: int
) -> Screenful:
    """Return what a terminal shows to which all of that is written once."""
    terminal = ReflowingTerminal(columns)
    terminal.write("".join(f"{line}\r\n" for line in above).encode())
    terminal.write((prompt + text[:cursor]).encode())
    at = terminal.cursor()
    terminal.write(text[cursor:].encode())
    if status:
        row = terminal.cursor()[0] + 1
        terminal.write(f"\x1b[{row + 1};1H{cut(status, columns - 1)}".encode())
    return terminal.rows(), at


@given(st.integers(20, 90), STEPS)
def test_exactly_blocks_prompt_and_text(columns: int, steps: list[tuple[str, Any]]) -> None:
    """After any keys, blocks and sizes."""
    terminal = ReflowingTerminal(columns)
    editor = LineEditor(terminal.write, 4096)
    editor.resized(columns, 200)
    prompt, status, above, now = "> ", "", list[str](), 0.0
    editor.start()
    editor.prompt(prompt)
    for step, value in steps:
        match step:
            case "type":
                for event in editor.received(value.encode()):
                    if isinstance(event, LineEntered):
                        above.append(prompt + event.text)
            case "block":
                above += value
                editor.show("".join(f"{line}\r\n" for line in value).encode())
            case "resize":
                columns = value
                terminal.resize(columns)
                editor.resized(columns, 200)
            case "prompt":
                prompt = value
                editor.prompt(prompt)
            case "status":
                now, status = now + 1.0, value
                assert editor.status(status, now) == 0
        shown = terminal.rows(), terminal.cursor()
        assert shown == expected(above, prompt, editor.text, editor.cursor, status, columns)

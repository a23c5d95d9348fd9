"""Messages as IRC lines: the quick way and the careful one say the same."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from irctokens import tokenise

from pyconchat.domain.events import Action, AnyEvent, Entry, Message
from pyconchat.domain.names import Name
from pyconchat.domain.replies import Where
from pyconchat.domain.text import SafeText
from pyconchat.render.irc import IrcRenderer, IrcStyle
from pyconchat.render.irc_lines import MAX_LINE

STYLES = [IrcStyle(*each) for each in product((False, True), repeat=4)]
ALICE = Name("alice")
TEA = Where(Name("tea"))
EVENTS: list[AnyEvent] = [
    Message(ALICE, SafeText("hello there")),
    Message(ALICE, SafeText("hello"), guest=True),
    Message(ALICE, SafeText("x" * 96)),
    Message(ALICE, SafeText("x" * 97)),
    Message(ALICE, SafeText("two\nlines")),
    Message(ALICE, SafeText("beep"), notice=True),
    Message(ALICE, SafeText("tagged"), tags=(("+a", SafeText("b; c")),)),
    Message(ALICE, SafeText("answer"), reply_to=3),
    Message(ALICE, SafeText("cut here"), cuts=(4,)),
    Action(ALICE, SafeText("waves")),
    Action(ALICE, SafeText("waves\nand waves")),
]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("event", EVENTS, ids=repr)
def test_one_message_is_rendered_as_many(style: IrcStyle, event: AnyEvent) -> None:
    """`talk` and `message` return the same for each."""
    renderer = IrcRenderer.of(style)
    entry = Entry(2, 7, 1_700_000_000_050, event)
    assert renderer.talk([entry, entry], TEA) == [renderer.message(entry, TEA)] * 2


TEXT = st.lists(st.sampled_from([" ", "\n", "a", "é", "中", "x" * 300, "中" * 90]), max_size=40)


@given(TEXT.map("".join).filter(bool), st.lists(st.integers(0, 9000), max_size=5, unique=True))
def test_a_batch_has_the_whole_text(text: str, cuts: list[int]) -> None:
    """Each line fits into the shortest one that it can be sent in; joined, they are the text."""
    event = Message(ALICE, SafeText(text), cuts=tuple(sorted(cuts)))
    piece = IrcRenderer.of(IrcStyle(multiline=True)).message(Entry(2, 7, 0, event), TEA)
    lines = [tokenise(each) for each in piece.removesuffix("\r\n").split("\r\n")]
    if len(lines) > 1:
        assert lines[0].params == ["+m2-7", "draft/multiline", "#tea"]
        assert lines[-1].params == ["-m2-7"]
        lines = lines[1:-1]
    whole = ""
    for number, each in enumerate(lines):
        joined = "draft/multiline-concat" in (each.tags or {}) or not number
        whole += each.params[1] if joined else f"\n{each.params[1]}"
        assert len(f"NOTICE #tea {each.params[1]}\r\n".encode()) <= MAX_LINE
    assert whole == text
    plain = IrcRenderer.of(IrcStyle()).message(Entry(2, 7, 0, event), TEA)
    shown = [tokenise(each).params[1] for each in plain.removesuffix("\r\n").split("\r\n") if each]
    assert "".join(shown).replace(" ", "") == text.replace("\n", "").replace(" ", "")


def test_the_styles_are_shared() -> None:
    """There is one renderer for each set of capabilities, at most 16 of them."""
    assert len({id(IrcRenderer.of(style)) for style in STYLES * 2}) == len(STYLES) <= 16


def test_all_tags() -> None:
    """The time, the account and the id."""
    entry = Entry(2, 7, 1_700_000_000_050, Message(ALICE, SafeText("hi")))
    assert IrcRenderer.of(IrcStyle(True, True, True)).talk([entry], TEA) == [
        "@time=2023-11-14T22:13:20.050Z;account=alice;msgid=2-7"
        " :alice!alice@pyconchat PRIVMSG #tea :hi\r\n"
    ]

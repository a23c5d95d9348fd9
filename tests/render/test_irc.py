"""Messages as IRC lines: the quick way and the careful one say the same."""

from __future__ import annotations

from itertools import product

import pytest

from pyconchat.domain.events import Action, AnyEvent, Entry, Message
from pyconchat.domain.names import Name
from pyconchat.domain.replies import Where
from pyconchat.domain.text import SafeText
from pyconchat.render.irc import IrcRenderer, IrcStyle

STYLES = [IrcStyle(*each) for each in product((False, True), repeat=3)]
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
    Action(ALICE, SafeText("waves")),
]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("event", EVENTS, ids=repr)
def test_one_message_is_rendered_as_many(style: IrcStyle, event: AnyEvent) -> None:
    """`talk` and `message` return the same for each."""
    renderer = IrcRenderer.of(style)
    entry = Entry(2, 7, 1_700_000_000_050, event)
    assert renderer.talk([entry, entry], TEA) == [renderer.message(entry, TEA)] * 2


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

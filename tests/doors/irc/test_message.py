"""Lines of clients, as the door reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from irctokens import build

from pyconchat.domain.errors import Code, Refused
from pyconchat.doors.irc.message import MAX_BODY, MAX_TAGS, Message, command_of, parse
from pyconchat.doors.irc.message import strip_formatting as stripped

WORD = st.text("abcXYZ#+!@.;=\\é中", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("line", "command", "params", "tags"),
    [
        (b"privmsg #tea :hello  there ", "PRIVMSG", ("#tea", "hello  there "), {}),
        (b"PRIVMSG #tea :", "PRIVMSG", ("#tea", ""), {}),
        (b"  NICK   alice  \r", "NICK", ("alice",), {}),
        (b":somebody!else@there JOIN #tea", "JOIN", ("#tea",), {}),
        (b"@label=a\\sb;+x=1;+y A :b", "A", ("b",), {"label": "a b", "+x": "1", "+y": ""}),
        (b"@bad key!=1;ok=\\:\\\\ A", "KEY!=1;OK=\\:\\\\", ("A",), {"bad": ""}),
        (b"A b :c :d", "A", ("b", "c :d"), {}),
        (b"A " + b"p " * 20, "A", (*["p"] * 14, " ".join("p" * 6)), {}),
    ],
)
def test_lines(line: bytes, command: str, params: tuple[str, ...], tags: dict[str, str]) -> None:
    """Command, parameters and tags; a source says nothing."""
    assert parse(line) == Message(command, params, tags)


@pytest.mark.parametrize("line", [b"", b"\r", b"   ", b":source", b"@a=b", b"@a=b :source "])
def test_lines_without_a_command(line: bytes) -> None:
    """They are no message."""
    assert parse(line) is None


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"PRIVMSG #tea :" + b"x" * MAX_BODY, Code.TOO_LONG),
        (b"@+x=" + b"y" * MAX_TAGS + b" PING a", Code.TOO_LONG),
        (b"PRIVMSG #tea :\xff", Code.BAD_TEXT),
    ],
)
def test_lines_that_are_refused(line: bytes, code: Code) -> None:
    """Those that are too long, and those that are not UTF-8."""
    with pytest.raises(Refused) as refused:
        parse(line)
    assert refused.value.code is code


def test_the_longest_line() -> None:
    """512 bytes with its line end, and 4,096 of tags before it."""
    text = "x" * (MAX_BODY - len("PRIVMSG #tea :\r\n"))
    tags = b"@+x=" + b"y" * (MAX_TAGS - 5) + b" "
    message = parse(tags + f"PRIVMSG #tea :{text}\r".encode())
    assert message is not None
    assert message.params[1] == text


@given(st.binary(max_size=600))
def test_any_bytes(line: bytes) -> None:
    """Any input is a message, nothing, or a refusal; no parameter but the last has a space."""
    line = line.replace(b"\n", b"")
    try:
        message = parse(line)
    except Refused:
        return
    if message is not None:
        assert " " not in "".join((message.command, *message.params[:-1]))
        assert command_of(line).decode().upper() == message.command


@given(st.lists(WORD, max_size=5), st.text(max_size=40), st.dictionaries(WORD, st.text(max_size=9)))
def test_lines_of_another_implementation(
    params: list[str], last: str, tags: dict[str, str]
) -> None:
    """What another library writes is read as it was meant."""
    last = last.translate(dict.fromkeys(map(ord, "\r\n\0"))).strip(" ") or "x"
    params = [*(each.lstrip(":") or "x" for each in params), last]
    names = {f"+{number}": value.replace("\0", "") for number, value in enumerate(tags.values())}
    line = build("TEST", params, tags=names).format()
    try:
        message = parse(line.encode("utf-8", "replace"))
    except Refused:
        return
    assert message is not None
    if "\udc80" not in line and line.isprintable():
        assert message.params == tuple(params)
        assert message.tags == names


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("\x02bold\x02 \x1dit\x1d", "bold it"),
        ("\x0304,12red\x03 3", "red 3"),
        ("\x04ff0000hex\x04", "hex"),
        ("\x0f\x11\x16\x1e\x1fall", "all"),
        ("1,2 plain", "1,2 plain"),
    ],
)
def test_formatting_is_removed(typed: str, plain: str) -> None:
    """Bold and the like, and colours with their digits."""
    assert stripped(typed) == plain

"""Wire: objects from and to the server, and nothing that a terminal would obey."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection

from pyconchat.client.net.json_protocol import Object, Wire, safe
from tests.support.examples import examples

HOSTILE = "\x1b[2J\x1b]0;x\x07\x9b31m\x00\x7f\u202eevil\u2066\r\n\x85"

texts = st.text(
    st.characters(exclude_categories=["Cs"])
    | st.sampled_from("\x1b\x9b\x07\n\r\x00\x7f\x85\u202e\u2066\u2028"),
    max_size=20,
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


class Open:
    """A wire, what came over it, and how it ended."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.wire = Wire(self.clock)
        self.transport = StringTransportWithDisconnection()
        self.transport.protocol = self.wire
        self.wire.makeConnection(self.transport)
        self.objects: list[Object] = []
        self.losses: list[object] = []
        self.wire.receive = self.objects.append
        self.wire.lost = self.losses.append

    def gets(self, *data: bytes) -> list[Object]:
        for each in data:
            self.wire.dataReceived(each)
        return self.objects


def strings(value: Any) -> list[str]:
    """Return all texts in *value*."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in strings(each)]
    return [text for each in value for text in strings(each)] if isinstance(value, list) else []


@pytest.fixture
def opened() -> Open:
    return Open()


def test_one_object_a_line(opened: Open) -> None:
    """Objects come one a line, in whatever pieces; CRLF ends a line too."""
    assert opened.gets(b'{"a"', b": 1}", b"\n{", b'"b": 2}\r\n{"c": 3}\n{"d"') == [
        {"a": 1},
        {"b": 2},
        {"c": 3},
    ]


def test_what_is_sent_is_one_line(opened: Open) -> None:
    """An object that is sent is one line, whatever its texts have in them."""
    opened.wire.send({"line": "a\nb\r\u2028", "answers": ["x"]})
    data = opened.transport.value()
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1
    assert json.loads(data) == {"line": "a\nb\r\u2028", "answers": ["x"]}


def test_a_greeting_for_people_is_skipped(opened: Open) -> None:
    """What comes before the first object is not for us."""
    assert opened.gets(b"* Welcome to PyconChat.\nUsername: \n\n[1]\n", b'{"a": 1}\n') == [{"a": 1}]
    assert not opened.losses


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"[1]",
        b"1",
        b'"x"',
        b"null",
        b"{",
        b'{"a": 1',
        b"{1: 2}",
        b"\xff",
        b'{"a": NaN}',
    ],
    ids=repr,
)
def test_garbage_after_the_first_object_cuts(opened: Open, line: bytes) -> None:
    """A server that begins to talk nonsense is left, for another try."""
    assert opened.gets(b'{"a": 1}\n' + line + b"\n") == [{"a": 1}]
    assert opened.transport.disconnected
    assert len(opened.losses) == 1


@pytest.mark.parametrize("line", [b'{"a": "\xff"}', b'{"\xff": 1}', b'{"a": "\xed\xa0\x80"}'])
def test_text_that_is_no_utf_8(opened: Open, line: bytes) -> None:
    """Bytes that are no UTF-8 are nonsense as any other: no exception comes of them."""
    assert opened.gets(line + b"\n") == []
    assert not opened.losses
    opened.gets(b'{"a": 1}\n' + line + b"\n")
    assert opened.transport.disconnected


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["lists", "objects"])
def test_a_very_deep_object(opened: Open, opening: bytes) -> None:
    """Objects within objects, a hundred thousand deep, are nonsense too."""
    opened.gets(b'{"a": 1}\n{"b": ' + opening * 100_000 + b"\n")
    assert opened.transport.disconnected


def test_nothing_is_heard_after_the_end(opened: Open) -> None:
    """What came in one packet with the nonsense, after it, is not listened to."""
    assert opened.gets(b'{"a": 1}\nnonsense\n{"b": 2}\n') == [{"a": 1}]


def test_many_lines_at_once(opened: Open) -> None:
    """They are delivered in several turns of the reactor, and the server waits meanwhile."""
    opened.gets(b'{"a": 1}\n' * 1200)
    assert 0 < len(opened.objects) < 1200
    assert opened.transport.producerState == "paused"
    opened.clock.pump([0, 0, 0])
    assert len(opened.objects) == 1200
    assert opened.transport.producerState == "producing"


def test_the_server_closes_its_side(opened: Open) -> None:
    """A half-closed connection is closed at once: no more answers will come."""
    opened.gets(b'{"a": 1}\n{"b"')
    opened.wire.readConnectionLost()
    assert opened.transport.disconnected
    assert len(opened.losses) == 1


def test_a_line_of_20_mb(opened: Open) -> None:
    """A line longer than any honest answer cuts the connection, and is not kept in memory."""
    opened.gets(b'{"a": 1}\n{"b": "')
    block = b"x" * 2**20
    for _ in range(20):
        if opened.losses:
            break
        opened.gets(block)
        assert sum(map(len, opened.wire._pieces)) <= Wire.MAX_LENGTH + len(block)
    assert opened.transport.disconnected
    assert opened.objects == [{"a": 1}]


def test_a_line_of_10_mb(opened: Open) -> None:
    """A long answer is one all the same."""
    text = "x" * 10_000_000
    assert opened.gets(json.dumps({"text": text}).encode() + b"\n") == [{"text": text}]


def test_bytes_are_counted(opened: Open) -> None:
    """Each byte is a sign of life, also of a line that has not ended."""
    opened.gets(b'{"a": 1}\n{"b"')
    assert opened.wire.received == 13


def test_texts_are_made_safe(opened: Open) -> None:
    """Values and keys lose what a terminal would obey, at every depth."""
    (fields,) = opened.gets(
        json.dumps({HOSTILE: {"x": [HOSTILE, {HOSTILE: HOSTILE}]}}).encode() + b"\n"
    )
    assert strings(fields)
    assert {*strings(fields)} == {"x", "[2J]0;x31mevil"}


def test_a_message_of_the_day_has_lines(opened: Open) -> None:
    """The only text of several lines is that of the operator."""
    data = json.dumps({"hello": 1, "motd": "Be kind.\r\nBe \x1b[1mbrief."}).encode()
    assert opened.gets(data + b"\n")[0]["motd"] == ["Be kind.", "Be [1mbrief."]


@given(values)
def test_nothing_unsafe_comes_in(value: Any) -> None:
    """Whatever JSON a server sends, no text in it has control characters or overrides."""
    opened = Open()
    data = json.dumps({"value": value}, ensure_ascii=False).encode(errors="replace")
    for fields in opened.gets(data + b"\n"):
        for text in strings(fields):
            assert all(unicodedata.category(char) not in ("Cc", "Cs") for char in text)
            assert not {*text} & {*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028"}


@settings(max_examples=examples(100))
@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([b"\n", b'{"a":', b"1}", b'"', b"\\ud800"]))
)
def test_no_bytes_raise(pieces: list[bytes]) -> None:
    """Whatever bytes come, in whatever pieces: they are objects, or skipped, or the end."""
    opened = Open()
    for piece in pieces:
        if not opened.losses:
            opened.gets(piece)


def test_numbers_and_the_like_stay() -> None:
    """What is no text stays as it is."""
    value = {"a": [1, 1.5, True, None, 10**30]}
    assert safe(value) == value


def test_too_deep_is_cut() -> None:
    """Objects deeper than any answer are cut, so that nobody runs out of stack later."""
    value: Any = "x"
    for _ in range(200):
        value = {"a": [value]}
    assert "x" not in strings(safe(value))

"""JsonProtocol: objects from and to the server, without anything that a terminal obeys."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection

from pyconchat.client.net.json_protocol import (
    MAX_LINE,
    MAX_NAME,
    MAX_TEXT,
    JsonProtocol,
    Object,
    safe,
)
from tests.client.examples import HOSTILE, values
from tests.support.examples import examples


class Opened:
    """An open connection; it records the objects received and the reasons of its end."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.protocol = JsonProtocol(self.clock)
        self.transport = StringTransportWithDisconnection()
        self.transport.protocol = self.protocol
        self.protocol.makeConnection(self.transport)
        self.objects: list[Object] = []
        self.losses: list[object] = []
        self.protocol.receive = self.objects.append
        self.protocol.lost = self.losses.append

    def receives(self, *data: bytes) -> list[Object]:
        """Receive *data*; return all objects received so far."""
        for each in data:
            self.protocol.dataReceived(each)
        return self.objects


def strings(value: Any) -> list[str]:
    """Return all texts in *value*."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in strings(each)]
    return [text for each in value for text in strings(each)] if isinstance(value, list) else []


@pytest.fixture
def opened() -> Opened:
    return Opened()


def test_receiving(opened: Opened) -> None:
    """Objects are received one a line, in whatever pieces; CRLF ends a line too."""
    assert opened.receives(b'{"a"', b": 1}", b"\n{", b'"b": 2}\r\n{"c": 3}\n{"d"') == [
        {"a": 1},
        {"b": 2},
        {"c": 3},
    ]


def test_sending(opened: Opened) -> None:
    """An object is sent as one line, whatever its texts contain."""
    opened.protocol.send({"line": "a\nb\r\u2028", "answers": ["x"]})
    data = opened.transport.value()
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1
    assert json.loads(data) == {"line": "a\nb\r\u2028", "answers": ["x"]}


def test_a_greeting_for_people_is_skipped(opened: Opened) -> None:
    """Lines before the first object are ignored."""
    assert opened.receives(b"* Welcome to PyconChat.\nUsername: \n\n[1]\n", b'{"a": 1}\n') == [
        {"a": 1}
    ]
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
def test_an_invalid_line(opened: Opened, line: bytes) -> None:
    """After the first object it ends the connection."""
    assert opened.receives(b'{"a": 1}\n' + line + b"\n") == [{"a": 1}]
    assert opened.transport.disconnected
    assert len(opened.losses) == 1


@pytest.mark.parametrize("line", [b'{"a": "\xff"}', b'{"\xff": 1}', b'{"a": "\xed\xa0\x80"}'])
def test_invalid_utf_8(opened: Opened, line: bytes) -> None:
    """It makes a line invalid, and raises nothing."""
    assert opened.receives(line + b"\n") == []
    assert not opened.losses
    opened.receives(b'{"a": 1}\n' + line + b"\n")
    assert opened.transport.disconnected


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["lists", "objects"])
def test_deeply_nested_objects(opened: Opened, opening: bytes) -> None:
    """A hundred thousand levels make a line invalid."""
    opened.receives(b'{"a": 1}\n{"b": ' + opening * 100_000 + b"\n")
    assert opened.transport.disconnected


def test_nothing_is_received_after_the_end(opened: Opened) -> None:
    """Objects after an invalid line are dropped, even from the same packet."""
    assert opened.receives(b'{"a": 1}\nnonsense\n{"b": 2}\n') == [{"a": 1}]


def test_many_lines_at_once(opened: Opened) -> None:
    """They are delivered in several turns of the reactor; until then nothing is read."""
    opened.receives(b'{"a": 1}\n' * 1200)
    assert 0 < len(opened.objects) < 1200
    assert opened.transport.producerState == "paused"
    opened.clock.pump([0, 0, 0])
    assert len(opened.objects) == 1200
    assert opened.transport.producerState == "producing"


def test_the_server_closes_its_side(opened: Opened) -> None:
    """The connection is closed at once: no more answers will come."""
    opened.receives(b'{"a": 1}\n{"b"')
    opened.protocol.readConnectionLost()
    assert opened.transport.disconnected
    assert len(opened.losses) == 1


def test_a_line_of_20_mb(opened: Opened) -> None:
    """It ends the connection, and is not kept in memory."""
    opened.receives(b'{"a": 1}\n{"b": "')
    block = b"x" * 2**20
    for _ in range(20):
        if opened.losses:
            break
        opened.receives(block)
        assert sum(map(len, opened.protocol._pieces)) <= JsonProtocol.MAX_LENGTH + len(block)
    assert opened.transport.disconnected
    assert opened.objects == [{"a": 1}]


def test_a_line_of_10_mb(opened: Opened) -> None:
    """It is received, and its texts are cut: no message is that long."""
    fields = {"text": "x" * 4_000_000, "name": "n" * 2_000_000, "topic": "é" * 2_000_000}
    (received,) = opened.receives(json.dumps(fields, ensure_ascii=False).encode() + b"\n")
    assert [len(each) for each in received.values()] == [MAX_TEXT, MAX_NAME, MAX_LINE]


def test_bytes_are_counted(opened: Opened) -> None:
    """Each byte counts as received, also in an incomplete line."""
    opened.receives(b'{"a": 1}\n{"b"')
    assert opened.protocol.received == 13


def test_texts_are_made_safe(opened: Opened) -> None:
    """Values and keys lose everything that a terminal obeys, at every depth."""
    (fields,) = opened.receives(
        json.dumps({HOSTILE: {"x": [HOSTILE, {HOSTILE: HOSTILE}]}}).encode() + b"\n"
    )
    assert strings(fields)
    assert {*strings(fields)} == {"x", "evil"}


def test_the_message_of_the_day(opened: Opened) -> None:
    """It is split into lines; no other text may have several."""
    data = json.dumps({"hello": 1, "motd": "Be kind.\r\nBe \x1b[1mbrief."}).encode()
    assert opened.receives(data + b"\n")[0]["motd"] == ["Be kind.", "Be brief."]


@given(values)
def test_random_values(value: Any) -> None:
    """No text has control characters or bidi overrides."""
    opened = Opened()
    data = json.dumps({"value": value}, ensure_ascii=False).encode(errors="replace")
    for fields in opened.receives(data + b"\n"):
        for text in strings(fields):
            assert all(unicodedata.category(char) not in ("Cc", "Cs") for char in text)
            assert not {*text} & {*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028"}


@settings(max_examples=examples(100))
@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([b"\n", b'{"a":', b"1}", b'"', b"\\ud800"]))
)
def test_random_bytes(pieces: list[bytes]) -> None:
    """They are objects, or ignored, or end the connection."""
    opened = Opened()
    for piece in pieces:
        if not opened.losses:
            opened.receives(piece)


def test_values_that_are_not_texts() -> None:
    """They stay as they are, but numbers that are too large for anything are None."""
    value = {"a": [1, 1.5, True, None]}
    assert safe(value) == value
    assert safe([10**400, -(10**400), float("inf"), float("nan")]) == [None] * 4


def test_nested_values_are_limited() -> None:
    """Below the maximum depth there is None, so that no later recursion is too deep."""
    value: Any = "x"
    for _ in range(200):
        value = {"a": [value]}
    assert "x" not in strings(safe(value))

"""JSON mode: invalid lines and fields get one error each, and text is made safe."""

from __future__ import annotations

import pytest

from pyconchat.doors.json.door import MAX_BAD_LINES
from tests.support.programs import (
    MemoryServer,
    Object,
    WiredProgram,
    line_of,
)

NOT_JSON = {
    "literals": b"hello there",
    "empty": b"",
    "half": b'{"id": 1',
    "two": b'{"id": 1} {"id": 2}',
    "NaN": b'{"id": NaN}',
    "infinity": b'{"id": 1e999}',
    "single quotes": b"{'id': 1}",
    "deep": b"[" * 30_000,
    "deep objects": b'{"a":' * 6_000,
    "deep in a field": b'{"id": 1, "x": ' + b"[" * 30_000,
    "surrogate": b'{"id": 1, "group": "tea", "text": "\\ud800"}',
    "NUL": b'{"id": 1, "line": "a\0b"}',
    "raw escape": b'{"id": 1, "line": "a\x1bb"}',
}


@pytest.mark.parametrize("what", NOT_JSON)
def test_a_line_that_is_not_json(server: MemoryServer, alice: WiredProgram, what: str) -> None:
    """It gets one error, and the next request is executed."""
    before = len(alice.objects)
    answer = alice.error_to(NOT_JSON[what])
    assert (answer["ok"], answer["code"]) == (False, "bad-json")
    assert set(answer) == {"ok", "code", "error"}
    alice.does()
    assert len(alice.objects) == before + 2


@pytest.mark.parametrize("data", [b"\xff\xfe", b'{"id": 1, "line": "\xff"}', b'"\xed\xa0\x80"'])
def test_a_line_that_is_not_utf_8(server: MemoryServer, alice: WiredProgram, data: bytes) -> None:
    """It gets one error, and the next request is executed."""
    answer = alice.error_to(data)
    assert answer["code"] in ("bad-json", "bad-text")
    assert "re" not in answer
    alice.does()


@pytest.mark.parametrize("pieces", [1, 7])
def test_a_line_over_the_maximum(server: MemoryServer, alice: WiredProgram, pieces: int) -> None:
    """It gets one error, its rest is discarded, and the next request is executed."""
    before = len(alice.objects)
    line = b'{"id": 1, "line": "' + b"x" * (8 * 4096) + b'"}'
    size = len(line) // pieces + 1
    for start in range(0, len(line), size):
        alice.sends(line[start : start + size])
    alice.sends(b"\n")
    alice.does()
    assert [each["ok"] for each in alice.objects[before:]] == [False, True]


def test_20_bad_lines_in_a_row_end_the_connection(
    server: MemoryServer, alice: WiredProgram
) -> None:
    """Nineteen do not, however often; the end gives the reason."""
    assert MAX_BAD_LINES == 20
    for _ in range(2):
        alice.sends(b"bad\n" * 19)
        alice.does()
    alice.sends(b"bad\n" * 20)
    assert alice.sees("end")["why"] == "bad-json"
    assert alice.is_disconnected()
    assert len([each for each in alice.objects if each.get("code") == "bad-json"]) == 58


def test_20_bad_lines_before_the_hello_end_the_connection(server: MemoryServer) -> None:
    """The limit applies before the login too."""
    peer = server.connect_program()
    peer.sends(b"{bad\n" * 25)
    peer.waits(3)  # lines before the login have a rate
    assert peer.sees("end")["why"] == "bad-json"
    assert peer.is_disconnected()


WRONG_HELLOS = {
    "hello": {"hello": 2},
    "hello as a word": {"hello": "1"},
    "name": {"name": 3},
    "password": {"password": ["x"]},
    "token": {"token": 3},
    "guest": {"guest": "no"},
    "since": {"since": [1]},
    "since.tea": {"since": {"plan": 3, "tea": "3"}},
}


@pytest.mark.parametrize("path", WRONG_HELLOS)
def test_a_wrong_field_of_a_hello(server: MemoryServer, path: str) -> None:
    """The answer names it; another hello may follow."""
    peer = server.connect_program()
    fields = {"hello": 1, "name": "alice", **WRONG_HELLOS[path]}
    answer = peer.error_to(line_of(**fields)[:-1])
    assert (answer["hello"], answer["code"]) == (1, "bad-field")
    assert answer["path"] == path.split()[0]
    assert peer.says_hello("alice")["ok"]


@pytest.mark.parametrize("seq", [-1, 1.5, True, None, 2**63, 10**30])
def test_an_invalid_number_in_since(server: MemoryServer, seq: object) -> None:
    """The answer names the conversation."""
    answer = server.connect_program().says_hello("alice", since={"@bob": seq})
    assert (answer["code"], answer["path"]) == ("bad-field", "since.@bob")


WRONG_REQUESTS: dict[str, Object] = {
    "id": {"id": 1.5},
    "id true": {"id": True},
    "id null": {"id": None},
    "id list": {"id": [1]},
    "id empty": {"id": ""},
    "id long": {"id": "x" * 65},
    "group": {"group": 1},
    "line": {"line": 1},
    "text": {"text": ["a"]},
    "key": {"key": 1},
    "key empty": {"key": ""},
    "key long": {"key": "x" * 65},
    "key NUL": {"key": "\0"},
    "key beyond ASCII": {"key": "\u017c"},
    "key with a line end": {"key": "k\n"},
    "key long with a line end": {"key": "x" * 64 + "\n"},
    "answers": {"answers": "a"},
    "answers[0]": {"answers": [1]},
    "answers[2]": {"answers": ["a", "b", None]},
}


@pytest.mark.parametrize("what", WRONG_REQUESTS)
def test_a_wrong_field_of_a_request(server: MemoryServer, alice: WiredProgram, what: str) -> None:
    """The answer names the field, and the request if possible; nothing is executed."""
    fields = {"id": "wrong", "group": "tea", "line": "hi", **WRONG_REQUESTS[what]}
    answer = alice.error_to(line_of(**fields)[:-1])
    assert (answer["code"], answer["path"]) == ("bad-field", what.split()[0])
    if not what.startswith("id"):
        assert answer["re"] == "wrong"
    alice.does()
    assert alice.does("/history", "tea")["entries"][-1]["type"] == "created"


@pytest.mark.parametrize("data", [b"[]", b"3", b'"id"', b"null", b"true", b"{}", b'{"line": "a"}'])
def test_json_that_is_no_request(server: MemoryServer, alice: WiredProgram, data: bytes) -> None:
    """It gets an error about fields, which does not count as bad JSON."""
    for _ in range(MAX_BAD_LINES + 1):
        answer = alice.error_to(data)
        assert answer["code"] == "bad-field"
        assert "re" not in answer
    alice.does()


@pytest.mark.parametrize("digits", [19, 20, 60, 400, 5000])
def test_huge_numbers(server: MemoryServer, alice: WiredProgram, digits: int) -> None:
    """Each gets one answer, and the next request is executed."""
    before = len(alice.objects)
    alice.sends(b'{"id": ' + b"9" * digits + b"}\n")
    alice.does()
    assert len(alice.objects) == before + 2


def test_text_is_made_safe(server: MemoryServer, alice: WiredProgram) -> None:
    """Control characters are removed from all that others receive."""
    bob = server.program("bob", "password b")
    bob.does("/join tea")
    raw = "a\x1b[31mb\x00c\u202ed\re\x9bf\tg\nh"
    alice.does(group="tea", text=raw)
    alice.does(group="tea", line=f"/me {raw}")
    alice.does(f"/msg bob {raw}")
    alice.does("/topic " + raw, "tea")
    alice.does("/kick bob " + raw, "tea")
    safe, one_line = "e\tg\nh", "e g h"
    assert bob.sees("message")["text"] == safe
    assert bob.sees("action")["text"] == safe
    assert bob.sees("message")["text"] == safe
    assert bob.sees("topic")["topic"] == one_line
    assert bob.sees("kicked")["reason"] == one_line

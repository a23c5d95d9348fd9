"""JSON mode: requests, their answers, and their order."""

from __future__ import annotations

import pytest

from tests.support.programs import (
    MemoryServer,
    WiredProgram,
    line_of,
    pieces,
)


@pytest.mark.parametrize("id", [0, -1, 7, 10**18, 10**40, "a", "x" * 64, "żółw", "\u0000"])
def test_an_id_is_returned_unchanged(server: MemoryServer, id: object) -> None:
    """A number or a string."""
    alice = server.program("alice", "password a")
    alice.sends(line_of(id=id))
    assert alice.answer(id) == {"re": id, "ok": True}


@pytest.mark.parametrize("group", ["tea", "TEA", "1"])
def test_a_group_is_named_by_name_or_number(
    server: MemoryServer, alice: WiredProgram, group: str
) -> None:
    """The name in any case."""
    assert alice.does(group=group, text="a")["seq"] == 2


def test_an_unknown_group_is_refused(server: MemoryServer, alice: WiredProgram) -> None:
    """The code is the one of the line door."""
    assert alice.asks(group="nosuch", text="a")["code"] == "no-such-group"
    assert alice.asks(group="nosuch", line="a")["code"] == "no-such-group"
    assert alice.asks(group="nosuch", line="/members")["code"] == "no-such-group"


@pytest.mark.parametrize("text", ["/leave", "leave", "qqq", "//x", "{", " x ", "/"])
def test_a_text_is_always_a_message(server: MemoryServer, alice: WiredProgram, text: str) -> None:
    """It is posted unchanged, whatever it begins with."""
    alice.does(group="tea", text=text)
    alice.sees("message", text=text)


def test_a_line_is_read_as_at_the_line_door(server: MemoryServer, alice: WiredProgram) -> None:
    """A message, a command, ``//`` for a slash, or a word that leaves the room."""
    alice.does(group="tea", line="hi")
    alice.sees("message", text="hi")
    alice.does(group="tea", line="//hi")
    alice.sees("message", text="/hi")
    assert alice.does(group="tea", line="/members")["type"] == "members"
    assert alice.does(group="tea", line="leave")["left"] == "tea"
    bob = server.program("bob", "password b")
    bob.does("/join tea")
    bob.does(group="tea", line="qqq")
    bob.sees("left", name="bob")


def test_a_request_without_a_group_is_made_at_the_front_desk(
    server: MemoryServer, alice: WiredProgram
) -> None:
    """Commands need no slash there, and messages are refused."""
    assert alice.does("groups")["type"] == "groups"
    assert alice.does("/groups")["type"] == "groups"
    assert alice.is_refused("hello") == "unknown-command"
    assert alice.is_refused("/members") == "no-group"
    answer = alice.asks(text="hello")
    assert (answer["code"], answer["path"]) == ("bad-field", "group")


def test_a_request_has_a_line_or_a_text(server: MemoryServer, alice: WiredProgram) -> None:
    """Not both."""
    answer = alice.asks("a", "tea", text="b")
    assert answer["code"] == "bad-field"


def test_a_program_has_no_current_group(server: MemoryServer, alice: WiredProgram) -> None:
    """Each request names its group."""
    assert alice.is_refused("/members") == "no-group"


def test_answers_to_the_questions_of_a_command(server: MemoryServer) -> None:
    """In order. Without an answer the request is refused with the question, and changes nothing."""
    alice = server.program("alice", "password a")
    first = alice.asks("/password")
    assert (first["code"], first["secret"]) == ("missing-argument", True)
    assert first["ask"]
    second = alice.asks("/password", answers=["password a"])
    assert second["code"] == "missing-argument"
    assert second["ask"] != first["ask"]
    third = alice.asks("/password", answers=["password a", "new password"])
    assert third["code"] == "missing-argument"
    assert (
        alice.does("/password", answers=["password a", "new password", "new password"])["type"]
        == "password"
    )
    assert server.connect_program().says_hello("alice", "new password")["ok"]


def test_a_group_password_as_an_answer_or_an_argument(
    server: MemoryServer, alice: WiredProgram
) -> None:
    """In the answers, or on the line."""
    alice.does("/create secret password pw")
    bob, carol = server.program("bob", "password b"), server.program("carol", "password c")
    asked = bob.asks("/join secret")
    assert (asked["code"], asked["secret"]) == ("missing-argument", True)
    assert bob.asks("/join secret", answers=["wrong"])["code"] == "wrong-password"
    assert bob.does("/join secret", answers=["pw"])["type"] == "entered"
    assert carol.does("/join secret pw")["type"] == "entered"


def test_a_missing_argument_as_an_answer(server: MemoryServer, alice: WiredProgram) -> None:
    """The question is the one of the line door, and not secret."""
    bob = server.program("bob", "password b")
    bob.does("/join tea")
    asked = alice.asks("/kick", "tea")
    assert (asked["code"], asked["ask"], asked["secret"]) == (
        "missing-argument",
        "Kick whom? ",
        False,
    )
    alice.does("/kick", "tea", answers=["bob"])
    bob.sees("kicked", name="bob")


def test_an_empty_answer_cancels(server: MemoryServer, alice: WiredProgram) -> None:
    """As at the line door."""
    assert alice.asks("/kick", "tea", answers=[""])["code"] == "cancelled"


def test_answers_are_not_kept_for_the_next_request(
    server: MemoryServer, alice: WiredProgram
) -> None:
    """Unused answers are discarded."""
    alice.does("/groups", answers=["bob"])
    assert alice.asks("/kick", "tea")["code"] == "missing-argument"


@pytest.mark.parametrize("text", ["", " ", "\u0007", "\u202e"])
def test_a_text_without_visible_characters_is_refused(
    server: MemoryServer, alice: WiredProgram, text: str
) -> None:
    """As at the line door."""
    assert alice.asks(group="tea", text=text)["code"] == "bad-text"


@pytest.mark.parametrize("letter", ["x", "\u017c", "\U0001f375"])
def test_a_text_has_at_most_line_bytes(
    server: MemoryServer, alice: WiredProgram, letter: str
) -> None:
    """Counted in UTF-8, not as written in JSON."""
    whole = letter * (4096 // len(letter.encode()))
    alice.does(group="tea", text=whole)
    alice.sees("message", text=whole)
    assert alice.asks(group="tea", text=whole + "x")["code"] == "too-long"
    assert alice.asks(group="tea", line=whole + "x")["code"] == "too-long"


def test_the_longest_text_may_be_escaped(server: MemoryServer, alice: WiredProgram) -> None:
    """With six bytes for each byte of the text, the line is still short enough."""
    escaped = b"\\u0041" * 4096
    alice.sends(b'{"id": "long", "group": "tea", "text": "' + escaped + b'"}\n')
    assert alice.answer("long")["ok"]


def test_500_messages_in_one_packet(server: MemoryServer, alice: WiredProgram) -> None:
    """The answers are in order, without gaps, each after its event."""
    alice.sends(b"".join(line_of(id=f"m{n}", group="tea", text=f"{n}") for n in range(500)))
    alice.waits(1)
    answers = [each for each in alice.objects if str(each.get("re", "")).startswith("m")]
    assert [each["re"] for each in answers] == [f"m{n}" for n in range(500)]
    assert [each["seq"] for each in answers] == list(range(2, 502))
    assert [each["text"] for each in alice.events if each["type"] == "message"] == [
        f"{n}" for n in range(500)
    ]


def test_requests_are_executed_in_order(server: MemoryServer, alice: WiredProgram) -> None:
    """A command sees the messages before it, and not those after it."""
    alice.sends(
        line_of(id="a", group="tea", text="one")
        + line_of(id="b", group="tea", line="/history")
        + line_of(id="c", group="tea", text="two")
        + line_of(id="d", group="tea", line="/leave", answers=["yes"])
        + line_of(id="e", group="tea", text="three")
    )
    assert alice.answer("b")["entries"][-1]["text"] == "one"
    assert alice.answer("c")["seq"] == 3
    assert alice.answer("d")["ok"]
    assert not alice.answer("e")["ok"]


def test_an_event_precedes_the_answer(server: MemoryServer, alice: WiredProgram) -> None:
    """One's own message is delivered with its number; then comes the answer with that number."""
    other = server.program("alice", "password a")
    alice.sends(line_of(id="x", group="tea", text="hi"))
    *_, event, answer = alice.objects
    assert (event["type"], event["from"], event["text"]) == ("message", "alice", "hi")
    assert answer == {"re": "x", "ok": True, "seq": event["seq"]}
    assert other.sees("message")["seq"] == event["seq"]  # both have everything


def test_unknown_fields_are_ignored(server: MemoryServer) -> None:
    """In a hello and in a request."""
    alice = server.program("alice", "password a", colour="red", since={}, more=[{}])
    assert alice.does("/groups", colour="red", more={"a": [None]})["type"] == "groups"


def test_null_means_that_a_field_is_missing(server: MemoryServer) -> None:
    """For all optional fields."""
    alice = server.connect_program()
    assert alice.says_hello("alice", token=None, password=None)["ok"]
    alice.sends(line_of(id=1, group=None, line="/groups", text=None, key=None))
    assert alice.answer(1)["ok"]


def test_bytes_may_arrive_one_by_one(server: MemoryServer) -> None:
    """A hello and a request may be split anywhere."""
    alice = server.connect_program()
    for piece in pieces(line_of(hello=1, name="alice", password="password a")):
        alice.connection.door.dataReceived(piece)
    alice.sees("live")
    for piece in pieces(line_of(id="żółw", line="/create tea")):
        alice.connection.door.dataReceived(piece)
    assert alice.answer("żółw")["ok"]


def test_lines_may_end_in_crlf(server: MemoryServer) -> None:
    """The CR counts as white space."""
    alice = server.connect_program()
    alice.sends(b'{"hello": 1, "name": "alice"}\r\n{"id": 1, "line": "/create tea"}\r\n')
    assert alice.answer(1)["ok"]
    assert b"\r" not in alice.received


# The end of the connection.


def test_all_requests_are_answered_after_the_end_of_the_input(
    server: MemoryServer, alice: WiredProgram
) -> None:
    """Messages, commands, and a last line without a line end."""
    alice.connection.door.dataReceived(
        b"".join(line_of(id=f"m{n}", group="tea", text=f"{n}") for n in range(30))
        + line_of(id="c", line="/history", group="tea")
        + line_of(id="m30", group="tea", text="last")
        + line_of(id="h")[:-1]
    )
    alice.connection.door.readConnectionLost()
    assert alice.is_disconnected()
    answered = [each["re"] for each in alice.objects if isinstance(each.get("re"), str)]
    assert sorted(answered) == sorted(["c", "h", *(f"m{n}" for n in range(31))])
    assert alice.wire.closed


def test_a_hello_and_a_request_before_the_end_of_the_input(server: MemoryServer) -> None:
    """Both are answered."""
    peer = server.connect_program()
    peer.connection.door.dataReceived(line_of(hello=1, name="gus") + line_of(id="who", line="/who"))
    peer.shuts_down_writing()
    assert peer.is_disconnected()
    assert peer.objects[0]["ok"]
    assert peer.answer("who")["ok"]


def test_requests_before_quit_are_answered(server: MemoryServer, alice: WiredProgram) -> None:
    """``/quit`` ends the connection once all earlier requests are executed and answered."""
    alice.sends(line_of(id="a", group="tea", text="hi") + line_of(id="b", line="/quit"))
    alice.waits(1)
    assert alice.answer("a") == {"re": "a", "ok": True, "seq": 2}
    assert alice.answer("b")["ok"]
    assert alice.objects[-1]["type"] == "end"
    assert alice.objects[-1]["why"] == "bye"


def test_words(server: MemoryServer, alice: WiredProgram) -> None:
    """A program that has asked for them gets the lines for people with its answers."""
    bob = server.program("bob", "password b", words=True)
    lines = bob.does("/create cups open")["lines"]
    assert lines[0].startswith("You are in cups")
    assert bob.does("/who")["lines"][0] == "Online: 2"
    assert bob.does("/history", "cups")["lines"] == []
    assert len("".join(bob.does("/help")["lines"])) <= 12 * 1024
    assert "lines" not in bob.does("hello", "cups")
    assert "lines" not in alice.does("/who")


def test_words_of_entries(server: MemoryServer, alice: WiredProgram) -> None:
    """Entries have the sentence for their reader, live and in the history."""
    bob = server.program("bob", "password b", words=True)
    carl = server.program("carl", "password c", words=True)
    bob.does("/create cups open")
    for each in (alice, carl):
        each.does("/join cups")
    bob.does("/moderator carl", "cups")
    bob.does("hello", "cups")
    yours = "You are a moderator of cups now, appointed by bob."
    theirs = "carl is a moderator now, appointed by bob."

    def words(program: WiredProgram) -> list[object]:
        program.waits(0)
        return [each.get("words") for each in program.objects if each.get("type") == "moderator"]

    assert (words(alice), words(bob), words(carl)) == ([None], [theirs], [yours])
    assert all("words" not in each for each in bob.objects if each.get("type") == "message")
    for program, sentence in ((bob, theirs), (carl, yours)):
        entries = program.does("/history", "cups")["entries"]
        assert [each["words"] for each in entries if each["type"] == "moderator"] == [sentence]


def test_long_words(server: MemoryServer) -> None:
    """Lines that do not fit are left out: the answer has the list itself."""
    bob = server.program("bob", "password b", words=True)
    for number in range(200):
        bob.does(f"/create group-{number}-{'x' * 20} open")
    answer = bob.does("/groups")
    assert answer["lines"][-1] == "…"
    assert len("".join(answer["lines"]).encode()) <= 12 * 1024
    assert len(answer["groups"]) == 200

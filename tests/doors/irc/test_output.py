"""Output: what others send goes straight to the socket, unless an answer has to come first."""

from __future__ import annotations

from pyconchat.doors.irc.output import Output


def test_when_others_have_to_wait() -> None:
    """It is said at the first line of an answer, and until the answer is sent."""
    written: list[bytes] = []
    said: list[str] = []
    output = Output(written.append, "chat.example", lambda: said.append("begins"))
    output.add("outside of a command\n")
    assert (output.answering, said) == (False, [])
    output.begin("l1")
    output.pass_on(b"before the answer\n")
    assert (output.answering, said) == (False, [])
    output.add("first\n")
    output.add("second\n")
    output.pass_on(b"after it\n")
    assert (output.answering, said) == (True, ["begins"])
    assert written == [b"outside of a command\n", b"before the answer\n"]
    output.end()
    assert not output.answering
    answer = written[-1].decode()
    assert answer.index("first") < answer.index("second") < answer.index("after it")


def test_the_answer_may_be_sent_in_parts() -> None:
    """Unless it has a label: then it is one line, or one batch."""
    written: list[bytes] = []
    output = Output(written.append, "irc.test", lambda: None)
    output.begin("")
    output.add("one\r\n")
    output.flush()
    assert written == [b"one\r\n"]
    output.add("two\r\n")
    output.end()
    output.begin("7")
    output.add("three\r\n")
    output.flush()
    assert written == [b"one\r\n", b"two\r\n"]
    output.end()
    assert written[2:] == [b"@label=7 three\r\n"]


def test_pages_of_an_answer() -> None:
    """Without a label, they are sent as they are; with one, they are in one batch."""
    written: list[bytes] = []
    output = Output(written.append, "irc.test", lambda: None)
    output.begin("")
    output.add("one\r\n")
    output.send_page()
    output.add("two\r\n")
    output.end()
    assert written == [b"one\r\n", b"two\r\n"]
    output.begin("7")
    output.add("three\r\n")
    output.send_page()
    output.pass_on(b"from others\r\n")
    output.add("@time=x four\r\n")
    output.send_page()
    output.end()
    assert b"".join(written[2:]).decode().split("\r\n") == [
        "@label=7 :irc.test BATCH +b1 labeled-response",
        "@batch=b1 three",
        "from others",
        "@batch=b1;time=x four",
        ":irc.test BATCH -b1",
        "",
    ]
    output.begin("8")
    output.add("five\r\n")
    output.end()
    assert written[-1] == b"@label=8 five\r\n"

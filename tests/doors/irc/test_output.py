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

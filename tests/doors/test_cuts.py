"""A connection that is cut at any await of a login or a command leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.cuts import Stepped
from tests.support.programs import line_of
from tests.support.stepwise import MAX_STEPS

HELLO = line_of(hello=1, name="alice", password="alice pw")
SINCE = {"tea": 0, "@bob": 0, "@nobody": 0, "@carol": 0}

FLOWS = {
    "nc guest": b"gus\n\ntea\nhi\n",
    "nc newcomer": b"new\na password\ntea\nhi\n",
    "nc login": b"alice\nalice pw\ntea\n/history\n",
    "nc wrong password": b"alice\nwrong\nalice\nalice pw\n",
    "nc password group": b"gus\n\nvault\nsecret\nhi\n",
    "nc new group": b"gus\n\n/create den password pw\nhi\n",
    "nc half-close": b"alice\nalice pw\ntea\nhi\n",
    "program guest": line_of(hello=1, name="gus", guest=True),
    "program newcomer": line_of(hello=1, name="new", password="a password"),
    "program since": line_of(hello=1, name="alice", password="alice pw", since=SINCE),
    "program messages": HELLO + line_of(id=1, group="tea", text="hi", key="k") * 3,
    **{
        f"program {line.partition(' ')[0]}": HELLO
        + line_of(id=1, group="tea", line=line, key="k", answers=answers)
        for line, answers in (
            ("/join vault", ["secret"]),
            ("/create den password pw", []),
            ("/leave", []),
            ("/policy password x", []),
            ("/msg bob hi", []),
            ("/history", []),
            ("/search hello", []),
            ("/ignore bob", []),
            ("/send a.txt", []),
            ("/claim nonsense", []),
            ("/password", ["alice pw", "another pw", "another pw"]),
            ("/quit everywhere", []),
        )
    },
}


@pytest.mark.parametrize("flow", FLOWS)
def test_a_cut_at_any_await(flow: str, tmp_path: Path, failures: list[object]) -> None:
    """In every state of a flow, a cut ends the session, frees the guest's name, and counts once."""
    for steps in range(MAX_STEPS):
        folder = tmp_path / str(steps)
        folder.mkdir()
        stepped = Stepped(folder)
        waited = stepped.cut_after(FLOWS[flow], steps)
        stepped.settle()
        assert (steps, stepped.leftovers()) == (steps, [])
        assert failures == []
        stepped.close()
        if not waited:
            break
    else:
        raise AssertionError("the flow does not end")


def test_a_cut_while_the_store_does_not_answer(tmp_path: Path) -> None:
    """The session ends at once."""
    stepped = Stepped(tmp_path)
    for _ in range(20):
        stepped.cut_after(FLOWS["program since"], 1)
    stepped.server.waits(120)
    assert stepped.leftovers() == []
    stepped.close()


@pytest.mark.parametrize("end", ["/password", "/quit everywhere", "/kick alice", "/ban alice"])
def test_a_session_that_is_starting_is_ended(end: str, tmp_path: Path) -> None:
    """A login with a token that is revoked before the session is live."""
    for steps in range(MAX_STEPS):
        folder = tmp_path / str(steps)
        folder.mkdir()
        stepped = Stepped(folder)
        server, work = stepped.server, stepped.work
        work.stepwise = False
        operator = server.program("olga", "olga pw")
        operator.does(f"/claim {server.chat.accounts.claim_code}")
        other = server.program("alice", "alice pw") if end.startswith(("/p", "/q")) else operator
        work.stepwise = True
        starting = server.connect_program()
        starting.sends(line_of(hello=1, name="alice", token=stepped.token, since=SINCE))
        done = 0
        while done < steps and work.step():
            starting.connection.tick()
            done += 1
        work.stepwise = False
        answers = ["alice pw", "another pw", "another pw"]
        other.sends(line_of(id=9, line=end, answers=answers))
        stepped.settle()
        other.receives()
        starting.receives()
        [answer] = [each for each in other.objects if each.get("re") == 9]
        if answer["ok"]:  # a kick is refused before there is a session to kick
            assert (steps, starting.is_disconnected() or is_refused(starting)) == (steps, True)
        else:
            assert (end, answer["code"]) == ("/kick alice", "no-such-name")
        stepped.close()
        if done < steps:
            break


def is_refused(program: Any) -> bool:
    """Return whether the login of *program* was refused."""
    return any(each.get("ok") is False for each in program.objects if "hello" in each)

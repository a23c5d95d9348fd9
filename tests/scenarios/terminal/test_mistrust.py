"""The client at a terminal, and a server to mistrust, or that says much at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.servers import Server
from tests.support.terminals import PASSWORD, At, Impostor

pytestmark = pytest.mark.server(scope="module")

# A server to mistrust.


HOSTILE = (
    "\x1b[5;41mPWN\x1b]0;PWN\x07\x1b]52;c;PWN\x1b\\\x1b[99;9HPWN\x1b[2JPWN\x1bcPWN\x1bP1;PWN\x1b\\\x1b(0PWN"
    "\x9b99;9HPWN\x9d0;PWN\x9c\x90PWN\x9c\x07\x08\x7f\x00\x0e\x0f\r\nPWN\u202ePWN\u2066PWN\x85PWN"
)
"""What would move the cursor, set the title, write to the clipboard, reset, or turn text around."""

CONTROLS = re.compile(
    rb"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[^\[]|[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f]"
    rb"|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]"
)
"""What a terminal would obey (ECMA-48), but for the line feed; C1 and bidi in UTF-8."""

NUMBERS = re.compile(rb"[0-9;]+")

NAME_COLOUR = re.compile(rb"\x1b\[(1;)?3[1-6]m")


def controls(shown: bytes) -> set[bytes]:
    """Return the kinds of what is there for the terminal to obey.

    Colours have their numbers, but those of names, which are different for each.
    """
    found = CONTROLS.findall(NAME_COLOUR.sub(b"", shown))
    # The editor clears the rest of a line or not, as what it drew before happens to be.
    found.append(b"\x1b[K")
    return {each if each.endswith(b"m") else NUMBERS.sub(b"#", each) for each in found}


def told(mark: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a hello and events with *mark* in every text of theirs."""
    group, name = f"tea{mark}", f"mallory{mark}"
    place = {"group": group, "at": "2001-02-03T10:00:00Z"}
    private = {"with": name, "at": "2001-02-03T10:00:00Z"}
    command = {
        "name": f"steep{mark}",
        "usage": f"/steep{mark} NAME{mark}",
        "also": [f"brew{mark}"],
        "summary": mark,
        "arguments": [{"label": mark, "kind": f"name{mark}", "optional": False, "rest": False}],
    }
    hello = {
        "motd": f"motd{mark}\nsecond{mark}",
        "version": mark,
        "groups": [
            {"group": group, "number": 1, "policy": "open", "topic": f"topic{mark}"},
            {"group": f"other{mark}", "number": 2, "policy": "open", "topic": f"topic{mark}"},
        ],
        "commands": [command, {**command, "name": f"steer{mark}"}],
    }
    events: list[dict[str, Any]] = [
        {"type": "message", **place, "from": name, "text": f"text{mark}"},
        {"type": "message", **place, "from": "ann", "text": f"hello sue{mark}"},
        {"type": "message", **private, "from": name, "text": f"text{mark}"},
        {"type": "action", **place, "from": name, "text": f"text{mark}"},
        {"type": "joined", **place, "name": name, "via": "open", "by": name, "guest": False},
        {"type": "left", **place, "name": name, "why": "left"},
        {"type": "kicked", **place, "name": name, "by": name, "reason": f"why{mark}"},
        {"type": "banned", **place, "name": name, "by": name, "reason": f"why{mark}"},
        {"type": "unbanned", **place, "name": name, "by": name},
        {"type": "requested", **place, "name": name, "note": f"note{mark}", "guest": True},
        {"type": "rejected", **place, "name": name, "by": name, "reason": f"why{mark}"},
        {"type": "invited", **place, "name": name, "by": name, "guest": False},
        {"type": "admin", **place, "name": name, "why": "transfer", "by": name},
        {"type": "topic", **place, "topic": f"topic{mark}", "by": name},
        {"type": "policy", **place, "policy": f"open{mark}", "by": name},
        {"type": "presence", "name": name, "online": True, "reason": f"why{mark}"},
        {"type": "message", "group": group, "at": f"never{mark}", "from": name, "text": mark},
        {"type": f"novelty{mark}", **place, f"key{mark}": f"value{mark}", "x": [mark, {mark: 1}]},
        {"type": f"notice{mark}", "text": f"text{mark}"},
        {"type": "done", "text": f"text{mark}"},
        {"type": "sent", "with": name, "online": False, "seq": 1},
        {"type": "help", "commands": [command]},
        {"type": "help", "commands": [command, command]},
        {"type": "who", "people": [{"name": name, "guest": True, "operator": False,
                                    "groups": [group]}]},
    ]  # fmt: skip
    return hello, events


def answers(mark: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what answers requests, with *mark* in every text."""

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        line = request.get("line", "")
        entry = {"type": "message", "group": f"tea{mark}", "seq": 1, "from": f"eve{mark}",
                 "at": "2001-02-03T10:00:00Z", "text": f"old{mark}"}  # fmt: skip
        match line:
            case "/members":
                people = [
                    {"name": f"mallory{mark}", "online": True, "admin": True, "guest": False},
                    {"name": f"mallet{mark}", "online": True, "admin": False, "guest": True},
                ]
                return {"ok": True, "type": "members", "group": f"tea{mark}",
                        "online_only": False, "members": people}  # fmt: skip
            case "refuse":
                return {"ok": False, "code": f"no{mark}", "error": f"refused{mark}"}
            case "ask" if "answers" not in request:
                return {"ok": False, "code": "missing-argument", "ask": f"which{mark}? "}
            case "ask":
                return {"ok": True, "type": "done", "text": f"answered{mark}"}
            case "log":
                return {"ok": True, "type": "history", "group": f"tea{mark}", "entries": [entry]}
            case "find":
                return {"ok": True, "type": "matches", "group": f"tea{mark}", "more": False,
                        "words": mark, "entries": [entry]}  # fmt: skip
            case "strange":
                return {"ok": True, "type": f"strange{mark}", f"key{mark}": [{mark: mark}]}
        return {"ok": True}

    return answer


def visited(at: At, who: str, mark: str, *options: str) -> bytes:
    """Return all that the terminal was sent in a visit to a server that says *mark*."""
    hello, events = told(mark)
    server = Impostor(hello, answers(mark), f"Welcome{mark}\n".encode())
    sue = at(who, *options, f"sue@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    sue.sees("motd")
    sue.types("/go 1")
    sue.sees("You are in")
    server.says(*events)
    for line, sign in (
        ("refuse", "refused"),
        ("ask", "which"),
        ("this", "answered"),
        ("log", "old"),
        ("find", "Found"),
        ("strange", "strange"),
    ):
        sue.types(line)
        sue.sees(sign)
    if not options:
        sue.keys("/stee\t")
        sue.sees("/steer")
        sue.waits(lambda: sue.line().endswith("/stee"), "be back at the line")
        sue.keys("\x15mall\t")
        sue.sees("mallet")
        sue.waits(lambda: sue.line().endswith("mall"), "be back at the line")
        sue.keys("ory\t\x15")
    server.says({"type": "end", "why": "put-off", "text": f"the end{mark}"})
    assert sue.ends() == 1
    sue.sees("the end")
    server.close()
    assert b"Traceback" not in sue.everything()
    return sue.everything()


@pytest.mark.parametrize("options", [(), ("--plain",)], ids=["terminal", "plain"])
def test_a_hostile_server(at: At, options: tuple[str, ...]) -> None:
    """Nothing that a server says reaches the terminal but as text."""
    benign = visited(at, "benign", "+mark", *options)
    hostile = visited(at, "hostile", HOSTILE, *options)
    assert controls(hostile) <= controls(benign)
    assert hostile.count(b"\x07") == benign.count(b"\x07")
    assert hostile.count(b"PWN") > 100  # it was shown


@pytest.mark.parametrize("options", [(), ("--plain",)], ids=["terminal", "plain"])
def test_a_hostile_refusal(at: At, options: tuple[str, ...]) -> None:
    """Nor does what it says when it lets nobody in."""
    server = Impostor({"ok": False, "code": "banned", "error": f"No: {HOSTILE}"})
    sue = at("sue", *options, f"sue@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    assert sue.ends() == 1
    sue.sees("pyconchat: No: ")
    server.close()
    known = (b"\x1b]", b"\x1bP", b"\x1bc", b"\x1b(0", b"\x1b[99", b"\x1b[2J", b"\x07", b"\x08\x7f")
    assert [
        each for each in (*known, b"\xc2\x9b", b"\xe2\x80\xae") if each in sue.everything()
    ] == []


WRONG: list[Any] = [None, True, -1, 10**30, 1.5, "", "text", [], ["x"], [None], {}, {"x": {"y": 1}}]


def test_a_server_that_makes_no_sense(at: At) -> None:
    """Fields of a wrong type are passed over, or shown somehow; the client goes on."""
    hello, events = told("")
    server = Impostor(hello)
    theo = at("theo", f"theo@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    theo.sees("motd")
    for event in events:
        server.says(*({**event, field: wrong} for field in event for wrong in WRONG))
    for kind in ("members", "groups", "who", "history", "entered", "help"):
        fields = ("requests", "bans", "members", "groups", "people", "entries", "commands", "group")
        server.says(*({"type": kind, field: wrong} for field in fields for wrong in WRONG))
    server.says(*({"re": wrong, "ok": wrong} for wrong in WRONG))
    server.says({"type": "notice", "text": "still there"})
    theo.sees("still there")
    assert b"Traceback" not in theo.everything()
    theo.keys("and so am I")
    theo.sees_now("and so am I")
    theo.keys("\x15\x04")
    assert theo.ends() == 0
    server.close()


@pytest.mark.parametrize("kind", ["requests", "bans"])
def test_a_list_that_is_none(at: At, kind: str) -> None:
    """A list that is no list is no reason to cut the connection."""
    server = Impostor({"motd": "hello there"})
    tom = at("tom", f"tom@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    tom.sees("hello there")
    server.says({"type": kind, "group": "tea", kind: True}, {"type": "notice", "text": "still on"})
    tom.waits(lambda: tom.times_seen("still on") or tom.times_seen("hello there") > 1)
    assert tom.times_seen("hello there") == 1
    server.close()


@pytest.mark.parametrize("wrong", [5, [5], {"x": 5}], ids=str)
def test_a_hello_that_makes_no_sense(at: At, wrong: Any) -> None:
    """A hello with wrong types in it does not break the client."""
    fields = ("groups", "commands", "motd", "name", "line_bytes", "token", "operator", "version")
    server = Impostor(dict.fromkeys(fields, wrong))
    uwe = at("uwe", f"uwe@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    server.says({"type": "notice", "text": "still there"})
    uwe.sees("still there")
    assert b"Traceback" not in uwe.everything()
    server.close()


# Much at once.


def test_a_burst(at: At) -> None:
    """5,000 lines at once all show, in order; what is typed meanwhile shows before the last."""
    server = Impostor({"groups": [{"group": "tea", "number": 1, "topic": ""}]})
    willi = at("willi", f"willi@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    willi.sees_below("tea: ")
    server.says(
        *(
            {
                "type": "message",
                "group": "tea",
                "seq": number,
                "at": "2001-02-03T10:00:00Z",
                "from": "burster",
                "text": f"burst {number} of 5000",
            }
            for number in range(1, 5001)
        )
    )
    willi.sees("burst 1 of")
    willi.keys("xyzzy")
    willi.sees("burst 5000 of")
    assert willi.everything().find(b"xyzzy") < willi.everything().find(b"burst 5000 of")
    willi.sees_typed("[tea] xyzzy")
    shown = [int(row.split()[3]) for row in willi.rows() if " burster: burst " in row]
    assert [int(row.split()[3]) for row in willi.rows() if "burst " in row] == shown
    assert shown == list(range(1, 5001))
    server.close()


def test_no_place_for_state(at: At, server: Server) -> None:
    """Where nothing can be kept, the client says so in a line or goes on; it does not break."""
    zack = at(
        "zack",
        f"zack@127.0.0.1:{server.port}",
        XDG_STATE_HOME="/dev/null/nowhere",
        PYCONCHAT_PASSWORD=PASSWORD,
    )
    zack.waits(lambda: zack.times_seen("front desk") or zack.times_seen("pyconchat: ") or
               zack.times_seen("Traceback"))  # fmt: skip
    assert b"Traceback" not in zack.everything()

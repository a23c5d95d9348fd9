"""The client at a terminal, with a server that is hostile, invalid or very fast."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.scripted_server import ScriptedServer
from tests.support.servers import Server
from tests.support.terminals import PASSWORD, StartClient

pytestmark = pytest.mark.server(scope="module")

# Hostile and invalid servers.


HOSTILE = (
    "\x1b[5;41mPWN\x1b]0;PWN\x07\x1b]52;c;PWN\x1b\\\x1b[99;9HPWN\x1b[2JPWN\x1bcPWN\x1bP1;PWN\x1b\\\x1b(0PWN"
    "\x9b99;9HPWN\x9d0;PWN\x9c\x90PWN\x9c\x07\x08\x7f\x00\x0e\x0f\r\nPWN\u202ePWN\u2066PWN\x85PWN"
)
"""Sequences that move the cursor, set the title, write to the clipboard, reset, or reverse text."""

CONTROLS = re.compile(
    rb"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[^\[]|[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f]"
    rb"|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]"
)
"""What a terminal obeys (ECMA-48), except the line feed; C1 and bidi controls in UTF-8."""

NUMBERS = re.compile(rb"[0-9;]+")

NAME_COLOUR = re.compile(rb"\x1b\[(1;)?3[1-6]m")


def controls(shown: bytes) -> set[bytes]:
    """Return the kinds of control sequences in *shown*.

    With the numbers of colours, except for those of names, which differ from name to name.
    """
    found = CONTROLS.findall(NAME_COLOUR.sub(b"", shown))
    # Whether the editor clears the rest of a line, or goes one column back, by a backspace, depends
    # on what it has drawn before.
    found += [b"\x1b[K", b"\b"]
    return {each if each.endswith(b"m") else NUMBERS.sub(b"#", each) for each in found}


def hello_and_events(mark: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a hello and events with *mark* in each of their texts."""
    group, name = f"tea{mark}", f"mallory{mark}"
    in_tea = {"group": group, "at": "2001-02-03T10:00:00Z"}
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
        {"type": "message", **in_tea, "from": name, "text": f"text{mark}"},
        {"type": "message", **in_tea, "from": "ann", "text": f"hello sue, {mark}",
         "mentions": ["sue"]},
        {"type": "message", **private, "from": name, "text": f"text{mark}"},
        {"type": "action", **in_tea, "from": name, "text": f"text{mark}"},
        {"type": "joined", **in_tea, "name": name, "via": "open", "by": name, "guest": False},
        {"type": "left", **in_tea, "name": name, "why": "left"},
        {"type": "kicked", **in_tea, "name": name, "by": name, "reason": f"why{mark}"},
        {"type": "banned", **in_tea, "name": name, "by": name, "reason": f"why{mark}"},
        {"type": "unbanned", **in_tea, "name": name, "by": name},
        {"type": "requested", **in_tea, "name": name, "note": f"note{mark}", "guest": True},
        {"type": "rejected", **in_tea, "name": name, "by": name, "reason": f"why{mark}"},
        {"type": "invited", **in_tea, "name": name, "by": name, "guest": False},
        {"type": "admin", **in_tea, "name": name, "why": "transfer", "by": name},
        {"type": "topic", **in_tea, "topic": f"topic{mark}", "by": name},
        {"type": "policy", **in_tea, "policy": f"open{mark}", "by": name},
        {"type": "presence", "name": name, "online": True, "reason": f"why{mark}"},
        {"type": "message", "group": group, "at": f"never{mark}", "from": name, "text": mark},
        {"type": f"novelty{mark}", **in_tea, f"key{mark}": f"value{mark}", "x": [mark, {mark: 1}]},
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
    """Return a function that answers requests, with *mark* in each text."""

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


def output_of_visit(start_client: StartClient, who: str, mark: str, *options: str) -> bytes:
    """Return everything that the terminal receives from a server with *mark* in its texts."""
    hello, events = hello_and_events(mark)
    server = ScriptedServer(hello, answers(mark), f"Welcome{mark}\n".encode())
    sue = start_client(who, *options, f"sue@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
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
        sue.waits(lambda: sue.line().endswith("/stee"), "be at the line again")
        sue.keys("\x15mall\t")
        sue.sees("mallet")
        sue.waits(lambda: sue.line().endswith("mall"), "be at the line again")
        # Each key is seen before the end: the terminal echoes what arrives after it was restored.
        sue.keys("ory\t")
        sue.waits(lambda: "mallory" in sue.line(), "complete the name")
        sue.keys("\x15")
        sue.waits(lambda: "mallory" not in sue.line(), "clear the line")
    server.says({"type": "end", "why": "put-off", "text": f"the end{mark}"})
    assert sue.ends() == 1
    sue.sees("the end")
    server.close()
    assert b"Traceback" not in sue.everything()
    return sue.everything()


@pytest.mark.parametrize("options", [(), ("--plain",)], ids=["terminal", "plain"])
def test_a_hostile_server(start_client: StartClient, options: tuple[str, ...]) -> None:
    """No control sequence of a server reaches the terminal."""
    benign = output_of_visit(start_client, "benign", "+mark", *options)
    hostile = output_of_visit(start_client, "hostile", HOSTILE, *options)
    assert controls(hostile) <= controls(benign)
    assert hostile.count(b"\x07") == benign.count(b"\x07")
    assert hostile.count(b"\b") < 20  # a server's would be in each text
    assert hostile.count(b"PWN") > 100  # the texts were shown


@pytest.mark.parametrize("options", [(), ("--plain",)], ids=["terminal", "plain"])
def test_a_hostile_refusal(start_client: StartClient, options: tuple[str, ...]) -> None:
    """Nor does one in a refusal of the login."""
    server = ScriptedServer({"ok": False, "code": "banned", "error": f"No: {HOSTILE}"})
    sue = start_client("sue", *options, f"sue@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    assert sue.ends() == 1
    sue.sees("pyconchat: No: ")
    server.close()
    known = (b"\x1b]", b"\x1bP", b"\x1bc", b"\x1b(0", b"\x1b[99", b"\x1b[2J", b"\x07", b"\x08\x7f")
    assert [
        each for each in (*known, b"\xc2\x9b", b"\xe2\x80\xae") if each in sue.everything()
    ] == []


WRONG: list[Any] = [None, True, -1, 10**30, 1.5, "", "text", [], ["x"], [None], {}, {"x": {"y": 1}}]


def test_invalid_fields(start_client: StartClient) -> None:
    """They are ignored, or shown somehow, and the client keeps running."""
    hello, events = hello_and_events("")
    server = ScriptedServer(hello)
    theo = start_client("theo", f"theo@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
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
def test_an_invalid_list(start_client: StartClient, kind: str) -> None:
    """It does not end the connection."""
    server = ScriptedServer({"motd": "hello there"})
    tom = start_client("tom", f"tom@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    tom.sees("hello there")
    server.says({"type": kind, "group": "tea", kind: True}, {"type": "notice", "text": "still on"})
    tom.waits(lambda: tom.times_seen("still on") or tom.times_seen("hello there") > 1)
    assert tom.times_seen("hello there") == 1
    server.close()


@pytest.mark.parametrize("wrong", [5, [5], {"x": 5}], ids=str)
def test_an_invalid_hello(start_client: StartClient, wrong: Any) -> None:
    """The client logs in all the same."""
    fields = ("groups", "commands", "motd", "name", "line_bytes", "token", "operator", "version")
    server = ScriptedServer(dict.fromkeys(fields, wrong))
    uwe = start_client("uwe", f"uwe@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    server.says({"type": "notice", "text": "still there"})
    uwe.sees("still there")
    assert b"Traceback" not in uwe.everything()
    server.close()


# Fast servers.


def test_many_messages_at_once(start_client: StartClient) -> None:
    """5,000 are shown in order; what is typed is shown before the last of them."""
    server = ScriptedServer({"groups": [{"group": "tea", "number": 1, "topic": ""}]})
    willi = start_client("willi", f"willi@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
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


def test_an_impossible_state_folder(start_client: StartClient, server: Server) -> None:
    """The client runs without saved state."""
    zack = start_client(
        "zack",
        f"zack@127.0.0.1:{server.port}",
        XDG_STATE_HOME="/dev/null/nowhere",
        PYCONCHAT_PASSWORD=PASSWORD,
    )
    zack.waits(lambda: zack.times_seen("front desk") or zack.times_seen("pyconchat: ") or
               zack.times_seen("Traceback"))  # fmt: skip
    assert b"Traceback" not in zack.everything()

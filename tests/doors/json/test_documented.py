"""JSON mode: hello, replies and events are as docs/line-protocol.rst says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from pyconchat.commands import TABLE
from pyconchat.domain.events import (
    AnyEvent,
    Entry,
)
from pyconchat.domain.names import Name
from pyconchat.domain.replies import Ended, EndWhy, Live, Missed, PresenceChanged, Reply, Where
from pyconchat.domain.text import SafeText
from pyconchat.render.json import event_object, reply_object
from tests.support.programs import (
    MemoryServer,
    Object,
    WiredProgram,
)

DOCS = (Path(__file__).parents[3] / "docs" / "line-protocol.rst").read_text()


KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEa70Qp+wLOH6kMGXeGtRE3sJTUQ4WI/MtvHqSnuCIx4 alice@laptop"
)


def table_after(heading: str) -> dict[str, tuple[str, str]]:
    """Return the first table after *heading*: first cell to second and last cell."""
    page = DOCS[DOCS.index(heading) :]
    table = re.search(r"(?m)^=+  =.*\n(?:.+\n)+", page)
    assert table is not None
    border, *lines = table[0].splitlines()
    columns = [match.start() for match in re.finditer(r"=+", border)]
    rows: list[list[str]] = []
    for line in lines[: lines.index(border, 2)]:
        if line == border:
            rows.clear()  # that was the head
            continue
        ends = [*columns[1:], None]
        cells = [line[start:end].strip() for start, end in zip(columns, ends, strict=True)]
        if cells[0]:
            rows.append(cells)
        else:
            rows[-1] = [f"{a} {b}".strip() for a, b in zip(rows[-1], cells, strict=True)]
    return {row[0].strip("`"): (row[1], row[-1]) for row in rows}


def literals(cell: str) -> set[str]:
    """Return the fields that the literals of a cell name."""
    return set(" ".join(re.findall(r"``([^`]+)``", cell)).split())


# Hello.


def test_the_answer_to_a_hello_is_as_documented(server: MemoryServer) -> None:
    """The fields are those of the example, with its types."""
    example = re.search(r'\{"hello": 1, "ok": true,.*?\n\n', DOCS, re.DOTALL)
    assert example is not None
    documented = json.loads(re.sub(r"\n *", " ", example[0]).replace("NAME…", "NAME"))
    alice = server.program("alice", "password a")
    alice.does("/create tea open")
    answer = server.program("alice", "password a").hello
    assert types_of(answer) == types_of(documented)
    assert types_of(answer["groups"][0]) == types_of(documented["groups"][0])
    approve = next(each for each in answer["commands"] if each["name"] == "approve")
    expected = documented["commands"][0]
    assert {key: approve[key] for key in ("name", "also")} == {
        key: expected[key] for key in ("name", "also")
    }
    assert types_of(approve) == types_of(expected)
    assert types_of(approve["arguments"][0]) == types_of(expected["arguments"][0])
    assert answer["line_bytes"] == 4096


def types_of(fields: Object) -> dict[str, type]:
    """Return the type of each field."""
    return {name: type(value) for name, value in fields.items()}


# Replies and events, as documented.


def grand_tour(server: MemoryServer, olga: WiredProgram) -> tuple[list[Object], list[WiredProgram]]:
    """Use every command; return all answers, and the programs."""
    alice = server.program("alice", "password a")
    server.chat.statistics.dropped["stuck"] += 1
    server.chat.statistics.turned_away["unauthenticated"] += 1
    bob, carol, gus = (
        server.program("bob", "password b"),
        server.program("carol", "password c"),
        server.program("gus"),
    )
    good = [
        alice.does("/create tea"),
        alice.does("/create vault password very-secret"),
        bob.does("/join tea please"),
        gus.does("/join tea"),
        carol.does("/join tea"),
        alice.does("/requests", "tea"),
        alice.does("/approve bob", "tea"),
        alice.does("/reject carol no", "tea"),
        gus.does("/leave tea"),
        alice.does("/invite gus", "tea"),
        alice.does("/invite carol", "tea"),
        carol.does("/join tea"),
        bob.does("/join vault very-secret"),
        alice.does("/policy password more-secret", "vault"),
        alice.does("/topic leaves", "tea"),
        alice.does(group="tea", text="hi there"),
        alice.does("/me waves", "tea"),
        alice.does("/pin 12", "tea"),
        alice.does("/pin", "tea"),
        alice.does("/invite code 2 1", "tea"),
        alice.does("/invite codes", "tea"),
        alice.does("/hook add ci", "tea"),
        alice.does("/hook", "tea"),
        alice.does("/hook remove ci", "tea"),
        alice.does("/join tea"),
        alice.does("/msg bob hi"),
        alice.does("/query bob"),
        alice.does("/members", "tea"),
        alice.does("/online", "tea"),
        alice.does("/admin", "tea"),
        alice.does("/moderator bob", "tea"),
        alice.does("/moderators", "tea"),
        alice.does("/slow 1", "tea"),
        alice.does("/slow", "tea"),
        bob.does("/slow 0", "tea"),
        bob.does("/quiet carol 1h", "tea"),
        alice.does("/quiet carol off", "tea"),
        alice.does("/moderator bob off", "tea"),
        alice.does("/kick bob out", "tea"),
        alice.does("/ban bob for good", "tea"),
        alice.does("/bans", "tea"),
        alice.does("/unban bob", "tea"),
        alice.does("/transfer carol", "tea"),
        alice.does("/history", "tea"),
        alice.does("/search hi", "tea"),
        alice.does("/away tea time"),
        alice.does("/away"),
        carol.does(group="tea", text="hi alice"),
        alice.does("/mentions"),
        alice.does("/mute tea"),
        alice.does("/who"),
        alice.does("/whois bob"),
        alice.does("/groups"),
        alice.does("/help"),
        alice.does("/help join"),
        alice.does("/ignore bob"),
        alice.does("/unignore bob"),
        alice.does("/set times on"),
        alice.does(f"/key add {KEY}"),
        alice.does("/key"),
        alice.does("/desk"),
        alice.does("/desk", "tea"),
        olga.does("/operator alice"),
        olga.does("/stats"),
        olga.does("/kick bob"),
        olga.does("/ban bob no"),
        olga.does("/bans"),
        olga.does("/unban bob"),
        gus.does("/join tea"),
        gus.does("/password", answers=["password g", "password g"]),
        alice.does("leave", "vault"),
        alice.does("/leave vault", answers=["yes"]),
        olga.does("/delete vault", answers=["vault"]),
        alice.does("/history", "tea"),
    ]
    return good, [olga, alice, bob, carol, gus]


REPLIES = table_after("Answers to commands\n~~~")


EVENTS = table_after("Events\n~~~")


FILES = {"files", "upload", "download"}  # this server shares no files


NO_ENTRIES = table_after("These events are not entries")


def test_every_reply_has_the_documented_fields(server: MemoryServer, olga: WiredProgram) -> None:
    """Each type of the table occurs, with its fields and theirs, and no other type."""
    good, _ = grand_tour(server, olga)
    seen: set[str] = set()
    for answer in good:
        if "type" not in answer:
            assert set(answer) in ({"re", "ok"}, {"re", "ok", "seq"})
            continue
        type = answer["type"]
        seen.add(type)
        top, _, inner = REPLIES[type][0].partition(":")
        assert set(answer) - {"re", "ok", "type"} == literals(top), type
        for each in [each for each in answer.values() if isinstance(each, list)]:
            for item in each if literals(inner) else []:
                assert set(item) == literals(inner), type
    assert seen == set(REPLIES) - FILES


def test_the_table_of_replies_is_complete() -> None:
    """It has all replies but the answer to a message and those that are events."""
    tags = {kind.__struct_config__.tag for kind in get_args(Reply)}
    assert set(REPLIES) == tags - {
        "said",
        "live",
        "missed",
        "presence",
        "end",
        "own-groups",
        "read",
    }


@pytest.mark.parametrize("type", ["upload", "download"])
def test_a_ticket_has_the_documented_fields(type: str) -> None:
    """Those of the table."""
    kind = next(each for each in get_args(Reply) if each.__struct_config__.tag == type)
    values = {name: name for name in kind.__struct_fields__}
    for where, place in ((Where(Name("tea")), "group"), (Where(other=Name("bob")), "with")):
        fields = reply_object(kind(**{**values, "where": where}))
        documented = literals(REPLIES[type][0]) - {"group"} | {place}
        assert set(fields) - {"type"} == documented


def test_no_list_in_a_reply_is_always_empty(server: MemoryServer, olga: WiredProgram) -> None:
    """So the fields of its items have been compared."""
    good, _ = grand_tour(server, olga)
    empty = {
        (answer["type"], name) for answer in good for name, value in answer.items() if value == []
    }
    full = {
        (answer["type"], name)
        for answer in good
        for name, value in answer.items()
        if isinstance(value, list) and value
    }
    assert empty <= full


EXAMPLE: dict[str, object] = {
    "until": 1_700_000_000_000,
    "text": SafeText("x"),
    "name": Name("bob"),
    "sender": Name("alice"),
    "tags": (("+x", SafeText("1")),),
}


@pytest.mark.parametrize("kind", get_args(AnyEvent), ids=lambda kind: kind.__struct_config__.tag)
def test_every_event_has_the_documented_fields(kind: Any) -> None:
    """Those that all entries have, and those of the table."""
    tag = kind.__struct_config__.tag
    event = kind(**{name: EXAMPLE.get(name, name) for name in kind.__struct_fields__})
    fields = event_object(Entry(2, 1, 0, event), Where(group=Name("tea")))
    expected = literals(re.split("[:;]", EVENTS[tag][0])[0])
    assert set(fields) == {"type", "group", "seq", "at"} | expected


def test_the_table_of_events_is_complete() -> None:
    """It has all types and no other."""
    assert set(EVENTS) == {kind.__struct_config__.tag for kind in get_args(AnyEvent)}


def test_events_that_are_no_entries_have_the_documented_fields() -> None:
    """They have neither number nor time; every reason for the end is named."""
    has_ended = reply_object(Ended(EndWhy.BYE, SafeText("Bye.")))
    presence = reply_object(PresenceChanged(Name("bob"), True))
    live = reply_object(Live())
    assert set(NO_ENTRIES) == {
        "live",
        "missed",
        "presence",
        "end",
        "own-groups",
        "done",
        "settings",
        "muted",
        "read",
    }
    missed = reply_object(Missed(None, Name("bob"), 1, 0, 0, 0))
    assert set(missed) == {"type", "with", "count", "older", "since", "mentions"}
    assert set(missed) - {"type"} <= literals(NO_ENTRIES["missed"][0])
    for fields, row in ((has_ended, "end"), (presence, "presence")):
        assert set(fields) == {"type"} | literals(NO_ENTRIES[row][0].partition(":")[0])
    assert set(live) == {"type"}
    named = literals(NO_ENTRIES["end"][0].partition(":")[2])
    assert named == {why.value for why in EndWhy}


def test_every_command_is_answered_by_one_object(server: MemoryServer) -> None:
    """With ``re`` and ``ok``, at the front desk and in a group, refused or not."""
    for command in TABLE:
        for group in (None, "tea"):
            alice = server.program("alice", "password a")
            if "tea" not in str(alice.hello["groups"]):
                alice.does("/create tea open")
            id = alice.requests(f"/{command.name}", group)
            alice.waits(1)
            answers = [each for each in alice.objects if each.get("re") == id]
            assert len(answers) == 1, command.name
            assert isinstance(answers[0]["ok"], bool)
            types = [each.get("type") for each in alice.objects]
            if "end" in types:
                assert command.name == "quit"
                assert alice.objects[-1]["type"] == "end"
            alice.cut()


def test_no_password_or_hash_is_ever_sent(server: MemoryServer, olga: WiredProgram) -> None:
    """Neither of accounts nor of groups."""
    _, everybody = grand_tour(server, olga)
    again = server.program("alice", "password a", since={"vault": 0, "tea": 0})
    for program in (*everybody, again):
        for secret in (b"password_hash", b"plain:", b"very-secret", b"more-secret", b"password g"):
            assert secret not in program.received

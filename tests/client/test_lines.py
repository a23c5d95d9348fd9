"""Show: events and answers as lines, in local time, with nothing that a terminal obeys."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyconchat.client.lines import NAME_COLOURS, Line, LineFormatter, plain
from pyconchat.client.net.json_protocol import Object, safe
from tests.client.conftest import NOON
from tests.client.fake_server import COMMANDS, is_clean, private, said
from tests.client.net.test_json_protocol import HOSTILE, values
from tests.support.examples import QUICK, examples

AT = "2026-11-21T09:30:00.123Z"
Zone = Callable[[str], None]


class WallClock:
    """A clock that shows what the test sets: noon of 21 November 2026 UTC at first."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall_clock(utc: Zone) -> WallClock:
    return WallClock()


@pytest.fixture
def shower(wall_clock: WallClock) -> LineFormatter:
    """A shower for alice."""
    return shower_for_alice(wall_clock)


def shower_for_alice(wall_clock: Callable[[], float]) -> LineFormatter:
    shower = LineFormatter(wall_clock)
    shower.me = "alice"
    return shower


def texts(lines: list[Line]) -> list[str]:
    assert all(is_clean(line) for line in lines)
    return [plain(line) for line in lines]


def style_of(line: Line, text: str) -> str:
    (style,) = {style for style, each in line.pieces if each == text}
    return style


def event(kind: str, group: str | None = "tea", **fields: Any) -> Object:
    return {"type": kind, "group": group, "seq": 7, "at": AT, **fields}


def answer(kind: str, **fields: Any) -> Object:
    return {"re": 1, "ok": True, "type": kind, **fields}


# What people say.


@pytest.mark.parametrize(
    ("happened", "here", "expected"),
    [
        (said(1, "hi"), "tea", "09:30 bob: hi"),
        (said(1, "hi"), "TEA", "09:30 bob: hi"),
        (said(1, "hi"), "coffee", "09:30 bob (in tea): hi"),
        (said(1, "hi"), None, "09:30 bob (in tea): hi"),
        (said(1, "waves", type="action"), "tea", "09:30 ~ bob waves"),
        (said(1, "waves", type="action"), "coffee", "09:30 ~ bob (in tea) waves"),
        (private(1, "psst"), "tea", "09:30 bob (private): psst"),
        (private(1, "psst") | {"from": "alice"}, "tea", "09:30 alice (private to bob): psst"),
        (said(1, "hi", at="2026-11-21T23:59:59.999Z"), "tea", "23:59 bob: hi"),
    ],
)
def test_what_is_said(
    shower: LineFormatter, happened: Object, here: str | None, expected: str
) -> None:
    """With the time, who, and where, unless that is here."""
    assert texts(shower.event(happened, here, live=True)) == [expected]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("UTC", "09:30"), ("Europe/Berlin", "10:30"), ("Asia/Kathmandu", "15:15"), ("UTC+5", "04:30")],
)
def test_local_time(shower: LineFormatter, utc: Zone, zone: str, expected: str) -> None:
    """Times are those of the reader's clock."""
    utc(zone)
    assert texts(shower.event(said(1, "hi"), "tea", live=True)) == [f"{expected} bob: hi"]


@pytest.mark.parametrize(
    "at", [None, "", "noon", 1, [], {}, True, "9999-99-99", "0001-01-01T00:00Z"]
)
def test_a_time_that_is_none(shower: LineFormatter, at: Any) -> None:
    """What has no time is shown without."""
    lines = texts(shower.event(said(1, "hi", at=at), "tea", live=True))
    assert lines[-1].endswith("bob: hi")


def test_a_name_has_one_colour(shower: LineFormatter) -> None:
    """Always and everywhere the same, however it is written."""
    (one,) = shower.event(said(1, "hi"), "tea", live=True)
    (two,) = shower.event(said(2, "ho", "coffee", sender="BOB", type="action"), "tea", live=False)
    (three,) = LineFormatter(lambda: NOON).event(private(1, "hi"), None, live=True)
    assert style_of(one, "bob") == style_of(two, "BOB") == style_of(three, "bob")


def test_names_have_many_colours(shower: LineFormatter) -> None:
    """A hundred names share all colours, none of them too often."""
    styles = [
        style_of(shower.event(said(1, "hi", sender=f"person{number}"), "tea", True)[0], name)
        for number in range(100)
        for name in [f"person{number}"]
    ]
    assert {*styles} == {f"who:{number}" for number in range(NAME_COLOURS)}
    assert max(map(styles.count, styles)) < 25


def test_a_colour_is_the_same_tomorrow() -> None:
    """The colour of a name does not depend on the process, as Python's own hashes do."""
    code = (
        "from pyconchat.client.lines import LineFormatter;"
        "e = {'type': 'message', 'group': 'tea', 'from': 'bob', 'text': 'hi'};"
        "print(LineFormatter(lambda: 0).event(e, 'tea', True)[0].pieces[0][0])"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1
    assert seen.pop().startswith("who:")


@pytest.mark.parametrize(
    "text",
    [
        "alice",
        "Alice!",
        "hi ALICE",
        "alice: look",
        "(alice)",
        "@alice",
        "ask alice.",
        "alice's",
        "«alice»",
    ],
)
def test_a_mention(shower: LineFormatter, text: str) -> None:
    """It stands out, and is to be heard; whoever writes the name in whatever case."""
    (line,) = shower.event(said(1, text), "coffee", live=True)
    assert line.calls
    assert style_of(line, text) == "mention"


@pytest.mark.parametrize(
    "text", ["malice", "alice2", "alicea", "alice-b", "x.alice", "ålice", "_alice"]
)
def test_no_mention(shower: LineFormatter, text: str) -> None:
    """A word of which the name is a part is another."""
    (line,) = shower.event(said(1, text), "tea", live=True)
    assert not line.calls
    assert style_of(line, text) == ""


def test_what_does_not_ring(shower: LineFormatter) -> None:
    """What was missed, what we say ourselves, and what stands in the log, is not to be heard."""
    lines = [
        *shower.event(said(1, "alice!"), "tea", live=False),
        *shower.event(said(1, "I am alice", sender="Alice"), "tea", live=True),
        *shower.event(private(1, "psst") | {"from": "alice"}, "tea", live=True),
        *shower.event(private(1, "psst"), "tea", live=False),
        *shower.answer(answer("history", group="tea", entries=[said(1, "alice!")]), "tea"),
    ]
    assert len(lines) == 5
    assert not any(line.calls for line in lines)


def test_a_private_word_rings(shower: LineFormatter) -> None:
    """Whatever it says."""
    (line,) = shower.event(private(1, "psst"), "tea", live=True)
    assert line.calls


def test_a_name_of_odd_letters(shower: LineFormatter) -> None:
    """A name with a dot in it means the dot."""
    shower.me = "a.b"
    (one,) = shower.event(said(1, "axb"), "tea", live=True)
    (two,) = shower.event(said(1, "ask a.b"), "tea", live=True)
    assert (one.calls, two.calls) == (False, True)
    shower.me = ""
    (three,) = shower.event(said(1, "anything"), "tea", live=True)
    assert not three.calls


# Days.


def test_a_new_day_begins_with_a_line(shower: LineFormatter) -> None:
    """Once, before the first entry of the day; today's first needs none."""
    days = ["2026-11-21T09:30:00Z", "2026-11-21T23:59:59Z", "2026-11-22T00:00:00Z"]
    lines = [
        text
        for at in [*days, days[-1]]
        for text in texts(shower.event(said(1, "hi", at=at), "tea", live=True))
    ]
    assert lines == [
        "09:30 bob: hi",
        "23:59 bob: hi",
        "- Sunday, 22 November 2026 -",
        "00:00 bob: hi",
        "00:00 bob: hi",
    ]


def test_what_was_missed_says_its_day(shower: LineFormatter) -> None:
    """What is of another day than today says so, and today says so after it."""
    lines = [
        text
        for at in ("2026-11-19T10:00:00Z", "2026-11-21T10:00:00Z")
        for text in texts(shower.event(said(1, "hi", at=at), "tea", live=False))
    ]
    assert [line for line in lines if line.startswith("-")] == [
        "- Thursday, 19 November 2026 -",
        "- Saturday, 21 November 2026 -",
    ]


def test_days_are_those_of_the_reader(shower: LineFormatter, utc: Zone) -> None:
    """A day begins at the reader's midnight."""
    utc("Europe/Berlin")
    texts(shower.event(said(1, "hi", at="2026-11-21T22:59:00Z"), "tea", live=True))
    lines = texts(shower.event(said(1, "hi", at="2026-11-21T23:00:00Z"), "tea", live=True))
    assert lines == ["- Sunday, 22 November 2026 -", "00:00 bob: hi"]


def test_midnight(shower: LineFormatter, wall_clock: WallClock) -> None:
    """At midnight the line comes by itself, once, and not again with the next entry."""
    texts(shower.event(said(1, "hi"), "tea", live=True))
    midnight = NOON + 12 * 3600
    wall_clock.now = midnight - 1
    assert shower.midnight() == []
    wall_clock.now = midnight + 1
    assert texts(shower.midnight()) == ["- Sunday, 22 November 2026 -"]
    wall_clock.now = midnight + 60
    assert shower.midnight() == []
    later = said(2, "hi", at="2026-11-22T00:01:00Z")
    assert texts(shower.event(later, "tea", live=True)) == ["00:01 bob: hi"]


def test_the_log_has_days_of_its_own(shower: LineFormatter) -> None:
    """What was looked up changes nothing about which day it is."""
    texts(shower.event(said(1, "hi"), "tea", live=True))
    old = [said(1, "old", at="2026-11-01T10:00:00Z"), said(2, "older", at="2026-11-02T10:00:00Z")]
    shown = texts(shower.answer(answer("history", group="tea", entries=old), "tea"))
    assert shown == [
        "- Sunday, 1 November 2026 -",
        "10:00 bob: old",
        "- Monday, 2 November 2026 -",
        "10:00 bob: older",
    ]
    assert texts(shower.event(said(3, "new"), "tea", live=True)) == ["09:30 bob: new"]


# What happens.


EVENTS: list[tuple[Object, str]] = [
    (event("joined", name="bob", via="open", by=None, guest=False), "bob has joined the chat!"),
    (event("joined", name="bob", via="approval", by="carol"), "(approved by carol)"),
    (event("joined", name="alice", via="approval", by="carol"), "carol approved your request"),
    (event("left", name="bob", why="left"), "bob has left the chat."),
    (event("left", name="alice", why="left"), "You have left tea."),
    (event("kicked", name="bob", by="carol", reason="rude"), "bob was kicked by carol: rude"),
    (event("kicked", name="alice", by="carol", reason=""), "You were kicked from tea by carol."),
    (event("banned", name="bob", by="carol", reason=""), "bob was banned by carol."),
    (event("unbanned", name="bob", by="carol"), "bob may join again"),
    (event("registered", name="bob"), "bob is registered now."),
    (event("requested", name="bob", note="please", guest=False), 'bob asks to join tea: "please"'),
    (event("withdrawn", name="bob", why="left"), "The request of bob to join"),
    (event("rejected", name="bob", by="carol", reason=""), "carol rejected the request of bob."),
    (event("invited", name="alice", by="carol", guest=False), "carol invites you to tea"),
    (event("uninvited", name="bob"), "bob, who was invited, has disconnected."),
    (event("admin", name="bob", why="left", by=None), "bob is the admin now."),
    (event("policy", policy="open", by="carol"), "carol changed the policy to open."),
    (event("topic", topic="green", by="carol"), "carol changed the topic: green"),
    (event("created", number=3, name="tea", by="bob", policy="open", guest=False), "bob created"),
    (event("closed"), "tea is closed"),
    (
        event("shared", number=3, file="a.txt", by="bob", size=1500, sha256="ab"),
        "bob shared a.txt (1.5 kB), number 3",
    ),
    (event("removed", number=3, file="a.txt", by="bob"), "bob removed the file a.txt, number 3."),
    (event("server-kicked", None, name="bob", by="root", reason=""), "bob was kicked off"),
    (event("server-banned", None, name="bob", by="root", reason=""), "bob was banned from"),
    (event("server-unbanned", None, name="bob", by="root"), "bob may log in again"),
    (event("operator", None, name="bob", by="root"), "bob is an operator now."),
    ({"type": "presence", "name": "bob", "online": True, "reason": ""}, "bob is online."),
    ({"type": "presence", "name": "bob", "online": False, "reason": "ping"}, "offline: ping"),
]


@pytest.mark.parametrize(("happened", "expected"), EVENTS, ids=lambda each: str(each)[:40])
def test_events(shower: LineFormatter, happened: Object, expected: str) -> None:
    """Each kind has its sentence, as at telnet."""
    (line,) = texts(shower.event(happened, "tea", live=True))
    assert expected in line
    assert "* " in line


@pytest.mark.parametrize("kind", ["live", "end"])
def test_what_is_not_shown(shower: LineFormatter, kind: str) -> None:
    """That all was sent is for the client; the end has its own way."""
    assert shower.event({"type": kind, "why": "bye", "text": "Bye."}, "tea", live=True) == []


def test_an_event_of_a_newer_server(shower: LineFormatter) -> None:
    """What this client has never heard of is shown by its fields, or its text."""
    poll = event("poll", by="bob", options=["red", "green"], open=True, of={"x": None})
    (line,) = texts(shower.event(poll, "tea", live=True))
    for word in ("poll", "bob", "red, green", "yes", "none"):
        assert word in line
    (line,) = texts(shower.event({"type": "notice", "text": "Back in 5 min."}, "tea", live=True))
    assert line == "* Back in 5 min."


# Answers.


ANSWERS: list[tuple[Object, list[str]]] = [
    (answer("done", text="It is done."), ["* It is done."]),
    (answer("sent", **{"with": "bob", "online": True, "seq": 3}), ["* Sent to bob."]),
    (
        answer(
            "entered",
            group="tea",
            number=1,
            admin="bob",
            topic="green",
            members=2,
            online=1,
            policy="open",
            created=False,
        ),
        ["* You are in tea (number 1): 2 members, 1 online; the admin is bob.", "* Topic: green"],
    ),
    (answer("asked", group="tea", admin="bob"), ["* You asked to join tea; its admin, bob,"]),
    (answer("desk", left="tea"), ["* You are at the front desk; you are still", "* 1 join"]),
    (answer("groups", groups=[]), ["* There are no groups yet"]),
    (
        answer(
            "groups",
            groups=[
                {"group": "tea", "number": 1, "policy": "open", "members": 2, "online": 1}
                | {"unread": None, "topic": "green"}
            ],
        ),
        ["* No.", "*   1  tea"],
    ),
    (
        answer(
            "requests",
            group="tea",
            requests=[{"name": "bob", "at": AT, "note": "x", "guest": False}],
        ),
        ["* 1 asking to join tea", '*   bob, for 2 hours: "x"'],
    ),
    (
        answer(
            "members",
            group="tea",
            online_only=False,
            members=[{"name": "bob", "admin": True, "guest": False, "online": True}],
        ),
        ["* 1 member of tea:", "*   bob (admin, online)"],
    ),
    (answer("admin-is", group="tea", admin="bob", online=False), ["* The admin of tea is bob"]),
    (answer("bans", group=None, bans=[]), ["* Nobody is banned from this server."]),
    (
        answer("bans", group="tea", bans=[{"name": "bob", "by": "carol", "at": AT, "reason": "x"}]),
        ["* 1 banned from tea:", "*   bob, by carol: x"],
    ),
    (
        answer(
            "who", people=[{"name": "bob", "guest": True, "operator": False, "groups": ["tea"]}]
        ),
        ["* Online: 1", "*   bob (guest; in tea)"],
    ),
    (answer("history", group="tea", entries=[]), ["* Nothing has been said yet."]),
    (answer("history", group="tea", entries=[said(1, "x")]), ["09:30 bob: x"]),
    (
        answer("matches", group="tea", words="x", more=False, entries=[said(1, "x")]),
        ["* Found for: x", "09:30 bob: x"],
    ),
    (answer("matches", group="tea", words="x", more=False, entries=[]), ["* Nothing found for: x"]),
    (
        answer(
            "files",
            group="tea",
            files=[{"number": 1, "name": "a.txt", "size": 5, "sha256": "a", "by": "bob", "at": AT}],
        ),
        ["* No.", "*   1  a.txt"],
    ),
    (answer("help", commands=COMMANDS), ["*", *["*"] * (len(COMMANDS) + 1)]),
    (answer("help", commands=COMMANDS[:1]), ["* /join", "*   Does join."]),
    (answer("password", text="Changed.", token="t"), ["* Changed."]),
    (answer("new-thing", text="It is so."), ["* It is so."]),
    (answer("new-thing", count=3), ["* new-thing: count 3"]),
    ({"re": 1, "ok": True}, []),
    ({"re": 1, "ok": True, "seq": 3}, []),
    ({"re": 1, "ok": False, "code": "x", "error": "You cannot."}, ["* You cannot."]),
    ({"re": 1, "ok": False, "code": "x"}, ["* The server said no."]),
]


@pytest.mark.parametrize(("given_", "expected"), ANSWERS, ids=lambda each: str(each)[:40])
def test_answers(shower: LineFormatter, given_: Object, expected: list[str]) -> None:
    """Each kind has its lines, as at telnet; more words may follow on each."""
    lines = texts(shower.answer(given_, "tea"))
    assert len(lines) == len(expected)
    assert all(line.startswith(start) for line, start in zip(lines, expected, strict=True))


def test_there_may_be_more(shower: LineFormatter) -> None:
    """A search that has found more than is shown says so, as at telnet."""
    found = answer("matches", group="tea", words="x", more=True, entries=[said(1, "x")])
    assert texts(shower.answer(found, "tea"))[0] == "* The newest matches for: x"


# What servers may send.

WRONG: list[Any] = [
    None, True, -1, 10**30, 10**400, 1.5, "", "text", HOSTILE, AT, [], [None], ["x"], [[]], [{}],
    [{"name": "x", "at": 3}], [{"type": "message"}], [{"type": []}], {}, {"x": {"y": 1}},
    {"group": None},
]  # fmt: skip


def shows(shower: LineFormatter, fields: Object) -> None:
    """Show *fields*, as they come over the wire, as an event and as an answer."""
    fields = safe(fields)
    lines = [*shower.event({"type": "x", **fields}, "tea", live=True)]
    lines += shower.answer({**fields, "ok": True}, "tea")
    lines += shower.answer(fields, None)
    assert all(is_clean(line) for line in lines)


@pytest.mark.parametrize(
    "template",
    [*(each for each, _ in EVENTS), *(each for each, _ in ANSWERS), said(1, "x"), private(1, "x")],
    ids=lambda each: f"{each.get('type')}",
)
def test_fields_that_make_no_sense(shower: LineFormatter, template: Object) -> None:
    """Every field of every kind may be of a wrong type, or missing: it is shown somehow."""
    for field in [*template, "with", "text", "entries", "where", "commands"]:
        for wrong in WRONG:
            shows(shower, {**template, field: wrong})
        shows(shower, {name: value for name, value in template.items() if name != field})


@pytest.mark.parametrize("kind", ["history", "matches"])
@pytest.mark.parametrize(
    "entry", [{}, {"type": None}, {"type": []}, {"type": "history"}, {"text": 1}]
)
def test_entries_of_the_log_that_make_no_sense(
    shower: LineFormatter, kind: str, entry: Object
) -> None:
    """The log may have anything in it, also what is no event."""
    shows(shower, answer(kind, words="x", entries=[entry, said(1, "x")]))


@pytest.mark.parametrize("kind", ["history", "matches"])
def test_an_answer_that_comes_as_an_event(shower: LineFormatter, kind: str) -> None:
    """What is an answer's type may come as an event, with the fields of the server's own record."""
    entries: list[Any] = [[], [{"conversation": 1, "seq": 1, "at": 1, "event": said(1, "x")}]]
    for each in entries:
        shows(shower, event(kind, where={}, entries=each, words="x", more=False))


@pytest.mark.parametrize("kind", ["said", "live", "upload", "download"])
def test_answers_that_are_no_events(shower: LineFormatter, kind: str) -> None:
    """Nothing that the server itself uses as a type is in the way."""
    ticket = {"ticket": "t", "group": "tea", "name": "x", "offset": 0, "most": 1, "command": "nc"}
    shows(shower, event(kind, **ticket | {"number": 1, "size": 10**400, "sha256": "x"}))


def test_sizes_that_are_too_large(shower: LineFormatter) -> None:
    """A file of 10**400 bytes is shown somehow."""
    for size in (10**400, -(10**400), 10**308, -1):
        shows(shower, event("shared", number=size, file="a", by="bob", size=size, sha256="x"))
        file = {"number": size, "name": "a", "size": size, "sha256": "x", "by": "bob", "at": AT}
        shows(shower, answer("files", group="tea", files=[file]))


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1969-12-31T00:00Z"]
)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "UTC+12"])
def test_times_at_the_ends_of_the_calendar(
    shower: LineFormatter, utc: Zone, zone: str, at: str
) -> None:
    """Times that are a day too early or too late for this machine are no times."""
    utc(zone)
    shows(shower, said(1, "x", at=at))
    file = {"number": 1, "name": "a", "size": 1, "sha256": "x", "by": "bob", "at": at}
    shows(shower, answer("files", group="tea", files=[file]))
    request = {"name": "bob", "at": at, "note": "x", "guest": False}
    shows(shower, answer("requests", group="tea", requests=[request]))


def test_nothing_hostile_is_shown(shower: LineFormatter) -> None:
    """In each text of each kind, keys included, nothing is left that a terminal obeys."""

    def hostile(value: Any) -> Any:
        if isinstance(value, str):
            return value + HOSTILE
        if isinstance(value, dict):
            return {
                name: each if name in ("type", "at", "policy", "why", "via") else hostile(each)
                for name, each in value.items()
            } | {HOSTILE: HOSTILE}
        return [hostile(each) for each in value] if isinstance(value, list) else value

    for template in [*(each for each, _ in EVENTS), *(each for each, _ in ANSWERS), said(1, "x")]:
        shows(shower, hostile(template))


KINDS = [
    *{each["type"] for each, _ in EVENTS},
    *{each.get("type") for each, _ in ANSWERS},
    "message", "action", "said", "upload", "download", "zzz",
]  # fmt: skip
FIELDS = sorted(
    {name for each, _ in [*EVENTS, *ANSWERS] for name in each} | {"from", "with", "where", "words"}
)
anything = st.dictionaries(st.sampled_from(FIELDS), values, max_size=6)


@settings(max_examples=examples(75), deadline=None, phases=QUICK)
@given(st.sampled_from(sorted(map(str, KINDS))), anything)
def test_whatever_is_sent_is_clean(kind: str, fields: Object) -> None:
    """Any JSON, as any kind: it is shown or passed over, and is clean in the bytes."""
    shower = shower_for_alice(lambda: NOON)
    shows(shower, {**fields, "type": kind})


records = st.sampled_from([*(each for each, _ in EVENTS), *(each for each, _ in ANSWERS)])


@settings(max_examples=examples(75), deadline=None, phases=QUICK)
@given(records, st.dictionaries(st.sampled_from(FIELDS), values, max_size=2))
def test_a_field_of_anything(template: Object, fields: Object) -> None:
    """As before, but nearly right."""
    shower = shower_for_alice(lambda: NOON)
    shows(shower, {**template, **fields})

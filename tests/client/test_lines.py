"""LineFormatter: events and answers become lines, in local time."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, get_args

import pytest

from pyconchat.client.lines import LineFormatter
from pyconchat.client.name_colours import NAME_COLOURS
from pyconchat.client.net.json_protocol import Object, safe
from pyconchat.domain.events import AnyEvent
from pyconchat.domain.replies import Ended, Matches, Mentions, Replayed, Reply
from pyconchat.render.json import JsonRenderer
from pyconchat.render.replies import reply_lines
from tests.client.examples import ANSWERS, EVENTS, answer, event
from tests.client.fakes import message, private_message
from tests.client.formatters import SetZone, WallClock, style_of, texts
from tests.client.people import NOON
from tests.client.replies import REPLIES

# Messages.


@pytest.mark.parametrize(
    ("event", "current", "expected"),
    [
        (message(1, "hi"), "tea", "09:30 bob: hi"),
        (message(1, "hi"), "TEA", "09:30 bob: hi"),
        (message(1, "hi"), "coffee", "09:30 bob (in tea): hi"),
        (message(1, "hi"), None, "09:30 bob (in tea): hi"),
        (message(1, "waves", type="action"), "tea", "09:30 ~ bob waves"),
        (message(1, "waves", type="action"), "coffee", "09:30 ~ bob (in tea) waves"),
        (private_message(1, "psst"), "tea", "09:30 bob (private): psst"),
        (private_message(1, "psst") | {"guest": True}, "tea", "09:30 bob (guest, private): psst"),
        (
            private_message(1, "psst") | {"from": "alice"},
            "tea",
            "09:30 alice (private to bob): psst",
        ),
        (message(1, "hi", at="2026-11-21T23:59:59.999Z"), "tea", "23:59 bob: hi"),
    ],
)
def test_messages(
    formatter: LineFormatter, event: Object, current: str | None, expected: str
) -> None:
    """With the time and the sender, and with the group unless it is the current one."""
    assert texts(formatter.event(event, current, live=True)) == [expected]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("UTC", "09:30"), ("Europe/Berlin", "10:30"), ("Asia/Kathmandu", "15:15"), ("UTC+5", "04:30")],
)
def test_local_time(formatter: LineFormatter, set_zone: SetZone, zone: str, expected: str) -> None:
    """Times are in the reader's time zone."""
    set_zone(zone)
    assert texts(formatter.event(message(1, "hi"), "tea", live=True)) == [f"{expected} bob: hi"]


@pytest.mark.parametrize(
    "at", [None, "", "noon", 1, [], {}, True, "9999-99-99", "0001-01-01T00:00Z"]
)
def test_an_invalid_time(formatter: LineFormatter, at: Any) -> None:
    """The message is shown without a time."""
    lines = texts(formatter.event(message(1, "hi", at=at), "tea", live=True))
    assert lines[-1].endswith("bob: hi")


def test_a_name_has_one_colour(formatter: LineFormatter) -> None:
    """The same everywhere, in upper and lower case."""
    (one,) = formatter.event(message(1, "hi"), "tea", live=True)
    (two,) = formatter.event(
        message(2, "ho", "coffee", sender="BOB", type="action"), "tea", live=False
    )
    (three,) = LineFormatter(lambda: NOON).event(private_message(1, "hi"), None, live=True)
    assert style_of(one, "bob") == style_of(two, "BOB") == style_of(three, "bob")


def test_names_have_many_colours(formatter: LineFormatter) -> None:
    """A hundred names use all colours, and none of them too often."""
    styles = [
        style_of(formatter.event(message(1, "hi", sender=f"person{number}"), "tea", True)[0], name)
        for number in range(100)
        for name in [f"person{number}"]
    ]
    assert {*styles} == {f"name:{number}" for number in range(NAME_COLOURS)}
    assert max(map(styles.count, styles)) < 25


def test_colours_do_not_depend_on_the_process() -> None:
    """As Python's own hashes do."""
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
    assert seen.pop().startswith("name:")


@pytest.mark.parametrize("me", ["alice", "Alice"])
def test_a_mention(formatter: LineFormatter, me: str) -> None:
    """The server says whom a message names: it is highlighted, and rings the bell if it is new."""
    formatter.me = me
    said = message(1, "look, you there", mentions=["bob", "alice"])
    (line,) = formatter.event(said, "coffee", live=True)
    assert line.rings
    assert style_of(line, said["text"]) == "mention"
    (line,) = formatter.event(said, "coffee", live=False)
    assert not line.rings
    assert style_of(line, said["text"]) == "mention"


def test_a_mention_without_colours(formatter: LineFormatter) -> None:
    """It has the mark that it has at telnet and nc, after the time."""
    formatter.me = "alice"
    said = message(1, "look", mentions=["alice"])
    action = event("action", text="waves", mentions=["alice"], **{"from": "bob"}) | {"seq": 2}
    assert texts(formatter.event(said, "coffee", live=True)) == ["09:30 » bob (in tea): look"]
    assert texts(formatter.event(action, "tea", live=False)) == ["09:30 » ~ bob waves"]


@pytest.mark.parametrize("mentions", [[], ["bob", "malice"]])
def test_no_mention(formatter: LineFormatter, mentions: list[str]) -> None:
    """A name in the text alone is none."""
    (line,) = formatter.event(message(1, "alice", mentions=mentions), "tea", live=True)
    assert not line.rings
    assert style_of(line, "alice") == ""


def test_the_mentions_of_a_reader(formatter: LineFormatter) -> None:
    """Those that were not shown yet are highlighted, and none rings."""
    entries = [
        message(1, "alice?", mentions=["alice"], unread=False),
        message(9, "alice!", group="coffee", mentions=["alice"], unread=True),
    ]
    found = answer("mentions", entries=entries, more=1200, next="/mentions 2 before tea 1")
    heading, *lines = formatter.answer(found, "tea")
    assert texts([heading, *lines]) == [
        "* … 1,200 older: /mentions 2 before tea 1",
        "09:30 #1 bob: alice?",
        "09:30 #9 » bob (in coffee): alice!",
    ]
    assert [line.rings for line in lines] == [False, False]
    assert style_of(lines[0], "alice?") == ""
    assert style_of(lines[1], "alice!") == "mention"


def test_messages_that_do_not_ring(formatter: LineFormatter) -> None:
    """Missed messages, the reader's own, and those of the history."""
    named = message(1, "alice!", mentions=["alice"])
    lines = [
        *formatter.event(named, "tea", live=False),
        *formatter.event(
            message(1, "I am alice", sender="Alice", mentions=["alice"]), "tea", live=True
        ),
        *formatter.event(private_message(1, "psst") | {"from": "alice"}, "tea", live=True),
        *formatter.event(private_message(1, "psst"), "tea", live=False),
        *formatter.answer(
            answer("history", group="tea", entries=[message(1, "alice!", mentions=["alice"])]),
            "tea",
        ),
    ]
    assert len(lines) == 5
    assert not any(line.rings for line in lines)


def test_a_private_message_rings(formatter: LineFormatter) -> None:
    """Whatever its text is."""
    (line,) = formatter.event(private_message(1, "psst"), "tea", live=True)
    assert line.rings


def test_a_request_names_its_commands_while_it_is_new(formatter: LineFormatter) -> None:
    """In the history it may be answered already."""
    asked = event("requested", name="bob", note="", guest=False)
    (live,) = texts(formatter.event(asked, "tea", live=True))
    past = texts(formatter.answer(answer("history", group="tea", entries=[asked]), "tea"))
    assert live.endswith("bob asks to join tea (/approve bob, /reject bob)")
    assert past[-1].endswith("bob asks to join tea")


# Days.


def test_midnight(formatter: LineFormatter, wall_clock: WallClock) -> None:
    """The line for the new day is shown once, and not again with the next entry."""
    texts(formatter.event(message(1, "hi"), "tea", live=True))
    midnight = NOON + 12 * 3600
    wall_clock.now = midnight - 1
    assert formatter.midnight() == []
    wall_clock.now = midnight + 1
    assert texts(formatter.midnight()) == ["- Sunday, 22 November 2026 -"]
    wall_clock.now = midnight + 60
    assert formatter.midnight() == []
    later = message(2, "hi", at="2026-11-22T00:01:00Z")
    assert texts(formatter.event(later, "tea", live=True)) == ["00:01 bob: hi"]


def test_an_answer_quotes_what_it_answers(formatter: LineFormatter) -> None:
    """By its author and its start; without the start if that was removed."""
    quote = {"from": "carol", "text": "tea?"}
    answered = {**message(4, "yes"), "reply_to": 3, "quote": quote}
    assert texts(formatter.event(answered, "tea", live=True)) == ['09:30 bob ↪ carol "tea?": yes']
    removed = {**answered, "quote": {"from": "carol", "text": ""}}
    assert texts(formatter.event(removed, "tea", live=True)) == ["09:30 bob ↪ carol: yes"]


def test_tags_of_irc_clients(formatter: LineFormatter) -> None:
    """They are not shown, neither those of a message nor those without a text."""
    tags = {"tags": {"+x": "y"}}
    tagged = formatter.event(message(4, "yes", **tags), "tea", live=True)
    assert texts(tagged) == ["09:30 bob: yes"]
    assert formatter.event({**message(5, ""), "type": "tags", **tags}, "tea", live=True) == []


def test_what_was_removed_shows_nothing(formatter: LineFormatter) -> None:
    """Neither in its place, nor an edit that was replaced."""
    removed = {**message(4, ""), "type": "unsaid", "by": "bob"}
    replaced = {**message(5, ""), "type": "edit", "about": 4, "by": "bob"}
    for gone in (removed, replaced):
        assert texts(formatter.event(gone, "tea", live=True)) == []


@pytest.mark.parametrize(
    ("current", "prefix", "get"),
    [
        ("tea", "[@bob] ", "/query bob, then /get 1"),
        ("@Bob", "", "/get 1"),
        (None, "[@bob] ", "/query bob, then /get 1"),
    ],
)
def test_lines_about_a_private_conversation(
    formatter: LineFormatter, current: str | None, prefix: str, get: str
) -> None:
    """Elsewhere they name it; where it is the current place they need not."""
    for fields, sentence in (
        ({"type": "edit", "about": 4, "text": "hi!"}, "bob corrected: hi!"),
        ({"type": "unsay", "about": 4, "from": "bob"}, "bob removed a message."),
        ({"type": "react", "about": 4, "emoji": "👍"}, "bob reacted 👍 to #4"),
        (
            {"type": "shared", "number": 1, "file": "a", "size": 1, "sha256": "ab"},
            f"bob shared a (1 byte), number 1 ({get})",
        ),
    ):
        event = {**private_message(5, ""), **fields, "by": "bob"}
        (line,) = texts(formatter.event(event, current, live=True))
        assert line == f"09:30 * {prefix}{sentence}"


# Events.


@pytest.mark.parametrize(("fields", "expected"), EVENTS, ids=lambda each: str(each)[:40])
def test_events(formatter: LineFormatter, fields: Object, expected: str) -> None:
    """Each kind has its sentence, the same as at telnet."""
    (line,) = texts(formatter.event(fields, "tea", live=True))
    assert expected in line
    assert "* " in line


@pytest.mark.parametrize("kind", ["live", "end"])
def test_events_that_are_not_shown(formatter: LineFormatter, kind: str) -> None:
    """Those at the end of the missed entries and at the end of the connection."""
    assert formatter.event({"type": kind, "why": "bye", "text": "Bye."}, "tea", live=True) == []


def test_an_unknown_event(formatter: LineFormatter) -> None:
    """Its text is shown, or else its fields."""
    poll = event("poll", by="bob", options=["red", "green"], open=True, of={"x": None})
    (line,) = texts(formatter.event(poll, "tea", live=True))
    for word in ("poll", "bob", "red, green", "yes", "none"):
        assert word in line
    (line,) = texts(formatter.event({"type": "notice", "text": "Back in 5 min."}, "tea", live=True))
    assert line == "* Back in 5 min."


@pytest.mark.parametrize("fields", [{"type": "notice"}, {"type": "done"}, {"type": "message"}])
def test_texts_of_several_lines(formatter: LineFormatter, fields: Object) -> None:
    """Later lines are indented, so that none looks like another person's message."""
    fields = {**message(1, "hi\nbob: no\ttab"), **fields}
    (line,) = texts(formatter.event(fields, "tea", live=True))
    first, later = line.split("\n")
    assert first.endswith("hi")
    assert later == "    bob: no     tab"


def test_every_kind_of_entry_has_an_example() -> None:
    """So that none is shown field by field."""
    kinds = {each.__struct_config__.tag for each in get_args(AnyEvent)}
    assert kinds <= {each["type"] for each, _ in EVENTS} | {"message", "action", "unsaid", "tags"}


# Answers.


@pytest.mark.parametrize("reply", REPLIES, ids=lambda each: type(each).__name__)
def test_replies(formatter: LineFormatter, reply: Reply) -> None:
    """Each kind has the same lines as at telnet, whether it is an answer or an event."""
    wire = safe(json.loads(JsonRenderer().reply(reply)))
    shown = [f"* {line}" for line in reply_lines(reply)]
    assert texts(formatter.answer({"re": 1, "ok": True, **wire}, "tea")) == shown
    if not isinstance(reply, Ended):
        assert texts(formatter.event({"type": "said", **wire}, "tea", live=True)) == shown


def test_every_kind_of_reply_has_an_example() -> None:
    """So that none is shown field by field; a log has entries, which have their own tests."""
    kinds = {type(each) for each in REPLIES} | {Replayed, Matches, Mentions}
    assert {each.__name__ for each in {*get_args(Reply)} - kinds} == set()


@pytest.mark.parametrize(("fields", "expected"), ANSWERS, ids=lambda each: str(each)[:40])
def test_answers(formatter: LineFormatter, fields: Object, expected: list[str]) -> None:
    """Each kind has its lines, the same as at telnet; only their beginnings are compared."""
    lines = texts(formatter.answer(fields, "tea"))
    assert len(lines) == len(expected)
    assert all(line.startswith(start) for line, start in zip(lines, expected, strict=True))


def test_a_search_with_more_matches(formatter: LineFormatter) -> None:
    """The lines above them have the command that finds older ones, also if there are none yet."""
    more = {"group": "tea", "words": "x", "more": True, "next": "/search x before:5"}
    found = answer("matches", **more, entries=[message(5, "x")])
    heading = ["* Found for: x", "* … older: /search x before:5"]
    assert texts(formatter.answer(found, "tea"))[:2] == heading
    nothing = answer("matches", **more, entries=[])
    heading[0] = "* Nothing found so far for: x"
    assert texts(formatter.answer(nothing, "tea")) == heading


def test_a_message_of_a_hook(formatter: LineFormatter) -> None:
    """It has a mark that no name can have, also with the time and the place before the text."""
    fields = {**message(7, "build 7 failed"), "from": "ci", "notice": True, "hook": True}
    (line,) = texts(formatter.event(fields, "tea", live=True))
    assert line.endswith("ci (hook): build 7 failed")
    (line,) = texts(formatter.event(fields, "pot", live=True))
    assert line.endswith("ci (hook) (in tea): build 7 failed")

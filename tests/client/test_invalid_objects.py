"""ClientSession: invalid objects from the server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyconchat.client.interfaces import ConnectionState
from pyconchat.client.net.json_protocol import Object
from tests.client.examples import ANSWERS, EVENTS, WRONG, values
from tests.client.fakes import (
    COMMANDS,
    groups_in_hello,
    is_safe,
    message,
    private_message,
)
from tests.client.people import MakeSession
from tests.support.examples import QUICK, examples

HELLO_FIELDS = [
    "name",
    "token",
    "groups",
    "commands",
    "motd",
    "line_bytes",
    "registered",
    "operator",
]


@pytest.mark.parametrize("field", HELLO_FIELDS)
def test_invalid_fields_in_the_hello(
    make_session: MakeSession, logged_failures: list[str], field: str
) -> None:
    """The client logs in and keeps running, whatever a field is."""
    me = make_session()
    me.starts()
    more: list[Any] = [[{"group": wrong} for wrong in WRONG], [{"name": wrong} for wrong in WRONG]]
    more += [
        [{**groups_in_hello("tea")[0], key: wrong} for wrong in WRONG]
        for key in ("number", "topic")
    ]
    more += [[{**COMMANDS[0], key: wrong} for wrong in WRONG] for key in COMMANDS[0]]
    for wrong in [*WRONG, *more]:
        me.server.receives()
        me.server.accepts_hello(**{field: wrong})
        assert me.session.connection.state is ConnectionState.LIVE, wrong
        me.types("hi")
        me.session.completer.completions("")
        me.session.completer.completions("/join t")
        assert not [line for line in me.sees() if "Cannot reach" in line], wrong
        me.server.disconnects()
        me.fake.reconnects()
    assert (me.ends, logged_failures) == ([], [])


@pytest.mark.parametrize(
    "template",
    [*(each for each, _ in EVENTS), message(1, "x"), private_message(1, "x"), {"type": "live"}],
    ids=lambda each: f"{each.get('type')}",
)
def test_invalid_fields_in_events(
    make_session: MakeSession, logged_failures: list[str], template: Object
) -> None:
    """The client keeps running, whatever a field is."""
    me = make_session().enters("tea")
    for field in [*template, "with", "group"]:
        for wrong in WRONG:
            me.server.sends({**template, field: wrong})
            me.server.receives()
    assert me.server.is_open
    assert (me.ends, logged_failures) == ([], [])


@pytest.mark.parametrize(
    "template", [each for each, _ in ANSWERS], ids=lambda each: f"{each.get('type')}"
)
def test_invalid_fields_in_answers(
    make_session: MakeSession, logged_failures: list[str], template: Object
) -> None:
    """The request counts as answered, whatever a field is."""
    me = make_session().enters("tea")
    for field in [*template, "ask", "secret", "code", "token", "group", "type"]:
        for wrong in WRONG:
            if field == "re":
                continue
            (request,) = (each for each in me.types("/x") if each["line"] == "/x")
            me.server.sends({**template, field: wrong, "re": request["id"]})
            for members in me.server.receives():
                me.server.answers(members)
    assert me.session.connection.unanswered == 0
    assert (me.ends, logged_failures) == ([], [])


FIELDS = (
    *("type", "group", "with", "from", "text", "name", "by", "code", "ask", "ok", "error", "seq"),
    *("members", "entries", "people", "size", "number", "topic", "at", "commands", "token"),
)


objects = st.dictionaries(
    st.sampled_from(FIELDS),
    values
    | st.sampled_from(["tea", "alice", "message", "joined", "shared", True, "entered", "history"]),
    max_size=6,
)


@settings(
    max_examples=examples(40),
    deadline=None,
    phases=QUICK,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(st.booleans(), objects), max_size=8))
def test_random_objects(
    make_session: MakeSession, logged_failures: list[str], received: list[tuple[bool, Object]]
) -> None:
    """As events and as answers: no failure, and everything that is shown is safe."""
    logged_failures.clear()
    me = make_session()
    me.fake.connections.clear()
    me.enters("tea")
    for as_answer, fields in received:
        if not me.server.is_open or me.ends:
            break
        if as_answer:
            requests = [each for each in me.types("/x") if each.get("line") == "/x"]
            if requests:
                me.server.sends({"ok": True, **fields, "re": requests[-1]["id"]})
        elif fields.get("type") != "end":
            me.server.sends({"type": "x", **fields})
    assert all(is_safe(line) for line in me.screen.lines)
    assert logged_failures == []
    me.session.stop()

"""ServerConnection: invalid objects from the server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object
from tests.client.examples import values
from tests.client.fakes import (
    FakeServer,
    Recorder,
    message,
)
from tests.client.net.connections import FakeLogin, ask, make_connection
from tests.support.examples import QUICK, examples


@pytest.mark.parametrize("stage", ["before the hello is answered", "catching up", "live"])
def test_invalid_objects(
    connection: ServerConnection,
    fake: FakeServer,
    listener: Recorder,
    logged_failures: list[str],
    stage: str,
) -> None:
    """They are received or ignored, and requests are answered after them."""
    if stage != "before the hello is answered":
        fake.connection.accepts_login(live=stage == "live")
    wrong: list[Any] = [None, True, -1, 10**30, 1.5, "", "text", [], [None], {}, {"x": {"y": 1}}]
    for field in ("re", "type", "seq", "group", "with", "at", "from", "text", "id", "key"):
        for value in wrong:
            fake.connection.sends({"type": "message", "group": "tea", field: value}, {field: value})
    assert fake.connection.is_open
    if stage == "before the hello is answered":
        fake.connection.accepts_login()
    answered: list[Object] = []
    ask(connection, "one", answered=answered.append)
    fake.connection.answers(fake.connection.receives()[-1])
    assert len(answered) == 1
    assert (listener.ends, listener.failures, logged_failures) == ([], [], [])


def test_huge_numbers(connection: ServerConnection, fake: FakeServer) -> None:
    """A number of 10**30 is sent back, or left out."""
    fake.connection.accepts_login(message(10**30, "many"))
    fake.connection.disconnects()
    assert fake.reconnects().receives_one()["since"] in ({"tea": 10**30}, {})


objects = st.dictionaries(
    st.sampled_from(["hello", "re", "type", "ok", "seq", "group", "with", "why", "text", "code"]),
    st.sampled_from([1, 0, True, "live", "end", "bye", "late", "message", "tea"]) | values,
    max_size=6,
)


@settings(max_examples=examples(40), deadline=None, phases=QUICK)
@given(st.lists(objects, max_size=12), st.lists(objects, max_size=12))
def test_random_objects(before: list[Object], after: list[Object]) -> None:
    """Before and after the login: none of them ends the connection with an exception."""
    clock, login, listener = Clock(), FakeLogin(), Recorder()
    fake = FakeServer(clock)
    connection = make_connection(clock, fake, login, listener)
    connection.start()
    ask(connection, "one", "two")
    for each in before:
        fake.connection.sends(each)
    if not login.accepted_hellos:
        fake.connection.accepts_hello(live=False)
    for each in after:
        if fake.connection.is_open:
            fake.connection.sends(each)
    ends = [each for each in (*before, *after) if each.get("type") == "end"]
    texts = [str(each.get("text") or "The server ended the connection.") for each in ends]
    assert {*listener.failures} <= {text.rstrip(".") for text in texts}
    assert len(login.accepted_hellos) >= 1

"""ClientSession: files that others share, and tickets for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyconchat.client.net.json_protocol import Object
from tests.client.fakes import (
    without_ids,
)
from tests.client.people import MakeSession


def shared(size: Any, by: str = "bob") -> Object:
    at = "2026-11-21T09:30:00Z"
    event = {"type": "shared", "group": "tea", "seq": 1, "at": at, "number": 3, "file": "a.txt"}
    return {**event, "by": by, "size": size, "sha256": "ab"}


@pytest.mark.parametrize(
    ("auto", "size"), [(-1, 5), (-1, 0), (-1, -1), (-1, -5), (10, 11), (-1, True)]
)
def test_files_that_are_not_fetched_unasked(
    make_session: MakeSession, auto: int, size: Any
) -> None:
    """Those over the maximum, whatever size the server reports."""
    me = make_session(auto_get=auto).enters("tea")
    me.server.sends(shared(size))
    assert me.server.receives() == []


def test_files_that_are_fetched_unasked(make_session: MakeSession) -> None:
    """Those up to the maximum, from others, when they are shared."""
    me = make_session(auto_get=10).enters("tea")
    me.server.sends(shared(10))
    assert without_ids(me.server.receives_one()) == {"group": "tea", "line": "/get 3"}
    me.server.sends(shared(10, by="alice") | {"seq": 2})
    assert me.server.receives() == []


def test_a_private_file_is_fetched_in_its_conversation(make_session: MakeSession) -> None:
    """Although a group is current."""
    me = make_session(auto_get=10).enters("tea")
    event = shared(10)
    del event["group"]
    me.server.sends(event | {"with": "bob"})
    assert without_ids(me.server.receives_one()) == {"with": "bob", "line": "/get 3"}


def test_a_file_is_sent_in_the_current_conversation(
    make_session: MakeSession, tmp_path: Path
) -> None:
    """Also a private one."""
    (tmp_path / "a.txt").write_text("hello")
    me = make_session().enters("tea")
    (request,) = me.types("/query bob")
    me.server.answers(request, type="query", online=True, guest=False, away=None, **{"with": "bob"})
    requests = [without_ids(each) for each in me.types(f"/send {tmp_path / 'a.txt'}")]
    assert requests[-1] == {"with": "bob", "line": "/send a.txt"}


def ticket(size: int = 5) -> Object:
    base = {"type": "download", "ticket": "t", "group": "tea", "number": 3, "name": "a.txt"}
    return {**base, "size": size, "sha256": "ab", "command": "nc"}


def test_a_file_that_is_larger_than_announced(make_session: MakeSession) -> None:
    """It is not fetched unasked."""
    me = make_session(auto_get=10).enters("tea")
    me.server.sends(shared(10))
    me.server.answers(me.server.receives_one(), **ticket(10**12))
    assert len(me.fake.connections) == 1


def test_a_ticket_for_a_message(make_session: MakeSession) -> None:
    """The answer to a message does not make the client fetch a file."""
    me = make_session().enters("tea")
    (request,) = me.types("hi")
    me.server.answers(request, **ticket())
    assert len(me.fake.connections) == 1
    assert me.session.transfers.active == []

"""ClientSession: how a session ends."""

from __future__ import annotations

from tests.client.fakes import (
    lines_of,
)
from tests.client.people import MakeSession


def test_leaving(make_session: MakeSession) -> None:
    """At once, if nothing is pending."""
    me = make_session().enters("tea")
    me.session.leave()
    assert me.ends == [""]


def test_leaving_with_pending_requests(make_session: MakeSession) -> None:
    """The first time only says so."""
    me = make_session().enters("tea")
    me.types("one", "two")
    me.session.leave()
    assert me.ends == []
    assert me.sees() == ["* 2 still pending; repeat to leave anyway."]
    me.session.leave()
    assert me.ends == [""]


def test_leaving_is_confirmed_each_time(make_session: MakeSession) -> None:
    """An earlier attempt to leave does not count after something else was typed."""
    me = make_session().enters("tea")
    (request,) = me.types("one")
    me.session.leave()
    me.server.answers(request, seq=1)
    me.clock.advance(3)
    me.types("another")
    me.sees()
    me.session.leave()
    assert me.ends == []


def test_quit_while_connected(make_session: MakeSession) -> None:
    """The server is asked, and ends the connection."""
    me = make_session().enters("tea")
    assert lines_of(me.types("/quit")) == ["/quit"]
    me.server.sends({"type": "end", "why": "bye", "text": "Bye."})
    assert me.ends == [""]


def test_quit_while_disconnected(make_session: MakeSession) -> None:
    """The session finishes without asking the server."""
    me = make_session().enters("tea")
    me.server.disconnects()
    me.session.typed("/quit")
    assert me.ends == [""]


def test_kicked_off_the_server(make_session: MakeSession) -> None:
    """The session finishes with the server's reason."""
    me = make_session().enters("tea")
    me.server.sends({"type": "end", "why": "put-off", "text": "Kicked \x1b[2J off."})
    assert me.ends == ["Kicked  off."]

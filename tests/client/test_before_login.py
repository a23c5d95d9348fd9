"""ClientSession: what is typed and shown before and during the login."""

from __future__ import annotations

import pytest

from pyconchat.client.net.address import Address
from pyconchat.client.net.saved import SavedState
from tests.client.examples import HOSTILE
from tests.client.fakes import (
    FakeServer,
    groups_in_hello,
    lines_of,
)
from tests.client.people import MakeSession, SessionUser


def test_nothing_typed_before_the_login_is_sent(make_session: MakeSession) -> None:
    """Neither then nor later; it may have been a password."""
    me = make_session().starts()
    me.session.typed("secret-word")
    assert "discarded" in me.sees()[0]
    me.server.accepts_login(groups=groups_in_hello("tea"))
    assert "secret-word" not in str(me.server.receives())
    assert "secret-word" not in "".join(me.sees())


def test_passwords_stay_hidden(saved: SavedState, fake: FakeServer, set_zone: object) -> None:
    """Also between the questions, and the fourth, after the server has closed the connection."""
    me = SessionUser(fake, saved, Address("host", 8000, "alice"), guest=True)
    me.login._guest = False
    me.starts()
    assert not me.session.hides_input
    me.server.receives()
    me.server.refuses_hello("password-needed")
    for number in range(1, 4):
        question, secret, answer = me.screen.questions[-1]
        assert (question, secret, me.session.hides_input) == ("Password of alice: ", True, True)
        answer.callback(f"wrong-{number}")
        assert me.session.hides_input
        me.session.typed(f"typed-{number}")
        assert me.server.receives_one()["password"] == f"wrong-{number}"
        me.server.refuses_hello("wrong-password", "That is not the password of alice.")
    reason = "There were too many wrong passwords."
    me.server.sends({"type": "end", "why": "wrong-password", "text": reason})
    me.server.disconnects()
    assert any(reason.rstrip(".") in line for line in me.sees())
    me.screen.questions[-1][2].callback("right")
    assert me.session.hides_input
    me.session.typed("fifth")
    me.fake.reconnects()
    assert me.server.receives_one()["password"] == "right"
    me.server.refuses_hello("too-many", "There were too many wrong passwords. Try again in 42 s.")
    assert any("Try again in 42 s" in line for line in me.sees())
    me.clock.advance(30)
    assert me.server.receives_one()["password"] == "right"
    me.server.accepts_hello(groups=groups_in_hello("tea"))
    assert not me.session.hides_input
    assert not {"typed-1", "fifth", "right"} & {*lines_of(me.server.receives())}
    assert me.types("hello")[0]["line"] == "hello"
    assert me.ends == []


def test_quitting_before_the_login(make_session: MakeSession) -> None:
    """/quit ends the client; so does the second Ctrl-C, but not one alone."""
    me = make_session().starts()
    me.session.interrupted()
    assert "Ctrl-C again" in me.sees()[0]
    me.clock.advance(10)
    me.session.interrupted()
    assert me.ends == []
    me.session.interrupted()
    assert me.ends == [""]
    me = make_session().starts()
    me.session.typed("/quit")
    assert me.ends == [""]


def test_reasons_of_the_server(make_session: MakeSession) -> None:
    """They are shown, and not hidden behind "the server is away"."""
    me = make_session().starts()
    me.server.receives()
    me.server.refuses_hello("busy", "Too many people are logging in; try again soon.")
    assert me.sees() == ["* No connection: Too many people are logging in; try again soon."]
    me.fake.reconnects()
    me.server.sends_bytes(b"* There are too many connections from your address; close one.\n")
    me.server.disconnects()
    assert "There are too many connections from your address" in me.sees()[0]
    me.clock.advance(5)
    me.fake.reconnects()
    me.server.receives()
    me.server.refuses_hello("new-code", "The moon is full.")
    assert me.ends == ["The moon is full."]


@pytest.mark.parametrize("how", ["refused", "disconnected", "unconfirmed", "go"])
def test_pasted_text_is_shown_safely(make_session: MakeSession, how: str) -> None:
    """Somebody else may have written it: no control characters reach the terminal."""
    me = make_session(guest=how == "unconfirmed").enters("tea", registered=how != "unconfirmed")
    if how == "disconnected":
        me.server.disconnects()
    if how == "go":
        me.session.typed(f"/go {HOSTILE}")  # the screen checks what it is shown
    else:
        me.session.pasted([f"look: {HOSTILE}"])
    if how == "refused":
        me.server.refuses(me.server.receives_one())
    if how == "unconfirmed":
        me.server.disconnects()
        me.fake.reconnects().accepts_login(registered=False)
    assert any("evil" in line for line in me.sees())

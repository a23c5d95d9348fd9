"""ClientSession: typed lines become requests, and events and answers become lines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyconchat.client.interfaces import Cancelled, ConnectionState
from pyconchat.client.line_sender import MAX_UNANSWERED
from pyconchat.client.net.address import Address
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.net.saved import SavedState
from tests.client.examples import ANSWERS, EVENTS, HOSTILE, WRONG, values
from tests.client.fakes import (
    COMMANDS,
    FakeServer,
    groups_in_hello,
    is_safe,
    join_answer,
    lines_of,
    message,
    private_message,
    without_ids,
)
from tests.client.people import NOON, MakeSession, SessionUser
from tests.support.examples import QUICK, examples

# Lines.


def test_a_line_goes_to_the_current_group(make_session: MakeSession) -> None:
    """A line is sent as it was typed: only the server knows commands and permissions."""
    me = make_session().enters("tea")
    typed = ["hi", "/kick bob", "//slash", "  two  blanks ", "/nosuch thing"]
    for line in typed:
        (request,) = me.types(line)
        assert without_ids(request) == {"group": "tea", "line": line}
        me.server.answers(request)


def test_messages_do_not_wait_for_each_other(make_session: MakeSession) -> None:
    """Messages are sent at once, whether or not the earlier ones were answered."""
    me = make_session().enters("tea")
    assert lines_of(me.types("one", "two", "//three")) == ["one", "two", "//three"]


def test_lines_wait_for_the_command_before_them(make_session: MakeSession) -> None:
    """A command may enter the group that the next line is meant for."""
    me = make_session().enters()
    (join,) = me.types("/join tea", "hi", "/join coffee", "ho")
    me.session.pasted(["pasted"])
    me.server.answers(join, **join_answer("tea"))
    received = [each for each in me.server.receives() if each["line"] != "/members"]
    assert [(each["group"], each["line"]) for each in received] == [
        ("tea", "hi"),
        ("tea", "/join coffee"),
    ]
    me.server.answers(received[1], **join_answer("coffee"))
    received = [each for each in me.server.receives() if each.get("line") != "/members"]
    assert [each["group"] for each in received] == ["coffee", "coffee"]
    assert lines_of(received) == ["ho", "pasted"]


def test_order_after_reconnecting(make_session: MakeSession) -> None:
    """The command is sent again, and then each line after it, once."""
    me = make_session().enters("tea")
    me.types("/kick bob", "one", "/kick carol")
    me.server.disconnects()
    me.session.typed("two")
    server = me.fake.reconnects()
    server.accepts_login(groups=groups_in_hello("tea"))
    received: list[str] = []
    for _ in range(4):
        for request in server.receives():
            if request["line"] != "/members":
                received.append(request["line"])
            server.answers(request)
    assert received == ["/kick bob", "one", "/kick carol", "two"]
    assert me.session.unanswered == 0


def test_lines_after_a_refused_command_are_sent(make_session: MakeSession) -> None:
    """So are the lines after a question that the person does not answer."""
    me = make_session().enters("tea")
    (request,) = me.types("/kick bob", "one")
    me.server.refuses(request)
    assert lines_of(me.server.receives()) == ["one"]
    (request,) = me.types("/kick", "two")
    me.server.asks(request, "Kick whom? ")
    me.screen.questions[0][2].errback(Cancelled())
    assert lines_of(me.server.receives()) == ["two"]


def test_lines_go_to_the_partner(make_session: MakeSession) -> None:
    """After /query, until another place is entered; only answers with news are shown."""
    me = make_session().enters("tea")
    (request,) = me.types("/query bob", "hi", "/history", "join us")
    assert without_ids(request) == {"group": "tea", "line": "/query bob"}
    query = {"type": "query", "with": "bob", "online": True, "guest": False, "away": None}
    me.server.answers(request, **query)
    said, history = me.server.receives()
    assert without_ids(said) == {"with": "bob", "line": "hi"}
    assert without_ids(history) == {"with": "bob", "line": "/history"}
    assert me.sees() == ["* You are talking to bob in private (online); /desk leaves."]
    sent = {"type": "sent", "with": "bob", "online": True, "seq": 1, "away": None}
    me.server.answers(said, **sent)
    assert me.sees() == []
    me.server.answers(history, type="history", entries=[], more=0, next="", **{"with": "bob"})
    (said,) = me.server.receives()
    assert without_ids(said) == {"with": "bob", "line": "join us"}
    me.server.answers(said, **sent | {"away": "lunch"})
    assert me.sees() == [
        "* Nothing has been said yet.",
        "* Sent to bob.",
        "* bob is away: lunch",
    ]
    me.session.pasted(["one", "two"])
    (pasted,) = me.server.receives()
    assert without_ids(pasted) == {"with": "bob", "text": "one\ntwo"}
    me.server.refuses(pasted, "no-such-name", "bob has just left.")
    assert me.sees()[0] == "* bob has just left."
    (leave,) = me.types("leave")
    assert without_ids(leave) == {"with": "bob", "line": "leave"}
    me.server.answers(leave, type="desk", left=None)
    assert [without_ids(each) for each in me.types("join tea")] == [{"line": "join tea"}]


def test_no_group_at_the_front_desk(make_session: MakeSession) -> None:
    """The request for a line has no group."""
    me = make_session().enters()
    assert [without_ids(each) for each in me.types("join tea")] == [{"line": "join tea"}]


def test_blank_lines_are_not_sent(make_session: MakeSession) -> None:
    """A line of spaces and tabs is blank too."""
    me = make_session().enters("tea")
    assert me.types("", "   ", "\t") == []


def test_a_command_of_a_newer_server(make_session: MakeSession) -> None:
    """An unknown command is sent, its question is asked, and its answer is shown."""
    me = make_session().enters("tea")
    (request,) = me.types("/poll red")
    me.server.asks(request, "And what else? ")
    me.screen.questions[0][2].callback("green")
    again = me.server.receives_one()
    assert without_ids(again) == {"group": "tea", "line": "/poll red", "answers": ["green"]}
    me.server.answers(again, type="poll", votes=0)
    assert me.sees() == ["* poll: votes 0"]


def test_the_server_decides_permissions(make_session: MakeSession) -> None:
    """The client asks for anything, and shows the server's refusal."""
    me = make_session().enters("tea")
    (request,) = me.types("/kick bob")
    me.server.refuses(request, "not-admin", "Only the admin, bob, can kick.")
    assert me.sees() == ["* Only the admin, bob, can kick."]


def test_own_messages_are_shown_once(make_session: MakeSession) -> None:
    """A typed message is shown when its event arrives."""
    me = make_session().enters("tea")
    (request,) = me.types("hi")
    assert me.sees() == []
    me.server.sends(message(1, "hi", sender="alice"))
    me.server.answers(request, seq=1)
    assert me.sees() == ["09:30 alice: hi"]


@pytest.mark.parametrize(
    ("typed", "shown"), [("hi there", "hi there"), ("//slash", "/slash"), ("/ ", None)]
)
def test_a_refused_message_is_shown(
    make_session: MakeSession, typed: str, shown: str | None
) -> None:
    """The text is not lost: it can be sent again."""
    me = make_session().enters("tea")
    (request,) = me.types(typed)
    me.server.refuses(request, "busy", "Not so fast.")
    expected = ["* Not so fast."] + ([f"* Not sent: {shown}"] if shown else [])
    assert me.sees() == expected


PASTE = """int main(void)
{
// TODO: fix me
/* a comment */

/usr/bin/env is a path
\treturn 0;
}
leave
exit"""


def test_a_paste_is_one_message(make_session: MakeSession) -> None:
    """With commands, blank lines, tabs and indentation in it."""
    me = make_session().enters("tea")
    me.session.pasted(PASTE.split("\n"))
    (request,) = me.server.receives()
    assert without_ids(request) == {"group": "tea", "text": PASTE}
    me.server.refuses(request, "busy", "Not so fast.")
    assert me.sees()[0] == "* Not so fast."


def test_a_long_paste_is_several_messages(make_session: MakeSession) -> None:
    """Of at most 64 lines and as many bytes as the server takes."""
    me = make_session().enters("tea", line_bytes=300)
    me.session.pasted([str(number) for number in range(100)])
    texts = lines_of(me.server.receives())
    assert "\n".join(texts).split("\n") == [str(number) for number in range(100)]
    assert [text.count("\n") + 1 for text in texts] == [64, 36]
    me.session.pasted(["ü" * 100] * 4)
    assert lines_of(me.server.receives()) == ["ü" * 100] * 4
    me.session.pasted(["", "  "])
    assert me.server.receives() == []


# Before and during the login.


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


# Questions.


def test_a_missing_argument_is_asked_for(make_session: MakeSession) -> None:
    """Each answer is sent with the request, which gets a new key."""
    me = make_session().enters("tea")
    (first,) = me.types("/msg")
    me.server.asks(first, "Recipient: ")
    question, secret, answer = me.screen.questions[0]
    assert (question, secret) == ("Recipient: ", False)
    answer.callback("bob")
    second = me.server.receives_one()
    me.server.asks(second, "Message: ")
    me.screen.questions[1][2].callback("hello")
    third = me.server.receives_one()
    assert without_ids(third) == {"group": "tea", "line": "/msg", "answers": ["bob", "hello"]}
    assert len({each["key"] for each in (first, second, third)}) == 3
    me.server.answers(third, type="sent", **{"with": "bob", "online": True, "seq": 1})
    assert me.sees() == ["* Sent to bob."]


def test_a_secret_is_asked_for(make_session: MakeSession, saved: Any) -> None:
    """The answer is not shown, and the new token is used from then on."""
    me = make_session().enters("tea")
    (request,) = me.types("/password")
    me.server.asks(request, "New password: ", secret=True)
    assert me.screen.questions[0][1] is True
    me.screen.questions[0][2].callback("new-word")
    again = me.server.receives_one()
    assert again["answers"] == ["new-word"]
    me.server.answers(again, type="password", text="Changed.", token="token-2")
    assert me.sees() == ["* Changed."]
    me.server.disconnects()
    assert me.fake.reconnects().receives_one()["token"] == "token-2"
    assert saved.token(me.session.address, "alice") == "token-2"


@pytest.mark.parametrize("secret", [None, 1, "true", []])
def test_only_true_is_secret(make_session: MakeSession, secret: Any) -> None:
    """A question with another value is asked as one that is not secret."""
    me = make_session().enters("tea")
    (request,) = me.types("/x")
    asked = {"re": request["id"], "ok": False, "code": "missing-argument", "error": "x"}
    me.server.sends({**asked, "ask": "What? ", "secret": secret})
    assert me.screen.questions[0][:2] == ("What? ", False)


def test_an_unanswered_question(make_session: MakeSession) -> None:
    """Nothing is sent."""
    me = make_session().enters("tea")
    (request,) = me.types("/msg")
    me.server.asks(request, "Recipient: ")
    me.screen.questions[0][2].errback(Cancelled())
    assert me.sees() == ["* Cancelled."]
    assert me.server.receives() == []
    assert me.session.connection.unanswered == 0


def test_an_answer_belongs_to_the_group_of_its_request(make_session: MakeSession) -> None:
    """Even if another group is current when the person answers."""
    me = make_session().enters("tea", "coffee")
    (request,) = me.types("/kick")
    me.server.asks(request, "Kick whom? ")
    me.session.go("coffee")
    me.server.receives()
    me.screen.questions[0][2].callback("bob")
    assert me.server.receives_one()["group"] == "tea"


def test_an_answer_while_disconnected(make_session: MakeSession) -> None:
    """It waits for the connection as other requests do."""
    me = make_session().enters("tea")
    (request,) = me.types("/kick")
    me.server.asks(request, "Kick whom? ")
    me.server.disconnects()
    me.screen.questions[0][2].callback("bob")
    server = me.fake.reconnects()
    server.accepts_login(groups=groups_in_hello("tea"))
    assert {"group": "tea", "line": "/kick", "answers": ["bob"]} in map(
        without_ids, server.receives()
    )


def test_a_message_never_uploads_a_file(make_session: MakeSession) -> None:
    """A server that asks about a message, and then for a file, gets no file."""
    me = make_session().enters("tea")
    me.session.pasted(["hello"])
    me.server.asks(me.server.receives_one(), "Which file? ")
    me.screen.questions[0][2].callback("/etc/passwd")
    request = me.server.receives_one()
    me.server.answers(request, type="upload", ticket="t", name="x", offset=0, most=9, command="")
    assert me.session.transfers.active == []
    assert len(me.fake.connections) == 1


# The current group.


def test_the_only_group_is_join_answer(make_session: MakeSession) -> None:
    """A member of one group is in it at once."""
    me = make_session()
    me.starts()
    me.server.accepts_login(groups=groups_in_hello("tea"))
    assert me.sees() == ["* You are in tea."]
    assert without_ids(me.server.receives_one()) == {"group": "tea", "line": "/members"}


def test_several_groups_are_listed(make_session: MakeSession) -> None:
    """A member of several groups is shown how to enter one."""
    me = make_session()
    me.starts()
    me.server.accepts_login(groups=groups_in_hello("tea", "coffee"))
    assert me.sees() == [
        "* Your groups: 1 tea, 2 coffee. /go NAME or /go NUMBER enters one; so does Alt and a"
        " number up to 9."
    ]


def test_hint_for_newcomers(make_session: MakeSession) -> None:
    """A member of no group is shown how to begin."""
    me = make_session()
    me.starts()
    me.server.accepts_login()
    assert me.sees() == ["* You are at the front desk: join GROUP enters a group, help lists more."]


def test_the_group_is_kept_after_reconnecting(make_session: MakeSession) -> None:
    """And it is not announced again."""
    me = make_session().enters("tea", "coffee")
    me.server.disconnects()
    me.fake.reconnects().accepts_login(groups=groups_in_hello("tea", "coffee"))
    assert me.session.groups.current is me.session.groups.get("tea")
    assert not [line for line in me.sees() if "Your groups" in line or "You are" in line]


def test_the_group_of_the_address_is_joined(make_session: MakeSession) -> None:
    """Once, if the account is not a member."""
    me = make_session("tea")
    me.starts()
    me.server.accepts_login()
    request = me.server.receives_one()
    assert without_ids(request) == {"line": "/join tea"}
    assert me.sees() == []
    me.server.answers(request, **join_answer("tea"))
    assert me.sees()[0].startswith("* You are in tea")
    me.server.disconnects()
    server = me.fake.reconnects()
    server.accepts_login(groups=groups_in_hello("tea"))
    assert "/join tea" not in lines_of(server.receives())


def test_the_group_of_the_address_is_join_answer(make_session: MakeSession) -> None:
    """A member need not join."""
    me = make_session("coffee")
    me.starts()
    me.server.accepts_login(groups=groups_in_hello("tea", "coffee"))
    assert me.sees() == ["* You are in coffee."]
    assert {*lines_of(me.server.receives())} == {"/members"}


@pytest.mark.parametrize(
    "typed", ["/go coffee", "/go COFFEE", "/GO coffee", "  /go   coffee  ", "/go 2"]
)
def test_go(make_session: MakeSession, typed: str) -> None:
    """By name or number, without the server."""
    me = make_session().enters("tea", "coffee")
    assert lines_of(me.types(typed)) == ["/members"]
    assert me.sees() == ["* You are in coffee."]
    assert me.types("hi")[0]["group"] == "coffee"


def test_go_alone(make_session: MakeSession) -> None:
    """It enters the next group with unread messages, or else the next group."""
    me = make_session().enters("tea", "coffee", "milk")
    me.server.sends(message(1, "x", "milk"))
    me.types("/go")
    assert me.sees()[-1] == "* You are in milk."
    me.types("/go")
    assert me.sees()[-1] == "* You are in tea."


def test_go_alone_with_one_group(make_session: MakeSession) -> None:
    """The group stays current, without a message about the front desk."""
    me = make_session().enters("tea")
    me.types("/go")
    assert "* You are in no group." not in me.sees()
    assert me.session.groups.current is me.session.groups.get("tea")


def test_go_to_an_unknown_group(make_session: MakeSession) -> None:
    """A hint says how to join it, or that there are no groups."""
    me = make_session().enters("tea", "coffee")
    assert me.types("/go milk") == []
    assert me.sees() == ["* You are not in milk: /join milk."]
    nobody = make_session().enters()
    assert nobody.types("/go") == []
    assert nobody.sees() == ["* You are in no group."]


def test_go_shows_the_topic(make_session: MakeSession) -> None:
    """If the group has one."""
    groups = groups_in_hello("tea", "coffee")
    groups[1]["topic"] = "black"
    me = make_session()
    me.starts()
    me.server.accepts_login(groups=groups)
    me.sees()
    me.types("/go coffee")
    assert me.sees() == ["* You are in coffee; topic: black."]


def test_go_by_key(make_session: MakeSession) -> None:
    """Alt and the group's number on the server; another number has no effect."""
    me = make_session().enters("tea", "coffee")
    me.session.go_to(2)
    assert me.sees() == ["* You are in coffee."]
    me.session.go_to(3)
    assert me.sees() == []


def test_the_number_of_a_group_that_was_approved(make_session: MakeSession) -> None:
    """It is asked for, so that /go NUMBER works at once, and the bar can show it."""
    me = make_session().enters("tea")
    at = "2026-11-21T12:00:00Z"
    joined = {"type": "joined", "group": "vault", "seq": 4, "at": at, "name": "alice"}
    me.server.sends({**joined, "via": "approval", "by": "bob", "guest": False})
    for request in me.server.receives():
        if request["line"] == "/groups vault":
            group = {"group": "vault", "number": 5, "topic": "gold"}
            me.server.answers(request, type="groups", groups=[group], more=0)
        else:
            assert (request["group"], request["line"]) == ("vault", "/history 100")
            me.server.answers(request, type="history", group="vault", entries=[])
    me.sees()
    me.session.typed("/go 5")
    assert me.sees() == ["* You are in vault; topic: gold."]


def test_the_first_entry_shows_earlier_lines(make_session: MakeSession) -> None:
    """Those before the own entry, without joins and leaves of others."""
    me = make_session().enters()
    at = "2026-11-21T12:00:00Z"
    joined = {"type": "joined", "group": "tea", "at": at, "via": "open", "by": "", "guest": False}
    (join,) = me.types("/join tea")
    me.server.answers(join, **join_answer("tea"))
    me.server.sends({**joined, "seq": 4, "name": "alice"})
    me.sees()
    (history,) = [each for each in me.server.receives() if each["line"] == "/history 100"]
    entries = [
        message(1, "first"),
        {**joined, "seq": 2, "name": "carol"},
        message(3, "second"),
        {**joined, "seq": 4, "name": "alice"},
        message(5, "later"),
    ]
    me.server.answers(history, type="history", group="tea", entries=entries)
    assert me.sees() == ["* Earlier, in tea:", "09:30 bob: first", "09:30 bob: second"]
    me.server.sends({**joined, "seq": 6, "name": "carol"})
    assert "carol has joined" in me.sees()[0]


def test_coming_and_going_that_was_missed(make_session: MakeSession) -> None:
    """It is not shown, except for events that concern oneself."""
    me = make_session().starts()
    at = "2026-11-21T12:00:00Z"
    joined = {"type": "joined", "group": "tea", "at": at, "via": "approval", "by": "bob"}
    missed = [
        {**joined, "seq": 2, "name": "carol", "guest": False},
        {"type": "left", "group": "tea", "seq": 3, "at": at, "name": "carol", "why": "left"},
        {**joined, "seq": 4, "name": "alice", "guest": False},
    ]
    me.server.accepts_login(*missed, groups=groups_in_hello("tea"))
    shown = " ".join(me.sees())
    assert "carol" not in shown
    assert "You are in tea" in shown


def test_the_clients_own_commands_are_in_help(make_session: MakeSession) -> None:
    """They are in the list, and ``/help NAME`` explains them."""
    me = make_session().enters("tea")
    (request,) = me.types("/help")
    me.server.answers(request, type="help", commands=list(COMMANDS))
    assert any(line.startswith("* Client:     /go") for line in me.sees())
    assert me.types("/help go") == []
    assert me.sees()[0] == "* /go [GROUP]"
    (request,) = me.types("/help kick")
    assert request["line"] == "/help kick"


def test_the_persons_own_command(make_session: MakeSession) -> None:
    """It is run for live mentions and private messages of others."""
    me = make_session().enters("tea")
    me.server.sends(message(1, "hi"), message(2, "hi alice"), private_message(1, "psst"))
    me.server.sends(message(3, "I am alice", sender="alice"))
    assert me.notices == [("bob", "hi alice"), ("bob", "psst")]


def test_go_at_the_front_desk(make_session: MakeSession) -> None:
    """Without a slash, as all commands there, and as Tab completes it."""
    me = make_session()
    me.starts()
    me.server.accepts_login(groups=groups_in_hello("tea", "coffee"))
    assert "go " in me.session.completer.completions("g")[1]
    me.types("go coffee")
    assert me.session.groups.current is me.session.groups.get("coffee")


DESK_COMMANDS = [
    {"name": "quit", "also": ["exit"], "usage": "/quit", "summary": "Disconnect.", "menu": "3"},
    {"name": "msg", "also": ["message"], "usage": "/msg", "summary": "Send.", "menu": ""},
    {"name": "leave", "also": ["qqq"], "usage": "/leave", "summary": "Leave.", "menu": ""},
]


@pytest.mark.parametrize("line", ["exit strategy", "3", "message me", "EXIT"])
def test_a_message_is_no_command_after_a_kick(make_session: MakeSession, line: str) -> None:
    """A line that was being typed is executed at the front desk only when it is sent again."""
    me = make_session().enters("tea", commands=DESK_COMMANDS)
    kicked = {"type": "kicked", "group": "tea", "seq": 1, "at": "2026-11-21T09:30:00Z"}
    me.server.sends({**kicked, "name": "alice", "by": "bob", "reason": ""})
    me.sees()
    assert me.types(line) == []
    assert me.sees() == ["* You are at the front desk now: send it again to carry it out."]
    assert [each["line"] for each in me.types(line)] == [line]


@pytest.mark.parametrize("line", ["message carol the pin is 9731", "mesage carol 9731", "3"])
def test_a_desk_command_is_not_said_after_an_approval(make_session: MakeSession, line: str) -> None:
    """A private line that was being typed is posted to the group only when it is sent again."""
    me = make_session().starts()
    me.server.accepts_login(groups=[], commands=DESK_COMMANDS)
    (request,) = me.types("/join tea")
    me.server.answers(request, type="asked", group="tea", admin="bob", online=True)
    joined = {"type": "joined", "group": "tea", "seq": 1, "at": "2026-11-21T09:30:00Z"}
    me.server.sends({**joined, "name": "alice", "via": "approval", "by": "bob", "guest": False})
    me.server.receives()
    me.sees()
    assert me.types(line) == []
    assert me.sees() == ["* You are in tea now: send it again to say it there."]
    assert [each["line"] for each in me.types(line, "hello")] == [line, "hello"]


@pytest.mark.parametrize("leave", ["/leave", "leave", "qqq"])
def test_no_line_is_doubtful_after_ones_own_move(make_session: MakeSession, leave: str) -> None:
    """Leaving, and going to a group."""
    me = make_session().enters("tea", "coffee", commands=DESK_COMMANDS)
    me.types("/go coffee")
    assert [each["line"] for each in me.types("message me")] == ["message me"]
    (request,) = me.types(leave)
    left = {"type": "left", "group": "coffee", "seq": 1, "at": "2026-11-21T09:30:00Z"}
    me.server.sends({**left, "name": "alice", "why": "left"})
    me.server.answers(request)
    assert [each["line"] for each in me.types("exit")] == ["exit"]


def test_a_move_after_a_question_is_ones_own(make_session: MakeSession) -> None:
    """The command is running again when its question is answered."""
    me = make_session().enters("tea", commands=DESK_COMMANDS)
    (request,) = me.types("/leave")
    me.server.asks(request, "Leave tea for good? yes or no: ")
    me.screen.questions[0][2].callback("yes")
    (request,) = me.server.receives()
    left = {"type": "left", "group": "tea", "seq": 1, "at": "2026-11-21T09:30:00Z"}
    me.server.sends({**left, "name": "alice", "why": "left"})
    me.server.answers(request)
    assert [each["line"] for each in me.types("message me")] == ["message me"]


@pytest.mark.parametrize("secret", [True, False])
def test_a_command_as_the_answer_is_carried_out(make_session: MakeSession, secret: bool) -> None:
    """The server's and the client's own commands; the original command is not repeated."""
    me = make_session().enters("tea", "coffee", commands=DESK_COMMANDS)
    (request,) = me.types("/policy password")
    me.server.asks(request, "Password for the group: ", secret)
    me.screen.questions[0][2].callback(" /msg bob secret")
    (instead,) = me.server.receives()
    assert instead["line"] == "/msg bob secret"
    assert "answers" not in instead
    me.server.answers(instead)
    (request,) = me.types("/me")
    me.server.asks(request, "Do what? ")
    me.screen.questions[1][2].callback("/go coffee")
    assert me.session.groups.current is me.session.groups.get("coffee")


def test_kicked_from_the_current_group(make_session: MakeSession) -> None:
    """What is typed afterwards is not sent to that group."""
    me = make_session().enters("tea")
    kicked = {"type": "kicked", "group": "tea", "seq": 1, "at": "2026-11-21T09:30:00Z"}
    me.server.sends({**kicked, "name": "alice", "by": "bob", "reason": ""})
    assert me.sees() == ["09:30 * You were kicked from tea by bob."]
    assert "group" not in me.types("hi")[0]


def test_the_message_of_the_day(make_session: MakeSession) -> None:
    """It is shown line by line; an empty one is not shown."""
    me = make_session()
    me.starts()
    me.server.accepts_login(motd="Be kind.\nBe \x1b[1mbrief.", groups=groups_in_hello("tea"))
    assert me.sees() == ["* Be kind.", "* Be brief.", "* You are in tea."]


# Leaving.


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


# While disconnected.


def test_lines_wait_for_the_server(make_session: MakeSession) -> None:
    """They are sent once, in order, to the group that was current when they were typed."""
    me = make_session().enters("tea", "coffee")
    me.server.disconnects()
    me.session.typed("one")
    me.session.go("coffee")
    me.session.typed("two")
    assert [line for line in me.sees() if "Will be sent" in line] == [
        "* Will be sent when the server is back: one",
        "* Will be sent when the server is back: two",
    ]
    server = me.fake.reconnects()
    server.accepts_login(groups=groups_in_hello("tea", "coffee"))
    messages = [each for each in server.receives() if each["line"] in ("one", "two")]
    assert [(each["group"], each["line"]) for each in messages] == [
        ("tea", "one"),
        ("coffee", "two"),
    ]


def test_the_maximum_of_waiting_lines(make_session: MakeSession) -> None:
    """1,000; further lines are refused with a message."""
    me = make_session().enters("tea")
    me.server.disconnects()
    for number in range(MAX_UNANSWERED + 5):
        me.session.typed(f"line {number}")
    assert me.session.connection.unanswered == MAX_UNANSWERED
    shown = me.sees()
    assert shown[-5:] == ["* Too many lines are unanswered; wait until the server is back."] * 5
    server = me.fake.reconnects()
    server.accepts_login(groups=groups_in_hello("tea"))
    lines = [line for line in lines_of(server.receives()) if line != "/members"]
    assert lines == [f"line {number}" for number in range(MAX_UNANSWERED)]


def test_changing_groups_while_disconnected(make_session: MakeSession) -> None:
    """It does not use up the maximum of waiting lines."""
    me = make_session().enters("tea", "coffee")
    me.server.disconnects()
    for _ in range(MAX_UNANSWERED):
        me.session.typed("/go")
    me.sees()
    me.session.typed("hi")
    assert "Too many" not in "".join(me.sees())


# Guests.


def guest_in(make_session: MakeSession, *groups: str) -> SessionUser:
    """Let a guest join *groups* and enter the first."""
    me = make_session(guest=True)
    me.starts()
    me.server.accepts_login(registered=False, token=None)
    for group in groups:
        (request,) = me.types(f"/join {group}")
        me.server.answers(request, **join_answer(group))
        for members in me.server.receives():
            me.server.answers(members, type="members", group=group, members=[])
    if len(groups) > 1:
        me.session.go(groups[0])
        for members in me.server.receives():
            me.server.answers(members, type="members", group=groups[0], members=[])
    me.sees()
    return me


def requests_after_reconnecting(me: SessionUser) -> list[Object]:
    """Accept the guest's next login; return the requests that follow."""
    server = me.fake.reconnects()
    server.accepts_login(registered=False, token=None)
    return server.receives()


def test_a_guests_groups_are_joined_again(make_session: MakeSession) -> None:
    """Before the lines that waited for the connection are sent."""
    me = guest_in(make_session, "tea", "coffee")
    me.server.disconnects()
    me.session.typed("waiting")
    assert lines_of(requests_after_reconnecting(me)) == ["/join tea", "/join coffee", "waiting"]


def test_the_current_group_of_a_guest_is_kept(make_session: MakeSession) -> None:
    """Not the group that is joined last."""
    me = guest_in(make_session, "tea", "coffee")
    me.server.disconnects()
    for request in requests_after_reconnecting(me):
        me.server.answers(request, **join_answer(request["line"].removeprefix("/join ")))
    assert me.session.groups.current is me.session.groups.get("tea")
    assert me.types("hi")[-1]["group"] == "tea"


def test_a_guest_types_while_groups_are_joined_again(make_session: MakeSession) -> None:
    """The line is sent to the group, not to the front desk."""
    me = guest_in(make_session, "tea")
    me.server.disconnects()
    requests_after_reconnecting(me)
    assert me.types("hi")[0].get("group") == "tea"


def test_unconfirmed_messages_of_a_guest(make_session: MakeSession) -> None:
    """They are shown, and not sent again."""
    me = guest_in(make_session, "tea")
    me.types("one")
    me.server.disconnects()
    assert "one" not in lines_of(requests_after_reconnecting(me))
    assert me.sees()[-1:] == ["* This may not have arrived: one"]


def test_lines_of_a_guest_after_an_unconfirmed_command(make_session: MakeSession) -> None:
    """They are sent."""
    me = guest_in(make_session, "tea")
    assert lines_of(me.types("/kick bob", "one")) == ["/kick bob"]
    me.server.disconnects()
    me.session.typed("two")
    join, *waiting = requests_after_reconnecting(me)
    me.server.answers(join, **join_answer("tea"))
    assert [*lines_of(waiting), *lines_of(me.types("three"))] == ["one", "two", "/members", "three"]
    assert "* This may not have arrived: /kick bob" in me.sees()


def test_lines_of_a_guest_after_an_unsent_command(make_session: MakeSession) -> None:
    """They are sent, whatever else was unconfirmed."""
    me = guest_in(make_session, "tea")
    me.types("one")
    me.server.disconnects()
    me.session.typed("/kick carol")
    received = []
    for request in requests_after_reconnecting(me):
        received.append(request["line"])
        me.server.answers(request, **(join_answer("tea") if "join" in request["line"] else {}))
    assert received == ["/join tea", "/kick carol"]
    me.server.receives()
    assert lines_of(me.types("two")) == ["two"]


def test_only_typed_lines_are_unconfirmed(make_session: MakeSession) -> None:
    """The client's own requests are not shown."""
    me = make_session(guest=True)
    me.starts()
    me.server.accepts_login(registered=False, groups=groups_in_hello("tea"))
    me.sees()
    me.server.disconnects()
    requests_after_reconnecting(me)
    assert not [line for line in me.sees() if "may not have arrived" in line]


def test_a_guest_loses_the_connection_twice(make_session: MakeSession) -> None:
    """The second time before the groups are joined again."""
    me = guest_in(make_session, "tea")
    me.server.disconnects()
    assert lines_of(requests_after_reconnecting(me)) == ["/join tea"]
    me.server.disconnects()
    assert lines_of(requests_after_reconnecting(me)) == ["/join tea"]
    assert not [line for line in me.sees() if "may not have arrived" in line]


def test_a_guest_loses_the_connection_while_joining(make_session: MakeSession) -> None:
    """The group of the address is asked for again."""
    me = make_session("tea", guest=True)
    me.starts()
    me.server.accepts_login(registered=False, token=None)
    assert lines_of(me.server.receives()) == ["/join tea"]
    me.server.disconnects()
    assert lines_of(requests_after_reconnecting(me)) == ["/join tea"]


# Screens that keep typed lines.


def test_visible_messages_are_not_shown_again(make_session: MakeSession) -> None:
    """On a screen that keeps typed lines, an event is shown unless its line was typed there."""
    me = make_session().enters("tea")
    me.screen.keeps_typed = True
    me.types("hi", "//slash", "hi")
    mine = [message(n, text, sender="alice") for n, text in enumerate(["hi", "/slash", "hi"], 1)]
    me.server.sends(*mine)
    assert me.sees() == []
    me.server.sends(message(4, "hi", sender="alice"), message(5, "hi"))
    assert me.sees() == ["09:30 alice: hi", "09:30 bob: hi"]


def test_a_refused_message_hides_no_later_one(make_session: MakeSession) -> None:
    """The same text, sent later from another device, is shown."""
    me = make_session().enters("tea")
    me.screen.keeps_typed = True
    (request,) = me.types("hi")
    me.server.refuses(request, "busy", "Not so fast.")
    me.sees()
    me.server.sends(message(1, "hi", sender="alice"))
    assert me.sees() == ["09:30 alice: hi"]


# Days.


def test_midnight(make_session: MakeSession) -> None:
    """A line for the new day is shown at midnight, once a day."""
    me = make_session().enters("tea")
    me.server.sends(message(1, "hi"))
    me.sees()
    shown: list[tuple[float, str]] = []
    while me.clock.seconds() < 40 * 3600:
        me.clock.advance(30)
        for ping in me.server.receives():
            me.server.answers(ping)
        shown += [(me.clock.seconds(), line) for line in me.sees()]
    assert [line for _, line in shown] == [
        "- Sunday, 22 November 2026 -",
        "- Monday, 23 November 2026 -",
    ]
    assert shown[0][0] - 12 * 3600 <= 60
    assert shown[1][0] - 36 * 3600 <= 60


def test_midnight_is_exact(make_session: MakeSession) -> None:
    """The line is shown within a second."""
    me = make_session()
    me.started = NOON + 12 * 3600 - 30
    me.enters("tea")
    me.server.sends(message(1, "hi"))
    me.sees()
    me.clock.advance(29)
    assert me.sees() == []
    me.clock.advance(2)
    assert me.sees() == ["- Sunday, 22 November 2026 -"]


@pytest.mark.parametrize(
    ("zone", "noon", "hours"),
    [
        ("Europe/Berlin", "2026-03-28T11:00:00Z", [12, 35]),
        ("Europe/Berlin", "2026-10-24T10:00:00Z", [12, 37]),
        ("America/Santiago", "2026-09-05T16:00:00Z", [12, 35]),  # 24:00 is 1:00
        ("America/Santiago", "2026-04-04T15:00:00Z", [13, 37]),  # 24:00 is 23:00
    ],
)
def test_midnight_when_the_clocks_change(
    make_session: MakeSession,
    set_zone: Callable[[str], None],
    zone: str,
    noon: str,
    hours: list[int],
) -> None:
    """Each line is shown once, at the reader's midnight, however long the day was."""
    me = make_session()
    set_zone(zone)
    me.started = datetime.fromisoformat(noon).timestamp()
    me.enters("tea")
    me.server.sends(message(1, "hi", at=noon))
    me.sees()
    shown: list[float] = []
    while me.clock.seconds() < 40 * 3600:
        me.clock.advance(30)
        for ping in me.server.receives():
            me.server.answers(ping)
        shown += [me.clock.seconds() for line in me.sees() if line.startswith("- ")]
    assert [each // 3600 for each in shown] == hours
    assert all(each % 3600 <= 60 for each in shown)


def test_midnight_during_sleep(make_session: MakeSession) -> None:
    """A clock that has jumped over midnight is noticed within a minute."""
    me = make_session().enters("tea")
    me.server.sends(message(1, "hi"))
    me.sees()
    me.started += 14 * 3600
    me.clock.advance(1)
    me.clock.advance(60)
    assert me.sees() == ["- Sunday, 22 November 2026 -"]


# Files.


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


# Invalid objects from the server.

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
    """The client logs in and keeps running, for any value of a field."""
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
    """The client keeps running, for any value of a field."""
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

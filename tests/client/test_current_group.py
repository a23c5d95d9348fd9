"""ClientSession: which group is current, and what is shown when one is entered."""

from __future__ import annotations

import pytest

from tests.client.fakes import (
    COMMANDS,
    groups_in_hello,
    join_answer,
    lines_of,
    message,
    private_message,
    without_ids,
)
from tests.client.people import MakeSession


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
        "* Your groups: 1 tea, 2 coffee.",
        "* /go NAME or /go NUMBER enters one; so does Alt and a number up to 9.",
    ]


def test_hint_for_newcomers(make_session: MakeSession) -> None:
    """A member of no group is shown how to begin."""
    me = make_session()
    me.starts()
    me.server.accepts_login()
    (shown,) = me.sees()
    assert shown.startswith(
        "* You are at the front desk: groups lists the groups, join GROUP enters"
    )


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
    """The group stays current, and no message says that there is none."""
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
    """Alt and the number that the group has on the server; another number does nothing."""
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
        assert request["line"] == "/groups vault"
        group = {"group": "vault", "number": 5, "topic": "gold"}
        me.server.answers(request, type="groups", groups=[group], more=0)
    me.sees()
    me.session.typed("/go 5")
    assert me.sees() == ["* You are in vault; topic: gold."]


def test_the_first_entry_shows_earlier_lines(make_session: MakeSession) -> None:
    """Those before the own entry, without the coming and going of others."""
    me = make_session().enters()
    at = "2026-11-21T12:00:00Z"
    joined = {"type": "joined", "group": "tea", "at": at, "via": "open", "by": "", "guest": False}
    (join,) = me.types("/join tea")
    me.server.answers(join, **join_answer("tea"))
    me.server.sends({**joined, "seq": 4, "name": "alice"})
    me.sees()
    (history,) = [each for each in me.server.receives() if each["line"] == "/history 200 before 4"]
    entries = [
        message(1, "first"),
        {**joined, "seq": 2, "name": "carol"},
        message(3, "second"),
    ]
    me.server.answers(history, type="history", group="tea", entries=entries)
    assert me.sees() == ["* Earlier, in tea:", "09:30 bob: first", "09:30 bob: second"]
    me.server.sends({**joined, "seq": 6, "name": "carol"})
    assert "carol has joined" in me.sees()[0]


def test_coming_and_going_that_was_missed(make_session: MakeSession) -> None:
    """It is not shown, but what concerns oneself is."""
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
    """In the list, and explained when they are named."""
    me = make_session().enters("tea")
    (request,) = me.types("/help")
    me.server.answers(request, type="help", commands=list(COMMANDS))
    assert any(line.startswith("* Client:     /go") for line in me.sees())
    (request,) = me.types("/help")
    me.server.answers(request, type="help", commands=[*COMMANDS, 5, None, {"name": []}])
    assert not me.ends, "what is no command is left out"
    me.sees()
    assert me.types("/help go") == []
    assert me.sees()[0] == "* /go [GROUP]"
    (request,) = me.types("/help kick")
    assert request["line"] == "/help kick"


def test_help_at_the_front_desk(make_session: MakeSession) -> None:
    """It shows the menu, as there every line is a command; in a group, most are messages."""
    me = make_session().enters("tea")
    for place, first in (("/help", "What you type is a message"), ("help", "1 join a group")):
        (request,) = me.types(place)
        me.server.answers(request, type="help", commands=list(COMMANDS))
        assert me.sees()[0].startswith(f"* {first}")
        (request,) = me.types("/desk")
        me.server.answers(request, type="desk", group="tea")
        me.sees()


def test_the_persons_own_command(make_session: MakeSession) -> None:
    """It is run for live mentions and private messages of others."""
    me = make_session().enters("tea")
    me.server.sends(message(1, "hi"), message(2, "hi alice", mentions=["alice"]))
    me.server.sends(private_message(1, "psst"))
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


def test_the_message_of_the_day(make_session: MakeSession) -> None:
    """It is shown line by line; an empty one is not shown."""
    me = make_session()
    me.starts()
    me.server.accepts_login(motd="Be kind.\nBe \x1b[1mbrief.", groups=groups_in_hello("tea"))
    assert me.sees() == ["* Be kind.", "* Be brief.", "* You are in tea."]

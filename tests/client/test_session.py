"""ClientSession: lines become requests, and what comes back becomes lines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyconchat.client.net.connection import State
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.session import MAX_UNDER_WAY, Cancelled
from tests.client.conftest import NOON, At, Sit
from tests.client.fake_server import COMMANDS, is_clean, member_of, private, said
from tests.client.net.test_json_protocol import HOSTILE, values
from tests.client.test_lines import ANSWERS, EVENTS, WRONG
from tests.support.examples import QUICK, examples


def entered(group: str, **fields: Any) -> Object:
    """Return the fields of the answer to joining *group*."""
    base = {"type": "entered", "group": group, "number": 1, "admin": "bob", "topic": ""}
    return {**base, "members": 2, "online": 1, "policy": "open", "created": False, **fields}


def lines_of(requests: list[Object]) -> list[str]:
    return [request.get("line", request.get("text")) for request in requests]


def without_ids(request: Object) -> Object:
    return {name: value for name, value in request.items() if name not in ("id", "key")}


# Lines.


def test_a_line_goes_to_the_current_group(sit: Sit) -> None:
    """As it was typed: what is a command, and what it may do, is the server's to say."""
    me = sit().enters("tea")
    typed = ["hi", "/kick bob", "//slash", "  two  blanks ", "/nosuch thing"]
    for line in typed:
        (request,) = me.types(line)
        assert without_ids(request) == {"group": "tea", "line": line}
        me.fake.call.answers(request)


def test_messages_do_not_wait_for_each_other(sit: Sit) -> None:
    """What is said goes out at once, whatever was answered."""
    me = sit().enters("tea")
    assert lines_of(me.types("one", "two", "//three")) == ["one", "two", "//three"]


def test_what_follows_a_command_waits_for_it(sit: Sit) -> None:
    """A command may lead to the group that the next line is meant for."""
    me = sit().enters()
    (join,) = me.types("/join tea", "hi", "/join coffee", "ho")
    me.session.pasted(["pasted"])
    me.fake.call.answers(join, **entered("tea"))
    heard = [each for each in me.fake.call.hears() if each["line"] != "/members"]
    assert [(each["group"], each["line"]) for each in heard] == [
        ("tea", "hi"),
        ("tea", "/join coffee"),
    ]
    me.fake.call.answers(heard[1], **entered("coffee"))
    heard = [each for each in me.fake.call.hears() if each.get("line") != "/members"]
    assert [each["group"] for each in heard] == ["coffee", "coffee"]
    assert lines_of(heard) == ["ho", "pasted"]


def test_what_follows_a_command_survives_a_cut(sit: Sit) -> None:
    """The command is made again, and what follows it goes out after it, once."""
    me = sit().enters("tea")
    me.types("/kick bob", "one", "/kick carol")
    me.fake.call.cuts()
    me.session.typed("two")
    call = me.fake.meets_again()
    call.lets_in(groups=member_of("tea"))
    heard: list[str] = []
    for _ in range(4):
        for request in call.hears():
            if request["line"] != "/members":
                heard.append(request["line"])
            call.answers(request)
    assert heard == ["/kick bob", "one", "/kick carol", "two"]
    assert me.session.under_way == 0


def test_what_follows_a_refused_command_goes_out(sit: Sit) -> None:
    """A command that was refused, or asks and gets no answer, holds nothing up."""
    me = sit().enters("tea")
    (request,) = me.types("/kick bob", "one")
    me.fake.call.refuses(request)
    assert lines_of(me.fake.call.hears()) == ["one"]
    (request,) = me.types("/kick", "two")
    me.fake.call.asks(request, "Kick whom? ")
    me.screen.questions[0][2].errback(Cancelled())
    assert lines_of(me.fake.call.hears()) == ["two"]


def test_at_the_front_desk_there_is_no_group(sit: Sit) -> None:
    """A line is made without one."""
    me = sit().enters()
    assert [without_ids(each) for each in me.types("join tea")] == [{"line": "join tea"}]


def test_nothing_is_nothing(sit: Sit) -> None:
    """Blank lines are not said."""
    me = sit().enters("tea")
    assert me.types("", "   ", "\t") == []


def test_a_command_of_a_newer_server(sit: Sit) -> None:
    """The client need not know it: it is sent, its question asked, and its answer shown."""
    me = sit().enters("tea")
    (request,) = me.types("/poll red")
    me.fake.call.asks(request, "And what else? ")
    me.screen.questions[0][2].callback("green")
    again = me.fake.call.hears_one()
    assert without_ids(again) == {"group": "tea", "line": "/poll red", "answers": ["green"]}
    me.fake.call.answers(again, type="poll", votes=0)
    assert me.sees() == ["* poll: votes 0"]


def test_the_clients_permissions_are_the_servers(sit: Sit) -> None:
    """What may not be is asked for, and refused by the server, in its words."""
    me = sit().enters("tea")
    (request,) = me.types("/kick bob")
    me.fake.call.refuses(request, "not-admin", "Only the admin, bob, can kick.")
    assert me.sees() == ["* Only the admin, bob, can kick."]


def test_what_is_said_is_shown_when_it_comes_back(sit: Sit) -> None:
    """As the server has it, once."""
    me = sit().enters("tea")
    (request,) = me.types("hi")
    assert me.sees() == []
    me.fake.call.says(said(1, "hi", sender="alice"))
    me.fake.call.answers(request, seq=1)
    assert me.sees() == ["09:30 alice: hi"]


@pytest.mark.parametrize(
    ("typed", "shown"), [("hi there", "hi there"), ("//slash", "/slash"), ("/ ", None)]
)
def test_what_was_refused_is_shown_again(sit: Sit, typed: str, shown: str | None) -> None:
    """A message that is not said is not lost: it is there to be said again."""
    me = sit().enters("tea")
    (request,) = me.types(typed)
    me.fake.call.refuses(request, "busy", "Not so fast.")
    expected = ["* Not so fast."] + ([f"* Not said: {shown}"] if shown else [])
    assert me.sees() == expected


def test_what_was_pasted(sit: Sit) -> None:
    """Each line is a message, whatever it begins with; blank ones are left out."""
    me = sit().enters("tea")
    me.session.pasted(["/kick bob", "", "  indented", "/go tea", "//x"])
    requests = me.fake.call.hears()
    assert [without_ids(each) for each in requests] == [
        {"group": "tea", "text": text} for text in ("/kick bob", "  indented", "/go tea", "//x")
    ]
    me.fake.call.refuses(requests[0], "busy", "Not so fast.")
    assert me.sees() == ["* Not so fast.", "* Not said: /kick bob"]


@pytest.mark.parametrize("how", ["refused", "away", "doubt", "go"])
def test_what_was_pasted_is_shown_safely(sit: Sit, how: str) -> None:
    """Text that somebody else wrote may be pasted: shown again, it has nothing to obey in it."""
    me = sit(guest=how == "doubt").enters("tea", registered=how != "doubt")
    if how == "away":
        me.fake.call.cuts()
    if how == "go":
        me.session.typed(f"/go {HOSTILE}")  # the screen looks at what it is shown
    else:
        me.session.pasted([f"look: {HOSTILE}"])
    if how == "refused":
        me.fake.call.refuses(me.fake.call.hears_one())
    if how == "doubt":
        me.fake.call.cuts()
        me.fake.meets_again().lets_in(registered=False)
    assert any("evil" in line for line in me.sees())


# Questions.


def test_a_missing_argument_is_asked_for(sit: Sit) -> None:
    """Answer by answer; what was answered goes with the next attempt, under a key of its own."""
    me = sit().enters("tea")
    (first,) = me.types("/msg")
    me.fake.call.asks(first, "Recipient: ")
    question, secret, answer = me.screen.questions[0]
    assert (question, secret) == ("Recipient: ", False)
    answer.callback("bob")
    second = me.fake.call.hears_one()
    me.fake.call.asks(second, "Message: ")
    me.screen.questions[1][2].callback("hello")
    third = me.fake.call.hears_one()
    assert without_ids(third) == {"group": "tea", "line": "/msg", "answers": ["bob", "hello"]}
    assert len({each["key"] for each in (first, second, third)}) == 3
    me.fake.call.answers(third, type="sent", **{"with": "bob", "online": True, "seq": 1})
    assert me.sees() == ["* Sent to bob."]


def test_a_secret_is_asked_for_as_one(sit: Sit, folder: Any) -> None:
    """The answer to it does not show anywhere, and the new token is used from then on."""
    me = sit().enters("tea")
    (request,) = me.types("/password")
    me.fake.call.asks(request, "New password: ", secret=True)
    assert me.screen.questions[0][1] is True
    me.screen.questions[0][2].callback("new-word")
    again = me.fake.call.hears_one()
    assert again["answers"] == ["new-word"]
    me.fake.call.answers(again, type="password", text="Changed.", token="token-2")
    assert me.sees() == ["* Changed."]
    me.fake.call.cuts()
    assert me.fake.meets_again().hears_one()["token"] == "token-2"
    assert folder.token(me.session.address, "alice") == "token-2"


@pytest.mark.parametrize("secret", [None, 1, "true", []])
def test_only_true_is_secret(sit: Sit, secret: Any) -> None:
    """A question of an odd server is asked all the same."""
    me = sit().enters("tea")
    (request,) = me.types("/x")
    asked = {"re": request["id"], "ok": False, "code": "missing-argument", "error": "x"}
    me.fake.call.says({**asked, "ask": "What? ", "secret": secret})
    assert me.screen.questions[0][:2] == ("What? ", False)


def test_who_does_not_answer(sit: Sit) -> None:
    """Then nothing is done."""
    me = sit().enters("tea")
    (request,) = me.types("/msg")
    me.fake.call.asks(request, "Recipient: ")
    me.screen.questions[0][2].errback(Cancelled())
    assert me.sees() == ["* Cancelled."]
    assert me.fake.call.hears() == []
    assert me.session.link.under_way == 0


def test_an_answer_goes_where_the_question_came_from(sit: Sit) -> None:
    """Who goes to another group meanwhile has asked in the one before."""
    me = sit().enters("tea", "coffee")
    (request,) = me.types("/kick")
    me.fake.call.asks(request, "Kick whom? ")
    me.session.go("coffee")
    me.fake.call.hears()
    me.screen.questions[0][2].callback("bob")
    assert me.fake.call.hears_one()["group"] == "tea"


def test_an_answer_after_a_cut(sit: Sit) -> None:
    """What is answered while the server is away waits as other requests do."""
    me = sit().enters("tea")
    (request,) = me.types("/kick")
    me.fake.call.asks(request, "Kick whom? ")
    me.fake.call.cuts()
    me.screen.questions[0][2].callback("bob")
    call = me.fake.meets_again()
    call.lets_in(groups=member_of("tea"))
    assert {"group": "tea", "line": "/kick", "answers": ["bob"]} in map(without_ids, call.hears())


def test_a_pasted_text_that_asks(sit: Sit) -> None:
    """A server that asks about a message, and then for a file, gets nothing and breaks nothing."""
    me = sit().enters("tea")
    me.session.pasted(["hello"])
    me.fake.call.asks(me.fake.call.hears_one(), "Which file? ")
    me.screen.questions[0][2].callback("/etc/passwd")
    request = me.fake.call.hears_one()
    me.fake.call.answers(request, type="upload", ticket="t", name="x", offset=0, most=9, command="")
    assert me.session.transfers.under_way == []
    assert len(me.fake.calls) == 1


# Where we are.


def test_the_only_group_is_entered(sit: Sit) -> None:
    """Who is in one group is there."""
    me = sit()
    me.session.start()
    me.fake.call.lets_in(groups=member_of("tea"))
    assert me.sees() == ["* You are in tea."]
    assert without_ids(me.fake.call.hears_one()) == {"group": "tea", "line": "/members"}


def test_several_groups_are_listed(sit: Sit) -> None:
    """Who is in several is told how to enter one."""
    me = sit()
    me.session.start()
    me.fake.call.lets_in(groups=member_of("tea", "coffee"))
    assert me.sees() == [
        "* Your groups: 1 tea, 2 coffee. /go NAME, or Alt and the number, enters one."
    ]


def test_a_newcomer_is_told_what_to_do(sit: Sit) -> None:
    """Who is in none is told how to begin."""
    me = sit()
    me.session.start()
    me.fake.call.lets_in()
    assert me.sees() == ["* You are at the front desk: join GROUP enters a group, help lists more."]


def test_where_we_are_is_not_told_twice(sit: Sit) -> None:
    """After a cut we are where we were."""
    me = sit().enters("tea", "coffee")
    me.fake.call.cuts()
    me.fake.meets_again().lets_in(groups=member_of("tea", "coffee"))
    assert me.session.rooms.current is me.session.rooms.get("tea")
    assert not [line for line in me.sees() if "Your groups" in line or "You are" in line]


def test_a_group_of_the_address(sit: Sit) -> None:
    """It is entered at once, and asked for where we are no member, once."""
    me = sit("tea")
    me.session.start()
    me.fake.call.lets_in()
    request = me.fake.call.hears_one()
    assert without_ids(request) == {"line": "/join tea"}
    assert me.sees() == []
    me.fake.call.answers(request, **entered("tea"))
    assert me.sees()[0].startswith("* You are in tea")
    me.fake.call.cuts()
    call = me.fake.meets_again()
    call.lets_in(groups=member_of("tea"))
    assert "/join tea" not in lines_of(call.hears())


def test_a_group_of_the_address_that_is_ours(sit: Sit) -> None:
    """A member need not join."""
    me = sit("coffee")
    me.session.start()
    me.fake.call.lets_in(groups=member_of("tea", "coffee"))
    assert me.sees() == ["* You are in coffee."]
    assert {*lines_of(me.fake.call.hears())} == {"/members"}


@pytest.mark.parametrize(
    "typed", ["/go coffee", "/go COFFEE", "/GO coffee", "  /go   coffee  ", "/go 2"]
)
def test_going(sit: Sit, typed: str) -> None:
    """By name or number, without the server."""
    me = sit().enters("tea", "coffee")
    assert lines_of(me.types(typed)) == ["/members"]
    assert me.sees() == ["* You are in coffee."]
    assert me.types("hi")[0]["group"] == "coffee"


def test_going_on(sit: Sit) -> None:
    """/go alone goes to what is unread, or to the next group."""
    me = sit().enters("tea", "coffee", "milk")
    me.fake.call.says(said(1, "x", "milk"))
    me.types("/go")
    assert me.sees()[-1] == "* You are in milk."
    me.types("/go")
    assert me.sees()[-1] == "* You are in tea."


def test_going_on_where_there_is_one_group(sit: Sit) -> None:
    """Who is in the only one is not told to be in none."""
    me = sit().enters("tea")
    me.types("/go")
    assert "* You are in no group." not in me.sees()
    assert me.session.rooms.current is me.session.rooms.get("tea")


def test_going_nowhere(sit: Sit) -> None:
    """To a group of which one is no member; or in none at all."""
    me = sit().enters("tea", "coffee")
    assert me.types("/go milk") == []
    assert me.sees() == ["* You are not in milk: /join milk."]
    nobody = sit().enters()
    assert nobody.types("/go") == []
    assert nobody.sees() == ["* You are in no group."]


def test_going_says_the_topic(sit: Sit) -> None:
    """If there is one."""
    groups = member_of("tea", "coffee")
    groups[1]["topic"] = "black"
    me = sit()
    me.session.start()
    me.fake.call.lets_in(groups=groups)
    me.sees()
    me.types("/go coffee")
    assert me.sees() == ["* You are in coffee; topic: black."]


def test_going_by_key(sit: Sit) -> None:
    """Alt and a number; one that is too high does nothing."""
    me = sit().enters("tea", "coffee")
    me.session.go_to(1)
    assert me.sees() == ["* You are in coffee."]
    me.session.go_to(2)
    assert me.sees() == []


def test_going_from_the_front_desk(sit: Sit) -> None:
    """There each command works without its slash, and Tab offers this one so: it works too."""
    me = sit()
    me.session.start()
    me.fake.call.lets_in(groups=member_of("tea", "coffee"))
    assert "go " in me.session.words.completions("g")[1]
    me.types("go coffee")
    assert me.session.rooms.current is me.session.rooms.get("coffee")


def test_put_out_of_the_current_group(sit: Sit) -> None:
    """What is typed then is not said there."""
    me = sit().enters("tea")
    kicked = {"type": "kicked", "group": "tea", "seq": 1, "at": "2026-11-21T09:30:00Z"}
    me.fake.call.says({**kicked, "name": "alice", "by": "bob", "reason": ""})
    assert me.sees() == ["09:30 * You were kicked from tea by bob."]
    assert "group" not in me.types("hi")[0]


def test_the_message_of_the_day(sit: Sit) -> None:
    """It is shown line by line; none is none."""
    me = sit()
    me.session.start()
    me.fake.call.lets_in(motd="Be kind.\nBe \x1b[1mbrief.", groups=member_of("tea"))
    assert me.sees() == ["* Be kind.", "* Be [1mbrief.", "* You are in tea."]


# Leaving.


def test_leaving(sit: Sit) -> None:
    """With nothing on its way, at once."""
    me = sit().enters("tea")
    me.session.leave()
    assert me.ends == [""]


def test_leaving_with_something_under_way(sit: Sit) -> None:
    """It is said, and the second time is meant."""
    me = sit().enters("tea")
    me.types("one", "two")
    me.session.leave()
    assert me.ends == []
    assert me.sees() == ["* 2 on the way still; once more leaves all the same."]
    me.session.leave()
    assert me.ends == [""]


def test_leaving_is_asked_about_each_time(sit: Sit) -> None:
    """Who thought better of it once is asked again about what is under way an hour later."""
    me = sit().enters("tea")
    (request,) = me.types("one")
    me.session.leave()
    me.fake.call.answers(request, seq=1)
    me.clock.advance(3)
    me.types("another")
    me.sees()
    me.session.leave()
    assert me.ends == []


def test_quit_is_the_servers(sit: Sit) -> None:
    """While it is there it is asked; it says goodbye."""
    me = sit().enters("tea")
    assert lines_of(me.types("/quit")) == ["/quit"]
    me.fake.call.says({"type": "end", "why": "bye", "text": "Bye."})
    assert me.ends == [""]


def test_quit_while_the_server_is_away(sit: Sit) -> None:
    """Then there is nobody to ask."""
    me = sit().enters("tea")
    me.fake.call.cuts()
    me.session.typed("/quit")
    assert me.ends == [""]


def test_put_off(sit: Sit) -> None:
    """The reason is the last word."""
    me = sit().enters("tea")
    me.fake.call.says({"type": "end", "why": "put-off", "text": "Kicked \x1b[2J off."})
    assert me.ends == ["Kicked [2J off."]


# While the server is away.


def test_lines_wait_for_the_server(sit: Sit) -> None:
    """They go out once, in order, to the group in which they were typed."""
    me = sit().enters("tea", "coffee")
    me.fake.call.cuts()
    me.session.typed("one")
    me.session.go("coffee")
    me.session.typed("two")
    assert [line for line in me.sees() if "On its way" in line] == [
        "* On its way once the server is back: one",
        "* On its way once the server is back: two",
    ]
    call = me.fake.meets_again()
    call.lets_in(groups=member_of("tea", "coffee"))
    said_ = [each for each in call.hears() if each["line"] in ("one", "two")]
    assert [(each["group"], each["line"]) for each in said_] == [("tea", "one"), ("coffee", "two")]


def test_so_many_lines_wait(sit: Sit) -> None:
    """1,000; what is more is refused, and said to be."""
    me = sit().enters("tea")
    me.fake.call.cuts()
    for number in range(MAX_UNDER_WAY + 5):
        me.session.typed(f"line {number}")
    assert me.session.link.under_way == MAX_UNDER_WAY
    told = me.sees()
    assert told[-5:] == ["* Too much is on its way already; wait until the server is back."] * 5
    call = me.fake.meets_again()
    call.lets_in(groups=member_of("tea"))
    lines = [line for line in lines_of(call.hears()) if line != "/members"]
    assert lines == [f"line {number}" for number in range(MAX_UNDER_WAY)]


def test_going_about_while_away_fills_nothing(sit: Sit) -> None:
    """Going from group to group while the server is away asks it nothing a thousand times over."""
    me = sit().enters("tea", "coffee")
    me.fake.call.cuts()
    for _ in range(MAX_UNDER_WAY):
        me.session.typed("/go")
    me.sees()
    me.session.typed("hi")
    assert "Too much" not in "".join(me.sees())


# Guests.


def guest_in(sit: Sit, *groups: str) -> At:
    """Let a guest in who then joins *groups*, and goes to the first."""
    me = sit(guest=True)
    me.session.start()
    me.fake.call.lets_in(registered=False, token=None)
    for group in groups:
        (request,) = me.types(f"/join {group}")
        me.fake.call.answers(request, **entered(group))
        for members in me.fake.call.hears():
            me.fake.call.answers(members, type="members", group=group, members=[])
    if len(groups) > 1:
        me.session.go(groups[0])
        for members in me.fake.call.hears():
            me.fake.call.answers(members, type="members", group=groups[0], members=[])
    me.sees()
    return me


def back(me: At) -> list[Object]:
    """Let the guest in again; return what is heard then."""
    call = me.fake.meets_again()
    call.lets_in(registered=False, token=None)
    return call.hears()


def test_a_guests_groups_are_joined_again(sit: Sit) -> None:
    """Before what waited to be said in them."""
    me = guest_in(sit, "tea", "coffee")
    me.fake.call.cuts()
    me.session.typed("waited")
    assert lines_of(back(me)) == ["/join tea", "/join coffee", "waited"]


def test_a_guest_is_where_they_were(sit: Sit) -> None:
    """Their current group is the current one again, not the last that was joined."""
    me = guest_in(sit, "tea", "coffee")
    me.fake.call.cuts()
    for request in back(me):
        me.fake.call.answers(request, **entered(request["line"].removeprefix("/join ")))
    assert me.session.rooms.current is me.session.rooms.get("tea")
    assert me.types("hi")[-1]["group"] == "tea"


def test_a_guest_who_types_at_once(sit: Sit) -> None:
    """What is typed while the groups are being joined again goes to the group, not to the desk."""
    me = guest_in(sit, "tea")
    me.fake.call.cuts()
    back(me)
    assert me.types("hi")[0].get("group") == "tea"


def test_what_a_guest_said_is_in_doubt(sit: Sit) -> None:
    """It is shown, and not said again."""
    me = guest_in(sit, "tea")
    me.types("one")
    me.fake.call.cuts()
    assert "one" not in lines_of(back(me))
    assert me.sees()[-1:] == ["* This may not have arrived: one"]


def test_what_a_guest_typed_after_a_command(sit: Sit) -> None:
    """A command that is in doubt holds nothing up: what was typed after it goes out."""
    me = guest_in(sit, "tea")
    assert lines_of(me.types("/kick bob", "one")) == ["/kick bob"]
    me.fake.call.cuts()
    me.session.typed("two")
    join, *waited = back(me)
    me.fake.call.answers(join, **entered("tea"))
    assert [*lines_of(waited), *lines_of(me.types("three"))] == ["one", "two", "/members", "three"]
    assert "* This may not have arrived: /kick bob" in me.sees()


def test_what_a_guest_typed_between_commands(sit: Sit) -> None:
    """Nor does one that was in doubt beside one that was not sent yet."""
    me = guest_in(sit, "tea")
    me.types("one")
    me.fake.call.cuts()
    me.session.typed("/kick carol")
    heard = []
    for request in back(me):
        heard.append(request["line"])
        me.fake.call.answers(request, **(entered("tea") if "join" in request["line"] else {}))
    assert heard == ["/join tea", "/kick carol"]
    me.fake.call.hears()
    assert lines_of(me.types("two")) == ["two"]


def test_only_what_was_typed_is_in_doubt(sit: Sit) -> None:
    """What the client asks of itself is nothing to the person."""
    me = sit(guest=True)
    me.session.start()
    me.fake.call.lets_in(registered=False, groups=member_of("tea"))
    me.sees()
    me.fake.call.cuts()
    back(me)
    assert not [line for line in me.sees() if "may not have arrived" in line]


def test_a_guest_is_cut_again(sit: Sit) -> None:
    """A cut before the groups are joined again does not lose them."""
    me = guest_in(sit, "tea")
    me.fake.call.cuts()
    assert lines_of(back(me)) == ["/join tea"]
    me.fake.call.cuts()
    assert lines_of(back(me)) == ["/join tea"]
    assert not [line for line in me.sees() if "may not have arrived" in line]


def test_a_guest_is_cut_before_the_group_of_the_address(sit: Sit) -> None:
    """It is asked for again."""
    me = sit("tea", guest=True)
    me.session.start()
    me.fake.call.lets_in(registered=False, token=None)
    assert lines_of(me.fake.call.hears()) == ["/join tea"]
    me.fake.call.cuts()
    assert lines_of(back(me)) == ["/join tea"]


# Screens on which what was typed stands already.


def test_what_stands_there_is_not_shown_again(sit: Sit) -> None:
    """Each line that was typed is on such a screen; its event is shown only on others."""
    me = sit().enters("tea")
    me.screen.keeps_typed = True
    me.types("hi", "//slash", "hi")
    mine = [said(n, text, sender="alice") for n, text in enumerate(["hi", "/slash", "hi"], 1)]
    me.fake.call.says(*mine)
    assert me.sees() == []
    me.fake.call.says(said(4, "hi", sender="alice"), said(5, "hi"))
    assert me.sees() == ["09:30 alice: hi", "09:30 bob: hi"]


def test_what_was_refused_stands_in_for_nothing(sit: Sit) -> None:
    """The same, said later on another device, is shown."""
    me = sit().enters("tea")
    me.screen.keeps_typed = True
    (request,) = me.types("hi")
    me.fake.call.refuses(request, "busy", "Not so fast.")
    me.sees()
    me.fake.call.says(said(1, "hi", sender="alice"))
    assert me.sees() == ["09:30 alice: hi"]


# Days.


def test_midnight(sit: Sit) -> None:
    """A day line comes at midnight, by itself, once a day."""
    me = sit().enters("tea")
    me.fake.call.says(said(1, "hi"))
    me.sees()
    shown: list[tuple[float, str]] = []
    while me.clock.seconds() < 40 * 3600:
        me.clock.advance(30)
        for ping in me.fake.call.hears():
            me.fake.call.answers(ping)
        shown += [(me.clock.seconds(), line) for line in me.sees()]
    assert [line for _, line in shown] == [
        "- Sunday, 22 November 2026 -",
        "- Monday, 23 November 2026 -",
    ]
    assert shown[0][0] - 12 * 3600 <= 60
    assert shown[1][0] - 36 * 3600 <= 60


def test_midnight_is_exact(sit: Sit) -> None:
    """The line comes within a second of midnight."""
    me = sit()
    me.began = NOON + 12 * 3600 - 30
    me.enters("tea")
    me.fake.call.says(said(1, "hi"))
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
    sit: Sit, utc: Callable[[str], None], zone: str, noon: str, hours: list[int]
) -> None:
    """Each day line comes once, when the reader's day begins, however long the day before was."""
    me = sit()
    utc(zone)
    me.began = datetime.fromisoformat(noon).timestamp()
    me.enters("tea")
    me.fake.call.says(said(1, "hi", at=noon))
    me.sees()
    shown: list[float] = []
    while me.clock.seconds() < 40 * 3600:
        me.clock.advance(30)
        for ping in me.fake.call.hears():
            me.fake.call.answers(ping)
        shown += [me.clock.seconds() for line in me.sees() if line.startswith("- ")]
    assert [each // 3600 for each in shown] == hours
    assert all(each % 3600 <= 60 for each in shown)


def test_a_machine_that_slept(sit: Sit) -> None:
    """A clock that jumps over midnight is noticed within a minute."""
    me = sit().enters("tea")
    me.fake.call.says(said(1, "hi"))
    me.sees()
    me.began += 14 * 3600
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
def test_what_is_not_fetched(sit: Sit, auto: int, size: Any) -> None:
    """Nothing comes by itself that was not asked for, whatever size the server says it has."""
    me = sit(auto_get=auto).enters("tea")
    me.fake.call.says(shared(size))
    assert me.fake.call.hears() == []


def test_what_is_fetched(sit: Sit) -> None:
    """Up to the size that was given, from others, while it is shared."""
    me = sit(auto_get=10).enters("tea")
    me.fake.call.says(shared(10))
    assert without_ids(me.fake.call.hears_one()) == {"group": "tea", "line": "/get 3"}
    me.fake.call.says(shared(10, by="alice") | {"seq": 2})
    assert me.fake.call.hears() == []


def ticket(size: int = 5) -> Object:
    base = {"type": "download", "ticket": "t", "group": "tea", "number": 3, "name": "a.txt"}
    return {**base, "size": size, "sha256": "ab", "command": "nc"}


def test_a_file_that_grows(sit: Sit) -> None:
    """What comes by itself is no larger than it was said to be."""
    me = sit(auto_get=10).enters("tea")
    me.fake.call.says(shared(10))
    me.fake.call.answers(me.fake.call.hears_one(), **ticket(10**12))
    assert len(me.fake.calls) == 1


def test_a_file_that_nobody_asked_for(sit: Sit) -> None:
    """An answer to something that was only said does not make the client write a file."""
    me = sit().enters("tea")
    (request,) = me.types("hi")
    me.fake.call.answers(request, **ticket())
    assert len(me.fake.calls) == 1
    assert me.session.transfers.under_way == []


# What servers may send.

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
def test_a_hello_that_makes_no_sense(sit: Sit, complaints: list[str], field: str) -> None:
    """Each field of the hello may be anything: we are in, and go on."""
    me = sit()
    me.session.start()
    more: list[Any] = [[{"group": wrong} for wrong in WRONG], [{"name": wrong} for wrong in WRONG]]
    more += [
        [{**member_of("tea")[0], key: wrong} for wrong in WRONG] for key in ("number", "topic")
    ]
    more += [[{**COMMANDS[0], key: wrong} for wrong in WRONG] for key in COMMANDS[0]]
    for wrong in [*WRONG, *more]:
        me.fake.call.hears()
        me.fake.call.welcomes(**{field: wrong})
        assert me.session.link.state is State.LIVE, wrong
        me.types("hi")
        me.session.words.completions("")
        me.session.words.completions("/join t")
        assert not [line for line in me.sees() if "Cannot reach" in line], wrong
        me.fake.call.cuts()
        me.fake.meets_again()
    assert (me.ends, complaints) == ([], [])


@pytest.mark.parametrize(
    "template",
    [*(each for each, _ in EVENTS), said(1, "x"), private(1, "x"), {"type": "live"}],
    ids=lambda each: f"{each.get('type')}",
)
def test_events_that_make_no_sense(sit: Sit, complaints: list[str], template: Object) -> None:
    """Each field of each event may be anything: something is shown, or nothing, and we go on."""
    me = sit().enters("tea")
    for field in [*template, "with", "group"]:
        for wrong in WRONG:
            me.fake.call.says({**template, field: wrong})
            me.fake.call.hears()
    assert me.fake.call.open
    assert (me.ends, complaints) == ([], [])


@pytest.mark.parametrize(
    "template", [each for each, _ in ANSWERS], ids=lambda each: f"{each.get('type')}"
)
def test_answers_that_make_no_sense(sit: Sit, complaints: list[str], template: Object) -> None:
    """Each field of each answer may be anything: the request is answered by it."""
    me = sit().enters("tea")
    for field in [*template, "ask", "secret", "code", "token", "group", "type"]:
        for wrong in WRONG:
            if field == "re":
                continue
            (request,) = (each for each in me.types("/x") if each["line"] == "/x")
            me.fake.call.says({**template, field: wrong, "re": request["id"]})
            for members in me.fake.call.hears():
                me.fake.call.answers(members)
    assert me.session.link.under_way == 0
    assert (me.ends, complaints) == ([], [])


FIELDS = (
    *("type", "group", "with", "from", "text", "name", "by", "code", "ask", "ok", "error", "seq"),
    *("members", "entries", "people", "size", "number", "topic", "at", "commands", "token"),
)
told = st.dictionaries(
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
@given(st.lists(st.tuples(st.booleans(), told), max_size=8))
def test_whatever_comes(sit: Sit, complaints: list[str], told: list[tuple[bool, Object]]) -> None:
    """Any objects, as events and as answers: nothing raises, and all that is shown is clean."""
    complaints.clear()
    me = sit()
    me.fake.calls.clear()
    me.enters("tea")
    for as_answer, fields in told:
        if not me.fake.call.open or me.ends:
            break
        if as_answer:
            requests = [each for each in me.types("/x") if each.get("line") == "/x"]
            if requests:
                me.fake.call.says({"ok": True, **fields, "re": requests[-1]["id"]})
        elif fields.get("type") != "end":
            me.fake.call.says({"type": "x", **fields})
    assert all(is_clean(line) for line in me.screen.lines)
    assert complaints == []
    me.session.stop()

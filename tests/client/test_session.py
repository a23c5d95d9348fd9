"""ClientSession: typed lines become requests, and events and answers become lines."""

from __future__ import annotations

import pytest

from pyconchat.client.interfaces import Cancelled
from tests.client.fakes import (
    groups_in_hello,
    join_answer,
    lines_of,
    message,
    without_ids,
)
from tests.client.people import MakeSession

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
    (request,) = me.types("/kick")
    me.session.pasted(["two"])
    me.server.asks(request, "Kick whom? ")
    assert me.server.receives() == []
    me.screen.questions[0][2].errback(Cancelled())
    assert lines_of(me.server.receives()) == ["two"]


def test_lines_go_to_the_partner(make_session: MakeSession) -> None:
    """After /query, until another place is entered; only answers with news are shown."""
    me = make_session().enters("tea")
    (request,) = me.types("/query bob", "hi", "/history", "join us")
    assert without_ids(request) == {"group": "tea", "line": "/query bob"}
    query = {"type": "query", "with": "bob", "online": True, "guest": False, "away": None}
    me.server.answers(request, **query)
    earlier, said, history = me.server.receives()
    assert without_ids(earlier) == {"with": "bob", "line": "/history 200"}
    me.server.answers(earlier, type="history", entries=[], **{"with": "bob"})
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
        "* Nothing has been said in private with bob yet.",
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

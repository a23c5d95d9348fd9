"""ClientSession: lines and groups while the connection is lost, also those of guests."""

from __future__ import annotations

from pyconchat.client.line_sender import MAX_UNANSWERED
from pyconchat.client.net.json_protocol import Object
from tests.client.fakes import (
    groups_in_hello,
    join_answer,
    lines_of,
)
from tests.client.people import MakeSession, SessionUser

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

"""Views: what is shown at once, what is counted, and what is shown when a group is entered."""

from __future__ import annotations

from typing import Any

import pytest

from pyconchat.client.joined_group import JoinedGroup
from pyconchat.client.log_reader import MAX_NEW, PAGE
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.views import MAX_HELD
from tests.client.examples import event
from tests.client.fakes import groups_in_hello, join_answer, message, private_message, without_ids
from tests.client.people import MakeSession, SessionUser


def coffee(me: SessionUser) -> JoinedGroup:
    """Return the group coffee."""
    group = me.session.groups.get("coffee")
    assert group is not None
    return group


def history_asked(me: SessionUser) -> Object:
    """Return the only request for history that the server has received."""
    (request,) = [
        each for each in me.server.receives() if str(each.get("line")).startswith("/history")
    ]
    return request


def shows_history(me: SessionUser, *entries: Object, **fields: Any) -> list[str]:
    """Answer the request for history; return the lines shown, without their times."""
    me.sees()
    me.server.answers(history_asked(me), type="history", entries=list(entries), **fields)
    return [line.removeprefix("09:30 ") for line in me.sees()]


def test_another_group_waits(make_session: MakeSession) -> None:
    """What is said there is counted, and shown from the log when the group is entered."""
    me = make_session().enters("tea", "coffee")
    me.server.sends(
        message(1, "beans?", "coffee"),
        event("topic", "coffee", topic="beans", by="bob") | {"seq": 2},
        event("joined", "coffee", name="carol", via="open", by=None) | {"seq": 3},
        message(4, "in tea"),
    )
    assert me.sees() == ["09:30 bob: in tea"]
    assert (coffee(me).unread, coffee(me).mentions) == (2, 0)
    me.types("/go coffee")
    assert me.sees() == ["* You are in coffee; topic: beans."]


def test_what_is_new(make_session: MakeSession) -> None:
    """It is under a line that says how much there is; coming and going is left out."""
    me = make_session().enters("tea", "coffee")
    entries = [
        message(5, "beans?", "coffee"),
        event("joined", "coffee", name="carol", via="open", by=None) | {"seq": 6},
        message(7, "alice?", "coffee", mentions=["alice"]),
    ]
    me.server.sends(*entries)
    assert [line[6:] for line in me.sees()] == ["» bob (in coffee): alice?"]
    me.session.go("coffee")
    me.sees()
    request = history_asked(me)
    assert without_ids(request) == {"group": "coffee", "line": "/history 3 before 8"}
    me.server.sends(message(8, "while it is read", "coffee"))
    assert me.sees() == []
    me.server.answers(request, type="history", group="coffee", entries=entries)
    assert [line.removeprefix("09:30 ") for line in me.sees()] == [
        "* — 2 new in coffee, 1 for you, since Sat 09:30 —",
        "bob: beans?",
        "» bob: alice?",
        "bob: while it is read",
    ]
    assert coffee(me).unread == 0
    me.server.sends(message(9, "now", "coffee"))
    assert me.sees() == ["09:30 bob: now"]


def test_what_is_for_the_person_is_shown_at_once(make_session: MakeSession) -> None:
    """Mentions, what concerns them or is to be decided, and what they have done themselves."""
    me = make_session().enters("tea", "coffee")
    me.server.sends(
        message(1, "alice?", "coffee", mentions=["alice"]),
        event("moderator", "coffee", name="alice", by="bob") | {"seq": 2},
        event("requested", "coffee", name="dave", note="", guest=False) | {"seq": 3},
        event("topic", "coffee", topic="x", by="alice") | {"seq": 4},
        message(5, "my own", "coffee", sender="alice"),
        private_message(1, "psst"),
    )
    shown = " ".join(me.sees())
    for text in ("alice?", "You are a moderator", "dave asks", "changed the topic", "psst"):
        assert text in shown
    assert "my own" not in shown
    assert (coffee(me).unread, coffee(me).mentions) == (2, 1)


def test_a_muted_group(make_session: MakeSession) -> None:
    """It waits also in one stream with the others; requests to join it are counted."""
    me = make_session().enters("tea", "coffee")
    (request,) = me.types("/mute coffee")
    me.server.answers(request, type="muted", group="coffee", muted=True)
    me.types("/view all")
    me.sees()
    me.server.sends(
        message(1, "one", "coffee"),
        message(2, "alice?", "coffee", mentions=["alice"]),
        event("requested", "coffee", name="dave", note="", guest=False) | {"seq": 3},
    )
    assert [line[6:] for line in me.sees()] == ["» bob (in coffee): alice?"]
    assert (coffee(me).unread, coffee(me).mentions) == (3, 1)
    me.server.sends({"type": "muted", "group": "coffee", "muted": False})
    assert without_ids(history_asked(me))["line"] == "/history 3 before 4"


def test_one_stream(make_session: MakeSession) -> None:
    """With /view all, what waited is shown, and then everything as it comes."""
    me = make_session().enters("tea", "coffee")
    me.server.sends(message(1, "one", "coffee"))
    me.session.typed("/view all")
    assert me.sees() == [
        "* The screen shows all groups in one stream. /view one shows only the current group."
    ]
    assert shows_history(me, message(1, "one", "coffee")) == [
        "* — 1 new in coffee since Sat 09:30 —",
        "bob (in coffee): one",
    ]
    me.server.sends(message(2, "two", "coffee"))
    assert me.sees() == ["09:30 bob (in coffee): two"]
    assert coffee(me).unread == 0
    me.types("/view one")
    me.server.sends(message(3, "three", "coffee"))
    assert "three" not in " ".join(me.sees())
    me.types("/view two")
    assert me.sees() == ["* There is no view two: /view one, or /view all."]


def test_after_a_login(make_session: MakeSession) -> None:
    """What no device has shown counts, also what another program of the account has received.

    A missed mention is shown only where it was said: once, among what was said around it.
    """
    tea, vault = groups_in_hello("tea", "coffee")
    new = {"head": 40, "unread": 30, "mentions": 2}
    me = make_session().starts()
    me.server.accepts_login(
        {"type": "missed", "group": "coffee", "count": 2, "older": 0, "mentions": 1},
        message(38, "x", "coffee"),
        event("joined", "coffee", name="carol", via="open", by=None) | {"seq": 39},
        message(40, "alice!", "coffee", mentions=["alice"]),
        groups=[tea, vault | new],
    )
    assert (coffee(me).unread, coffee(me).mentions) == (29, 2)
    assert me.sees() == [
        "* Your groups: 1 tea, 2 coffee (new: 29, 2 mentions).",
        "* /go NAME or /go NUMBER enters one; so does Alt and a number up to 9.",
    ]
    me.session.go("coffee")
    assert history_asked(me)["line"] == "/history 30 before 41"


def test_the_only_group_after_a_login(make_session: MakeSession) -> None:
    """It is entered at once, and what was missed there is read from the log, once."""
    (tea,) = groups_in_hello("tea")
    entries = [message(1, "one"), message(2, "alice!", mentions=["alice"])]
    missed = {"type": "missed", "group": "tea", "count": 2, "older": 0, "mentions": 1}
    me = make_session().starts()
    me.server.accepts_login(missed, *entries, groups=[tea | {"head": 2, "unread": 2}])
    assert me.sees() == ["* You are in tea."]
    assert shows_history(me, *entries) == [
        "* — 2 new in tea, 1 for you, since Sat 09:30 —",
        "bob: one",
        "» bob: alice!",
    ]


def test_missed_while_disconnected(make_session: MakeSession) -> None:
    """In the current group it is shown as it comes, in others it counts."""
    me = make_session().enters("tea", "coffee")
    me.server.sends(message(1, "one"), message(1, "beans", "coffee"))
    me.server.disconnects()
    tea, other = groups_in_hello("tea", "coffee")
    me.sees()
    me.fake.reconnects().accepts_login(
        {"type": "missed", "group": "tea", "count": 1, "older": 0, "mentions": 0}
        | {"since": "2026-11-21T09:30:00Z"},
        message(2, "two"),
        {"type": "missed", "group": "coffee", "count": 1, "older": 0, "mentions": 0},
        message(2, "milk", "coffee"),
        groups=[
            tea | {"head": 2, "unread": 1, "mentions": 0},
            other | {"head": 2, "unread": 2, "mentions": 0},
        ],
    )
    assert me.sees() == ["* — 1 new in tea since Sat 09:30 —", "09:30 bob: two"]
    assert coffee(me).unread == 2


def test_more_than_can_be_shown(make_session: MakeSession) -> None:
    """The newest are shown, in as many pages as it takes; the oldest is asked for its time."""
    (tea,) = groups_in_hello("tea")
    me = make_session().starts()
    me.server.accepts_login(groups=[tea | {"head": 1000, "unread": 990}])
    first = history_asked(me)
    assert first["line"] == f"/history {PAGE} before 1001"
    page = [message(seq, f"text {seq}") for seq in range(901, 1001)]
    me.server.answers(first, type="history", entries=page, more=100, next="/history …")
    second = history_asked(me)
    assert second["line"] == f"/history {PAGE} before 901"
    page = [message(seq, f"text {seq}") for seq in range(701, 901)]
    me.server.answers(second, type="history", entries=page, more=0, next="")
    oldest = history_asked(me)
    assert oldest["line"] == "/history 1 before 12"
    me.sees()
    me.server.answers(oldest, type="history", entries=[message(11, "x", at="2026-11-20T08:00:00Z")])
    shown = me.sees()
    assert shown[:2] == ["* — 200 new in tea since Fri 08:00 —", "* 790 older: /history"]
    assert shown[2:3] + shown[-1:] == ["09:30 bob: text 801", "09:30 bob: text 1000"]
    assert len(shown) == MAX_NEW + 2


def test_many_events_while_the_log_is_read(make_session: MakeSession) -> None:
    """They are not kept, and read from the log too."""
    me = make_session().enters("tea", "coffee")
    me.server.sends(message(1, "one", "coffee"))
    me.session.go("coffee")
    request = history_asked(me)
    many = [message(seq, "x", "coffee") for seq in range(2, MAX_HELD + 4)]
    me.server.sends(*many)
    me.sees()
    me.server.answers(request, type="history", entries=[message(1, "one", "coffee")])
    assert len(me.sees()) == 2
    assert history_asked(me)["line"] == f"/history 200 before {MAX_HELD + 4}"
    assert coffee(me).unread == len(many)


def test_leaving_while_the_log_is_read(make_session: MakeSession) -> None:
    """Nothing of it is shown, and it still counts."""
    me = make_session().enters("tea", "coffee")
    me.server.sends(message(1, "one", "coffee"))
    me.session.go("coffee")
    request = history_asked(me)
    me.session.go("tea")
    me.server.sends(message(2, "two", "coffee"))
    me.sees()
    me.server.answers(request, type="history", entries=[message(1, "one", "coffee")])
    assert me.sees() == []
    assert coffee(me).unread == 2


def test_a_log_that_cannot_be_read(make_session: MakeSession) -> None:
    """The reason is shown, and what came in the meantime."""
    me = make_session().enters("tea", "coffee")
    me.server.sends(message(1, "one", "coffee"))
    me.session.go("coffee")
    request = history_asked(me)
    me.server.sends(message(2, "two", "coffee"))
    me.sees()
    me.server.refuses(request, "not-saved", "The log cannot be read.")
    assert me.sees() == ["* The log cannot be read.", "09:30 bob: two"]


def test_read_markers(make_session: MakeSession) -> None:
    """What was shown is reported after a moment, once; what waits is not."""
    me = make_session().enters("tea", "coffee")
    me.server.sends(
        message(1, "one"),
        message(2, "two"),
        message(1, "beans", "coffee"),
        private_message(5, "psst"),
    )
    me.clock.advance(2)
    assert [without_ids(each) for each in me.server.receives()] == [
        {"group": "tea", "read": 2},
        {"with": "bob", "read": 5},
    ]
    me.clock.advance(10)
    assert me.server.receives() == []
    me.session.go("coffee")
    shows_history(me, message(1, "beans", "coffee"))
    me.session.stop()
    assert {"group": "coffee", "read": 1} in [without_ids(each) for each in me.server.receives()]


def test_read_on_another_device(make_session: MakeSession) -> None:
    """It counts no more, and is not reported again."""
    me = make_session().enters("tea", "coffee")
    me.server.sends(message(1, "one", "coffee"), message(2, "two", "coffee"))
    me.server.sends({"type": "read", "group": "coffee", "seq": 2})
    assert coffee(me).unread == 0
    assert me.sees() == []
    me.clock.advance(2)
    assert me.server.receives() == []
    me.server.sends({"type": "read", "with": "bob", "seq": 2})
    assert me.sees() == []
    me.clock.advance(2)
    assert me.server.receives() == []
    me.server.sends({"type": "read", "group": "coffee", "seq": 4})  # before the entries come
    me.server.sends(message(3, "alice", "coffee", mentions=["alice"]), message(5, "x", "coffee"))
    assert me.sees() == ["09:30 » bob (in coffee): alice"]
    assert coffee(me).unread == 1


def test_markers_wait_for_a_connection(make_session: MakeSession) -> None:
    """What was shown shortly before it was lost is reported after the next login."""
    me = make_session().enters("tea")
    me.server.sends(message(1, "one"))
    me.server.disconnects()
    me.clock.advance(1)
    server = me.fake.reconnects() if len(me.fake.connections) == 1 else me.server
    server.accepts_login(groups=groups_in_hello("tea"))
    reported = [without_ids(each) for each in server.receives() if "read" in each]
    assert reported == [{"group": "tea", "read": 1}]


def test_coming_and_going(make_session: MakeSession) -> None:
    """Of others it is shown with the setting for it, and where one is."""
    me = make_session().enters("tea", "coffee", settings={"joins": False})
    coming = event("joined", name="bob", via="open", by=None)
    online = {"type": "presence", "name": "bob", "online": True, "reason": ""}
    me.server.sends(coming, online)
    assert me.sees() == []
    me.server.sends({"type": "settings", "settings": {"joins": True}}, online)
    me.server.sends(online | {"name": "dave"}, coming | {"seq": 8, "name": "carol"})
    shown = me.sees()[1:]
    assert shown == ["* bob is online.", "09:30 * carol has joined the chat!"]


def test_a_group_that_was_joined_elsewhere(make_session: MakeSession) -> None:
    """Its earlier lines are shown when it is entered first, and then what is new."""
    me = make_session().enters("tea")
    me.server.sends(event("joined", "vault", name="alice", via="approval", by="bob"))
    me.server.sends(message(8, "welcome", "vault"))
    assert "welcome" not in " ".join(me.sees())
    me.session.go("vault")
    assert shows_history(me, message(6, "before", "vault")) == []
    assert shows_history(me, message(8, "welcome", "vault")) == [
        "* Earlier, in vault:",
        "bob: before",
        "* — 1 new in vault since Sat 09:30 —",
        "bob: welcome",
    ]
    me.clock.advance(1)
    assert {"group": "vault", "read": 8} in [without_ids(each) for each in me.server.receives()]
    me.session.go("tea")
    me.session.go("vault")
    assert not [each for each in me.server.receives() if "/history" in each["line"]]


def test_a_private_conversation(make_session: MakeSession) -> None:
    """What was said before is shown at the first entry, without what is on the screen already."""
    me = make_session().enters("tea")
    me.server.sends(private_message(7, "psst"))
    *_, request = me.types("/go @bob")
    assert without_ids(request) == {"group": "tea", "line": "/query bob"}
    query = {"type": "query", "with": "bob", "online": True, "guest": False, "away": None}
    me.server.answers(request, **query)
    request = history_asked(me)
    assert without_ids(request) == {"with": "bob", "line": "/history 200 before 7"}
    me.sees()
    me.server.answers(request, type="history", entries=[private_message(6, "old")])
    assert me.sees() == ["* Earlier, with bob:", "09:30 bob (private): old"]
    assert "@bob " in me.session.completer.completions("/go ")[1]
    me.server.sends(message(3, "in tea"), private_message(8, "hi"))
    assert me.sees() == ["09:30 bob (private): hi"]


@pytest.mark.parametrize("view", ["all", "one"])
def test_the_view_is_saved(make_session: MakeSession, view: str) -> None:
    """For the next start."""
    me = make_session().enters("tea")
    me.types(f"/view {view}")
    assert me.saved.view() == view


def test_a_new_group_of_the_same_name(make_session: MakeSession) -> None:
    """Its numbers begin again."""
    me = make_session().enters("tea", "coffee")
    me.server.sends(message(50, "old", "coffee"))
    me.server.disconnects()
    tea, other = groups_in_hello("tea", "coffee")
    me.fake.reconnects().accepts_login(groups=[tea, other | {"head": 3, "unread": 3}])
    assert (coffee(me).unread, coffee(me).shown) == (3, 0)


def test_entering_by_an_answer(make_session: MakeSession) -> None:
    """A group that is entered by /join shows what is new as with /go."""
    me = make_session().enters("tea", "coffee")
    me.server.sends(message(1, "one", "coffee"))
    (request,) = me.types("/join coffee")
    me.server.answers(request, **join_answer("coffee"))
    assert shows_history(me, message(1, "one", "coffee"))[-1] == "bob: one"

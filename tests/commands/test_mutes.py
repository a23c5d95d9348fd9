"""Muted groups: messages stay unread, with counts, until the group is entered."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from pyconchat.testing import TestUser, make_chat
from tests.commands.test_mentions import messages
from tests.support.groups import Tea, Visit

MUTED = "* tea is muted: while you are elsewhere, only what mentions you is shown."


def unread(user: TestUser) -> str:
    """Return the line about tea in the list of groups."""
    return next(line for line in user.types("/groups") if " tea " in line)


def test_a_muted_group_waits(tea: Tea) -> None:
    """Only mentions are shown; entering the group shows the others, and new messages live."""
    assert tea.bob.types("/mute tea") == [MUTED]
    tea.alice.types("still here")
    assert tea.bob.sees() == ["alice: still here"]
    tea.bob.types("/desk")
    tea.alice.types("one", "two, bob", "three", "/topic leaves")
    assert tea.bob.sees() == ["» alice (in tea): two, bob"]
    assert "4, 1 for you, muted" in unread(tea.bob)
    shown = tea.bob.types("/join tea")
    heading = next(at for at, line in enumerate(shown) if "4 new in tea, 1 for you, since" in line)
    assert shown[0].startswith("* You are in tea")
    assert messages(shown[heading:]) == [
        "alice: one",
        "» alice: two, bob",
        "alice: three",
        "* alice changed the topic: leaves",
    ]
    tea.alice.types("four")
    assert tea.bob.sees() == ["alice: four"]
    tea.bob.types("/desk")
    tea.alice.types("five")
    assert tea.bob.sees() == []
    assert messages(tea.bob.types("/join tea")) == ["alice: five"]


def test_mutes_of_one_person_change_nothing_for_others(tea: Tea) -> None:
    """They are shown everything, once."""
    tea.bob.types("/mute tea", "/desk")
    tea.carol.sees()
    tea.alice.types("one", "bob two")
    assert tea.carol.sees() == ["alice: one", "alice: bob two"]


def test_unmuting_shows_what_waits(tea: Tea) -> None:
    """At once, wherever one is."""
    tea.bob.types("/mute tea", "/desk")
    tea.alice.types("one")
    first, *rest = tea.bob.types("/mute tea off")
    assert first.startswith("* — 1 new in tea since ")
    assert messages(rest) == ["alice (in tea): one"]
    assert rest[-1] == "* tea is no longer muted."
    tea.alice.types("two")
    assert tea.bob.sees() == ["alice (in tea): two"]


def test_a_muted_group_waits_at_the_login(tea: Tea, visit: Visit, clock: Clock) -> None:
    """On every device, and after a restart. How many mention the reader is shown."""
    tea.bob.types("/mute tea", "/desk")
    tea.alice.types("one")
    assert visit("bob", "password b").sees() == []
    tea.bob.leaves()
    tea.alice.types("two bob")
    bob = TestUser(make_chat(tea.alice.chat.store, clock), "bob", "password b")
    assert bob.sees() == ["* 1 message for you in tea, which is muted: /join tea shows more."]
    assert "2, 1 for you, muted" in unread(bob)
    assert messages(bob.types("/join tea")) == ["alice: one", "» alice: two bob"]
    assert "0, muted" in unread(bob)


def test_muting_is_for_all_devices_at_once(tea: Tea, visit: Visit) -> None:
    """Each shows the group only while it is there."""
    other = visit("bob", "password b")
    tea.bob.types("/mute tea")
    tea.alice.types("one")
    assert tea.bob.sees() == ["alice: one"]
    assert other.sees() == []
    assert messages(other.types("/join tea")) == ["alice: one"]


def test_what_is_done_to_the_reader_is_shown(tea: Tea, visit: Visit) -> None:
    """The unread messages of a group end with the membership."""
    tea.bob.types("/mute tea", "/desk")
    tea.alice.types("one", "/kick bob rude")
    assert tea.bob.sees() == ["* You were kicked from tea by alice: rude"]
    tea.bob.leaves()
    assert visit("bob", "password b").sees() == []


def test_ignored_people_stay_hidden(tea: Tea) -> None:
    """Also where they mention the reader."""
    tea.bob.types("/mute tea", "/ignore alice", "/desk")
    tea.alice.types("bob!")
    assert tea.bob.sees() == []


def test_a_guest_mutes_until_the_end_of_the_connection(tea: Tea, visit: Visit) -> None:
    """And keeps it by registering."""
    tea.alice.types("/policy open")
    gus = visit("gus", "", "password g", "password g")
    gus.types("/join tea", "/mute tea", "/desk")
    tea.alice.types("one")
    assert gus.sees() == []
    gus.types("/password")
    gus.leaves()
    tea.alice.types("two")
    again = visit("gus", "password g")
    assert again.sees() == []
    assert messages(again.types("/join tea"))[-1] == "alice: two"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("/mute nothing", "* There is no group of that name; /groups lists them."),
        ("/mute tea off", "* tea is not muted."),
        ("/mute tea maybe", "* On or off?"),
    ],
)
def test_refused(line: str, answer: str, tea: Tea) -> None:
    """Each is refused with the reason."""
    assert tea.bob.types(line) == [answer]


def test_only_members_mute(tea: Tea, visit: Visit) -> None:
    """Muting twice changes nothing."""
    assert "tea" in visit("dave", "password d").types("/mute tea")[0]
    tea.bob.types("/mute tea")
    assert tea.bob.types("/mute tea") == ["* tea is muted already."]

"""Settings: kept with the account, for every device and door."""

from __future__ import annotations

import re
import time

import pytest
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.testing import EPOCH, TestUser, make_chat
from tests.support.groups import Tea, Visit


def stamp(clock: Clock) -> str:
    """Return the time of day at which an entry of now is shown."""
    return time.strftime("%H:%M", time.localtime(EPOCH + clock.seconds()))


def test_times_before_each_line(tea: Tea, clock: Clock) -> None:
    """Of messages, actions and events; only for the account with the setting."""
    assert tea.bob.types("/set times on") == ["* Your settings: times on, bell off, joins on."]
    tea.carol.sees()
    tea.alice.types("hi", "/me waves", "/topic leaves")
    now = stamp(clock)
    assert tea.bob.sees() == [
        f"{now} alice: hi",
        f"{now} ~ alice waves",
        f"{now} * alice changed the topic: leaves",
    ]
    assert tea.carol.sees() == ["alice: hi", "~ alice waves", "* alice changed the topic: leaves"]
    assert tea.bob.types("/set times off") == ["* Your settings: times off, bell off, joins on."]
    tea.alice.types("ho")
    assert tea.bob.sees() == ["alice: ho"]


def test_times_of_a_private_message(tea: Tea, clock: Clock) -> None:
    """They name the sender, as without times."""
    tea.bob.types("/set times on")
    tea.alice.types("/msg bob psst")
    assert tea.bob.sees() == [f"{stamp(clock)} alice (private): psst"]


def test_what_was_missed_has_date_and_time(tea: Tea, visit: Visit) -> None:
    """Once, whatever the settings."""
    tea.bob.types("/set times on")
    tea.bob.leaves()
    tea.alice.types("hi")
    shown = visit("bob", "password b").sees()
    assert re.fullmatch(r"\[[\w ]+ \d\d:\d\d( \w+)?\] alice \(in tea\): hi", shown[-1])


def test_without_joins_nobody_comes_or_goes(tea: Tea, visit: Visit) -> None:
    """Joins and leaves in groups and the server are hidden, except the reader's own."""
    tea.alice.types("/policy open")
    tea.bob.types("/set joins off")
    tea.carol.sees()
    gus = visit("gus")
    gus.types("/join tea", "hi")
    gus.leaves()
    tea.carol.types("/leave tea")
    assert tea.bob.sees() == ["gus: hi"]
    tea.alice.types("/kick carol", "/kick bob")
    assert tea.bob.sees()[-1] == "* You were kicked from tea by alice."


def test_others_still_see_who_comes_and_goes(tea: Tea, visit: Visit) -> None:
    """A setting does not affect other people."""
    tea.bob.types("/set joins off")
    tea.alice.types("/policy open")
    tea.carol.sees()
    visit("gus").types("/join tea")
    assert tea.carol.sees() == ["* gus has joined the chat!"]


def test_settings_are_those_of_all_devices(tea: Tea, visit: Visit, clock: Clock) -> None:
    """At once where the account is logged in, and at later logins."""
    other = visit("bob", "password b")
    other.types("/join tea")
    tea.bob.types("/set times on")
    tea.alice.types("hi")
    assert other.sees() == [f"{stamp(clock)} alice: hi"]
    other.leaves()
    third = visit("bob", "password b")
    third.types("/join tea")
    tea.alice.types("ho")
    assert third.sees() == [f"{stamp(clock)} alice: ho"]


def test_settings_survive_restarts(tea: Tea, clock: Clock) -> None:
    """Each change replaces the one before."""
    tea.bob.types("/set times on", "/set joins off", "/set times off", "/set times on")
    again = TestUser(make_chat(tea.alice.chat.store, clock), "bob", "password b")
    assert again.types("/set") == ["* Your settings: times on, bell off, joins off."]


def test_a_guest_keeps_settings_and_ignores_by_registering(visit: Visit, clock: Clock) -> None:
    """Until then they end with the connection."""
    gus = visit("gus", "", "password g", "password g")
    gus.types("/set times on", "/ignore mallory")
    gus.leaves()
    gus = visit("gus", "", "password g", "password g")
    assert gus.types("/set") == ["* Your settings: times off, bell off, joins on."]
    gus.types("/set times on", "/ignore mallory", "/password")
    again = TestUser(make_chat(gus.chat.store, clock), "gus", "password g")
    assert again.types("/set") == ["* Your settings: times on, bell off, joins on."]
    assert again.types("/ignore") == ["* You ignore mallory."]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("/set", "* Your settings: times off, bell off, joins on."),
        ("/set colours on", "* There is no setting colours; there are times, bell, joins."),
        ("/set colours", "* There is no setting colours; there are times, bell, joins."),
        ("/set times maybe", "* On or off?"),
        ("/set TIMES ON", "* Your settings: times on, bell off, joins on."),
    ],
)
def test_answers(line: str, answer: str, visit: Visit) -> None:
    """A refusal names the settings."""
    assert visit("bob", "password b").types(line) == [answer]


def test_a_missing_value_is_asked_for(visit: Visit, chat: Chat) -> None:
    """But only of a setting that there is."""
    bob = visit("bob", "password b", "on")
    assert bob.types("/set times") == ["* Your settings: times on, bell off, joins on."]
    assert bob.peer.asked == ["times on or off? "]
    assert chat.accounts.find(bob.account.name).settings.times

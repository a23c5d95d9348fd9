"""Public information about people: online, last seen, idle, away, registered or guest."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.domain.absence import MAX_TOLD, Absence
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.text import SafeText
from pyconchat.testing import TestUser, make_chat
from tests.support.groups import Tea, Visit

pytestmark = pytest.mark.usefixtures("utc")

DAY = 24 * 3600

BACK = "* You are back, and no longer away."


def test_whois(tea: Tea, olga: TestUser, visit: Visit) -> None:
    """Whether somebody is online, a guest, an operator, and in the same groups; no other groups."""
    visit("gus")
    tea.alice.types("/create den")
    tea.carol.leaves()
    tea.bob.sees()
    since = "registered since Nov 14 2023"
    for name, shown in {
        "ALICE": f"alice is online, {since}, with you in tea.",
        "carol": f"carol is offline, last seen Tue 22:13, {since}, with you in tea.",
        "gus": "gus is online, a guest.",
        "olga": f"olga is online, {since}, an operator.",
        "nobody": "nobody is neither online nor registered here.",
    }.items():
        assert tea.bob.types(f"/whois {name}") == [f"* {shown}"]


def test_last_seen_survives_a_restart(tea: Tea, chat: Chat, clock: Clock) -> None:
    """It is when the last session ended; after a crash of the server, when it began."""
    for user in (tea.carol, tea.bob):
        clock.advance(DAY)
        user.leaves()
    chat = make_chat(chat.store, clock)
    alice = TestUser(chat, "alice", "password a")
    clock.advance(DAY)
    assert "last seen Wed 22:13" in alice.types("/whois carol")[0]
    assert "last seen Thu 22:13" in alice.types("/whois bob")[0]
    crashed = make_chat(chat.store, clock)
    bob = TestUser(crashed, "bob", "password b")
    assert "last seen Thu 22:13" in bob.types("/whois alice")[0]


def test_of_two_sessions_the_last_one_counts(tea: Tea, clock: Clock, visit: Visit) -> None:
    """Idle counts from the last line on any device, last seen from the end of the last session."""
    phone = visit("bob", "password b")
    clock.advance(180)
    assert "bob is online, idle for 3 minutes, " in tea.alice.types("/whois bob")[0]
    phone.types("/who")
    assert "idle" not in tea.alice.types("/whois bob")[0]
    tea.bob.leaves()
    assert "bob is online, " in tea.alice.types("/whois bob")[0]
    clock.advance(60)
    phone.leaves()
    assert "bob is offline, last seen Tue 22:17, " in tea.alice.types("/whois bob")[0]


def test_a_guest_who_registers(visit: Visit, clock: Clock) -> None:
    """Is registered since then."""
    gus, bob = visit("gus"), visit("bob", "password b")
    clock.advance(2 * DAY)
    gus.peer.answers = ["password g", "password g"]
    gus.types("/password")
    assert "gus is online, " in (shown := bob.types("/whois gus")[0])
    assert shown.endswith("registered since Nov 16 2023.")


# Away.


def test_away_is_shown(tea: Tea, clock: Clock) -> None:
    """In /who, /members, /online and /whois, and no longer when it has ended."""
    assert tea.bob.types("/away having lunch") == [
        "* You are away until /away alone, or your next message."
    ]
    clock.advance(60)
    assert "*   bob (away: having lunch; in tea)" in tea.alice.types("/who")
    assert "*   bob (online, away: having lunch)" in tea.alice.types("/members")
    assert "*   bob (away: having lunch)" in tea.alice.types("/online")
    assert tea.alice.types("/whois bob")[1:] == ["* bob is away since Tue 22:13: having lunch"]
    tea.bob.types("/who", "/members", "/whois alice")
    assert len(tea.alice.types("/whois bob")) == 2, "a command does not end it"
    assert tea.bob.types("/away") == [BACK]
    assert len(tea.alice.types("/whois bob")) == 1
    assert "away" not in str(tea.alice.types("/who", "/members", "/online"))
    assert tea.bob.types("/away") == ["* You are not away; /away TEXT says that you are, and why."]


@pytest.mark.parametrize("line", ["hello", "/me waves", "/msg carol hi"])
def test_a_message_ends_it(tea: Tea, visit: Visit, line: str) -> None:
    """On all devices of the account; a message that is refused does not."""
    phone = visit("bob", "password b")
    phone.types("/away lunch")
    assert BACK not in tea.bob.types("  /who", "/msg nobody hi", "/msg bob hi")
    assert len(tea.alice.types("/whois bob")) == 2
    assert BACK in tea.bob.types(line)
    assert BACK in phone.sees()
    assert len(tea.alice.types("/whois bob")) == 1
    assert BACK not in tea.bob.types(line)


def test_it_ends_with_the_last_session(tea: Tea, visit: Visit) -> None:
    """It is of the account, so another device keeps it."""
    phone = visit("bob", "password b")
    tea.bob.types("/away lunch")
    tea.bob.leaves()
    assert len(tea.alice.types("/whois bob")) == 2
    phone.leaves()
    visit("bob", "password b")
    assert len(tea.alice.types("/whois bob")) == 1


def test_each_sender_is_told_once(tea: Tea, visit: Visit) -> None:
    """Of each absence; the messages arrive."""
    tea.bob.types("/away lunch")
    told = "* bob is away: lunch"
    assert tea.alice.types("/msg bob one", "/msg bob two") == [
        "* Sent to bob.",
        told,
        "* Sent to bob.",
    ]
    assert told in tea.carol.types("/msg bob three")
    assert len(tea.bob.sees()) == 3
    tea.bob.types("/away tea")
    assert "* bob is away: tea" in tea.alice.types("/msg bob four")
    gus = visit("gus")
    assert "* bob is away: tea" in gus.types("/msg bob five")
    gus.leaves()
    assert "* bob is away: tea" in visit("gus").types("/msg bob I am another gus")


def test_the_words_of_an_ignored_person_are_hidden(tea: Tea) -> None:
    """Only that they are away is shown."""
    tea.bob.types("/away lunch")
    tea.alice.types("/ignore bob")
    shown = tea.alice.types("/who", "/members", "/whois bob", "/msg bob hi")
    assert "lunch" not in str(shown)
    assert "*   bob (away; in tea)" in shown
    assert "* bob is away since Tue 22:13." in shown


def test_an_absence_remembers_so_many_senders() -> None:
    """The earliest sender gets the text again, and memory is bounded."""
    absence = Absence(SafeText("lunch"), 0)
    for number in range(MAX_TOLD):
        assert absence.is_news_to(str(number))
    assert not absence.is_news_to("0")
    assert absence.is_news_to("one more")
    assert absence.is_news_to("0")


# Guests.


def test_the_first_private_message_of_a_guest_is_marked(tea: Tea, visit: Visit) -> None:
    """Once for each person, also when it is read later; not in groups, nor of others."""
    gus = visit("gus")
    tea.carol.leaves()
    tea.bob.sees()
    gus.types("/msg bob one", "/msg bob two", "/msg alice one", "/msg carol one", "/msg carol two")
    assert tea.bob.sees() == ["gus (guest, private): one", "gus (private): two"]
    assert tea.alice.sees()[-1:] == ["gus (guest, private): one"]
    carol = visit("carol", "password c")
    shown = [line.partition("] ")[2] for line in carol.sees() if line.startswith("[")]
    assert shown == ["gus (guest, private): one", "gus (private): two"]
    tea.alice.types("/msg gus hi", "/policy open")
    assert gus.sees()[-1:] == ["alice (private): hi"]
    gus.types("/join tea", "hello")
    assert "gus: hello" in tea.alice.sees()


def test_a_message_that_was_not_stored_is_not_the_first(
    tea: Tea, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one is marked."""
    gus = visit("gus")

    def fails(*_: object) -> None:
        raise NotSaved("full")

    with monkeypatch.context() as patch:
        patch.setattr(type(tea.alice.chat.store), "commit", fails)
        gus.types("/msg bob lost")
    assert tea.bob.sees() == []
    for _ in range(3):
        gus.tick()
    gus.types("/msg bob one", "/msg bob two")
    assert tea.bob.sees() == ["gus (guest, private): one", "gus (private): two"]

"""Commands about the server: accounts, operators, who is online, and going."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.domain.errors import Code, Refused
from pyconchat.testing import TestUser, make_chat
from tests.support.groups import Tea, Visit


def at_the_door(chat: Chat, name: str) -> str:
    """Return what *name* is told at the door; empty if they may come in."""
    try:
        chat.accounts.admit(name)
    except Refused as refused:
        return refused.sentence
    return ""


# Passwords.


def test_a_guest_registers_and_stays_a_member(tea: Tea, visit: Visit, chat: Chat) -> None:
    """With a password the name is theirs, the memberships stay, and what is missed waits."""
    tea.alice.types("/policy open")
    gus = visit("gus", "", "new password")
    gus.types("/join tea")
    assert gus.types("/password") == ["* gus is yours now: the password keeps it."]
    assert gus.peer.asked == ["New password: "]
    gus.leaves()
    tea.alice.types("are you there?")
    assert any("gus (offline)" in line for line in tea.alice.types("/members"))
    with pytest.raises(Refused) as caught:
        visit("other").chat.registration.add_guest(gus.account.name)
    assert caught.value.code is Code.TAKEN
    again = visit("gus", "new password")
    assert any("alice (in tea): are you there?" in line for line in again.sees())


def test_changing_the_password_ends_the_other_sessions(visit: Visit) -> None:
    """The old one is asked for first; afterwards only the new one counts, here and on disk."""
    alice = visit("alice", "old password", "old password", "new password")
    phone, laptop = visit("alice", "old password"), visit("alice", "old password")
    assert alice.types("/PassWord") == [
        "* Your password is changed; your other sessions have ended."
    ]
    assert alice.peer.asked == ["Current password: ", "New password: "]
    for other in (phone, laptop):
        assert other.sees() == ["* Your password was changed on another device."]
        assert other.peer.closed
    assert not alice.peer.closed
    assert alice.account.password_hash == "plain:new password"


def test_registering_ends_no_session_of_others(visit: Visit) -> None:
    """The new password is the account's alone."""
    bob = visit("bob")
    visit("alice", "", "a password").types("/password")
    assert not bob.peer.closed


@pytest.mark.parametrize(
    ("answers", "shown"),
    [
        (["wrong", "new password"], "not your password"),
        (["old password", "abc"], "4 to 256 characters"),
        (["old password", "x" * 257], "4 to 256 characters"),
        (["old password", ""], "Cancelled"),
        ([""], "Cancelled"),
    ],
)
def test_passwords_that_are_not_changed(answers: list[str], shown: str, visit: Visit) -> None:
    """A wrong old one, a new one that may not be, or no answer change nothing."""
    alice = visit("alice", "old password", *answers)
    phone = visit("alice", "old password")
    (line,) = alice.types("/password")
    assert shown in line
    assert not phone.peer.closed
    assert alice.account.password_hash == "plain:old password"


def test_a_password_that_does_not_show_is_asked_for_twice(visit: Visit) -> None:
    """Where nobody sees what they type, a slip of the finger must not lock them out."""
    gus = visit("gus", "", "new password", "new pasword", "new password", "new password")
    gus.peer.hides = True
    (shown,) = gus.types("/password")
    assert "not the same" in shown
    assert not gus.account.registered
    gus.types("/password")
    assert gus.account.registered


def test_guessing_the_own_password_is_limited(visit: Visit) -> None:
    """Somebody at an open terminal has three attempts a minute."""
    alice = visit("alice", "old password", "a", "b", "c", "old password", "new password")
    alice.types("/password", "/password", "/password")
    (shown,) = alice.types("/password")
    assert "too many wrong passwords" in shown
    assert alice.account.password_hash == "plain:old password"


# Operators.


def test_the_claim_code_makes_the_first_operator(visit: Visit, chat: Chat, clock: Clock) -> None:
    """It works once, everybody is told, and a restart remembers both."""
    code = chat.accounts.claim_code
    assert code
    alice, bob = visit("alice", "password a"), visit("bob", "password b")
    assert alice.types("/claim 0000-0000")[0].startswith("* That is not the claim code")
    assert alice.types(f"/claim {code.upper()}")[0] == "* You are an operator now."
    assert bob.sees() == ["* alice is an operator now."]
    (shown,) = bob.types(f"/claim {code}")
    assert "used already" in shown
    assert chat.accounts.claim_code is None
    again = make_chat(chat.store, clock)
    assert again.accounts.claim_code is None
    assert again.accounts.find("alice").actor.operator
    assert not again.accounts.find("bob").actor.operator


def test_an_unused_claim_code_stays_the_same(chat: Chat, clock: Clock) -> None:
    """What was printed at the first start is good after the next."""
    assert make_chat(chat.store, clock).accounts.claim_code == chat.accounts.claim_code


def test_a_guest_cannot_claim(visit: Visit, chat: Chat) -> None:
    """A guest is told to choose a password first, and the code stays good."""
    code = chat.accounts.claim_code
    (shown,) = visit("gus").types(f"/claim {code}")
    assert "/password" in shown
    assert chat.accounts.claim_code == code


def test_guessing_the_claim_code_is_limited(visit: Visit, chat: Chat) -> None:
    """After three wrong codes in a minute even the right one has to wait."""
    alice = visit("alice", "password a")
    alice.types("/claim a", "/claim b", "/claim c")
    (shown,) = alice.types(f"/claim {chat.accounts.claim_code}")
    assert "too many wrong" in shown
    assert not alice.account.actor.operator


def test_operators_make_operators(olga: TestUser, visit: Visit) -> None:
    """They name a registered account, online or not; others cannot."""
    alice, gus = visit("alice", "password a"), visit("gus")
    assert "Only operators" in alice.types("/operator alice")[0]
    olga.sees()
    assert olga.types("/operator ALICE") == ["* alice is an operator now."]
    assert alice.sees() == ["* You are an operator now."]
    assert gus.sees() == ["* alice is an operator now."]
    assert "guest" in olga.types("/operator gus")[0]
    assert "neither online nor registered" in olga.types("/operator nobody")[0]


@pytest.mark.parametrize(
    "line", ["/kick alice", "kick alice", "/8 alice", "/ban alice", "/unban bert", "/bans"]
)
def test_ordinary_users_are_refused_at_the_desk(line: str, visit: Visit) -> None:
    """Nobody but operators rules the server, and nobody is told of the attempt."""
    alice, bob = visit("alice"), visit("bob", "password b")
    (shown,) = bob.types(line)
    assert shown.startswith("* Only operators can ")
    assert alice.sees() == []
    assert not alice.peer.closed


def test_kick_off_the_server(tea: Tea, olga: TestUser, visit: Visit, chat: Chat) -> None:
    """All of the sessions end, everybody reads who and why, and the kicked may come back."""
    phone, guest = visit("bob", "password b"), visit("gus")
    for each in (*tea, phone, guest):
        each.sees()
    assert olga.types("/kick BOB too loud") == [
        "* bob was kicked off this server by olga: too loud"
    ]
    for reader in (tea.alice, guest):
        assert reader.sees() == ["* bob was kicked off this server by olga: too loud"]
    for device in (tea.bob, phone):
        assert device.sees()[0] == "* You were kicked off this server by olga: too loud"
        assert device.peer.closed
        device.leaves()
    assert at_the_door(chat, "bob") == ""
    assert visit("bob", "password b").types("/join tea")[0].startswith("* You are in tea")


def test_kicks_off_the_server_that_cannot_be(olga: TestUser, visit: Visit) -> None:
    """Of nobody, of somebody who is not online, and of oneself."""
    visit("bob", "password b").leaves()
    assert "not online" in olga.types("/kick bob")[0]
    assert "neither online nor registered" in olga.types("/kick nobody")[0]
    assert "/quit" in olga.types("/kick olga")[0]
    assert not olga.peer.closed


def test_ban_from_the_server(
    tea: Tea, olga: TestUser, visit: Visit, chat: Chat, clock: Clock
) -> None:
    """Announced to all; the banned is told at the door, after a restart too, until unbanned."""
    guest = visit("gus")
    assert olga.types("/ban Bob too loud") == [
        "* bob was banned from this server by olga: too loud"
    ]
    assert "* bob was banned from this server by olga: too loud" in guest.sees()
    assert "* You were banned from this server by olga: too loud" in tea.bob.sees()
    assert tea.bob.peer.closed
    told = "bob is banned from this server by olga: too loud."
    assert at_the_door(chat, "BOB") == told
    assert at_the_door(make_chat(chat.store, clock), "bob") == told
    assert olga.types("/bans") == ["* 1 banned from this server:", "*   bob, by olga: too loud"]
    guest.sees()
    assert olga.types("/unban BOB") == ["* bob may log in again: olga lifted the ban."]
    assert at_the_door(chat, "bob") == ""
    assert olga.types("/bans") == ["* Nobody is banned from this server."]
    assert "/bans" in olga.types("/unban bob")[0]


def test_a_ban_from_the_server_ends_memberships(tea: Tea, olga: TestUser, visit: Visit) -> None:
    """The admin who is banned leaves an heir in every group, and everybody there is told."""
    tea.alice.types("/create nest open")
    tea.carol.types("/join nest", "/join tea")
    visit("dave", "password d").types("/join tea")
    tea.bob.sees()
    olga.types("/ban alice")
    assert tea.bob.sees() == [
        "* alice was banned from this server by olga.",
        "* alice has left the chat (banned from the server).",
        "* You are the admin of tea now.",
    ]
    tea.alice.leaves()
    assert tea.carol.types("/admin") == ["* The admin of tea is bob, who is online."]
    assert tea.carol.types("/join nest", "/admin")[-1] == (
        "* The admin of nest is carol, who is online."
    )
    assert tea.bob.types("/approve")[-1] == "* dave has joined the chat! (approved by bob)"


def test_a_banned_applicant_no_longer_asks(tea: Tea, olga: TestUser, visit: Visit) -> None:
    """Requests end with the ban, and so do groups whose last member goes."""
    dave = visit("dave", "password d")
    dave.types("/join tea", "/create mine")
    tea.alice.sees()
    olga.types("/ban dave")
    assert "* The request of dave to join tea was withdrawn." in tea.alice.sees()
    assert not any("mine" in line for line in tea.alice.types("/groups"))


def test_banning_a_name_before_it_comes(olga: TestUser, chat: Chat) -> None:
    """A name that nobody has can be banned."""
    olga.types("/ban Mallory")
    assert "Mallory is banned" in at_the_door(chat, "mallory")


@pytest.mark.parametrize("line", ["/kick alice loud", "/ban alice loud"])
def test_operators_rule_inside_groups_too(line: str, tea: Tea, olga: TestUser) -> None:
    """In a group, of which they are members, kick and ban are the group's."""
    tea.alice.types("/policy open")
    olga.types("/join tea")
    tea.carol.types("hello")
    tea.bob.sees()
    olga.types(line)
    verb = line[1:].split()[0]
    past = {"kick": "kicked", "ban": "banned"}[verb]
    assert tea.bob.sees() == [
        f"* alice was {past} by olga: loud",
        "* You are the admin of tea now.",
    ]
    assert not tea.alice.peer.closed
    assert "Only the admin, bob" in olga.types("/topic mine")[0]


# Who is online, and going.


def test_who(tea: Tea, olga: TestUser, visit: Visit) -> None:
    """Everybody once, by name, with what they are and which groups are shared."""
    visit("Gus")
    visit("bob", "password b")
    tea.carol.leaves()
    olga.types("/create den open")
    tea.bob.sees()
    assert tea.bob.types("/who") == [
        "* Online: 4",
        "*   alice (in tea)",
        "*   bob (in tea)",
        "*   Gus (guest)",
        "*   olga (operator)",
    ]


@pytest.mark.parametrize("line", ["/quit", "/quit dinner", "/disconnect", "/3", "/exit bye bye"])
def test_quitting_in_a_group(line: str, tea: Tea) -> None:
    """The connection ends with a word, the others are told why, the membership stays."""
    assert tea.bob.types(line) == ["* Bye."]
    assert tea.bob.peer.closed
    tea.bob.leaves()
    (shown,) = tea.alice.sees()
    reason = line.partition(" ")[2]
    assert shown == f"* bob has gone offline{f': {reason}' if reason else '.'}"
    assert any("bob (offline)" in each for each in tea.alice.types("/members"))

"""Commands about accounts and the server: passwords, operators, who is online, disconnecting."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pyconchat.chat.chat import Chat
from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import person_name
from pyconchat.testing import TestUser, make_chat
from tests.support.groups import Tea, Visit


def login_refusal(chat: Chat, name: str) -> str:
    """Return the refusal that *name* gets at login; empty if there is none."""
    try:
        chat.accounts.admit(name, chat.now())
    except Refused as refused:
        return refused.sentence
    return ""


# Passwords.


def test_a_guest_registers_and_stays_a_member(tea: Tea, visit: Visit, chat: Chat) -> None:
    """The guest keeps their name and memberships, and missed entries are kept for them."""
    tea.alice.types("/policy open")
    gus = visit("gus", "", "new password")
    gus.types("/join tea")
    assert gus.types("/password") == ["* gus is yours now: the password keeps it."]
    assert gus.peer.asked == ["New password: "]
    gus.leaves()
    tea.alice.types("are you there?")
    assert any("gus (offline)" in line for line in tea.alice.types("/members"))
    with pytest.raises(Refused) as caught:
        visit("other").chat.registration.add_guest(gus.account.name, "192.0.2.99")
    assert caught.value.code is Code.TAKEN
    again = visit("gus", "new password")
    assert any("alice (in tea): are you there?" in line for line in again.sees())


def test_changing_the_password_ends_the_other_sessions(visit: Visit) -> None:
    """The old password is asked first; afterwards only the new one is valid."""
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


def test_registering_does_not_end_other_sessions(visit: Visit) -> None:
    """Sessions of other accounts continue."""
    bob = visit("bob")
    visit("alice", "", "a password").types("/password")
    assert not bob.peer.closed


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["wrong", "new password"], "not your password"),
        (["old password", "abc"], "4 to 1024 characters"),
        (["old password", "x" * 1025], "4 to 1024 characters"),
        (["old password", ""], "Cancelled"),
        ([""], "Cancelled"),
    ],
)
def test_refused_password_changes(answers: list[str], expected: str, visit: Visit) -> None:
    """A wrong old password, an invalid new one, or no answer change nothing."""
    alice = visit("alice", "old password", *answers)
    phone = visit("alice", "old password")
    (line,) = alice.types("/password")
    assert expected in line
    assert not phone.peer.closed
    assert alice.account.password_hash == "plain:old password"


def test_a_hidden_password_is_asked_twice(visit: Visit) -> None:
    """A typing error must not lock people out of their account."""
    gus = visit("gus", "", "new password", "new pasword", "new password", "new password")
    gus.peer.hides = True
    (shown,) = gus.types("/password")
    assert "is yours now" in shown
    assert "The two passwords differ. Once more: " in gus.peer.asked
    assert gus.account.registered


def test_a_refused_password_is_asked_for_again(visit: Visit) -> None:
    """What is typed after a refusal is another attempt; it must not be said in the group."""
    alice = visit("alice", "old password", "wrong", "old password", "abc", "new password")
    alice.types("/create tea", "/password")
    assert alice.account.password_hash == "plain:new password"
    assert alice.peer.asked == [
        "Current password: ",
        "That is not your password. Once more: ",
        "New password: ",
        "A password has 4 to 1024 characters. Once more: ",
    ]


def test_guessing_the_own_password_is_limited(visit: Visit) -> None:
    """At an open terminal a stranger has three attempts a minute."""
    alice = visit("alice", "old password", "a", "b", "c", "old password", "new password")
    alice.types("/password")
    (shown,) = alice.types("/password")
    assert "too many wrong passwords" in shown
    assert alice.account.password_hash == "plain:old password"


# Operators.


def test_the_claim_code_makes_the_first_operator(visit: Visit, chat: Chat, clock: Clock) -> None:
    """It works once, everybody is informed, and both are stored."""
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
    """The code that was printed at the first start is valid after a restart."""
    assert make_chat(chat.store, clock).accounts.claim_code == chat.accounts.claim_code


def test_a_guest_cannot_claim(visit: Visit, chat: Chat) -> None:
    """The refusal says how to register, and the code is still valid."""
    code = chat.accounts.claim_code
    (shown,) = visit("gus").types(f"/claim {code}")
    assert "/password" in shown
    assert chat.accounts.claim_code == code


def test_guessing_the_claim_code_is_limited(visit: Visit, chat: Chat) -> None:
    """After three wrong codes in a minute, the right one is refused too."""
    alice = visit("alice", "password a")
    alice.types("/claim a", "/claim b", "/claim c")
    (shown,) = alice.types(f"/claim {chat.accounts.claim_code}")
    assert "too many wrong" in shown
    assert not alice.account.actor.operator


def test_operators_unmake_operators(olga: TestUser, visit: Visit, chat: Chat) -> None:
    """At once and after a restart; one always remains, and others may not."""
    alice, bob = visit("alice", "password a"), visit("bob", "password b")
    assert olga.types("/operator olga off") == [
        "* You are the only operator: make another one first."
    ]
    olga.types("/operator alice")
    assert "Only operators" in bob.types("/operator alice off")[0]
    alice.sees()
    assert alice.types("/operator OLGA off") == ["* olga is no longer an operator."]
    assert olga.sees()[-1] == "* You are no longer an operator: alice decided that."
    assert "Only operators" in olga.types("/stats")[0]
    assert "not an operator" in alice.types("/operator bob off")[0]
    again = make_chat(chat.store, Clock())
    assert [
        n for n in ("alice", "bob", "olga") if again.accounts.find(person_name(n)).actor.operator
    ] == ["alice"]


def test_operators_make_operators(olga: TestUser, visit: Visit) -> None:
    """Operators appoint registered accounts, online or not. Others cannot."""
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
def test_others_cannot_use_operator_commands(line: str, visit: Visit) -> None:
    """They are refused at the front desk, and nobody else is informed."""
    alice, bob = visit("alice"), visit("bob", "password b")
    (shown,) = bob.types(line)
    assert shown.startswith("* Only operators can ")
    assert alice.sees() == []
    assert not alice.peer.closed


def test_a_kick_off_the_server(tea: Tea, olga: TestUser, visit: Visit, chat: Chat) -> None:
    """All sessions of the account end. Everybody sees the reason, and it may log in again."""
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
    assert login_refusal(chat, "bob") == ""
    assert visit("bob", "password b").types("/join tea")[0].startswith("* You are in tea")


def test_refused_kicks_off_the_server(olga: TestUser, visit: Visit) -> None:
    """An unknown name, an account that is offline, and oneself."""
    visit("bob", "password b").leaves()
    assert "not online" in olga.types("/kick bob")[0]
    assert "neither online nor registered" in olga.types("/kick nobody")[0]
    assert "/quit" in olga.types("/kick olga")[0]
    assert not olga.peer.closed


def test_a_ban_from_the_server(
    tea: Tea, olga: TestUser, visit: Visit, chat: Chat, clock: Clock
) -> None:
    """Everybody is informed. Logins are refused, also after a restart, until the ban is lifted."""
    guest = visit("gus")
    assert olga.types("/ban Bob too loud") == [
        "* bob was banned from this server by olga: too loud"
    ]
    assert "* bob was banned from this server by olga: too loud" in guest.sees()
    assert "* You were banned from this server by olga: too loud" in tea.bob.sees()
    assert tea.bob.peer.closed
    refusal = "bob is banned from this server by olga: too loud."
    assert login_refusal(chat, "BOB") == refusal
    assert login_refusal(make_chat(chat.store, clock), "bob") == refusal
    assert olga.types("/bans") == ["* 1 banned from this server:", "*   bob, by olga: too loud"]
    guest.sees()
    assert olga.types("/unban BOB") == ["* bob may log in again: olga lifted the ban."]
    assert login_refusal(chat, "bob") == ""
    assert olga.types("/bans") == ["* Nobody is banned from this server."]
    assert "/bans" in olga.types("/unban bob")[0]


def test_memberships_outlast_a_ban_from_the_server(
    tea: Tea, olga: TestUser, visit: Visit, chat: Chat
) -> None:
    """The banned account is offline until the ban is lifted; then everything is as before."""
    visit("dave", "password d").types("/join tea")
    tea.bob.sees()
    olga.types("/ban alice")
    assert tea.bob.sees()[0] == "* alice was banned from this server by olga."
    assert tea.alice.peer.closed
    tea.alice.leaves()
    assert tea.bob.types("/admin") == ["* The admin of tea is alice, who is offline."]
    assert any("alice (admin, offline)" in line for line in tea.bob.types("/members"))
    tea.bob.types("until then")
    assert "is banned" in login_refusal(chat, "alice")
    olga.types("/unban alice")
    again = visit("alice", "password a")
    assert any("until then" in line for line in again.sees())
    again.types("/join tea")
    assert any("dave" in line for line in again.types("/requests"))


def test_a_ban_of_a_member_of_many_groups(tea: Tea, olga: TestUser, chat: Chat) -> None:
    """It is one entry, however many groups the person is in."""
    for number in range(20):
        tea.bob.types(f"/create b{number} open")
    before = {each.id: each.published for each in chat.groups}
    olga.types("/ban bob")
    assert {each.id: each.published for each in chat.groups} == before


def test_a_ban_of_a_guest_is_one_of_their_address(olga: TestUser, visit: Visit, chat: Chat) -> None:
    """Neither another guest nor a new account may come from there until the ban is lifted."""
    here, there = "192.0.2.1", "192.0.2.2"
    gus = visit("gus")
    assert gus.peer.network == here
    olga.types("/ban gus spam")
    assert gus.peer.closed
    gus.leaves()
    for start in (chat, make_chat(chat.store, Clock())):
        with pytest.raises(Refused) as caught:
            start.registration.add_guest(person_name("gus2"), here)
        assert caught.value.code is Code.BANNED
        assert "by olga: spam" in caught.value.sentence
        registering = start.registration.register_new(person_name("gus2"), "a password", here)
        refused: list[Failure] = []
        Deferred.fromCoroutine(registering).addErrback(refused.append)
        assert refused[0].value.code is Code.BANNED  # type: ignore[attr-defined]
        start.registration.add_guest(person_name("elsewhere"), there)
    visit("olga", "password o").leaves()  # who has an account there
    assert login_refusal(chat, "gus")
    olga.types("/unban gus")
    chat.registration.add_guest(person_name("gus"), here)


def test_a_guest_takes_the_place_of_their_ghost(tea: Tea, visit: Visit, chat: Chat) -> None:
    """From the same address only; the memberships of the first connection end with it."""
    tea.alice.types("/policy open")
    ghost = visit("gus")
    ghost.types("/join tea")
    with pytest.raises(Refused) as caught:
        chat.registration.add_guest(person_name("gus"), "192.0.2.2")
    assert caught.value.code is Code.TAKEN
    tea.bob.sees()
    gus = visit("GUS")
    assert ghost.peer.closed
    assert "at your address" in ghost.sees()[-1]
    assert "* gus has left the chat (disconnected)." in tea.bob.sees()
    assert not any("GUS" in line for line in tea.bob.types("/members"))
    assert any(line.startswith("* You are in tea") for line in gus.types("/join tea"))
    ghost.leaves()
    assert chat.accounts.get("gus") is gus.account


def test_a_ghost_gives_way_to_a_new_account(visit: Visit, chat: Chat) -> None:
    """Somebody at the address of a guest registers the name."""
    ghost = visit("gus")
    registering = chat.registration.register_new(
        person_name("gus"), "a password", "192.0.2.1", True
    )
    made: list[Account] = []
    Deferred.fromCoroutine(registering).addCallback(made.append)
    ghost.tick()
    assert ghost.peer.closed
    assert made[0].registered


def test_banning_an_unknown_name(olga: TestUser, chat: Chat) -> None:
    """A name that nobody has can be banned."""
    olga.types("/ban Mallory")
    assert "Mallory is banned" in login_refusal(chat, "mallory")


def test_an_address_is_no_name_to_ban(olga: TestUser, visit: Visit, chat: Chat) -> None:
    """A ban of an address is refused, except if it is the name of an account."""
    (shown,) = olga.types("/ban 192.0.2.7 spam")
    assert shown == "* 192.0.2.7 is an address, not a name; /ban takes a name."
    assert not chat.accounts.bans
    visit("192.0.2.7")
    olga.types("/ban 192.0.2.7 spam")
    assert "192.0.2.7 is banned" in login_refusal(chat, "192.0.2.7")


@pytest.mark.parametrize("line", ["/kick alice loud", "/ban alice loud"])
def test_operators_can_kick_and_ban_in_groups(line: str, tea: Tea, olga: TestUser) -> None:
    """In a group of which they are members, kick and ban apply to the group."""
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


# Who is online, and disconnecting.


def test_who(tea: Tea, olga: TestUser, visit: Visit) -> None:
    """Each account once, by name, with its role and the groups that are shared."""
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
    """The other members see the reason, and the membership remains."""
    assert tea.bob.types(line) == ["* Bye."]
    assert tea.bob.peer.closed
    tea.bob.leaves()
    (shown,) = tea.alice.sees()
    reason = line.partition(" ")[2]
    assert shown == f"* bob has gone offline{f': {reason}' if reason else '.'}"
    assert any("bob (offline)" in each for each in tea.alice.types("/members"))


def test_an_announcement(tea: Tea, visit: Visit) -> None:
    """Everybody online sees it, wherever they are, but for those who ignore the operator."""
    gus = visit("gus", "")
    tea.alice.chat.accounts.claim_code = "claim-code"
    tea.alice.types("/claim claim-code")
    tea.carol.types("/ignore alice")
    for user in (tea.bob, tea.carol, gus):
        user.sees()
    shown = "* alice announces: tea at five"
    assert tea.alice.types("/announce tea at five") == [shown]
    assert (tea.bob.sees(), gus.sees(), tea.carol.sees()) == ([shown], [shown], [])
    assert "Only operators" in str(tea.bob.types("/announce no"))
    assert tea.alice.sees() == []

"""Groups: what users type and see, with every kind of program."""

from __future__ import annotations

import time

import pytest

from tests.support.servers import Server
from tests.support.users import KINDS, PAIRS, UserOf


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_approval(user: UserOf, one: str, other: str) -> None:
    """The admin is asked about newcomers; those whom the admin approves become members."""
    alice, bob = user(one, "alice"), user(other, "bob")
    alice.types("/join tea")
    alice.sees("You are in tea (number 1), which is new: you are its admin")
    bob.types("/join tea let me in")
    bob.sees("its admin, alice, has to approve")
    alice.sees('bob asks to join tea: "let me in"')
    alice.types("/approve")
    bob.sees("You are in tea")
    alice.sees("bob has joined the chat!")
    bob.types("Hello team!")
    alice.sees("bob: Hello team!")


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_invite_codes(user: UserOf, one: str, other: str) -> None:
    """A code lets somebody in at every door, once; then it is used up."""
    alice, bob, carol = user(one, "alice"), user(other, "bob"), user(one, "carol")
    alice.types("/create tea invite")
    alice.sees("You are in tea")
    alice.types("/invite code")
    alice.sees("shown only now, for 1 use until ")
    alice.sees("/join tea ")
    code = alice.sees("\n").strip()
    bob.types(f"/join tea {code}")
    bob.sees("You are in tea")
    alice.sees("bob has joined the chat! (with an invite code)")
    carol.types(f"/join tea {code}")
    carol.sees("That is not an invite code of tea")


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_missed_messages_come_once(user: UserOf, server: Server, one: str, other: str) -> None:
    """A member who was offline receives what they missed, once, in order, after any restart."""
    alice, bob = user(one, "alice", "password a"), user(other, "bob", "password b")
    alice.types("/create tea open")
    alice.sees("You are in tea")
    bob.types("/join tea")
    bob.sees("You are in tea")
    bob.types("/quit")
    assert bob.is_disconnected()
    alice.sees("bob has gone offline")
    alice.types("one", "two", "/me three")
    alice.does_not_see("bob")
    alice.close()
    server.restart()
    bob = user(other, "bob", "password b")
    for text in (": one\n", ": two\n", " three\n"):  # the client has entered its only group
        bob.sees(text)
    bob.types("/quit")
    assert bob.is_disconnected()
    server.restart()
    bob = user(one, "bob", "password b")
    bob.does_not_see("alice")


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_a_second_device_starts_where_the_first_is(user: UserOf, one: str, other: str) -> None:
    """A second device does not show again what the first has shown."""
    alice, laptop = user(one, "alice"), user(other, "bob", "password b")
    alice.types("/create tea open")
    alice.sees("You are in tea")
    laptop.types("/join tea")
    laptop.sees("You are in tea")
    for number in range(3):
        alice.types(f"line {number}")
        laptop.sees(f"line {number}")
        laptop.sees_all()  # before a typed line, the client reports what is shown
        time.sleep(0.1)  # a kernel may acknowledge up to 40 ms later (RFC 9293, 3.8.6.3)
        phone = user(one, "bob", "password b")
        phone.does_not_see("line")
        phone.types("/join tea")
        phone.sees("You are in tea (number 1)")
        alice.types("to both")
        for device in (laptop, phone):
            device.sees("alice: to both\n")


@pytest.mark.parametrize("kind", KINDS)
def test_a_restart_keeps_everything_but_guests(user: UserOf, server: Server, kind: str) -> None:
    """Accounts, groups, members, admins, requests, bans, topics, passwords, messages, ignores."""
    code = server.says(r"operator: type /claim (\S+)").group(1)
    before = alice, bob, gus, dave = [
        user(kind, name, "" if name == "gus" else f"secret of {name}")
        for name in ("alice", "bob", "gus", "dave")
    ]
    alice.types(f"/claim {code}", "/ban mallory too loud")
    alice.sees("mallory was banned from this server")
    alice.types("/create tea open", "/topic Green tea", "/create nest password open sesame")
    alice.sees("You are in nest (number 2)")
    for person in (bob, gus):
        person.types("/join tea")
        person.sees("You are in tea")
    gus.types("/create guests open")
    gus.sees("number 3")
    gus.sees("It is temporary and ends with its last guest")
    bob.types("/desk")
    bob.sees("You are at the front desk")
    alice.types("/join tea", "/policy approval", "/ban erin spam", "/transfer bob")
    bob.sees("You are the admin of tea now")
    dave.types("/join tea may I?")
    bob.sees('dave asks to join tea: "may I?"')
    bob.types("/ignore dave")
    bob.sees("You no longer see what dave says")
    bob.types("/quit")
    assert bob.is_disconnected()
    alice.sees("bob has gone offline")
    alice.types("/msg bob call me back")
    alice.sees("bob is offline and will read it at the next login.")
    for person in before:
        person.close()
    server.restart()

    bob = user(kind, "bob", "secret of bob")
    bob.sees("alice (private): call me back\n")
    bob.types("/join tea")
    bob.sees("You are in tea (number 1): 2 members, 1 online; the admin is bob.")
    bob.sees("Topic: Green tea")
    bob.types("/bans")
    bob.sees("erin, by alice: spam")
    requests = "".join(bob.answer_to("/requests"))
    assert "dave, for " in requests
    assert "may I?" not in requests
    bob.types("/unignore dave")
    bob.sees("You see again what dave says")
    assert '"may I?"' in "".join(bob.answer_to("/requests"))
    bob.types("/groups")
    assert "guests" not in bob.sees("nest  password")
    bob.types("/approve")
    bob.sees("dave has joined the chat!")

    dave = user(kind, "dave", "secret of dave")
    dave.types("/join 2 open sesame")
    dave.sees("You are in nest (number 2)")
    dave.types("/create another")
    dave.sees("You are in another (number 4)")
    gus = user(kind, "gus")
    gus.types("/members")
    gus.sees("front desk")
    mallory = user(kind)
    banned = "mallory is banned from this server by alice: too loud."
    assert mallory.cannot_log_in("Mallory") == banned

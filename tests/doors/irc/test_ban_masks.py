"""Bans by the masks that clients make by themselves."""

from __future__ import annotations

import pytest

from tests.support.irc import IrcServer

MASKS = [
    *("bob", "bob!*@*", "bob!*@pyconchat", "Bob!bob@pyconchat"),
    *("*!*bob@pyconchat", "*!bob@pyconchat", "*!~bob@*", "*!bob@*.pyconchat"),
    "*!*rob@pyconchat",  # as WHO shows it
]


@pytest.mark.parametrize("mask", MASKS)
def test_a_mask_of_one_name(irc: IrcServer, mask: str) -> None:
    """Clients make it of the source of somebody, or of what WHO shows."""
    alice, bob = irc.enters("alice"), irc.connects()
    bob.sends("NICK bob", "USER rob 0 * :Bob")
    for user in (alice, bob):
        user.sends("JOIN #tea")
    bob.receives()
    alice.receives()
    alice.sends(f"MODE #tea +b {mask}")
    assert bob.sees() == ["alice MODE #tea +b bob!*@*", "alice KICK #tea bob alice"]
    unset = mask.replace("rob", "bob")
    assert alice.gets(f"MODE #tea -b {unset}")[-1] == "alice MODE #tea -b bob!*@*"


def test_a_mask_of_one_name_for_quiet(irc: IrcServer) -> None:
    """The extended ban ``m:`` takes the same masks."""
    alice, bob = irc.enters("alice"), irc.enters("bob")
    for user in (alice, bob):
        user.sends("JOIN #tea")
    answer = alice.gets("MODE #tea +b m:*!*bob@pyconchat")
    assert answer == ["alice MODE #tea +b m:bob!*@*"]


def test_a_mask_of_several_names_bans_nobody(irc: IrcServer) -> None:
    """Two people have that user, or everybody that host: the answer says what a ban needs."""
    alice = irc.enters("alice")
    alice.sends("JOIN #tea")
    for name in ("bob", "carol"):
        user = irc.connects()
        user.sends(f"NICK {name}", "USER web 0 * :Somebody", "JOIN #tea")
    (refusal,) = alice.gets("MODE #tea +b *!*web@pyconchat")
    assert refusal == (
        "irc.test 696 alice #tea b *!*web@pyconchat That may be bob or carol."
        " A ban is of one name: NAME!*@*."
    )
    for mask in ("*!*@pyconchat", "*!*@*", "bob!*@example.org", "b?b!*@*", "*!*nobody@pyconchat"):
        (refusal,) = alice.gets(f"MODE #tea +b {mask}")
        assert refusal.startswith(f"irc.test 696 alice #tea b {mask} A ban is"), mask


def test_a_mask_of_somebody_who_has_left_the_group(irc: IrcServer) -> None:
    """A client that has kicked somebody before the ban has only a mask."""
    alice, bob = irc.enters("alice"), irc.enters("bob")
    for user in (alice, bob):
        user.sends("JOIN #tea")
    assert "alice MODE #tea +b bob!*@*" in alice.gets("KICK #tea bob", "MODE #tea +b *!*bob@*")


def test_an_operator_outside_gets_an_answer(irc: IrcServer) -> None:
    """They receive neither MODE nor KICK."""
    irc.at_nc("olga", "pass word").wire.loseConnection()
    for name in ("alice", "bob"):
        irc.enters(name).sends("JOIN #tea")
    olga = irc.enters("olga", password="pass word")
    olga.sends(f"PRIVMSG PyconChat :claim {irc.chat.accounts.claim_code}")
    notice = "PyconChat NOTICE olga"
    assert olga.gets("MODE #tea +b zed") == [f"{notice} zed is banned from tea."]
    assert olga.gets("MODE #tea -b zed") == [f"{notice} zed may join tea again."]
    assert olga.gets("KICK #tea bob") == [f"{notice} bob is kicked from tea."]

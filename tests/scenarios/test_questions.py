"""Questions, and lines that were meant otherwise, with every kind of program."""

from __future__ import annotations

import pytest

from tests.support.users import KINDS, UserOf


@pytest.mark.parametrize("kind", KINDS)
def test_second_thoughts(user: UserOf, kind: str) -> None:
    """A command as the answer is executed; a command after a space is not posted."""
    alice, bob = user(kind, "alice"), user("nc", "bob")
    alice.types("/create tea open")
    alice.sees("You are in tea")
    bob.types("/join tea")
    bob.sees("You are in tea")
    alice.types("/policy password")
    alice.sees("Password for the group: ")
    alice.types("/policy invite")
    bob.sees("alice changed the policy to invite.")
    alice.types("/me")
    alice.sees("Do what? ")
    alice.types("/msg bob the pin is 9731")
    bob.sees("alice (guest, private): the pin is 9731\n")
    alice.sees("Sent to bob.")
    alice.types("  /password x")
    alice.sees("Not sent: /password is a command")
    alice.types("/topic", "/join te")
    alice.sees("tea has no topic.")
    alice.sees("There is no te. tea? Or: /create te")
    bob.does_not_see("alice")
    bob.types("/topic mine")
    bob.sees("Only the admin, alice, can change the topic.")
    bob.types("/kick")
    bob.sees("Only the admin, alice, can kick.")


@pytest.mark.parametrize("kind", ["nc", "telnet", "client"])
def test_lines_that_were_typed_before_a_move(user: UserOf, kind: str) -> None:
    """A private line is not posted after an approval, nor a message executed after a kick."""
    alice, bob = user("nc", "alice"), user(kind, "bob")
    alice.types("/create tea")
    alice.sees("You are in tea")
    bob.types("/join tea")
    bob.sees("its admin, alice, has to approve")
    alice.sees("bob asks to join tea")
    alice.types("/approve")
    bob.sees("alice approved your request.")
    bob.types("message carol the pin is 9731")
    bob.sees("You are in tea now: send it again to say it there.")
    bob.types("Hello")
    assert "9731" not in alice.sees("bob: Hello\n")
    alice.types("/kick bob")
    bob.sees("You were kicked from tea by alice.")
    bob.types("exit strategy")
    bob.sees("You are at the front desk now")
    bob.types("/who")
    bob.sees("Online: 2")

"""The questions of the login at nc and telnet, and what is shown between them."""

from __future__ import annotations

import pytest

from tests.support.users import LINE_KINDS, UserOf

pytestmark = pytest.mark.parametrize("kind", LINE_KINDS)


def test_a_new_name(user: UserOf, kind: str) -> None:
    """The name, a password to keep it, and the group, which is created if it is new."""
    alice = user(kind)
    alice.sees("* Welcome to PyconChat.\nUsername: ")
    alice.types("alice")
    alice.sees(
        "alice is new here. Choose a password to keep this name, or press Enter to be a guest"
    )
    alice.sees("Password: ")
    alice.types("secret of alice")
    if kind == "telnet":  # where the password does not show
        alice.sees("The same again: ")
        alice.types("another word")
        alice.sees("The two passwords differ. Once more:\nPassword: ")
        alice.types("secret of alice")
        alice.sees("The same again: ")
        alice.types("secret of alice")
    alice.sees("Hello alice.")
    alice.sees("Group: ")
    alice.types("tea")
    alice.sees("You are in tea (number 1), which is new: you are its admin")
    assert b"secret" not in alice.everything()


def test_a_known_name(user: UserOf, kind: str) -> None:
    """A password until it is right; then what was missed, each conversation with a heading."""
    alice, bob = user(kind, "alice", "secret of alice"), user(kind, "bob", "secret of bob")
    alice.types("/create tea open")
    alice.sees("You are in tea")
    bob.types("/join tea", "/exit")
    bob.sees("Bye.")
    assert bob.is_disconnected()
    alice.sees("bob has gone offline")
    alice.types("for bob, later", "/msg bob call me back")
    alice.sees("bob is offline and will read it at the next login.")

    bob = user(kind)
    bob.sees("Username: ")
    bob.types("BOB")
    bob.sees("Password: ")
    bob.types("wrong")
    bob.sees("That is not the password of bob")
    bob.sees("Password: ")
    bob.types("secret of bob")
    for heading, missed in (
        ("— 1 new in tea since ", "alice (in tea): for bob, later\n"),
        ("— 1 new with alice since ", "alice (private): call me back\n"),
    ):
        bob.sees(heading)
        bob.sees(missed)
    bob.sees("Group: ")
    bob.types("tea")
    bob.sees("You are in tea (number 1): 2 members, 2 online; the admin is alice.")


def test_commands_instead_of_a_group(user: UserOf, kind: str) -> None:
    """A command as the answer to the question for a group is carried out at the front desk."""
    alice = user(kind)
    alice.sees("Username: ")
    alice.types("alice", "")
    alice.sees("Group: ")
    alice.types("who")
    alice.sees("Online: 1")
    alice.types("/members")
    alice.sees("You are at the front desk: name the group last")

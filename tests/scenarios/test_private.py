"""Private conversations, and absence, with every kind of program."""

from __future__ import annotations

import pytest

from tests.support.servers import Server
from tests.support.users import KINDS, UserOf

pytestmark = pytest.mark.server(scope="module")


@pytest.mark.parametrize("kind", KINDS)
def test_an_evening_for_two(user: UserOf, server: Server, kind: str) -> None:
    """A conversation as a place, away, and the history on a second device."""
    name, friend = f"a{kind}", f"b{kind}"
    alice, bob = user(kind, name, "password a"), user(kind, friend, "password b")
    alice.types(f"/query {friend}")
    alice.sees(f"You are talking to {friend} in private (online); /desk leaves.")
    alice.types("the kettle", "/me waves")
    bob.sees(f"{name} (private): the kettle\n")
    bob.sees(f"~ {name} (private) waves\n")
    bob.types("/r on my way", "/away in the kitchen")
    alice.sees(f"{friend} (private): on my way\n")
    bob.sees("You are away until /away alone, or your next message.")
    alice.types("so?", f"/whois {friend}")
    alice.sees(f"{friend} is away: in the kitchen")
    alice.sees(f"{friend} is online, registered since ")
    bob.sees(f"{name} (private): so?\n")
    phone = user(kind, friend, "password b")
    phone.types(f"/history @{name}")
    phone.sees(f"{name} (private): the kettle\n")
    phone.sees(f"{friend} (private to {name}): on my way\n")
    alice.types("/search kettle")
    alice.sees("Found for: kettle")
    alice.sees(f"{name} (private to {friend}): the kettle\n")
    alice.types("the pott", "/edit the pot")
    bob.sees(f"{name} corrected: the pot\n")
    bob.types(f"/query {name}", "/react 1 👍")
    alice.sees(f'{friend} reacted 👍 to {name} "the kettle"\n')
    alice.types("a secret", "/unsay")
    bob.sees(f"{name} removed a message.\n")
    alice.types("/files")
    alice.sees(f"No file was shared with {friend}")
    alice.types("/members")
    alice.sees("That works in groups")
    alice.types("leave")
    alice.sees("You are at the front desk.")
    alice.types("/who")
    alice.sees(f"{friend} (away: in the kitchen)")

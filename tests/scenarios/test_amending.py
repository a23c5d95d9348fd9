"""Correcting, removing, answering, reacting, pinning: with every kind of program."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.support.servers import Server
from tests.support.users import PAIRS, UserOf


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_an_evening(user: UserOf, server: Server, one: str, other: str) -> None:
    """Messages are corrected, answered and removed; later readers get only the current text."""
    alice, bob = user(one, "alice", "password a"), user(other, "bob", "password b")
    alice.types("/create tea open")
    alice.sees("You are in tea")
    bob.types("/join tea")
    bob.sees("You are in tea")
    alice.types("the kettel is broken")  # entry 3
    bob.sees("alice: the kettel is broken")
    alice.types("/edit the kettle is broken")
    bob.sees("* alice corrected: the kettle is broken")
    bob.types("/reply 3 it is fixed")
    alice.sees('bob ↪ alice "the kettle is broken": it is fixed')
    alice.types("/react 5 👍")
    bob.sees('* alice reacted 👍 to bob "it is fixed"')
    bob.types("my password is xyzzy")
    alice.sees("bob: my password is xyzzy")
    bob.types("/unsay")
    alice.sees("* bob removed a message.")
    alice.types("/pin 5")
    bob.sees('* alice pinned #5: bob "it is fixed"')
    bob.types("/history")
    bob.sees("alice: the kettle is broken")
    bob.types("/pin")
    bob.sees('Pinned #5: bob "it is fixed"')
    with closing(sqlite3.connect(server.state / "pyconchat.db")) as database:
        bodies = str(database.execute("SELECT body FROM entries").fetchall())
    assert "xyzzy" not in bodies
    assert "kettel" not in bodies

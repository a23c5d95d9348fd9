"""ServerConnection: resumes after the last entries that it has received."""

from __future__ import annotations

from typing import Any

import pytest

from pyconchat.client.net.connection import ServerConnection
from tests.client.fakes import (
    FakeServer,
    Recorder,
    groups_in_hello,
    message,
    private_message,
)


def test_since(connection: ServerConnection, fake: FakeServer) -> None:
    """The last number of each conversation: a group's name, or @ and a partner."""
    fake.connection.accepts_login(message(3, "a"), message(9, "b", "coffee"))
    fake.connection.sends(
        message(4, "c"),
        private_message(2, "d"),
        private_message(1, "e", "Carol"),
        {"type": "joined", "group": "coffee", "seq": 12, "name": "bob", "via": "open"},
        {"type": "server-kicked", "group": None, "seq": 77, "name": "bob", "by": "root"},
        {"type": "presence", "name": "bob", "online": False},
    )
    fake.connection.disconnects()
    assert fake.reconnects().receives_one()["since"] == {
        "tea": 4,
        "coffee": 12,
        "@bob": 2,
        "@Carol": 1,
    }


def test_repeated_entries(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """They are dropped, by the numbers of each conversation."""
    fake.connection.accepts_login()
    fake.connection.sends(message(1, "one"), message(2, "two"), private_message(1, "private"))
    fake.connection.disconnects()
    fake.reconnects().accepts_login(
        message(1, "one"),
        message(2, "two"),
        message(3, "three"),
        private_message(1, "private"),
        private_message(2, "more"),
    )
    assert listener.texts == ["one", "two", "private", "three", "more"]


def test_gaps_in_the_numbers(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """The server leaves out the entries that the account may not read."""
    fake.connection.accepts_login()
    fake.connection.sends(message(1, "one"), message(17, "two"), message(18, "three"))
    assert listener.texts == ["one", "two", "three"]


@pytest.mark.parametrize("seq", [None, True, "7", 1.5, [1], {}])
def test_an_invalid_number(
    connection: ServerConnection, fake: FakeServer, listener: Recorder, seq: Any
) -> None:
    """The event is received, and its number is ignored."""
    fake.connection.accepts_login()
    fake.connection.sends(message(1, "x") | {"seq": seq})
    assert listener.texts == ["x"]
    fake.connection.disconnects()
    assert fake.reconnects().receives_one()["since"] == {}


def test_a_group_that_was_created_again(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """Its numbers start at 1, and nothing in it is dropped."""
    fake.connection.accepts_login()
    fake.connection.sends(message(50, "the old group"))
    fake.connection.sends(
        {"type": "left", "group": "tea", "seq": 51, "name": "alice", "why": "left"}
    )
    created = {"type": "created", "group": "tea", "seq": 1, "number": 2, "name": "tea"}
    fake.connection.sends({**created, "by": "alice", "policy": "open", "guest": False})
    fake.connection.sends(message(2, "the new group"))
    assert listener.texts == ["the old group", "the new group"]
    fake.connection.disconnects()
    assert fake.reconnects().receives_one()["since"] == {"tea": 2}


def test_a_group_that_was_created_again_while_disconnected(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """It is recognized because its last number is before the client's."""
    fake.connection.accepts_login(message(50, "the old group"))
    fake.connection.disconnects()
    groups = groups_in_hello("tea")
    groups[0]["head"] = 2
    fake.reconnects().accepts_login(message(1, "a new one"), message(2, "it is"), groups=groups)
    assert listener.texts == ["the old group", "a new one", "it is"]


def test_a_partner_who_is_another_guest(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """The private conversation with a guest of the same name starts at 1 again."""
    fake.connection.accepts_login()
    fake.connection.sends(private_message(1, "hello"), private_message(2, "I have to go"))
    fake.connection.sends(private_message(1, "I am back", at="2026-11-21T10:00:00.000Z"))
    assert listener.texts == ["hello", "I have to go", "I am back"]

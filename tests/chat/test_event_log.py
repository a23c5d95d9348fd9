"""The log of the chat: who did what, from where, and never what was said."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.logger import LogLevel, capturedLogs, eventAsText

from pyconchat.chat.chat import Chat
from pyconchat.domain.times import date_and_time
from pyconchat.testing import TestUser

SECRETS = ("a secret reason", "a secret topic", "a secret word", "secret of")

Lines = Callable[..., list[str]]


def logged(user: TestUser, *lines: str) -> list[str]:
    """Return what is logged while *user* types *lines*."""
    with capturedLogs() as events:
        user.types(*lines)
    ours = [event for event in events if event["log_namespace"] == "pyconchat"]
    assert all(event["log_level"] < LogLevel.error for event in events)
    for secret in SECRETS:
        assert secret not in repr(ours)
    return [eventAsText(event, includeTimestamp=False, includeSystem=False) for event in ours]


@pytest.fixture
def alice(chat: Chat) -> TestUser:
    """An operator, and the admin of tea."""
    alice = TestUser(chat, "alice", "secret of alice")
    alice.types(f"/claim {chat.accounts.claim_code}", "/create tea open")
    alice.peer.address = "192.0.2.7"
    return alice


@pytest.fixture
def bob(chat: Chat, alice: TestUser) -> TestUser:
    """A member of tea."""
    bob = TestUser(chat, "bob", "secret of bob")
    bob.types("/join tea")
    return bob


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/kick bob a secret reason", "user kicked: bob (192.0.2.1) from tea by alice (192.0.2.7)"),
        ("/ban bob a secret reason", "user banned: bob (192.0.2.1) from tea by alice (192.0.2.7)"),
        (
            "/policy password a secret word",
            "policy changed: tea is password now, by {alice}",
        ),
        ("/policy invite", "policy changed: tea is invite now, by alice (192.0.2.7)"),
        ("/transfer bob", "admin transferred: bob (192.0.2.1) is the admin of tea (transferred)"),
        ("/moderator bob", "moderator made: bob (192.0.2.1) of tea by alice (192.0.2.7)"),
        ("/quiet bob", "user quieted: bob (192.0.2.1) in tea by alice (192.0.2.7)"),
        ("/slow 30", "group slowed: tea to a message in 30 s by alice (192.0.2.7)"),
        ("/create coffee open", "group created: coffee (number 2) by alice (192.0.2.7)"),
    ],
)
def test_what_an_admin_does(line: str, expected: str, alice: TestUser, bob: TestUser) -> None:
    """One line, with the addresses of both."""
    assert logged(alice, line) == [expected.replace("{alice}", "alice (192.0.2.7)")]


def test_no_longer_slow(alice: TestUser, bob: TestUser) -> None:
    """It is not a pace of 0 seconds."""
    logged(alice, "/slow 30")
    assert logged(alice, "/slow 0") == ["group no longer slow: tea by alice (192.0.2.7)"]


@pytest.mark.parametrize(
    "line", ["/topic a secret topic", "a secret word", "/msg bob a secret word"]
)
def test_what_is_not_logged(line: str, alice: TestUser, bob: TestUser) -> None:
    """What is said leaves no line."""
    assert logged(alice, line) == []


def test_a_ban_that_ends(alice: TestUser, bob: TestUser, chat: Chat) -> None:
    """The line has the end of the ban."""
    until = date_and_time(chat.now() + 3_600_000, chat.now())
    assert logged(alice, "/ban bob 1h a secret reason") == [
        f"user banned: bob (192.0.2.1) from tea by alice (192.0.2.7) until {until}"
    ]


def test_the_end_of_a_role_and_of_a_quiet(alice: TestUser, bob: TestUser) -> None:
    """Their ends are logged, too."""
    alice.types("/quiet bob")
    assert logged(alice, "/quiet bob off") == [
        "quiet ended: bob (192.0.2.1) in tea by alice (192.0.2.7)"
    ]
    alice.types("/moderator bob")
    assert logged(alice, "/moderator bob off") == [
        "moderator ended: bob (192.0.2.1) of tea by alice (192.0.2.7)"
    ]


def test_unbans_in_a_group(alice: TestUser, bob: TestUser) -> None:
    """They are logged as the bans are."""
    alice.types("/ban bob")
    assert logged(alice, "/unban bob") == [
        "user unbanned: bob (192.0.2.1) from tea by alice (192.0.2.7)"
    ]


def test_bans_on_the_server(alice: TestUser, bob: TestUser) -> None:
    """An operator's kick, ban and unban; who is offline has no address."""
    alice.types("/desk")
    where = "from the server by alice (192.0.2.7)"
    (kick,) = logged(alice, "/kick bob a secret reason")
    assert kick == f"user kicked: bob (192.0.2.1) {where}"
    assert f"user banned: bob (192.0.2.1) {where}" in logged(alice, "/ban bob a secret reason")
    bob.leaves()
    assert logged(alice, "/unban bob") == [f"user unbanned: bob {where}"]


def test_the_end_of_a_group(alice: TestUser, chat: Chat) -> None:
    """A group that is deleted, or left by its last guest, is logged."""
    alice.peer.answers = ["tea"]
    assert logged(alice, "/delete tea") == ["group deleted: tea by alice (192.0.2.7)"]
    gina = TestUser(chat, "gina")
    gina.types("/create parlour")
    gina.peer.answers = ["yes"]
    assert logged(gina, "/leave")[0].startswith("group closed: parlour")


def test_each_session_has_its_address(chat: Chat) -> None:
    """The first and the last session of a user, and those between."""
    with capturedLogs() as events:
        one = TestUser(chat, "carol", "secret of carol")
        two = TestUser(chat, "carol", "secret of carol")
        guest = TestUser(chat, "gina")
        for each in (two, one, guest):
            each.leaves()
    lines = [
        eventAsText(event, includeTimestamp=False, includeSystem=False)
        for event in events
        if event["log_namespace"] == "pyconchat"
    ]
    assert lines == [
        "user connected: carol from 192.0.2.1",
        "session opened: carol from 192.0.2.1",
        "user connected: gina from 192.0.2.1 (guest)",
        "session closed: carol from 192.0.2.1",
        "user disconnected: carol from 192.0.2.1",
        "user disconnected: gina from 192.0.2.1",
    ]

"""Text of an ignored person is never shown, live or missed, at each door."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock

from pyconchat.config import Config, LimitsConfig
from pyconchat.store import SqlStore
from tests.support.programs import MemoryServer

TEXT = "a text of theirs"


@pytest.fixture
def server(store: SqlStore, clock: Clock) -> Iterator[MemoryServer]:
    """A server in memory without rate limits, with alice's group tea and mallory's group den."""
    server = MemoryServer(store, clock)
    alice, mallory = server.program("alice", "password a"), server.program("mallory", "password m")
    alice.does("/create tea")
    alice.does("/ignore mallory")
    mallory.does("/create den")
    alice.cut()
    yield server
    server.stop()


def harass(server: MemoryServer) -> None:
    """Reach for alice with everything that mallory has."""
    mallory = server.program("mallory", "password m")
    mallory.does(f"/join tea {TEXT}")
    mallory.does("/invite alice", "den")
    for _ in range(3):
        mallory.does(f"/ban alice {TEXT}", "den")
        mallory.does("/unban alice", "den")
    mallory.does(f"/msg alice {TEXT}")
    mallory.does("/leave tea")
    mallory.does(f"/join tea {TEXT}")
    mallory.cut()


@pytest.mark.parametrize("live", [True, False])
def test_a_person(live: bool, server: MemoryServer) -> None:
    """Nothing is shown of bans from a group that they are not in."""
    if live:
        alice = server.person("alice", "password a")
        alice.sees()
        harass(server)
        shown = alice.sees()
    else:
        harass(server)
        alice = server.connect().types("alice", "password a", "")
        shown = alice.sees()
    assert "mallory" not in shown
    assert TEXT not in shown
    later = alice.types("/join tea", "/requests", "/history 100").sees()
    assert "mallory, for" in later
    assert TEXT not in later


@pytest.mark.parametrize("live", [True, False])
def test_a_program(live: bool, server: MemoryServer) -> None:
    """It gets no event of theirs."""
    if live:
        alice = server.program("alice", "password a")
        harass(server)
    else:
        harass(server)
        alice = server.program("alice", "password a")
    alice.does("/requests", "tea")
    alice.does("/history", "tea")
    assert TEXT not in alice.received.decode()
    assert "mallory" not in str(alice.entries)


@pytest.mark.parametrize("live", [True, False])
def test_a_ban_that_ends_a_membership(live: bool, server: MemoryServer) -> None:
    """It is one line, without its reason; its end, and further bans, are not shown."""
    alice, mallory = server.program("alice", "password a"), server.program("mallory", "password m")
    mallory.does("/policy open", "den")
    alice.does("/join den")
    alice.cut()
    person = server.person("alice", "password a") if live else None
    for _ in range(3):
        mallory.does(f"/ban alice {TEXT}", "den")
        mallory.does("/unban alice", "den")
    person = person or server.connect().types("alice", "password a", "")
    about = [line for line in person.sees().splitlines() if "mallory" in line or TEXT in line]
    assert [line.partition("* ")[2] for line in about] == ["You were banned from den by mallory."]


def test_notices_cost_the_rate_by_size(store: SqlStore, clock: Clock) -> None:
    """The reasons of bans come as slowly as messages of 100 bytes would."""
    limits = LimitsConfig(message_burst=10, messages_per_second=5)
    server = MemoryServer(store, clock, Config(limits=limits))
    mallory = server.program("mallory", "password m")
    mallory.does("/create den open")
    for number in range(50):
        mallory.requests(f"/ban victim{number} " + "\U0001f375" * 300, "den")
    for _ in range(20):
        server.waits(1)
    mallory.receives()
    assert 3 <= len([each for each in mallory.entries if each["type"] == "banned"]) <= 12
    server.stop()

"""After the last words nothing more is shown: what happens until the end is for the next login."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock

from pyconchat.domain.replies import EndWhy
from pyconchat.doors.door import MAX_LINGER
from pyconchat.doors.output_buffer import OutputBuffer
from pyconchat.store import SqlStore
from tests.support.connections import TestConnection
from tests.support.programs import House


@pytest.fixture
def house(store: SqlStore, clock: Clock) -> Iterator[House]:
    """A server in memory, without limits on rates."""
    house = House(store, clock)
    yield house
    house.closes()


@pytest.fixture
def alice(house: House) -> TestConnection:
    """The admin of tea, which is open."""
    return house.person("alice", "password a").types("/create tea open")


@pytest.fixture
def bob(house: House, alice: TestConnection, monkeypatch: pytest.MonkeyPatch) -> TestConnection:
    """A member who is told that the server stops, and whose kernel is slow to say that it knows."""
    bob = house.person("bob", "password b").types("/join tea")
    alice.types("said before")
    house.waits(2)
    door = bob.door.door
    assert door is not None
    slow, acknowledged = door._output, OutputBuffer.acknowledged

    def when_slow(outlet: OutputBuffer) -> bool:
        is_slow = outlet is slow and house.clock.seconds() < heard
        return not is_slow and acknowledged(outlet)

    heard = house.clock.seconds() + MAX_LINGER / 2
    monkeypatch.setattr(OutputBuffer, "acknowledged", when_slow)
    [session] = house.chat.presence.sessions(house.chat.accounts.find("bob").key)  # type: ignore[arg-type]
    session.end(EndWhy.STOPPING, "The server is stopping; come back soon.")
    return bob


def comes_back(house: House) -> str:
    """Log bob in again, and return what he is shown."""
    house.waits(MAX_LINGER * 2)
    bob = house.caller().types("bob", "password b")
    house.waits(1)
    return bob.sees()


def test_a_message_is_read_at_the_next_login(
    house: House, alice: TestConnection, bob: TestConnection
) -> None:
    """It was not sent, so it does not count as received; what was before it does."""
    before = bob.everything
    alice.types("said in between")
    assert bob.everything == before
    seen = comes_back(house)
    assert (seen.count("said in between"), seen.count("said before")) == (1, 0)


def test_a_notice_is_read_at_the_next_login(
    house: House, alice: TestConnection, bob: TestConnection
) -> None:
    """Of what concerns somebody who is no member, too."""
    alice.types("/create den invite", "/invite bob")
    assert "den" in comes_back(house)

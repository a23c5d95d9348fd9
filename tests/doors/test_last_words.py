"""A closing connection receives nothing more: later entries are delivered at the next login."""

from __future__ import annotations

import pytest

from pyconchat.domain.replies import EndWhy
from pyconchat.doors.door import MAX_LINGER
from pyconchat.doors.output_buffer import OutputBuffer
from tests.support.connections import TestConnection
from tests.support.programs import MemoryServer


@pytest.fixture
def alice(server: MemoryServer) -> TestConnection:
    """The admin of tea, which is open."""
    return server.person("alice", "password a").types("/create tea open")


@pytest.fixture
def bob(
    server: MemoryServer, alice: TestConnection, monkeypatch: pytest.MonkeyPatch
) -> TestConnection:
    """A member whose connection is closing, and whose kernel acknowledges late."""
    bob = server.person("bob", "password b").types("/join tea")
    alice.types("before the end")
    server.waits(2)
    door = bob.door.door
    assert door is not None
    slow, acknowledged = door._output, OutputBuffer.acknowledged
    acknowledged_at = server.clock.seconds() + MAX_LINGER / 2

    def acknowledged_late(buffer: OutputBuffer) -> bool:
        waits = buffer is slow and server.clock.seconds() < acknowledged_at
        return not waits and acknowledged(buffer)

    monkeypatch.setattr(OutputBuffer, "acknowledged", acknowledged_late)
    [session] = server.chat.presence.sessions(server.chat.accounts.find("bob").key)  # type: ignore[arg-type]
    session.end(EndWhy.STOPPING, "The server is stopping; come back soon.")
    return bob


def logs_in_again(server: MemoryServer) -> str:
    """Log bob in again, and return his screen."""
    server.waits(MAX_LINGER * 2)
    bob = server.connect().types("bob", "password b")
    server.waits(1)
    return bob.sees()


def test_a_message_is_delivered_at_the_next_login(
    server: MemoryServer, alice: TestConnection, bob: TestConnection
) -> None:
    """It was not sent, so it does not count as received; messages before the end do."""
    before = bob.everything
    alice.types("after the end")
    assert bob.everything == before
    seen = logs_in_again(server)
    assert (seen.count("after the end"), seen.count("before the end")) == (1, 0)


def test_a_notice_is_delivered_at_the_next_login(
    server: MemoryServer, alice: TestConnection, bob: TestConnection
) -> None:
    """Also an event of a group of which bob is not a member."""
    alice.types("/create den invite", "/invite bob")
    assert "den" in logs_in_again(server)

"""Peers that are gone while the server does not read from them."""

from __future__ import annotations

import pytest

from pyconchat.doors.output_buffer import OutputBuffer
from tests.support.connections import Connect, OpenDoor


@pytest.fixture
def reset(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel reports a reset; the transport detects it only when it reads."""
    monkeypatch.setattr(OutputBuffer, "broken", lambda _self: True)


@pytest.mark.usefixtures("reset")
def test_no_work_is_done_for_a_flood_whose_sender_is_gone(connect: Connect) -> None:
    """It would continue for as long as the kernel has input."""
    bob = connect("\r\n").logs_in("bob")
    bob.sends(b"\xff\xf1" * 20_000)
    bob.waits(2)
    assert bob.wire.aborted


@pytest.mark.usefixtures("reset")
def test_lines_of_a_sender_who_is_gone_are_taken_for_some_time(open_door: OpenDoor) -> None:
    """As from ``printf … | nc``; but not for hours."""
    connect = open_door(messages_per_second=1)
    alice, bob = connect().logs_in("alice"), connect().logs_in("bob")
    alice.types("/create tea open")
    bob.types("/join tea")
    bob.waits(20)
    bob.sends(b"word\n" * 200)
    bob.waits(20)
    assert bob.wire.connected
    assert alice.sees().count("bob: word") == 30
    bob.waits(20)
    assert bob.wire.aborted

"""JSON mode: the message rate, and programs that do not read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.programs import (
    MemoryServer,
    line_of,
)
from tests.support.turns import reactor_turn


def test_the_message_rate_delays_and_drops_nothing(limited: Callable[..., MemoryServer]) -> None:
    """Messages over the rate are posted later."""
    server = limited(message_burst=10, messages_per_second=5)
    alice = server.program("alice", "password a")
    alice.does("/create tea open")
    alice.sends(b"".join(line_of(id=f"m{n}", group="tea", text=f"{n}") for n in range(40)))

    def answered() -> int:
        return len([each for each in alice.objects if str(each.get("re", ""))[:1] == "m"])

    assert answered() <= 10
    alice.waits(4)
    assert 20 <= answered() < 40
    alice.waits(6)
    assert answered() == 40
    assert [e["text"] for e in alice.events if e["type"] == "message"] == [
        str(n) for n in range(40)
    ]


def test_requests_wait_until_the_program_has_read(server: MemoryServer) -> None:
    """What is queued for a program that does not read is limited."""
    alice = server.program("alice", "password a")
    alice.does("/create tea open")
    for _ in range(20):
        alice.does(group="tea", text="x" * 4000)
    alice.wire.stops_reading()
    for n in range(60):
        alice.connection.door.dataReceived(line_of(id=f"h{n}", group="tea", line="/history 500"))
        alice.connection.tick()
    door = alice.connection.door.door
    assert door is not None
    assert door._output.queued < 300_000
    assert alice.wire.paused
    for _ in range(200):
        alice.wire.reads(80_000)
        alice.receives()
    answers = [each["re"] for each in alice.objects if str(each.get("re", ""))[:1] == "h"]
    assert answers == [f"h{n}" for n in range(60)]


def test_a_program_that_never_reads_is_dropped(server: MemoryServer) -> None:
    """After 30 seconds in which it read nothing."""
    alice = server.program("alice", "password a")
    alice.does("/create tea open")
    alice.wire.stops_reading()
    alice.sends(line_of(id=1, line="/help") + line_of(id=2, line="/help"))
    alice.connection.waits(35)
    assert alice.wire.aborted


def test_others_have_their_turn_after_a_long_answer(
    server: MemoryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each program has one in a turn of the reactor, however many requests it sends together."""
    monkeypatch.setattr("pyconchat.doors.json.door.LONG_ANSWER", 10)
    programs = [server.program(f"gus{number}", guest=True) for number in range(5)]
    server.waits(1)
    for each in programs:
        each.wire.clear()
    for each in programs:
        each.wire.protocol.dataReceived(b'{"id":1,"line":"/who"}\n' * 6)

    def answers() -> int:
        return sum(each.wire.value().count(b'"re":1') for each in programs)

    assert answers() == len(programs), "each begins at once"
    for _ in range(6 * len(programs)):
        before = answers()
        reactor_turn(server.clock)
        assert answers() - before <= 1
    server.waits(1)
    assert answers() == 6 * len(programs)

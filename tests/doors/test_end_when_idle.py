"""A session that ends when a node stops: nothing that has arrived is lost, or shown again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pyconchat.chat.interfaces import ISession
from pyconchat.domain.decisions import OPEN_END, Decision, MoveCursor
from pyconchat.domain.names import Key
from pyconchat.domain.replies import EndWhy
from pyconchat.doors.door import MAX_INPUT_WAIT, MAX_LINGER, Door
from pyconchat.doors.line.door import MAX_TYPED_WAIT
from pyconchat.doors.output_buffer import OutputBuffer
from tests.support.connections import TestConnection
from tests.support.programs import MemoryServer, WiredProgram, line_of

NOTICE = "* Connect again.\n"


def session_of(server: MemoryServer, name: str) -> ISession:
    [session] = server.chat.presence.sessions(Key(name))
    return session


def ends(server: MemoryServer, name: str) -> None:
    session_of(server, name).end_when_idle(EndWhy.STOPPING, "Connect again.")


@pytest.fixture
def alice(server: MemoryServer) -> TestConnection:
    """A person in tea, which is open."""
    alice = server.person("alice", "password a").types("/create tea open")
    alice.sees()
    return alice


@pytest.fixture
def bot(server: MemoryServer, alice: TestConnection) -> WiredProgram:
    """A program in tea."""
    bot = server.program("bot", "password b")
    bot.does("/join tea")
    alice.sees()
    return bot


def test_a_person_is_told_and_disconnected(server: MemoryServer, alice: TestConnection) -> None:
    """The line is the last one."""
    ends(server, "alice")
    alice.waits(1)
    assert alice.sees() == NOTICE
    assert alice.wire.closed
    assert not server.chat.presence.online(Key("alice"))


def test_what_was_typed_before_the_end(
    server: MemoryServer, alice: TestConnection, bot: WiredProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is handled, as long as the last line has not arrived."""
    arrived: list[None] = []
    acknowledged = OutputBuffer.acknowledged

    def once_arrived(buffer: OutputBuffer) -> bool:
        return bool(arrived) and acknowledged(buffer)

    monkeypatch.setattr(OutputBuffer, "acknowledged", once_arrived)
    ends(server, "alice")
    alice.waits(0.1)
    alice.types("on its way")
    arrived.append(None)
    alice.waits(1)
    assert alice.wire.closed
    assert bot.sees("message")["text"] == "on its way"
    assert alice.sees() == NOTICE


def test_lines_that_wait_for_the_message_rate(server: MemoryServer, alice: TestConnection) -> None:
    """A door with waiting lines is not idle; nobody waits for ever."""
    door = alice.door.door
    assert isinstance(door, Door)
    door._rate_delay = server.clock.callLater(1000, lambda: None)
    alice.types("waits")
    assert not door.idle()
    ends(server, "alice")
    alice.waits(MAX_TYPED_WAIT - 1)
    assert alice.wire.connected
    alice.waits(2)
    assert not alice.wire.connected


def test_nothing_is_delivered_after_the_last_line(
    server: MemoryServer, alice: TestConnection, bot: WiredProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next login delivers it; what was delivered before is stored before the disconnection."""
    before = bot.does(text="before", group="tea")["seq"]
    alice.sees()
    stored: list[int] = []
    store_all = server.chat.store.commit

    def commit(batch: Sequence[Decision]) -> object:
        for write in (write for each in batch for write in each.writes):
            open_end = isinstance(write, MoveCursor) and write.upto == OPEN_END
            if open_end and write.owner == "alice" and alice.wire.connected:
                stored.append(write.read)
        return store_all(batch)

    monkeypatch.setattr(server.chat.store, "commit", commit)
    ends(server, "alice")
    bot.does(text="after", group="tea")
    alice.waits(1)
    assert alice.sees() == NOTICE
    assert stored == [before]
    again = server.connect().types("alice", "password a")
    again.waits(1)
    seen = again.sees()
    assert "after" in seen
    assert "before" not in seen


def test_a_program_gets_its_answers_first(server: MemoryServer, bot: WiredProgram) -> None:
    """The end is the last object, and nothing follows it."""
    bot.connection.door.dataReceived(
        b"".join(line_of(id=f"r{n}", text=f"words {n}", group="tea") for n in range(5))
    )
    ends(server, "bot")
    for _ in range(20):  # far less than it waits for one that never pauses
        bot.waits(0.01)
    assert bot.wire.closed
    assert [each["re"] for each in bot.objects if "re" in each][-5:] == [f"r{n}" for n in range(5)]
    assert bot.objects[-1] == {"type": "end", "why": "stopping", "text": "Connect again."}


def test_a_program_that_never_pauses(
    server: MemoryServer, bot: WiredProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended after a while; its requests have keys."""
    door = bot.connection.door.door
    assert isinstance(door, Door)
    monkeypatch.setattr(type(door), "idle", lambda _: False)
    ends(server, "bot")
    bot.waits(MAX_INPUT_WAIT - 1)
    assert bot.wire.connected
    bot.waits(2)
    assert bot.is_disconnected()


def test_a_peer_that_does_not_read(
    server: MemoryServer, alice: TestConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OutputBuffer, "acknowledged", lambda _: False)
    ends(server, "alice")
    alice.waits(MAX_TYPED_WAIT + 2 * MAX_LINGER + 1)
    assert not alice.wire.connected


@pytest.mark.parametrize("when", [0.0, 0.01, 0.05])
def test_a_connection_that_is_lost_meanwhile(
    server: MemoryServer, alice: TestConnection, when: float
) -> None:
    ends(server, "alice")
    alice.waits(when)
    alice.wire.loseConnection()
    alice.waits(5)
    assert not server.chat.presence.online(Key("alice"))


def test_it_is_ended_once_more(server: MemoryServer, alice: TestConnection) -> None:
    """A second signal ends at once what is ending already."""
    ends(server, "alice")
    session_of(server, "alice").end(EndWhy.STOPPING, "Now.")
    alice.waits(1)
    assert alice.sees() == NOTICE + "* Now.\n"
    assert alice.wire.closed

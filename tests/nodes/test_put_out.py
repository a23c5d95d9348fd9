"""Nobody speaks or hears after they were put out, at whichever node they are."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from pyconchat.domain.errors import Refused
from pyconchat.domain.events import (
    Entry,
    GroupClosed,
    MemberBanned,
    MemberKicked,
    MemberLeft,
    subject,
)
from pyconchat.domain.names import Key
from tests.nodes.cluster import Cluster
from tests.support.examples import examples
from tests.support.faulty_bus import NO_FAULTS, Faults
from tests.support.groups import find_group
from tests.support.programs import WiredProgram, line_of

PASSWORD = "password"
BUSES = {
    "sound": NO_FAULTS,
    "cut": Faults(lost=1),
    **{f"faulty-{seed}": Faults(0.5, 0.3, 0.05) for seed in range(examples(3))},
}
COMPARED = 35.0
"""Seconds after which a node has compared everything with the store."""

FROM_THE_GROUP = ("kick", "ban", "leave", "close")
FROM_THE_SERVER = ("server ban", "password")
OUT = (MemberKicked, MemberBanned, MemberLeft, GroupClosed)
SPEAKING = (
    {"text": "hear me"},
    {"line": "/me is heard"},
    {"line": "/reply {mine} hear me"},
    {"line": "/react {mine} 👍"},
    {"line": "/edit {mine} hear me"},
    {"line": "/unsay {mine}"},
    {"line": "/pin {mine}"},
    {"line": "/topic hear me"},
    {"line": "/slow 1"},
    {"line": "/invite max"},
    {"line": "/leave tea"},
)
HEARING = (
    {"line": "/history"},
    {"line": "/search later"},
    {"line": "/members"},
    {"line": "/online"},
    {"line": "/files"},
    {"line": "/mentions"},
)


class Evening:
    """alice and olga, an operator, are at one node, and bob is at another."""

    def __init__(self, folder: Path, clock: Clock, seed: int) -> None:
        self.cluster = cluster = Cluster(folder, clock, 2, seed)
        self.alice = cluster.program(0, "alice", PASSWORD)
        self.olga = cluster.program(0, "olga", PASSWORD)
        self.olga.does(f"/claim {cluster.nodes[0].chat.accounts.claim_code}")
        self.alice.does("/create tea open")
        cluster.settle()
        self.bob = cluster.program(1, "bob", PASSWORD)
        self.bob.does("/join tea")
        cluster.settle()
        self.alice.does("/moderator bob", "tea")
        self.person = cluster.person(1, "bob", PASSWORD).types("/join tea")
        self.device = cluster.program(0, "bob", PASSWORD)
        self.mine = self.bob.does(group="tea", text="hello")["seq"]
        cluster.settle()
        self.id = find_group(cluster.nodes[0].chat, "tea").id
        self.begun = self.log()[-1].seq

    def puts_out(self, way: str) -> None:
        """Put bob out of the group or the server, at the first node."""
        if way in ("kick", "ban"):
            self.alice.does(f"/{way} bob", "tea")
        elif way == "leave":
            self.device.does("/leave tea")
        elif way == "close":
            self.alice.does("/delete tea", answers=["tea"])
        elif way == "server ban":
            self.olga.does("/ban bob")
        else:
            self.device.does("/password", answers=[PASSWORD, "another1", "another1"])

    def speaks(self, asked: dict[str, str]) -> None:
        """Have bob try to say something, at the other node."""
        fields = {key: value.format(mine=self.mine) for key, value in asked.items()}
        self.bob.connection.door.dataReceived(line_of(id=1, group="tea", **fields))
        self.person.door.dataReceived((fields.get("line") or fields["text"]).encode() + b"\n")

    def sends_tags(self) -> None:
        """Have bob try to send tags, as clients of IRC do while he types."""
        chat = self.cluster.nodes[1].chat
        session = chat.presence.sessions(Key("bob"))[0]
        tea = chat.groups.get("tea")
        if tea is not None:
            with suppress(Refused):
                sending = chat.posting.send_tags(session, tea, (("+typing", "active"),))
                sending.addErrback(lambda failure: failure.trap(Refused))

    def log(self) -> list[Entry]:
        """Return the group's log."""
        return list(self.cluster.nodes[0].own_store.entries(self.id, 0, 2**62, 100_000))

    def heard(self, *more: WiredProgram) -> str:
        """Return all that bob was shown at the other node."""
        self.person.tick()
        self.person.receives()
        for program in (self.bob, *more):
            program.receives()
        shown = [self.person.everything, *(bytes(each.received) for each in (self.bob, *more))]
        return b"\n".join(shown).decode()

    def check(self, after: int) -> None:
        """Check that bob has said nothing since the entry *after*."""
        said = [entry for entry in self.log() if entry.seq > after]
        assert not [
            each
            for each in said
            if "bob" in (getattr(each.event, "sender", ""), getattr(each.event, "by", ""))
            or subject(each.event) == "bob"
        ], said


@pytest.mark.parametrize("bus", BUSES)
@pytest.mark.parametrize("way", FROM_THE_GROUP)
def test_nobody_speaks_or_hears_after_they_were_put_out_of_a_group(
    tmp_path: Path, clock: Clock, way: str, bus: str
) -> None:
    """Not even at a node that has not heard of it."""
    evening = Evening(tmp_path, clock, len(bus))
    cluster = evening.cluster
    cluster.network.faults = BUSES[bus]
    evening.puts_out(way)
    evening.sends_tags()
    cluster.clock.advance(0)
    for asked in (*HEARING, *SPEAKING, *HEARING):
        if way != "close":
            evening.alice.does(group="tea", text="later, bob")
        evening.speaks(asked)
        cluster.clock.advance(0.01)
    again = cluster.program(1, "bob", PASSWORD)
    cluster.settle(COMPARED)
    for asked in (*HEARING, *SPEAKING):
        evening.speaks(asked)
    cluster.settle()
    out = next(entry.seq for entry in evening.log() if isinstance(entry.event, OUT))
    evening.check(out)
    assert "later, bob" not in evening.heard(again)
    cluster.stop()


@pytest.mark.parametrize("bus", BUSES)
@pytest.mark.parametrize("way", FROM_THE_SERVER)
def test_sessions_end_at_all_nodes(tmp_path: Path, clock: Clock, way: str, bus: str) -> None:
    """At once while the bus is sound; else when the nodes compare. None begins after it."""
    evening = Evening(tmp_path, clock, len(bus))
    cluster = evening.cluster
    cluster.network.faults = BUSES[bus]
    evening.puts_out(way)
    refused = cluster.nodes[1].connect().types("bob", PASSWORD)
    cluster.settle(0.1 if bus == "sound" else COMPARED)
    assert evening.bob.is_disconnected()
    assert not evening.person.wire.connected or evening.person.wire.disconnected
    evening.alice.does(group="tea", text="later, bob")
    for asked in SPEAKING:
        evening.speaks(asked)
    cluster.settle(COMPARED)
    evening.check(evening.begun)
    assert "later, bob" not in evening.heard()
    assert "front desk" not in refused.sees()
    cluster.stop()

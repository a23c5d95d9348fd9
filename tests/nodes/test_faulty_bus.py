"""People at three nodes act at random, over a bus that loses, doubles and reorders.

Afterwards the log is compared with what each of them was shown, and with the state in the memory
of each node.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from twisted.internet.task import Clock

from pyconchat.chat import following
from pyconchat.domain.decisions import SERVER
from pyconchat.domain.events import Message
from pyconchat.domain.names import Name, fold
from tests.contracts.test_invariants import (
    ADMIN_COMMANDS,
    JOINING,
    LEAVING,
    MODERATING,
    POLICIES,
    Log,
)
from tests.nodes.cluster import Cluster, NodeServer
from tests.support.examples import examples
from tests.support.faulty_bus import Faults
from tests.support.programs import WiredProgram, line_of

NAMES = ("ann", "ben", "cem", "dora", "gus", "Gil")
GUESTS = ("gus", "Gil")
PASSWORD = "password"
OPERATING = ["/operator {name}", "/operator {name} off", "/announce tea", "/ban max", "/unban max"]
ACTIONS = 120
FAULTS = Faults(lost=0.3, twice=0.15, seconds=0.05)


class Player:
    """One program of *name*, and the numbers that it was shown, by group."""

    def __init__(self, name: str, program: WiredProgram) -> None:
        self.name = name
        self.program = program
        self.seen: dict[str, list[int]] = {}
        self.private: dict[str, list[int]] = {}  # the numbers of private messages, by partner
        self.taken = 0

    def takes(self) -> None:
        """Take what was received. Numbers increase."""
        self.program._takes(self.program.connection.receives())
        new = self.program.objects[self.taken :]
        self.taken = len(self.program.objects)
        for each in new:
            if each.get("type") == "message" and "with" in each:
                seqs = self.private.setdefault(each["with"], [])
                assert not seqs or each["seq"] > seqs[-1], f"{self.name}: {each} after {seqs[-3:]}"
                seqs.append(each["seq"])
            if "seq" in each and "re" not in each and "group" in each:
                seqs = self.seen.setdefault(each["group"], [])
                if each["seq"] in seqs and each.get("name") == self.name:
                    continue  # who is no member has no cursor: shown again where it comes later
                assert not seqs or each["seq"] > seqs[-1], f"{self.name}: {each} after {seqs[-3:]}"
                seqs.append(each["seq"])

    def since(self) -> dict[str, int]:
        """Return the last number of each conversation that was shown."""
        places = {f"@{partner}": seqs for partner, seqs in self.private.items()} | self.seen
        return {place: seqs[-1] for place, seqs in places.items()}

    def moves(self, node: NodeServer) -> None:
        """Lose the connection, and continue at *node*."""
        self.takes()
        self.program.cut()
        self.program, self.taken = WiredProgram(node.connect()), 0
        self.program.sends(line_of(hello=1, name=self.name, password=PASSWORD, since=self.since()))


class Game:
    """Random actions by players at the nodes of *cluster*."""

    def __init__(self, cluster: Cluster, seed: int, names: Sequence[str] = NAMES) -> None:
        self.names = names
        self.pauses = [0.0, 0.0, 0.01, 0.1]  # seconds, after actions
        self.cluster = cluster
        self.random = Random(seed)
        self.said = 0
        self.players = [
            Player(name, cluster.program(nth % 3, name, None if name in GUESTS else PASSWORD))
            for nth, name in enumerate(names)
        ]
        self.players[0].program.does(f"/claim {cluster.nodes[0].chat.accounts.claim_code}")
        for group, policy in (("g1", "open"), ("g2", "approval")):
            self.players[0].program.asks(line=f"/create {group} {policy}")
        cluster.settle()
        for player in self.players[1:]:
            player.program.asks(line="/join g1")
            player.program.asks(line="/join g2")
        cluster.settle()
        self.players[0].program.asks(line="/approve gus ben", group="g2")
        cluster.settle()

    def acts(self) -> None:
        """Have somebody do something, in the same turn as what follows or before it."""
        random = self.random
        player = random.choice(self.players)
        group, name = random.choice(("g1", "g1", "g2")), random.choice(self.names)
        self.said += 1
        kind = random.random()
        if kind < 0.1:
            asked = {"line": f"/msg {name} p{self.said}"}
        elif kind < 0.5:
            asked = {"text": f"m{self.said}", "group": group}
        elif kind < 0.65:
            asked = {"line": random.choice([*JOINING, *LEAVING]).format(group=group)}
        elif kind < 0.72:
            asked = {"line": f"/policy {random.choice(POLICIES)}", "group": group}
        elif kind < 0.95:
            order = random.choice(ADMIN_COMMANDS)
            admin = self.admin_of(group)
            player = admin if admin is not None and random.random() < 0.8 else player
            asked = {"line": f"/{order} {name}", "group": group}
        elif kind < 0.98:
            asked = {"line": random.choice(MODERATING).format(name=name), "group": group}
        else:
            asked = {"line": random.choice(OPERATING).format(name=name)}
            player = self.players[0]
        if random.random() < 0.03 and player.name not in GUESTS:
            player.moves(random.choice(self.cluster.nodes))
        player.program.connection.door.dataReceived(line_of(id=self.said, **asked))
        if random.random() < 0.6:
            self.cluster.clock.advance(random.choice(self.pauses))
        for each in self.players:
            each.takes()

    def admin_of(self, group: str) -> Player | None:
        """Return the admin of *group*, as the first node knows it."""
        conversation = self.cluster.nodes[0].chat.groups.get(group)
        admin = None if conversation is None else conversation.group.admin
        return next((each for each in self.players if each.name == admin), None)

    def check_private(self) -> None:
        """Check that all private messages were shown to both, the sender's own excepted."""
        store = self.cluster.nodes[0].own_store
        accounts = self.cluster.nodes[0].chat.accounts
        for player in self.players:
            for record in store.directs(accounts.find(Name(player.name)).party):
                entries = store.entries(record.id, 0, 2**62, 100_000)
                partner = next(
                    (
                        other.name
                        for other in self.players
                        if other is not player
                        and accounts.find(Name(other.name)).party in record.parties
                    ),
                    "",
                )
                wanted = [
                    entry.seq
                    for entry in entries
                    if isinstance(entry.event, Message) and entry.event.sender != player.name
                ]
                seen = player.private.get(partner, [])
                assert set(wanted) <= set(seen), f"{player.name} and {partner}: {wanted}, {seen}"

    def check(self) -> None:
        """Compare the log with the memory of all nodes, and with what was shown."""
        store = self.cluster.nodes[0].own_store
        ids = [id for id in self.cluster.nodes[0].chat.conversations.ids() if id != SERVER]
        states, server = store.state([*ids, SERVER])
        assert server is not None
        operators = {record.name for record in server.accounts if record.operator}
        for node in self.cluster.nodes:
            known = {each.name for each in node.chat.accounts.registered() if each.actor.operator}
            assert known == operators, node.name
            assert set(node.chat.accounts.bans) == {fold(ban.name) for ban in server.bans}
        self.check_private()
        for id, stored in states.items():
            log = Log([])
            for entry in store.entries(id, 0, 2**62, 100_000):
                log.add(entry)
            for node in self.cluster.nodes:
                conversation = node.chat.conversations.get(id)
                assert conversation is not None, f"node {node.name} does not know {id}"
                assert conversation.published == stored.head, node.name
                group = conversation.group
                assert group.version == stored.version, node.name
                state = stored.state.summary() if group.is_summary else stored.state
                assert group.state == state, node.name
            for player in self.players:
                since = log.since.get(fold(player.name))
                if since is None:
                    continue
                seen = set(player.seen.get(stored.state.name, ()))
                missed = [
                    entry
                    for entry in log.entries
                    if entry.seq > since
                    and isinstance(entry.event, Message)
                    and entry.event.sender != player.name
                    and entry.seq not in seen
                ]
                assert not missed, f"{player.name} was not shown {missed}"


@pytest.mark.parametrize("seed", range(examples(12)))
@pytest.mark.parametrize("faulty", [False, True], ids=["sound", "faulty"])
def test_all_nodes_agree_with_the_log(
    tmp_path: Path, clock: Clock, seed: int, faulty: bool
) -> None:
    cluster = Cluster(tmp_path, clock, 3, seed)
    _play(Game(cluster, seed), faulty)


@pytest.mark.parametrize("seed", range(examples(6)))
@pytest.mark.parametrize("faulty", [False, True], ids=["sound", "faulty"])
def test_groups_that_are_often_summarized_and_read_again(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, seed: int, faulty: bool
) -> None:
    """There is one person at each node, so that a node often has no member of a group."""
    monkeypatch.setattr(following, "IDLE_SECONDS", 0.1)
    cluster = Cluster(tmp_path, clock, 3, seed)
    game = Game(cluster, seed, NAMES[:2] + GUESTS[:1])
    game.pauses += [1.1, 1.1]
    _play(game, faulty)


def _play(game: Game, faulty: bool) -> None:
    """Have the players act, and compare all nodes with the log then."""
    cluster = game.cluster
    if faulty:
        cluster.network.faults = FAULTS
    for _ in range(ACTIONS):
        game.acts()
    cluster.settle(35)  # what the bus has lost last is found when heads are compared
    for player in game.players:
        player.takes()
    game.check()
    cluster.stop()

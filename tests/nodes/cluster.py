"""Cluster: several chats on one database, each with its own store and doors."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.chat.nodes import Node
from pyconchat.config import Config
from pyconchat.files import FileSharing
from pyconchat.store import SqlStore
from tests.support.connections import TestConnection
from tests.support.faulty_bus import NO_FAULTS, Faults, Network
from tests.support.programs import MemoryServer, WiredProgram
from tests.support.stores import copy_empty, share_statements

__all__ = ["Cluster", "NodeServer"]

FilesOf = Callable[[Chat], FileSharing]


class NodeServer(MemoryServer):
    """One node: a chat with its doors in memory."""

    def __init__(
        self,
        url: str,
        name: str,
        network: Network,
        clock: Clock,
        files: FilesOf | None = None,
        config: Config | None = None,
    ) -> None:
        self.name = name
        self.own_store = share_statements(SqlStore(url, shared=True))
        self.own_store.open()
        node = Node(name, self.own_store.nodes, partial(network.bus, name), name)
        super().__init__(self.own_store, clock, config, files, node=node)

    def end(self) -> None:
        """Stop as an administrator would."""
        self.stop()
        if self.chat.nodes is not None:
            self.chat.nodes.stop()
        self.own_store.close()

    def crash(self) -> None:
        """Stop without doing anything more, as if it was killed; its lease stays for a while."""
        assert self.chat.nodes is not None
        self.chat.nodes.halt()
        self.stop()
        self.own_store.close()


class Cluster:
    """The nodes ``a``, ``b``, … of one empty database in *folder*.

    *files* makes the files of each chat; they have the same *config*.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        count: int = 2,
        seed: int = 0,
        files: FilesOf | None = None,
        config: Config | None = None,
    ) -> None:
        copy_empty(folder)
        self.database = folder / "pyconchat.db"
        self.files = files
        self.config = config
        self.clock = clock
        self.network = Network(clock, seed, NO_FAULTS)
        self.nodes: list[NodeServer] = []
        for name in "abcdef"[:count]:
            self.add(name)

    def add(self, name: str) -> NodeServer:
        """Start one more node."""
        url = f"sqlite:///{self.database}"
        node = NodeServer(url, name, self.network, self.clock, self.files, self.config)
        self.nodes.append(node)
        return node

    def cut(self) -> None:
        """Let all blocks between the nodes be lost from now on; the buses do not notice."""
        self.network.faults = Faults(lost=1)

    def person(self, node: int, name: str, password: str = "") -> TestConnection:
        """Log in at nc at the node with that number."""
        return self.nodes[node].person(name, password)

    def group_of_two(self) -> tuple[TestConnection, TestConnection]:
        """Return alice, who has created tea at the first node, and bob, who joined at the second.

        What they were shown so far is still to be seen.
        """
        alice = self.person(0, "alice", "password").types("/create tea open")
        self.settle()
        bob = self.person(1, "bob", "password").types("/join tea")
        self.settle()
        return alice, bob

    def program(self, node: int, name: str, password: str | None = None) -> WiredProgram:
        """Log in as a program at the node with that number."""
        return self.nodes[node].program(name, password)

    def crash(self, number: int) -> None:
        """Kill the node with that *number*, and let its lease end."""
        node = self.nodes.pop(number)
        node.crash()
        self.end_lease(node.name)

    def end_lease(self, name: str) -> None:
        """Have the lease of the node *name* end now."""
        with sqlite3.connect(self.database) as database:
            database.execute("UPDATE nodes SET lease = 0 WHERE name = ?", (name,))
        database.close()

    def settle(self, seconds: float = 0.3) -> None:
        """Let the bus deliver, and gaps be repaired."""
        finely = min(seconds, 0.5)
        for _ in range(int(finely / 0.01)):
            self.clock.advance(0.01)
        for _ in range(int((seconds - finely) / 0.05)):
            self.clock.advance(0.05)

    def stop(self) -> None:
        """Stop all nodes."""
        for node in self.nodes:
            node.end()

"""Nodes that consist of a bus only."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from pyconchat.bus.opening import open_bus
from pyconchat.chat.blocks import Notice, decode_block, encode_block
from pyconchat.chat.interfaces import IBusListener
from tests.support.reactor import Turning

__all__ = ["Node"]


@implementer(IBusListener)
class Node:
    """A node with a bus, which records the received blocks."""

    def __init__(
        self, name: str, turns: Turning, url: str, conninfo: str, chat: str = "chat"
    ) -> None:
        self.name = name
        self.connections = 0
        self.received: list[tuple[str, Any]] = []
        self.bus = open_bus(url, conninfo, chat, name, self, turns.reactor)

    def heard(self, topic: str, block: bytes) -> None:
        self.received.append((topic, decode_block(block)))

    def connected(self) -> None:
        assert self.bus.up
        self.connections += 1

    def tell(self, topic: str, *words: str) -> None:
        for word in words:
            self.bus.tell(topic, encode_block(Notice(self.name, word.encode())))

    def words(self, topic: str = "c/1") -> list[str]:
        return [block.payload.decode() for each, block in self.received if each == topic]

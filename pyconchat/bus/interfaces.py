"""The interfaces between the bus and an engine, which passes blocks between processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

__all__ = ["IEngine", "IEngineUser"]


class IEngineUser(Interface):
    """The user of an engine. Its methods are called in the reactor's thread."""

    def ready() -> None:
        """The engine has connected, and all earlier subscriptions are active."""

    def lost(reason: str) -> None:
        """The engine has lost its connection, or could not connect. It retries by itself."""

    def received(topic: str, block: bytes) -> None:
        """A node, maybe this one, has sent *block* to *topic*."""


class IEngine(Interface):
    """Passes blocks between processes, and reconnects by itself."""

    dropped = Attribute("Count of blocks that were dropped, because too many were waiting.")

    def start(user: IEngineUser) -> None:
        """Connect for *user*."""

    def stop() -> Deferred[None]:
        """Disconnect. Fires when all waiting blocks are sent, or after a second."""

    def reconnect() -> None:
        """Close the connections, which have failed, and open new ones."""

    def steady() -> None:
        """The connections work: after the next failure, start with the shortest delay."""

    def subscribe(topic: str) -> Deferred[None]:
        """Receive blocks for *topic*. Fires when that is active; at once while disconnected."""

    def unsubscribe(topic: str) -> None:
        """Stop receiving blocks for *topic*."""

    def send(topic: str, block: bytes) -> None:
        """Send *block* to *topic*; while disconnected, keep it for later."""

"""What the bus needs from an engine that passes blocks between processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

__all__ = ["IEngine", "IEngineUser"]


class IEngineUser(Interface):
    """Who uses an engine. It is called in the reactor's thread."""

    def ready() -> None:
        """The engine has connected, and all subscriptions of before are in force."""

    def lost(reason: str) -> None:
        """The engine is not connected any more, or could not connect. It tries again by itself."""

    def received(topic: str, block: bytes) -> None:
        """A node, maybe this one, has sent *block* to *topic*."""


class IEngine(Interface):
    """Passes blocks between processes, and connects again and again by itself."""

    dropped = Attribute("Count of blocks that were dropped, because too many were waiting.")

    def start(user: IEngineUser) -> None:
        """Connect for *user*."""

    def stop() -> Deferred[None]:
        """Disconnect. Fires when what was sent has left, or after a second."""

    def reconnect() -> None:
        """Close the connections and open new ones: the old ones do not work."""

    def steady() -> None:
        """The connections work: after the next failure, try again soon."""

    def subscribe(topic: str) -> Deferred[None]:
        """Receive what is sent to *topic*. Fires when that is in force, or without a connection."""

    def unsubscribe(topic: str) -> None:
        """Stop receiving what is sent to *topic*."""

    def send(topic: str, block: bytes) -> None:
        """Send *block* to *topic*; while there is no connection, later."""

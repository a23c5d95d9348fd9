"""The contracts of doors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IHalfCloseableProtocol, IProtocol
from zope.interface import Attribute

from pyconchat.chat.interfaces import ILoginPeer

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from pyconchat.domain.decisions import MoveCursor
    from pyconchat.domain.errors import Refused

__all__ = ["IDoor", "IProgramPeer"]


class IDoor(IProtocol, IHalfCloseableProtocol):
    """One connection's protocol, for as long as the connection is open."""

    network = Attribute("The network that the connection is counted by: see `network_of`.")
    login_seconds = Attribute("Seconds that remain for the login when the door opens; 0: no limit.")
    opened_by_input = Attribute("Whether input had arrived, and follows, when the door opened.")
    unsent = Attribute("Bytes that the peer's kernel has not taken.")
    rests_until = Attribute("The time until which it rests; 0: it is awake. Set by `OpenDoors`.")

    def check(now: float) -> list[MoveCursor]:
        """Abort a silent or stuck connection; return the cursors that have moved.

        Called about once a second while the door is awake. *now* is in seconds of the reactor's
        clock. A door that has nothing to do until a later time calls `OpenDoors.rest`, and
        `OpenDoors.wake` when something happens earlier.
        """

    def shut_down() -> None:
        """Close the connection: the server is stopping."""

    def turn_away(refused: Refused) -> None:
        """Close the connection, which has not logged in, with *refused* as the last line."""

    def release(last: bytes = b"") -> None:
        """Send *last*, and leave the connection to another door."""


class IProgramPeer(ILoginPeer):
    """A peer that speaks JSON."""

    def add_words() -> None:
        """Send with each entry that is no message the sentence for people."""

    def failed(failure: Failure) -> None:
        """Close the connection because of an internal error."""

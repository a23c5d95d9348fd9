"""The interfaces between a transfer and the door that runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from pyconchat.domain.errors import Refused
    from pyconchat.domain.group_state import SharedFile

__all__ = ["ITransfer", "ITransferPeer"]


class ITransferPeer(Interface):
    """The other side of a transfer."""

    connection = Attribute("The `IConnection`.")
    files = Attribute("The `FileSharing` of the server.")

    def made_progress() -> None:
        """Restart the idle timer: bytes have moved."""

    def stop_timer() -> None:
        """Stop the idle timer: the peer has nothing to do now."""

    def shared(file: SharedFile) -> None:
        """Answer that the upload is shared as *file*, and close."""

    def refuse(problem: Refused | OSError) -> None:
        """Answer that the transfer is refused because of *problem*, and close."""

    def fail(failure: Failure) -> None:
        """Answer with what went wrong, and close."""


class ITransfer(Interface):
    """An upload or a download that has begun."""

    def begin(first: bytes) -> None:
        """Start; *first* is the input that came right after the first line."""

    def received(data: bytes) -> None:
        """Take input."""

    def input_ended() -> None:
        """The peer has ended its input."""

    def cut(answer: Callable[[], None] = ...) -> None:
        """The connection was lost, or what it brings cannot be read.

        In the second case *answer* is called, once the received part of an upload is kept.
        """

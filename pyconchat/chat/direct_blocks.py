"""DirectBlocks: blocks that go straight to sockets, of several conversations in one loop.

Each `send` makes the processor forget Python's code and data. In many small groups, all of the
Python work of several groups is therefore done before the first of their blocks is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from twisted.logger import Logger

from pyconchat.chat.audience import Audience, Send, Style

__all__ = ["DirectBlocks"]


class _Piece(NamedTuple):
    """A *block* for sessions of one *style* in an *audience*."""

    audience: Audience
    style: Style
    sends: Sequence[Send]
    block: bytes


class DirectBlocks:
    """Pieces of audiences that are to be sent; *size* is the count of calls of `send`.

    They must be sent before anything else is written to a session, and before the next turn of the
    reactor.
    """

    _log = Logger()

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []
        self.size = 0

    def add(self, audience: Audience, style: Style, sends: Sequence[Send], block: bytes) -> None:
        """Add *block*, for a piece of `Audience.direct_pieces`."""
        self._pieces.append(_Piece(audience, style, sends, block))
        self.size += len(sends)

    def send(self) -> int:
        """Send all pieces, and return how many blocks were sent or queued.

        What a socket does not take is queued, and so is every later block for that socket.
        """
        pieces, self._pieces = self._pieces, []
        size, self.size = self.size, 0
        queueing: dict[Send, Any] = {}  # the sessions
        for piece in pieces:
            try:
                _send_piece(piece, queueing)
            except Exception:  # a failure in one conversation must not stop the others
                self._log.failure("sending a block failed")
        return size


def _send_piece(piece: _Piece, queueing: dict[Send, Any]) -> None:
    """Send *piece*; add the sessions that have to queue it to *queueing*, and use that."""
    audience, style, sends, block = piece
    if queueing:
        for send in queueing.keys() & set(sends):
            queueing[send].peer.write(block)
        sends = [send for send in sends if send not in queueing]
    for send, sent in _send(sends, block):
        session = audience.session_of(style, send)
        queueing[send] = session
        session.peer.write_rest(block, sent)


def _send(sends: Sequence[Send], block: bytes) -> list[tuple[Send, int]]:
    """Call *sends*; return those that have not taken all of *block*, and how much they took.

    This loop is most of the work of a large group: it touches nothing but the sockets.
    """
    size = len(block)
    unsent: list[tuple[Send, int]] = []
    for send in sends:
        try:
            sent = send(block)
        except OSError:
            sent = 0
        if sent != size:
            unsent.append((send, sent))
    return unsent

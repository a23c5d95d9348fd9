"""Audience: the sessions that receive one conversation live.

Most of them can take a block of messages as it is: one call of their socket's `send` is all that it
needs. These are kept apart by style, so that the fan-out touches nothing else of them. A session of
which that is no longer true (a block is queued for it, a prompt is on its screen, it has begun to
ignore somebody) is set apart, and gets the next block like everything else; then the fan-out
admits it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from typing import Any, TypeAlias

from pyconchat.domain.replies import Where

__all__ = ["Audience", "Send", "Style"]

Style: TypeAlias = tuple[Any, Where, Any]
"""What the bytes of a block depend on: an `IRenderer`, how the group is named, and for events the
`ITranslator.event_style`, where there is one."""

Send: TypeAlias = Callable[[bytes], int]
"""The `send` of a socket: it returns how many bytes the kernel has taken, or raises `OSError`."""


class Audience:
    """The *sessions* of a conversation.

    While a block is being written to a large group, the sessions in `pending` do not have it yet.
    All are dicts of `ISession`, which keep an order and remove in constant time.
    """

    __slots__ = ("_ahead", "_apart", "_direct", "_done", "_left_out", "_pending", "sessions")

    def __init__(self) -> None:
        self.sessions: dict[Any, None] = {}
        self._apart: dict[Any, None] = {}
        self._direct: dict[Style, dict[Any, Send]] = {}
        self._pending: dict[Any, None] = {}
        # While pieces of `_direct` are being written, its styles that are not done; of the first,
        # so many sessions are. They are added to `_pending` only if something changes.
        self._ahead: list[Style] = []
        self._done = 0
        self._left_out: Set[Any] = frozenset()  # direct sessions that no piece is for

    @property
    def pending(self) -> dict[Any, None]:
        """Return the sessions that are still to be written to; the writer removes them."""
        self._stop()
        return self._pending

    # Who is in it.

    def add(self, session: Any) -> None:
        """Add *session*, which has everything that was published."""
        self._stop()
        self.sessions[session] = None
        self._apart[session] = None

    def remove(self, session: Any) -> None:
        """Remove *session*, if it is in the audience."""
        self.set_apart(session)
        self._stop()
        self.sessions.pop(session, None)
        self._apart.pop(session, None)
        self._pending.pop(session, None)

    def is_apart(self, session: Any) -> bool:
        """Return whether *session* may be admitted."""
        return session in self._apart

    def set_apart(self, session: Any) -> None:
        """Write to *session* by way of its peer until it is admitted again."""
        for style, members in self._direct.items():
            if session in members:
                self._stop()
                del members[session]
                if not members:
                    del self._direct[style]
                self._apart[session] = None
                return

    def admit(self, session: Any, style: Style, send: Send) -> None:
        """Write blocks in *style* to *session*, which is apart, by calling *send*."""
        self._stop()
        del self._apart[session]
        self._direct.setdefault(style, {})[session] = send

    def styles(self) -> Iterator[tuple[Style, Any]]:
        """Yield the styles of the admitted sessions, each with one of its sessions."""
        for style, members in self._direct.items():
            yield style, next(iter(members))

    # Writing a block.

    def begin(self) -> dict[Any, None]:
        """Begin a block for all sessions; return those to write to, which are `pending`."""
        self._stop()
        self._pending = self.sessions.copy()
        return self._pending

    def direct_pieces(
        self, most: int, left_out: Set[Any] = frozenset()
    ) -> Iterator[tuple[Style, list[Send]]]:
        """Begin a block for all sessions; yield how to send it to the direct ones.

        Not to those in *left_out*, which are `pending` at the end. The others come in pieces of at
        most *most* of one style. A piece counts as written from when it is yielded. After a change
        of the audience no more are yielded; the sessions without a piece are `pending`.
        """
        self._stop()
        self._pending = {}
        self._left_out = left_out
        self._ahead = list(self._direct)
        try:
            while self._ahead:
                style = self._ahead[0]
                sends = self._sends(style)
                for first in range(0, len(sends), most):
                    self._done = first + most
                    yield style, sends[first : self._done]
                    if not self._ahead:
                        return
                del self._ahead[0]
                self._done = 0
            self._pending = self._others()
        finally:
            self._stop()
            self._left_out = frozenset()  # it would keep sessions that are closed

    def _sends(self, style: Style) -> list[Send]:
        """Return how to send a block to the direct sessions of *style* that get a piece."""
        members = self._direct[style]
        sends = list(members.values())
        left_out = self._left_out & members.keys()
        if left_out:
            # A loop over the sessions would be slower: they are in no cache of the processor.
            skipped = {members[session] for session in left_out}
            sends = [send for send in sends if send not in skipped]
        return sends

    def _others(self) -> dict[Any, None]:
        """Return the sessions that no direct piece is for."""
        others = self._apart.copy()
        for members in self._direct.values():
            others.update(dict.fromkeys(self._left_out & members.keys()))
        return others

    def write_nothing(self, session: Any) -> None:
        """Take *session* out of `pending`, unless it is apart, and may be admitted now."""
        if session not in self._apart:
            self.pending.pop(session, None)

    def session_of(self, style: Style, send: Send) -> Any:
        """Return the direct session of *style* that *send* sends to."""
        return next(each for each, own in self._direct[style].items() if own is send)

    def _stop(self) -> None:
        """Make all sessions `pending` that are still to be written to, before anything changes."""
        if self._ahead:
            first, *later = self._ahead
            self._ahead.clear()
            in_pieces = [each for each in self._direct[first] if each not in self._left_out]
            self._pending = dict.fromkeys(in_pieces[self._done :])
            for style in later:
                self._pending.update(dict.fromkeys(self._direct[style]))
            self._pending.update(self._others())
            self._done = 0

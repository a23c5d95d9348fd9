"""PageTurns: pages of the log are read one at a time, after waiting commits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from pyconchat.chat.interfaces import IJournal

__all__ = ["PageTurns"]

T = TypeVar("T")

MAX_WAIT = 0.1
"""Maximum seconds for which a page waits for a commit, or for the page before it."""


class PageTurns:
    """Lets the readers of *journal* read in turns, one page each, with a commit in between.

    If there is no other reader, a read begins at once.

    Reading and rendering a page takes some milliseconds of the processor. Programs that read a
    whole log would otherwise fill every turn of the reactor, and each message passes through
    several turns.
    """

    def __init__(self, journal: IJournal, reactor: IReactorTime) -> None:
        self._journal = journal
        self._reactor = reactor
        self._waiting: deque[Deferred[None]] = deque()
        self._turn = 0  # counts turns, so that an earlier one's timer ends no later one
        self._taken = False

    async def read(
        self, read: Callable[..., T], *args: object, begun: Callable[[], None] = lambda: None
    ) -> T:
        """Call the store's *read* when it is its turn, and *begun* before it. Raises `NotSaved`.

        The next turn begins after the caller's synchronous work with the result.
        """
        number = await self._begin()
        begun()
        # A page that waits for the disk must not block the others.
        late = self._reactor.callLater(MAX_WAIT, self._next, number)
        try:
            return await self._journal.read(read, *args)
        finally:
            if late.active():
                late.cancel()
                self._reactor.callLater(0, self._next, number)

    async def give_way(self) -> None:
        """Wait for the caller's next turn, for one piece of work in the reactor."""
        self._reactor.callLater(0, self._next, await self._begin())

    async def _begin(self) -> int:
        """Wait for a turn; return its number, for `_next`."""
        if self._taken or self._waiting:
            turn: Deferred[None] = Deferred()
            self._waiting.append(turn)
            await turn
            await self._commit_done()
        self._taken = True
        self._turn += 1
        return self._turn

    def _next(self, number: int) -> None:
        """Begin the next turn, after that with *number*."""
        if number != self._turn:
            return
        self._taken = bool(self._waiting)
        if self._waiting:
            self._waiting.popleft().callback(None)

    def _commit_done(self) -> Deferred[None]:
        """Fire when the current commit is done, if there is one, or after MAX_WAIT."""
        done: Deferred[None] = Deferred()
        committed = self._journal.when_committed()
        if committed.called:
            done.callback(None)
            return done
        timer = self._reactor.callLater(MAX_WAIT, done.callback, None)

        def finish(_: object) -> None:
            if timer.active():
                timer.cancel()
                done.callback(None)

        committed.addCallback(finish)
        return done

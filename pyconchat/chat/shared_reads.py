"""SharedReads: one read of the log for all who wait for the same entries.

When thousands join one group, or come back to it after a restart, each of them needs its newest
entries. Reads take turns, so that one for each would take minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial

from twisted.internet.defer import Deferred

from pyconchat.chat.page_turns import PageTurns
from pyconchat.domain.events import Entry

__all__ = ["Part", "SharedReads", "Span"]

MAX_SPAN = 200
"""Maximum numbers of entries from the first to the last of a shared read: two pages."""

MAX_PER_TURN = 100
"""Entries that are given to the readers in one turn: they render and write them at once."""

Span = tuple[int, int]
"""The numbers after which, and up to which, entries are read."""

Part = Callable[[Sequence[Entry]], list[Entry]]
"""Returns the entries of one reader from the read ones."""


class _Read:
    """A read of *span* that has not begun yet, and who waits for it."""

    def __init__(self, span: Span) -> None:
        self.after, self.upto = span
        self.readers: list[tuple[Part, Callable[[], bool], Deferred[list[Entry]]]] = []

    def takes(self, span: Span) -> bool:
        """Extend the read by *span*, if it does not become too long; return whether."""
        after, upto = min(self.after, span[0]), max(self.upto, span[1])
        if (after, upto) != (self.after, self.upto) and upto - after > MAX_SPAN:
            return False
        self.after, self.upto = after, upto
        return True

    def wanted(self) -> bool:
        """Return whether anybody still waits. A thread of the store calls this."""
        return any(wanted() for _, wanted, _ in self.readers)


class SharedReads:
    """Reads in *turns* with other readers."""

    def __init__(self, turns: PageTurns) -> None:
        self._turns = turns
        self._waiting: dict[Hashable, _Read] = {}

    async def read(
        self,
        what: Hashable,
        span: Span,
        read: Callable[[int, int, Callable[[], bool]], list[Entry]],
        part: Part,
        wanted: Callable[[], bool],
    ) -> list[Entry]:
        """Return the *part* of the entries *span* of the log *what*. Raises `NotSaved`.

        They are read by *read* with the numbers after which and up to which, and a function that
        returns whether the entries are still wanted, together with those of all others who ask for
        *what* before the read begins. *wanted* is thread-safe.
        """
        waiting, result = self._waiting.get(what), Deferred[list[Entry]]()
        is_new = waiting is None or not waiting.takes(span)
        if waiting is None or is_new:
            waiting = self._waiting[what] = _Read(span)
        waiting.readers.append((part, wanted, result))
        if is_new:
            Deferred.fromCoroutine(self._run(what, waiting, read))
        return await result

    async def _run(
        self,
        what: Hashable,
        waiting: _Read,
        read: Callable[[int, int, Callable[[], bool]], list[Entry]],
    ) -> None:
        try:
            entries = await self._turns.read(
                lambda: read(waiting.after, waiting.upto, waiting.wanted),
                begun=partial(self._begun, what, waiting),
            )
        except Exception as problem:
            for *_, result in waiting.readers:
                result.errback(problem)
            return
        given = 0
        for part, _, result in waiting.readers:
            if given >= MAX_PER_TURN:
                await self._turns.give_way()
                given = 0
            own = part(entries)
            given += max(1, len(own))
            result.callback(own)

    def _begun(self, what: Hashable, waiting: _Read) -> None:
        """Let nobody join the read any more."""
        if self._waiting.get(what) is waiting:
            del self._waiting[what]

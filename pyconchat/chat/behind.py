"""Behind: the conversations of which entries are missing, and have to be read from the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import islice

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.domain.errors import NotSaved
from pyconchat.domain.stored import Caught
from pyconchat.net.waiters import Waiters

__all__ = ["Behind"]

MAX_CONVERSATIONS = 50
"""Maximum conversations of one read: its entries are accepted in one turn of the reactor."""

RETRY_SECONDS = 1.0
"""Seconds between two attempts to read from the store."""


class Behind:
    """Reads missing entries in rounds, each for all waiting conversations, by one or more reads.

    *read* reads the entries after the numbers of conversations, perhaps not all of them; *take*
    applies them, and returns the conversations of which that failed. *known* returns the number of
    the newest known entry of a conversation, or None if it is not in memory.
    """

    _log = Logger()

    def __init__(
        self,
        read: Callable[[Mapping[int, int]], Deferred[dict[int, Caught]]],
        take: Callable[[Mapping[int, Caught]], set[int]],
        known: Callable[[int], int | None],
        reactor: IReactorTime,
    ) -> None:
        self._read = read
        self._take = take
        self._known = known
        self._reactor = reactor
        self._missing: dict[int, int] = {}  # conversations, and the numbers that are known of them
        self._reading = False
        self._unread: set[int] = set()  # conversations of which the last read has failed
        self._refused: set[int] = set()  # conversations that were read, and could not be applied
        self._done = Waiters()  # for the end of the current reading
        self._done_later = Waiters()  # for that of the next one

    def add(self, id: int, after: int) -> None:
        """Read the new entries of conversation *id*: after *after* if it is not in memory."""
        self._missing[id] = min(after, self._missing.get(id, after))
        self._read_next()

    def when_read(self, ids: Collection[int] | None = None) -> Deferred[None]:
        """Fire when everything that was added so far was read.

        Fails with `NotSaved` if the conversations *ids* could not be read or applied, so that their
        state in memory is old. None: if any could not be read.
        """
        if self._reading and self._missing:
            reading = self._done_later.wait(False)
        else:
            reading = self._done.wait(not self._reading)
        return reading.addCallback(lambda _: self._require(ids))

    def _require(self, ids: Collection[int] | None) -> None:
        failed = self._unread if ids is None else (self._unread | self._refused).intersection(ids)
        if failed:
            raise NotSaved(f"the conversation {min(failed)} could not be read")

    def _read_next(self) -> None:
        if self._reading or not self._missing:
            return
        self._reading = True
        rest, self._missing = self._missing, {}
        self._done, self._done_later = self._done_later, Waiters()
        self._read_some(rest)

    def _read_some(self, rest: dict[int, int]) -> None:
        """Read the next conversations of *rest*, then the others."""
        asked = dict(islice(rest.items(), MAX_CONVERSATIONS))
        missing: dict[int, int] = {}
        for id, after in asked.items():
            known = self._known(id)
            missing[id] = after if known is None else known

        def failed(failure: Failure) -> None:
            if not isinstance(failure.value, NotSaved):
                self._log.failure("entries of other nodes cannot be accepted", failure)
            self._unread.update(rest)
            for id, after in rest.items():  # a later request may begin at a later entry
                self._missing[id] = min(after, self._missing.get(id, after))
            # Not at once: what fails every time must not be repeated in a tight loop.
            self._reactor.callLater(RETRY_SECONDS, self._read_next)
            done()

        def take(caught: Mapping[int, Caught]) -> tuple[set[int], set[int]]:
            return self._take(caught), {id for id, each in caught.items() if each.more}

        def taken(result: tuple[set[int], set[int]]) -> None:
            refused, unfinished = result
            self._unread.difference_update(asked)
            self._refused = (self._refused - asked.keys()) | refused
            for id in asked:
                del rest[id]
            for id in unfinished - refused:
                known = self._known(id)
                if known is not None:  # otherwise it is not needed here
                    rest[id] = known
            if rest:
                self._read_some(rest)
            else:
                done()
                self._read_next()
            for id in refused:
                self._reactor.callLater(RETRY_SECONDS, self.add, id, asked[id])

        def done() -> None:
            self._reading = False
            self._done.fire()

        self._read(missing).addCallback(take).addCallbacks(taken, failed)

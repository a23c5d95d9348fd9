"""Behind: the conversations of which entries are missing, and have to be read from the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.domain.errors import NotSaved
from pyconchat.domain.stored import Caught
from pyconchat.net.waiters import Waiters

__all__ = ["Behind"]

RETRY_SECONDS = 1.0
"""Seconds between two attempts to read from the store."""


class Behind:
    """Reads missing entries: one read at a time, each for all waiting conversations.

    *read* reads the entries after the numbers of conversations; *take* applies them, and
    returns the conversations of which that failed. *known* returns the number of the newest known
    entry of a conversation, or None if it is not in memory.
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
        wanted, self._missing = self._missing, {}
        missing = dict(wanted)
        self._done, self._done_later = self._done_later, Waiters()
        for id in missing:
            known = self._known(id)
            if known is not None:
                missing[id] = known

        def failed(failure: Failure) -> None:
            if not isinstance(failure.value, NotSaved):
                self._log.failure("entries of other nodes cannot be accepted", failure)
            self._unread.update(wanted)
            for id, after in wanted.items():  # a later request may begin at a later entry
                self._missing[id] = min(after, self._missing.get(id, after))
            # Not at once: what fails every time must not be repeated in a tight loop.
            self._reactor.callLater(RETRY_SECONDS, self._read_next)
            done()

        def taken(refused: set[int]) -> None:
            self._unread.difference_update(wanted)
            self._refused = (self._refused - wanted.keys()) | refused
            done()
            self._read_next()
            for id in refused:
                self._reactor.callLater(RETRY_SECONDS, self.add, id, wanted[id])

        def done() -> None:
            self._reading = False
            self._done.fire()

        self._read(missing).addCallback(self._take).addCallbacks(taken, failed)

"""Behind: the conversations of which entries are missing, and have to be read from the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
    """Reads missing entries: one read at a time, each for all conversations that wait.

    *read* reads the entries after the numbers of conversations; *take* takes what was read.
    *known* returns the number of the newest known entry of a conversation, or None if it is not in
    memory.
    """

    _log = Logger()

    def __init__(
        self,
        read: Callable[[Mapping[int, int]], Deferred[dict[int, Caught]]],
        take: Callable[[Mapping[int, Caught]], None],
        known: Callable[[int], int | None],
        reactor: IReactorTime,
    ) -> None:
        self._read = read
        self._take = take
        self._known = known
        self._reactor = reactor
        self._missing: dict[int, int] = {}  # conversations, and the numbers that are known of them
        self._reading = False
        self._done = Waiters()  # for the end of the current reading
        self._done_later = Waiters()  # for that of the next one

    def add(self, id: int, after: int) -> None:
        """Read what is in the conversation *id*; if it is not in memory, what is after *after*."""
        self._missing[id] = min(after, self._missing.get(id, after))
        self._read_next()

    def when_read(self) -> Deferred[None]:
        """Fire when everything that was added so far was read, or a read has failed."""
        if self._reading and self._missing:
            return self._done_later.wait(False)
        return self._done.wait(not self._reading)

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
            for id, after in wanted.items():  # what was asked for later may begin later
                self._missing[id] = min(after, self._missing.get(id, after))
            # Not at once: what fails every time must not be repeated in a tight loop.
            self._reactor.callLater(RETRY_SECONDS, self._read_next)
            done(read=False)

        def done(_taken: object = None, read: bool = True) -> None:
            self._reading = False
            self._done.fire()
            if read:
                self._read_next()

        self._read(missing).addCallback(self._take).addCallbacks(done, failed)

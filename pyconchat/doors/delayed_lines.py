"""DelayedLines: when the next line of a connection may be handled.

A line waits while the message rate, the budget of work, a running command, a full journal, or
unread output asks for it. Input that had arrived before a refusal can be discarded.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.auth.rate_limits import TokenBucket
from pyconchat.domain.errors import Code, PeerGone, Refused
from pyconchat.domain.refusals import line_too_long
from pyconchat.doors.context import DoorContext
from pyconchat.doors.input_budget import (
    BYTE_COST,
    LARGE_READ,
    LINE_COST,
    RATE,
    InputBudget,
)
from pyconchat.net.connection import IConnection, plain_socket, unread
from pyconchat.net.lines import BoundedLineReceiver

__all__ = ["DelayedLines"]


class DelayedLines(BoundedLineReceiver):
    """The input of one connection: its lines, each when it is its time."""

    _log = Logger(namespace="pyconchat")

    program = False
    # With slots, a door takes 1 KiB less: it has too many attributes for Python's shared keys.
    __slots__ = (
        "_budget",
        "_context",
        "_journal",
        "_max_unread",
        "_paid",
        "_rate",
        "_rate_delay",
        "_stale",
        "_task",
        "_waits_for_journal",
        "clock",
        "in_login",
    )

    opened_by_input = False
    names_places = False
    echoes = False
    unattended = False
    translates = False

    work_rate = RATE
    """Seconds of work a second that the input may cause."""

    def __init__(self, context: DoorContext) -> None:
        super().__init__()
        self.clock = context.reactor
        self.in_login = True
        self._context = context
        self._journal = context.services.journal
        self._max_unread = context.max_unread
        self._rate: TokenBucket | None = None  # of the session's account
        self._task: Deferred[Any] | None = None  # the login or the command that is running
        self._rate_delay: IDelayedCall | None = None  # until the message rate allows a line
        self._budget = InputBudget(context.input_turns, self.input_allowed, self.work_rate)
        self._waits_for_journal = False
        self._paid = False  # for the next line, which waits for its turn
        self._stale = 0  # bytes of further input that are to be discarded

    # Implemented by the subclasses.

    @property
    def unsent(self) -> int:
        """Return the bytes that the peer's kernel has not taken."""
        raise NotImplementedError

    def close(self, last: bytes = b"") -> None:
        """Send *last* and close the connection: the login or a command has failed."""
        raise NotImplementedError

    def asking(self) -> bool:
        """Return whether a question waits for the next line."""
        return False

    def input_cost(self, data: bytes) -> float:
        """Return the cost of *data* in the budget, in seconds of work."""
        return BYTE_COST * len(data)

    # Input.

    def take(self, data: bytes) -> None:
        """Pay for *data*, and handle its lines."""
        self._budget.pay(self.input_cost(data), len(data) > LARGE_READ)
        self.split(self.without_stale(data))

    def without_stale(self, data: bytes) -> bytes:
        """Return what follows the input that is to be discarded; *data* begins with it."""
        if not self._stale:
            return data
        stale, data = data[: self._stale], data[self._stale :]
        self._stale -= len(stale)
        self.discardInput(self.undecorated(stale))
        return data

    def split(self, data: bytes) -> None:
        """Handle the lines in *data*."""
        super().dataReceived(data)

    def discard_input(self) -> None:
        """Discard all input that has arrived and was not handled.

        Most of it may still be in the kernel: the transport is paused while lines wait. It is
        discarded when the transport reads it. The rest of a line whose beginning is discarded would
        be taken for an answer: it is discarded as well.
        """
        self.discardInput(b"")
        self._stale = self._unread()

    def has_input(self) -> bool:
        """Return whether a line, or more, has arrived that is to be handled and was not yet."""
        if self.opened_by_input or self.hasLine():
            return True
        # The unread bytes belong to a line that was too long, and was answered.
        return not self._skipping and self._unread() > self._stale

    def _unread(self) -> int:
        return unread(plain_socket(cast(IConnection, self.transport)))

    def undecorated(self, data: bytes) -> bytes:
        """Return the input *data* without telnet commands, and with LF for each line end."""
        return data

    # Lines.

    def readyForLine(self) -> bool:
        """Return whether the next line may be handled; if not, `deliverLines` is called later."""
        if self._rate_delay is not None or self.unsent > self._max_unread:
            return False  # until `_rate_allows`, or until the output is drained
        asking = self.asking()
        if (self._task is not None or self._waits_for_journal) and not asking:
            return False
        if self.in_login:  # which does not count for the message rate
            if self._budget.waiting or not (asking or self.program):
                return False  # until `input_allowed`; a person answers questions first
            if not self._paid:
                self._paid = True
                if self._budget.pay_in_turn(LINE_COST):
                    return False
            self._paid = False
            return True
        if self._journal.full and not asking:
            self._waits_for_journal = True
            self._journal.when_not_full().addCallback(self._journal_has_room)
            return False
        rate = self.next_rate()
        if rate is not None:
            wait = rate.take(self._context.now())
            if wait > 0:
                self._rate_delay = self.clock.callLater(wait, self._rate_allows)
                return False
        return True

    def next_rate(self) -> TokenBucket | None:
        """Return the rate that the next line takes a token of; None: it is free."""
        return self._rate

    def readyForInput(self) -> bool:
        return not self._budget.waiting

    def input_allowed(self) -> None:
        """Take input again: the budget allows it."""
        self.deliverLines()

    def decoded(self, line: bytes, limit: int) -> str:
        """Return *line* as text. Raises `Refused` if it is too long, or not UTF-8."""
        line = line.removesuffix(b"\r")
        if len(line) > limit:
            raise line_too_long(limit)
        try:
            return line.decode()
        except UnicodeDecodeError:
            raise Refused(Code.BAD_TEXT, "The line is not UTF-8: it was not understood.") from None

    def run(self, coroutine: Coroutine[Deferred[Any], Any, None]) -> None:
        """Run *coroutine*; until it is done, no line is handled."""
        self.run_task(Deferred.fromCoroutine(coroutine))

    def run_task(self, task: Deferred[Any]) -> None:
        """Handle no line until *task* is done."""
        self._task = task
        task.addErrback(self._task_failed)
        task.addBoth(self._task_done)

    def _task_done(self, _result: object) -> None:
        self._task = None
        self.deliverLines()

    def _task_failed(self, failure: Failure) -> None:
        if not isinstance(failure.value, PeerGone):
            self._log.failure("a door failed", failure)
            self.close()

    def _rate_allows(self) -> None:
        self._rate_delay = None
        self.deliverLines()

    def _journal_has_room(self, _result: object) -> None:
        self._waits_for_journal = False
        self.deliverLines()

    def stop_delays(self) -> None:
        """Wait for nothing any more: the connection is closed."""
        if self._rate_delay is not None and self._rate_delay.active():
            self._rate_delay.cancel()
        self._budget.close()

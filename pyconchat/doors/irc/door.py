"""IrcDoor: one IRC client's connection.

It takes lines at the pace that the limits allow. The client's state is `Client`'s, its commands are
in `commands.py`, and what its session delivers is translated in `translating.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.auth.rate_limits import TokenBucket
from pyconchat.chat.audience import Send
from pyconchat.chat.interfaces import ISession
from pyconchat.domain.errors import MustAsk, Refused
from pyconchat.doors.connection_limits import CountedConnection
from pyconchat.doors.context import DoorContext
from pyconchat.doors.input_budget import InputBudget
from pyconchat.doors.irc.client import Client, IrcPeer
from pyconchat.doors.irc.commands import FREE, OF_BATCHES, QUERIES, Commands, unreadable
from pyconchat.doors.irc.event_feed import EventFeed
from pyconchat.doors.irc.message import MAX_ANY, command_of, parse
from pyconchat.doors.irc.monitors import Monitors
from pyconchat.doors.irc.translating import TranslatingDoor
from pyconchat.net.connection import Lifecycle
from pyconchat.net.teardown import take_all
from pyconchat.render.irc import IrcRenderer, IrcStyle

__all__ = ["IrcDoor"]

T = TypeVar("T")

QUERY_BURST = 200.0
"""Queries that a client may send at once: one of 40 joined groups sends 160."""

QUERY_RATE = 50.0
"""Queries a second after that."""

FREE_COST = 5e-5
"""Seconds of work for a command that costs nothing else, such as PING."""

QUERY_COST, ANSWER_COST = 3e-5, 1e-7
"""Seconds of work for a query, and for each byte of its answer."""

LONG_QUERY = 3e-4
"""Seconds of work of a query after which others have their turn.

Measured on a busy machine, the 140 lines of a WHO take 2.2 ms instead of 1.2 ms.
"""

READ_COST, ENTRY_COST = 3e-4, 5e-8
"""Seconds of work for a read of the log that CHATHISTORY needs, and for each byte of its answer."""

HISTORY_BURST = 0.1
"""Seconds of work for CHATHISTORY that a client may cause at once. After a reconnect it asks for
the last messages of all its groups: 50 answers of 100 messages fit. Each is read in its turn, so
that others do not wait for all of them."""


@implementer(IrcPeer)
class IrcDoor(TranslatingDoor):
    """One client's connection."""

    translates = True
    names_places = True
    hides = False
    serves_files = False
    work_rate = 0.01

    def __init__(
        self, context: DoorContext, counted: CountedConnection, monitors: Monitors
    ) -> None:
        super().__init__(context, counted, IrcRenderer.of(IrcStyle()), MAX_ANY)
        services = context.services
        name = services.config.irc.server_name
        self.client = Client(services, context.portal, self, name, monitors)
        self._commands = Commands(self.client)
        self._events = EventFeed(self.client)
        self._history: InputBudget | None = None  # of those that ask for it
        self._queries = TokenBucket(QUERY_BURST, QUERY_RATE, context.now())
        self._written = 0  # bytes

    # Called by Twisted.

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        take_all(
            self._commands.registration.close,
            lambda: super(IrcDoor, self).connectionLost(reason),
            self.client.output.close,
            lambda: self.client.monitors.clear(self.client),
        )
        # Break the reference cycles here: the cyclic GC runs rarely.
        del self._commands, self._events
        self.client.session = None

    # Called by the session and the login.

    def write(self, block: bytes) -> None:
        self.client.output.pass_on(block)

    def direct_send(self, leave: Callable[[], None]) -> Send | None:
        return None if self.client.output.answering else self._output.direct_send(leave)

    def end_direct(self) -> None:
        """Pass the output of others through `write`, which puts it behind an answer."""
        self._output.end_direct()

    def end_session(self) -> None:
        """End the session; the connection is closed later."""
        self._close_session()

    def write_now(self, block: bytes) -> None:
        """Write *block*, which the client's `Output` has put in order."""
        self.wake()
        self._written += len(block)
        self._output.write(block)

    def ask(self, prompt: str, secret: bool = False) -> Deferred[str]:
        if not self.client.answers:
            raise MustAsk(prompt, secret)
        return succeed(self.client.answers.pop(0))

    def logged_in(self, session: ISession) -> None:
        super().logged_in(session)
        self.in_login = False

    def close(self, last: bytes = b"") -> None:
        self.client.ended = True
        super().close(last)

    def write_last(self, block: bytes) -> None:
        if block:
            self.write_now(block)

    def _close_session(self) -> None:
        if self.session is None:
            return
        client, account = self.client, self.session.account
        take_all(
            lambda: client.monitors.leaving(account, client.user, client.realname),
            super()._close_session,
            lambda: client.monitors.stays(account),  # unless it has gone
        )

    # Left by `DelayedLines` and `Door` to their subclasses.

    def stop_delays(self) -> None:
        history = self._history
        take_all(super().stop_delays, *([] if history is None else [history.close]))

    def asking(self) -> bool:
        """Return whether a line of the login may come: none of its commands is running."""
        return self.in_login and self._task is None

    def readyForLine(self) -> bool:
        # Commands that do not count for the message rate have a limit of their own.
        waiting = self._budget.waiting or (self._history is not None and self._history.waiting)
        return (self.in_login or not waiting) and super().readyForLine()

    def next_rate(self) -> TokenBucket | None:
        first = self._lines[0] if self._lines else None
        if first is None:
            return self._rate
        command = command_of(first[:MAX_ANY])
        batch = self.client.batch
        in_batch = batch is not None and not batch.failed and command in OF_BATCHES
        if command in FREE or in_batch:  # a message of several lines costs as one of a single line
            self._budget.pay(FREE_COST, False)
            return None
        return self._queries if _asks(command, first) else self._rate

    def lineReceived(self, line: bytes) -> None:
        try:
            message = parse(line)
        except Refused as refused:
            unreadable(self.client, refused, line)
            return
        if message is None or self._commands.run_at_once(message):
            return
        before = self._written
        task = Deferred.fromCoroutine(self._commands.run(message))
        if message.command == "CHATHISTORY":
            task.addBoth(self._charge_history, before)
        elif _asks(message.command.encode(), line):
            task.addBoth(self._charge, before)
        if not task.called:
            self.run_task(task)

    def _charge(self, result: T, before: int) -> T:
        """Pay for a query with its answer, before which so many bytes had been written."""
        work, self.client.work = self.client.work, 0.0
        cost = QUERY_COST + work + ANSWER_COST * (self._written - before)
        self._budget.pay(cost, cost >= LONG_QUERY)
        return result

    def _charge_history(self, result: T, before: int) -> T:
        """Pay for CHATHISTORY, as `_charge`."""
        if self.life is Lifecycle.GONE:
            return result
        if self._history is None:
            turns = self._context.input_turns
            budget = InputBudget(turns, self.input_allowed, self.work_rate, HISTORY_BURST)
            self._history = budget
        reads, self.client.reads = self.client.reads, 0
        self._history.pay_in_turn(
            QUERY_COST + READ_COST * reads + ENTRY_COST * (self._written - before)
        )
        return result

    def lineLengthExceeded(self, line: bytes) -> None:
        self.client.close("The line was too long.")

    def inputEnded(self) -> None:
        if self._task is None:
            self.finish()

    def silence_limits(self) -> tuple[float, float]:
        limits = self._context.limits
        return 0.0 if self.session is None else limits.ping_seconds, limits.silence_seconds

    def ping(self) -> None:
        self.client.send(f"PING :{self.client.server}\r\n")


def _asks(command: bytes, whole: bytes) -> bool:
    """Return whether the line *whole*, with *command*, only asks for something."""
    return command in QUERIES or (command in (b"MODE", b"TOPIC") and len(whole.split()) == 2)

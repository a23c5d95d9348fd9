"""InputBudget and InputTurns: limits for the work that a connection's input causes.

They limit the work that has no message rate: bytes, telnet commands, and lines before the login. It
is counted in seconds of processor time, by its usual cost. Each connection has a budget. The total
is limited, too: all connections within their budgets share one, and all that have overdrawn theirs
share another, so that newcomers do not wait for the work of a flood.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = [
    "BYTE_COST",
    "COMMAND_COST",
    "COMPLETION_COST",
    "CONNECTION_COST",
    "ERASURE_COST",
    "FRAME_COST",
    "KEY_COST",
    "LARGE_READ",
    "LINE_COST",
    "OPENING_COST",
    "RATE",
    "RECENT",
    "REQUEST_COST",
    "SECURE_CONNECTION_COST",
    "TURN_COST",
    "UPGRADE_COST",
    "InputBudget",
    "InputTurns",
]

BURST = 0.010
"""Seconds of work that one connection may cause at once: 5 MB, 20 lines, or 2,500 commands."""

RATE = 0.002
"""Seconds of work a second after the burst: 1 MB, 4 lines, or 500 commands."""

BYTE_COST = 2e-9
"""Seconds of work to read a byte and to split it from others."""

COMMAND_COST = 4e-6
"""Seconds of work for a telnet command."""

KEY_COST = 8e-6
"""Seconds of work for a key that is not text, in character mode; Enter is two."""

COMPLETION_COST = 0.0005
"""Seconds of work to complete a word, on a server with many groups."""

ERASURE_COST = 3e-6
"""Seconds of work for keys that erase, at one place of a line."""

LINE_COST = 0.0005
"""Seconds of work for a line before the login, with its answer."""

CONNECTION_COST, OPENING_COST, REQUEST_COST = 0.0001, 0.0002, 0.0003
"""Seconds of work for a new connection, for its first input, and for a request of HTTP."""

UPGRADE_COST = 0.002
"""Seconds of work to open a WebSocket, and to close it."""

SECURE_CONNECTION_COST = 0.002
"""Seconds of work for a new connection that exchanges keys: by TLS, or by SSH."""

FRAME_COST = 3e-5
"""Seconds of work for a frame of a WebSocket."""

TURN_COST = 0.002
"""Seconds of work that one connection causes before others have their turn, and that all new
connections together cause in one turn of the reactor.

The processor needs up to three times as long for it, as its caches belong to other work.
"""

RECENT = 0.05
"""Seconds after which the work of new connections is no longer of the same turn of the reactor."""

LARGE_READ = 16_384
"""Maximum bytes of a connection that are handled before others have their turn."""

SHARED_BURST = 0.1
"""Seconds of work that all connections of a queue may cause at once."""

SHARE, OVERDRAWN_SHARE = 0.2, 0.1
"""Shares of one processor for the work of all connections after that: of those within their own
budgets, and of those that have overdrawn them.

The rest is for messages and commands. On a shared machine, a server that always used the whole
processor would also be scheduled late.
"""


class _Queue:
    """Connections that wait for a budget of *share* of a processor, on *clock*.

    They get it in the order in which they began to wait, one in a turn of the reactor, so that
    together they do not delay the small input of others.
    """

    def __init__(self, clock: IReactorTime, share: float) -> None:
        self._clock = clock
        self._share = share
        self._left = SHARED_BURST
        self._updated = clock.seconds()
        self._waiting: deque[InputBudget] = deque()
        self._next_turn: IDelayedCall | None = None
        self._begun = 0.0  # work that was begun at once, without waiting
        self._begun_at = float("-inf")

    def spend(self, cost: float) -> None:
        """Spend *cost* seconds of work."""
        now = self._clock.seconds()
        left = self._left + (now - self._updated) * self._share
        self._left = min(SHARED_BURST, left) - cost
        self._updated = now

    def give_back(self, cost: float) -> None:
        """Give back *cost*, which was spent for work that is not done."""
        self.spend(-cost)
        if self._next_turn is not None:
            self._next_turn.reset(max(0.0, -self._left / self._share))

    @property
    def overdrawn(self) -> bool:
        """Return whether more was spent than there was."""
        self.spend(0)
        return self._left < 0

    def begin(self, cost: float) -> bool:
        """Note that work of *cost* begins at once, if it may; return whether it may."""
        now = self._clock.seconds()
        if now - self._begun_at >= RECENT:
            self._begun = 0.0
        if self.overdrawn or (self._begun and self._begun + cost > TURN_COST):
            return False
        self._begun += cost
        self._begun_at = now
        return True

    def wait(self, budget: InputBudget) -> None:
        """Call ``budget.begin_turn()`` when it is its turn."""
        self._waiting.append(budget)
        self._schedule()

    def _schedule(self) -> None:
        if self._next_turn is None and self._waiting:
            self.spend(0)
            self._next_turn = self._clock.callLater(max(0.0, -self._left / self._share), self._turn)

    def _turn(self) -> None:
        self._next_turn = None
        self._begun = 0.0
        while self._waiting:
            if self._waiting.popleft().begin_turn():
                break
        self._schedule()


class InputTurns:
    """The budgets of a whole server, on *clock*."""

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self.within = _Queue(clock, SHARE)
        self.overdrawn = _Queue(clock, OVERDRAWN_SHARE)


class InputBudget:
    """The budget of one connection; *ready* is called when its input may be handled again.

    *rate* is in seconds of work a second, after a *burst*. A connection that has overdrawn it
    counts as such until it has its burst again.
    """

    __slots__ = (
        *("_burst", "_delay", "_due", "_left", "_queue", "_rate"),
        *("_ready", "_turn", "_turns", "_updated", "waiting"),
    )

    def __init__(
        self,
        turns: InputTurns,
        ready: Callable[[], None],
        rate: float = RATE,
        burst: float = BURST,
    ) -> None:
        self._turns = turns
        self._queue = turns.within
        self._rate = rate
        self._ready: Callable[[], None] | None = ready
        self._burst = burst
        self._left = burst
        self._updated = turns.clock.seconds()
        self._delay: IDelayedCall | None = None  # until it is no longer overdrawn
        self._due = 0.0  # was spent in advance, for work that waits
        self._turn = 0.0  # was spent since its last turn
        self.waiting = False

    def pay(self, cost: float, pause: bool) -> None:
        """Spend *cost* seconds of work; then wait if it is overdrawn, or if *pause*.

        It also waits for its next turn after each `TURN_COST`.
        """
        self._spend(cost)
        self._queue.spend(cost)
        self._turn += cost
        if self._turn >= TURN_COST:
            self._turn, pause = 0.0, True
        if (pause or self._left < 0) and not self.waiting and self._ready is not None:
            self.waiting = True
            self._wait()

    def pay_in_turn(self, cost: float) -> bool:
        """Spend *cost* for work to come; return whether to wait with it until `ready`.

        A connection within its budget waits, too, if all connections together have spent too much.
        `close` gives *cost* back if the work has not begun.
        """
        self._turn = -cost  # has a turn of its own
        self.pay(cost, not self._turns.within.begin(cost))
        if self.waiting:
            self._due += cost
        return self.waiting

    def begin_turn(self) -> bool:
        """Call `ready` unless the budget is closed; return whether it was called."""
        if self._ready is None:
            return False
        self.waiting = False
        self._due = self._turn = 0.0
        self._updated = self._turns.clock.seconds()  # no credit for the time in the queue
        self._ready()
        return True

    def close(self) -> None:
        """Stop waiting: the connection is closed."""
        # Break the reference cycle here: the cyclic GC runs rarely.
        self._ready = None
        due, self._due = self._due, 0.0
        if due:
            self._queue.give_back(due)
        if self._delay is not None:
            self._delay.cancel()
            self._delay = None

    def _spend(self, cost: float) -> None:
        now = self._turns.clock.seconds()
        left = self._left + (now - self._updated) * self._rate
        self._updated = now
        if left >= self._burst:
            left = self._burst
            self._queue = self._turns.within
        self._left = left - cost
        if self._left < 0:
            self._queue = self._turns.overdrawn

    def _wait(self) -> None:
        """Wait until it is not overdrawn, then for a turn."""
        self._delay = None
        self._spend(0.0)
        # A rounding error must not cause a wait that is too short to have an effect.
        if self._left < -1e-9:
            self._delay = self._turns.clock.callLater(-self._left / self._rate, self._wait)
        else:
            self._queue.wait(self)

"""The budget for the work of one connection's input, and the shared one."""

from __future__ import annotations

from functools import partial

import pytest
from twisted.internet.task import Clock

from pyconchat.doors.input_budget import (
    BURST,
    COMMAND_COST,
    LINE_COST,
    OVERDRAWN_SHARE,
    RATE,
    SECURE_CONNECTION_COST,
    SHARE,
    SHARED_BURST,
    TURN_COST,
    InputBudget,
    InputTurns,
)
from tests.support.turns import reactor_turn


class Flooder:
    """A connection that causes work of *cost* seconds each time that it may."""

    def __init__(self, turns: InputTurns, cost: float, pause: bool) -> None:
        self.done = 0
        self._cost, self._pause = cost, pause
        self.budget = InputBudget(turns, self.works)

    def works(self) -> None:
        """Cause work until the budget asks to wait."""
        while not self.budget.waiting:
            self.done += 1
            self.budget.pay(self._cost, self._pause)


def passes(clock: Clock, seconds: float) -> None:
    """Let time pass in steps of a millisecond."""
    clock.pump([0.001] * round(seconds * 1000))


@pytest.mark.parametrize("cost", [COMMAND_COST * 64, LINE_COST])
def test_one_connection(cost: float) -> None:
    """It has a burst, and then a rate."""
    clock = Clock()
    flooder = Flooder(InputTurns(clock), cost, pause=True)
    flooder.works()
    passes(clock, 0.1)
    assert flooder.done * cost == pytest.approx(BURST, abs=2 * cost)
    passes(clock, 9.9)
    assert flooder.done * cost == pytest.approx(BURST + 10 * RATE, abs=2 * cost)


@pytest.mark.parametrize("many", [45, 1000])
def test_many_connections(many: int) -> None:
    """They have a share of the processor together, and each gets as much of it as the others."""
    clock = Clock()
    turns = InputTurns(clock)
    flooders = [Flooder(turns, LINE_COST, pause=True) for _ in range(many)]
    for each in flooders:
        each.works()  # the one that each begins with
    passes(clock, 2)
    done = [each.done for each in flooders]
    most = LINE_COST * (many + 1) + SHARED_BURST + 2 * SHARE
    assert LINE_COST * sum(done) <= most
    assert max(done) - min(done) <= 1


def test_newcomers_wait_for_one_turn_of_each() -> None:
    """A connection without earlier work comes before the waiting work of others."""
    clock = Clock()
    turns = InputTurns(clock)
    for _ in range(45):
        Flooder(turns, LINE_COST, pause=True).works()
    passes(clock, 0.5)
    newcomer = Flooder(turns, LINE_COST, pause=True)
    newcomer.works()
    passes(clock, 46 * LINE_COST / SHARE + 0.05)
    assert newcomer.done >= 2


@pytest.mark.parametrize("cost", [2 * BURST, 1.0])
def test_newcomers_do_not_wait_for_a_flood(cost: float) -> None:
    """However much others have overdrawn their budgets, who has not is not delayed by it."""
    clock = Clock()
    turns = InputTurns(clock)
    flooders = [Flooder(turns, cost, pause=False) for _ in range(45)]
    for each in flooders:
        each.works()
    newcomer = Flooder(turns, LINE_COST, pause=True)
    newcomer.works()
    passes(clock, 0.01)
    assert newcomer.done >= 5


def test_who_has_overdrawn_waits_for_the_others_who_have() -> None:
    """The total of a flood has a limit until each connection of it was quiet for a while."""
    clock = Clock()
    turns = InputTurns(clock)
    flooders = [Flooder(turns, BURST * 1.5, pause=False) for _ in range(100)]
    for each in flooders:
        each.works()
    passes(clock, 20)
    work = sum(each.done for each in flooders) * BURST * 1.5
    assert work <= 100 * BURST * 1.5 + SHARED_BURST + 20 * OVERDRAWN_SHARE
    assert work > 100 * BURST * 1.5, "they go on"
    newcomer = Flooder(turns, LINE_COST, pause=True)
    newcomer.works()
    passes(clock, 0.01)
    assert newcomer.done >= 5, "their waiting is no rest, which would make them newcomers again"


def test_one_has_its_turn_in_a_turn_of_the_reactor() -> None:
    """The input of others is read in between, for any number of waiting connections."""
    clock = Clock()
    turns = InputTurns(clock)
    flooders = [Flooder(turns, COMMAND_COST, pause=True) for _ in range(10)]
    for each in flooders:
        each.works()
    for number in range(10):
        assert sum(each.done for each in flooders) == 10 + number
        [call] = clock.getDelayedCalls()
        clock.calls.remove(call)
        call.func(*call.args, **call.kw)


def test_a_closed_connection_takes_no_turn() -> None:
    """It is skipped, and has no pending calls."""
    clock = Clock()
    turns = InputTurns(clock)
    gone, poor, other = (Flooder(turns, LINE_COST, pause=True) for _ in range(3))
    poor.budget.pay(2 * BURST, pause=False)
    for each in (gone, other):
        each.works()
    gone.budget.close()
    poor.budget.close()
    clock.advance(0)
    assert (gone.done, poor.done) == (1, 0)
    assert other.done > 1
    other.budget.close()
    clock.advance(0)
    assert clock.getDelayedCalls() == []


def test_nobody_waits_for_the_work_of_closed_connections() -> None:
    """Thousands that were opened and closed leave no debt to those who come after them."""
    clock = Clock()
    turns = InputTurns(clock)
    for _ in range(5000):
        budget = InputBudget(turns, lambda: None)
        budget.pay_in_turn(SECURE_CONNECTION_COST)
        budget.close()
    passes(clock, 1)
    ready: list[float] = []
    for _ in range(20):
        newcomer = InputBudget(turns, lambda: ready.append(clock.seconds()))
        if not newcomer.pay_in_turn(SECURE_CONNECTION_COST):
            ready.append(clock.seconds())
    passes(clock, 20 * SECURE_CONNECTION_COST / SHARE + 0.05)
    assert len(ready) == 20


def test_a_wait_is_shorter_after_others_have_closed() -> None:
    """Also one that has begun."""
    clock = Clock()
    turns = InputTurns(clock)
    crowd = [InputBudget(turns, lambda: None) for _ in range(5000)]
    for each in crowd:
        each.pay_in_turn(SECURE_CONNECTION_COST)
    passes(clock, 0.1)
    ready: list[float] = []
    newcomer = InputBudget(turns, lambda: ready.append(clock.seconds()))
    assert newcomer.pay_in_turn(SECURE_CONNECTION_COST)
    for each in crowd:
        each.close()
    passes(clock, 1)
    assert len(ready) == 1


@pytest.mark.parametrize("cost", [TURN_COST * 0.3, TURN_COST, TURN_COST * 5])
def test_newcomers_of_one_moment_have_several_turns_of_the_reactor(cost: float) -> None:
    """In each, about `TURN_COST` of their work begins, or one of them, in the order of arrival."""
    clock = Clock()
    turns = InputTurns(clock)
    begun: list[int] = []
    for number in range(30):
        budget = InputBudget(turns, partial(begun.append, number))
        if not budget.pay_in_turn(cost):
            begun.append(number)
    assert len(begun) == max(1, TURN_COST // cost)
    while len(begun) < 30:
        before = len(begun)
        reactor_turn(clock)
        assert cost * (len(begun) - before) < max(2 * cost, 2 * TURN_COST)
        clock.rightNow += 0.01
    assert begun == list(range(30))


def test_a_newcomer_waits_for_no_earlier_ones() -> None:
    """Those of another moment have had their turns."""
    clock = Clock()
    turns = InputTurns(clock)
    for _ in range(100):
        assert not InputBudget(turns, lambda: None).pay_in_turn(TURN_COST)
        clock.advance(0.1)


def test_one_connection_has_no_long_turn() -> None:
    """Within its budget, too, it waits for its next turn after `TURN_COST`."""
    clock = Clock()
    flooder = Flooder(InputTurns(clock), COMMAND_COST, pause=False)
    flooder.works()
    per_turn = flooder.done
    assert COMMAND_COST * per_turn == pytest.approx(TURN_COST, abs=2 * COMMAND_COST)
    reactor_turn(clock)
    assert flooder.done == 2 * per_turn


def test_small_input_never_waits() -> None:
    """Not even while all others have used up the shared budget."""
    clock = Clock()
    turns = InputTurns(clock)
    turns.within.spend(10.0)
    budget = InputBudget(turns, lambda: None)
    budget.pay(COMMAND_COST, pause=False)
    assert not budget.waiting

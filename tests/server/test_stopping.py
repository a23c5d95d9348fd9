"""The steps of a server's end, and the signals that arrive meanwhile."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.logger import capturedLogs

from pyconchat.server.stopping import Stopping


class FakeReactor:
    """Has the handlers of signals, and calls at once."""

    def sigTerm(self, number: int, frame: object) -> None:
        raise AssertionError("it would stop again")

    sigInt = sigTerm

    def callFromThread(self, call: object, *args: object) -> None:
        call(*args)  # type: ignore[operator]


@pytest.fixture
def reactor() -> Iterator[FakeReactor]:
    """A reactor that handles the signals of this process."""
    reactor = FakeReactor()
    before = {
        number: signal.signal(number, handler)
        for number, handler in (
            (signal.SIGTERM, reactor.sigTerm),
            (signal.SIGINT, reactor.sigInt),
            (signal.SIGHUP, hangup),
        )
    }
    yield reactor
    for number, handler in before.items():
        signal.signal(number, handler)


def hangup(*_: object) -> None:
    raise AssertionError("it would read the store")


def test_every_step_is_done(reactor: FakeReactor) -> None:
    """One after another, also after failures, and a `Deferred` is waited for."""
    done: list[str] = []
    slow: Deferred[None] = Deferred()

    def first() -> Deferred[None]:
        done.append("first")
        return slow

    def breaks() -> None:
        done.append("breaks")
        raise ZeroDivisionError

    def breaks_later() -> Deferred[None]:
        done.append("breaks later")
        return fail(ZeroDivisionError())

    stopping = Stopping(reactor, lambda: None, hangup)
    steps = (first, breaks, breaks_later, lambda: done.append("last"))
    with capturedLogs() as events:
        stopped = Deferred.fromCoroutine(stopping.run(steps))
        assert done == ["first"]
        slow.callback(None)
    assert done == ["first", "breaks", "breaks later", "last"]
    assert stopped.called
    assert len([each for each in events if "log_failure" in each]) == 2


def test_a_second_signal(reactor: FakeReactor) -> None:
    """It hurries the end, unless it is that of an administrator's command."""
    hurried: list[int] = []
    slow: Deferred[None] = Deferred()
    stopping = Stopping(reactor, lambda: hurried.append(1), hangup)
    Deferred.fromCoroutine(stopping.run([lambda: slow]))
    signal.raise_signal(signal.SIGHUP)
    assert hurried == []
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)
    assert hurried == [1, 1]

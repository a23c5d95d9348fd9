"""Hashing with low priority: one at a time, in turns; logins never wait for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyconchat.auth import passwords
from pyconchat.auth.passwords import MAX_THREADS, MAX_WAITING, Hasher
from pyconchat.auth.turns import MAX_WAITING_PER_ACCOUNT, MAX_WAITING_PER_NETWORK, Turns
from pyconchat.chat.interfaces import Asker
from pyconchat.domain.errors import Code, Refused

HERE, THERE = "192.0.2.1", "192.0.2.2"


class Work:
    """The threads of a hasher: calls wait until `done` is called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.running: list[Deferred[Any]] = []
        monkeypatch.setattr(passwords, "deferToThreadPool", self._defer)

    def _defer(self, _reactor: object, _pool: object, call: Callable[..., Any], *_: object) -> Any:
        self.running.append(Deferred())
        return self.running[-1]

    def done(self) -> None:
        """Finish the oldest call."""
        self.running.pop(0).callback(True)


@pytest.fixture
def order() -> list[str]:
    return []


def asks(turns: Turns, order: list[str], account: str, network: str) -> None:
    """Let *account* wait for a turn; its name is added to *order* when it has one."""
    turns.begin(Asker(account, network)).addCallback(lambda _: order.append(account))


def test_networks_and_accounts_take_turns(order: list[str]) -> None:
    """Many requests delay only their own network; others wait for at most one turn of each."""
    turns = Turns()
    asks(turns, order, "busy1", HERE)
    for account in ("busy1", "busy1", "busy2", "busy3"):
        asks(turns, order, account, HERE)
    asks(turns, order, "other", THERE)
    assert order == ["busy1"], "one at a time"
    for _ in range(5):
        turns.end()
    assert order == ["busy1", "busy1", "other", "busy2", "busy3", "busy1"]
    turns.end()
    asks(turns, order, "next", HERE)
    assert order[-1] == "next"
    assert turns.waiting == 0


def test_what_waits_is_bounded_by_account_and_by_network(order: list[str]) -> None:
    """One more is refused as busy; the others are not affected."""
    turns = Turns()
    asks(turns, order, "first", THERE)
    for _ in range(MAX_WAITING_PER_ACCOUNT):
        asks(turns, order, "busy", HERE)
    with pytest.raises(Refused) as caught:
        asks(turns, order, "busy", HERE)
    assert caught.value.code is Code.BUSY
    for number in range(MAX_WAITING_PER_NETWORK - MAX_WAITING_PER_ACCOUNT):
        asks(turns, order, f"busy{number}", HERE)
    with pytest.raises(Refused):
        asks(turns, order, "one more", HERE)
    asks(turns, order, "other", THERE)
    assert turns.waiting == MAX_WAITING_PER_NETWORK + 1


def test_people_behind_a_proxy_have_no_bound_together(order: list[str]) -> None:
    """The network of this machine is no measure of who asks: some of them keep nobody out."""
    turns = Turns()
    for number in range(MAX_WAITING_PER_NETWORK + 2):
        asks(turns, order, f"guest{number}", "127.0.0.1")
    assert turns.waiting == MAX_WAITING_PER_NETWORK + 1


def test_turns_that_end_at_once_do_not_nest() -> None:
    """All that wait may be refused when the first turn ends: however many, nothing fails."""
    turns, refused = Turns(), []

    def refuse() -> Deferred[None]:
        raise Refused(Code.TOO_MANY, "Not now.")

    turns.begin(Asker("first", THERE))
    for number in range(1000):
        asker = Asker(f"guest{number}", f"192.0.2.{number % 100}")
        Deferred.fromCoroutine(turns.run(asker, refuse)).addErrback(refused.append)
    turns.end()
    assert [failure.type for failure in refused] == [Refused] * 1000
    assert turns.begin(Asker("next", HERE)).called


@pytest.mark.parametrize("networks", [1, 30])
def test_other_hashing_makes_no_login_wait(networks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty sessions that set passwords have one thread; the other one is left for logins."""
    work, hasher = Work(monkeypatch), Hasher(Clock())  # type: ignore[arg-type]
    set_: list[object] = []
    for number in range(30):
        asker = Asker(f"guest{number}", f"192.0.2.{number % networks}")
        hasher.hash("x", asker).addBoth(set_.append)
    assert len(work.running) == 1
    assert hasher.pending == 30
    for _ in range(20):
        login = hasher.verify("hash", "password")
        work.running.pop().callback(True)
        assert login.called
    for _ in range(30):
        work.done()
    assert set_ == [True] * 30
    assert hasher.pending == 0


def test_too_many_logins_are_refused_as_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is of those that wait; a result makes room for the next."""
    work, hasher = Work(monkeypatch), Hasher(Clock())  # type: ignore[arg-type]
    for _ in range(MAX_THREADS + MAX_WAITING):
        hasher.verify("hash", "password")
    with pytest.raises(Refused) as caught:
        hasher.verify("hash", "password")
    assert caught.value.code is Code.BUSY
    work.done()
    hasher.verify("hash", "password")

"""Notifier: the person's command gets the sender and the text as arguments."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ProcessDone
from twisted.python.failure import Failure

from pyconchat.client.notifier import MAX_TEXT, Notifier


class FakeReactor:
    """A reactor that records the processes it should start."""

    def __init__(self, problem: OSError | None = None) -> None:
        self.started: list[list[str]] = []
        self.protocols: list[Any] = []
        self.environs: list[dict[str, str]] = []
        self._problem = problem

    def spawnProcess(
        self,
        protocol: Any,
        executable: str,
        args: list[str],
        env: Any,
        childFDs: Any,  # noqa: N803 - Twisted's name
    ) -> None:
        if self._problem is not None:
            raise self._problem
        assert executable == args[0]
        assert {*childFDs} == {0, 1, 2}  # nothing of the command reaches the terminal
        self.started.append(args)
        self.protocols.append(protocol)
        self.environs.append(env)


def test_the_arguments(monkeypatch: Any) -> None:
    """No shell reads them, and none is taken for an option; the password is not passed on."""
    monkeypatch.setenv("PYCONCHAT_PASSWORD", "secret")
    reactor = FakeReactor()
    Notifier(reactor, ["notify-send", "-a", "chat"]).notify("bob", "--icon=/etc; $(reboot)")
    assert reactor.started == [["notify-send", "-a", "chat", "bob", " --icon=/etc; $(reboot)"]]
    assert "PYCONCHAT_PASSWORD" not in reactor.environs[0]


def test_one_runs_at_a_time() -> None:
    """A flood of mentions does not start a flood of processes."""
    reactor = FakeReactor()
    notifier = Notifier(reactor, ["x"])
    for _ in range(100):
        notifier.notify("bob", "hi")
    assert len(reactor.started) == 1
    reactor.protocols[0].processEnded(Failure(ProcessDone(0)))
    notifier.notify("bob", "y" * 100_000)
    assert len(reactor.started[1][-1]) == MAX_TEXT


def test_a_command_that_cannot_be_started() -> None:
    """There is no notice, and the next mention retries."""
    notifier = Notifier(FakeReactor(OSError(11, "no more processes")), ["x"])
    notifier.notify("bob", "hi")
    notifier.notify("bob", "hi")

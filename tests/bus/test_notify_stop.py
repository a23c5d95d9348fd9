"""The end of the threads that use PostgreSQL's NOTIFY."""

from __future__ import annotations

from threading import Event

import pytest

from pyconchat.bus import notify, notify_threads
from pyconchat.bus.opening import open_bus
from pyconchat.bus.postgres import ConnectionFailed, Interrupts
from tests.support.bus_nodes import Node
from tests.support.reactor import turning


def test_a_connection_that_nothing_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server stops in time, even while libpq looks up a name; the threads end later."""
    monkeypatch.setattr(notify, "STOP_SECONDS", 0.05)
    found = Event()
    begun: list[Interrupts] = []

    def connect(_conninfo: str, interrupts: Interrupts) -> None:
        begun.append(interrupts)
        found.wait()
        raise ConnectionFailed("no such host")

    monkeypatch.setattr(notify_threads, "PostgresConnection", connect)
    with turning() as turns:
        node = Node("one", turns, "", "host=slow")
        node.bus.start()
        turns.until(lambda: len(begun) == 2)
        stopped = node.bus.stop()
        turns.until(lambda: stopped.called)
        engine = node.bus._engine
        assert not any(each.called for each in engine._ended)
        found.set()
        turns.until(lambda: all(each.called for each in engine._ended))


def test_a_bus_that_was_never_started() -> None:
    """There is nothing to wait for."""
    with turning() as turns:
        bus = open_bus("", "host=h", "chat", "one", Node("two", turns, "", ""), turns.reactor)
        assert bus.stop().called

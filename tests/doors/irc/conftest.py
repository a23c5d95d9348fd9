"""An IRC door in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock

from pyconchat.store import SqlStore
from tests.support.irc import IrcServer


@pytest.fixture
def irc(store: SqlStore, clock: Clock) -> Iterator[IrcServer]:
    """A server with an IRC door, where a group that is made by joining it is open."""
    server = IrcServer(store, clock, new_groups="open")
    yield server
    server.stop()

"""A web door in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock

from pyconchat.store import SqlStore
from tests.support.web import WebServer


@pytest.fixture
def web(store: SqlStore, clock: Clock) -> Iterator[WebServer]:
    """A server with a web door on loopback."""
    server = WebServer(store, clock)
    yield server
    server.stop()

"""A connection to a server in memory."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from pyconchat.client.net.connection import ServerConnection
from tests.client.fakes import (
    FakeServer,
    Recorder,
)
from tests.client.net.connections import FakeLogin, make_connection


@pytest.fixture
def login() -> FakeLogin:
    return FakeLogin()


@pytest.fixture
def connection(
    clock: Clock, fake: FakeServer, login: FakeLogin, listener: Recorder
) -> ServerConnection:
    """A connection that was started."""
    connection = make_connection(clock, fake, login, listener)
    connection.start()
    return connection

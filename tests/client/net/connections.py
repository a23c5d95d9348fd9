"""A login and a connection without a network."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object
from tests.client.fakes import (
    FakeServer,
    Recorder,
)

ALICE = {"name": "alice", "token": "t"}


LIVE = {"type": "live"}


class FakeLogin:
    """A login that says who it is, or waits for *person*, or fails with *problem*."""

    def __init__(self) -> None:
        self.refusals: list[Object | None] = []
        self.accepted_hellos: list[Object] = []
        self.problem: Exception | None = None
        self.person: Deferred[Object] | None = None

    async def hello(self, refused: Object | None) -> Object:
        self.refusals.append(refused)
        if self.problem is not None:
            raise self.problem
        return await (self.person if self.person is not None else succeed(ALICE))

    def accepted(self, hello: Object) -> None:
        self.accepted_hellos.append(hello)


def make_connection(
    clock: Clock, fake: FakeServer, login: FakeLogin, listener: Recorder
) -> ServerConnection:
    listener.connection = ServerConnection(clock, fake, login, listener)
    return listener.connection


def advance(clock: Clock, seconds: float) -> None:
    """Let time pass in steps."""
    for _ in range(int(seconds)):
        clock.advance(1)


def ask(
    connection: ServerConnection, *lines: str, answered: Callable[[Object], None] = lambda _: None
) -> None:
    """Send *lines* to the group tea."""
    for line in lines:
        connection.ask(answered, group="tea", line=line)

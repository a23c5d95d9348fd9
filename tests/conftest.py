"""What all tests share: a chat without waiting, and real servers that people talk to."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.store import SqlStore
from pyconchat.testing import TestUser, make_chat
from tests.support.examples import examples
from tests.support.people import Server, SocketUser
from tests.support.stores import quick_store

# A shell has what it runs in the background ignore SIGINT, and servers would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("ours", max_examples=examples(100))  # where a test names no number
settings.load_profile("ours")


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays: 3,000 tests, and all that they have imported."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    store = quick_store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def chat(store: SqlStore, clock: Clock) -> Chat:
    return make_chat(store, clock)


@pytest.fixture
def visit(chat: Chat) -> Callable[..., TestUser]:
    """Let somebody into the chat: ``visit("alice", "password", "answer", …)``."""
    return lambda name, password="", *answers: TestUser(chat, name, password, *answers)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A real server, as its own process, with all limits as they are by default but rates."""
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()
    assert server.tracebacks() == []


@pytest.fixture
def meet(server: Server) -> Iterator[Callable[..., SocketUser]]:
    """Connect somebody who has typed nothing yet; *newline* is CRLF for one at telnet."""
    people: list[SocketUser] = []

    def connect(newline: str = "\n") -> SocketUser:
        people.append(SocketUser(server.port, newline))
        return people[-1]

    yield connect
    for person in people:
        person.close()


@pytest.fixture
def talk(meet: Callable[..., SocketUser]) -> Callable[..., SocketUser]:
    """Log somebody in over a real socket: ``talk("alice")``, ``talk("alice", "password")``."""

    def log_in(
        name: str, password: str = "", newline: str = "\n", at_desk: bool = True
    ) -> SocketUser:
        person = meet(newline)
        person.logs_in(name, password, at_desk)
        return person

    return log_in

"""Fixtures of all tests: a chat in memory, and real servers with users."""

from __future__ import annotations

import gc
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.store import SqlStore
from pyconchat.testing import TestUser, make_chat
from tests.support.examples import examples
from tests.support.folders import use_memory
from tests.support.servers import Server, running
from tests.support.stores import quick_store
from tests.support.users import ALL_KINDS, UserOf, users

# A shell makes its background processes ignore SIGINT, and servers would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

use_memory()

# The number of examples is for tests that name none. There is no deadline, and no check of how long
# examples take to generate: both measure wall time, and so how busy the machine is.
settings.register_profile(
    "ours",
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ours")


PROCESSES = ("tests/scenarios/", "tests/faults/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests of real processes, which take longest.

    At the end, workers take files of short tests, and so end at about the same time.
    """
    items.sort(key=lambda item: not item.nodeid.startswith(PROCESSES))


def pytest_collection_finish() -> None:
    """Exclude 3,000 tests and all imported modules from garbage collection."""
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
    """Log a user in to the chat: ``visit("alice", "password", "answer", …)``."""
    return lambda name, password="", *answers: TestUser(chat, name, password, *answers)


# Real servers. The marker `server` has their options: those of `Server`, its *type* if it is
# a subclass, and ``scope="module"`` for one server that the tests of a module share.


def _server(node: pytest.Item | pytest.Module, folder: Path) -> Server:
    marker = node.get_closest_marker("server")
    options = dict(marker.kwargs) if marker else {}
    options.pop("scope", None)
    server: Server = options.pop("type", Server)(folder, **options)
    return server


@pytest.fixture(scope="module")
def shared_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A running server for all tests of a module, which use different names."""
    with running(_server(request.node, tmp_path_factory.mktemp("server"))) as server:
        yield server


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A running server in its own process: shared by the module, or for this test alone."""
    marker = request.node.get_closest_marker("server")
    if marker is not None and marker.kwargs.get("scope") == "module":
        server: Server = request.getfixturevalue("shared_server")
        yield server
        assert server.tracebacks() == []
    else:
        with running(_server(request.node, tmp_path)) as server:
            yield server


@pytest.fixture
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server for this test alone, not started yet."""
    server = _server(request.node, tmp_path)
    yield server
    server.stop()
    assert server.tracebacks() == []


# Users.


@pytest.fixture
def user(server: Server, tmp_path: Path) -> Iterator[UserOf]:
    """Connect a user with some kind of program: ``user("nc", "alice", "password", "tea")``."""
    with users(server, tmp_path, ALL_KINDS) as connect:
        yield connect


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make UTC the local time zone."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()

"""The evening of the scenarios, and the five systems, with each person at another node."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.scenarios import test_evening, test_five_systems
from tests.support.clusters import ServerCluster, running_nodes
from tests.support.users import ClientUser, JsonUser, SocketUser, User, UserOf, users

BUS_SECONDS = 0.1
"""Seconds in which a node tells the others who is there, on a busy machine."""


@pytest.fixture
def server(tmp_path: Path, postgresql_url: str) -> Iterator[ServerCluster]:
    with running_nodes(tmp_path, postgresql_url, 3) as nodes:
        yield nodes
        assert nodes.tracebacks() == []


@pytest.fixture
def user(
    server: ServerCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[UserOf]:
    for kind in (SocketUser, JsonUser, ClientUser):
        monkeypatch.setattr(kind, "types", _slowly(kind.types))
        monkeypatch.setattr(kind, "logs_in", _slowly(kind.logs_in))
    with users(server, tmp_path) as connect:  # type: ignore[arg-type]
        yield connect


def _slowly(act: Callable[..., None]) -> Callable[..., None]:
    """Act as slowly as people: who is online, away or banned elsewhere is known a moment later."""

    def slowly(self: User, *given: str, **more: object) -> None:
        time.sleep(BUS_SECONDS)
        act(self, *given, **more)

    return slowly


def test_an_evening(user: UserOf) -> None:
    test_evening.test_an_evening(user, "nc")
    test_evening.test_an_evening(user, "json")


def test_groups_with_an_admin(user: UserOf) -> None:
    test_five_systems.test_system_a_groups_with_an_admin(user, "nc", "telnet")


def test_by_number(user: UserOf) -> None:
    test_five_systems.act_by_number(user, "json", "nc")


def test_groups_with_passwords(user: UserOf) -> None:
    test_five_systems.test_system_c_groups_with_passwords(user, "nc", "json")


def test_rooms_and_private_messages(user: UserOf) -> None:
    test_five_systems.test_system_d_rooms_and_private_messages(user, "client", "nc")


def test_administrators(user: UserOf, server: ServerCluster) -> None:
    test_five_systems.test_system_e_administrators(
        user,
        server,  # type: ignore[arg-type]
        "nc",
        "json",
    )

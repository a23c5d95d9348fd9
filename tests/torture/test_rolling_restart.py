"""A rolling restart of two nodes under 200 programs and 20 people at nc."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.postgres import PostgresServer
from tests.support.postgres import Restartable
from tests.support.rolling_restart import restart_in_turn

pytestmark = pytest.mark.torture


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    server = Restartable()
    yield server
    server.stop()


def test_nothing_is_lost_or_doubled(tmp_path: Path, postgres: PostgresServer) -> None:
    """Programs receive each entry once, in order; people at nc miss nothing, and lose no line."""
    url = postgres.url.render_as_string(hide_password=False)
    restart_in_turn(tmp_path, url, clients=200, senders=60, people=20)

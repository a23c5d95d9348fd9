"""A PostgreSQL server for all tests of faults; each leaves it running and empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.postgres import Restartable


@pytest.fixture(scope="session")
def postgres() -> Iterator[Restartable]:
    server = Restartable()
    yield server
    server.stop()

"""A PostgreSQL server for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.postgres import Restartable


@pytest.fixture(scope="module")
def postgres() -> Iterator[Restartable]:
    server = Restartable()
    yield server
    server.stop()

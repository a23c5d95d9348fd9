"""Several nodes on one database, in one process, with a bus in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from tests.nodes.cluster import Cluster


@pytest.fixture
def cluster(tmp_path: Path, clock: Clock) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, clock)
    yield cluster
    cluster.stop()

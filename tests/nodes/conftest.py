"""Several nodes on one database, in one process, with a bus in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from tests.nodes.cluster import Cluster
from tests.support.stores import copy_empty


@pytest.fixture
def cluster(tmp_path: Path, clock: Clock) -> Iterator[Cluster]:
    copy_empty(tmp_path)
    cluster = Cluster(f"sqlite:///{tmp_path / 'pyconchat.db'}", clock)
    yield cluster
    cluster.stop()

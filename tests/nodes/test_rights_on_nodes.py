"""Rights across nodes: the table of rights, when one acts at a node, and all others are at another.

The table, and the code that makes and checks the cases, are those of `test_rights`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from pyconchat.render.text import TextRenderer
from tests.contracts.test_rights import (
    ANYWHERE,
    AT_THE_DESK,
    IN_A_GROUP,
    Case,
    Right,
    Town,
    cases,
    differences,
    files_in,
    refusal_with_code,
)
from tests.nodes.cluster import Cluster
from tests.support.examples import examples
from tests.support.faulty_bus import NO_FAULTS, Faults

BUSES = {"sound": NO_FAULTS, "faulty": Faults(lost=0.3, twice=0.2, seconds=0.05)}
CASES = examples(3)
"""Cases of each command."""


@pytest.fixture(params=BUSES)
def town(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Town]:
    """People in all roles, at two nodes."""
    monkeypatch.setattr(TextRenderer, "refusal", refusal_with_code)
    cluster = Cluster(tmp_path, Clock(), files=partial(files_in, tmp_path))
    faults = BUSES[request.param]
    cluster.network.faults = faults

    def settle() -> None:
        """Let the bus deliver; what it loses is found as after a reconnect."""
        for _ in range(4):
            cluster.clock.advance(0.02)
        if faults.lost:
            for node in cluster.nodes:
                assert node.chat.nodes is not None
                node.chat.nodes.compare()
            for _ in range(4):
                cluster.clock.advance(0.02)

    town = Town(tmp_path, *cluster.nodes, settle)
    yield town
    town.disk.close()
    cluster.stop()


def some(place: str, rights: dict[str, Right]) -> dict[str, list[Case]]:
    """Return some of the cases of all commands, with roles and targets in turn, by role."""
    chosen: dict[str, list[Case]] = {}
    for nth, (command, right) in enumerate(rights.items()):
        tried = list(cases(place, {command: right}))
        step = max(1, len(tried) // CASES)
        for case in tried[nth % step :: step]:
            chosen.setdefault(case.role, []).append(case)
    return chosen


@pytest.mark.parametrize(("place", "rights"), [("group", IN_A_GROUP), ("desk", AT_THE_DESK)])
def test_rights(town: Town, place: str, rights: dict[str, Right]) -> None:
    """They are those of one server alone."""
    found = []
    for role, tried in some(place, {**rights, **ANYWHERE}).items():
        town.acts(role)
        found += differences(town, tried)
    assert found == []

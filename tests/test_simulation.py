"""benchmarks/simulate_nodes.py: what is counted neither appears nor disappears."""

from __future__ import annotations

import random

import pytest

from benchmarks.community import GROUPS_OF_SESSION, Community, Groups, make_community, times
from benchmarks.node_costs import Layout, costs, highest_rate

SESSIONS = 2000
LAYOUTS = [
    Layout(1),
    Layout(10),
    Layout(10, notify=True),
    Layout(10, on_demand=True),
    Layout(10, on_demand=True, shards=4),
]
EVENING = make_community(SESSIONS)


def test_a_community() -> None:
    """It has the memberships and the messages that it should have, and depends on the seed only."""
    community = make_community(SESSIONS, seed=7, per_hour=36)
    members = sum(each.number * each.online for each in community.groups)
    assert members == pytest.approx(SESSIONS * GROUPS_OF_SESSION, rel=0.1)
    messages = sum(each.number * each.rate for each in community.groups) + community.private
    assert messages == pytest.approx(SESSIONS * 36 / 3600)
    assert community == make_community(SESSIONS, seed=7, per_hour=36)
    assert community != make_community(SESSIONS, seed=8, per_hour=36)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_member_receives_each_message(layout: Layout) -> None:
    """Messages and lines are the same, wherever the sessions are."""
    community = Community(SESSIONS, [Groups(3, 9, 4, 0.5), Groups(1, 900, 300, 2.0)], private=0.25)
    found = costs(community, layout)
    assert found.messages == pytest.approx(3 * 0.5 + 2.0 + 0.25)
    assert found.lines == pytest.approx(3 * 0.5 * 4 + 2.0 * 300 + 0.25 * 2)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_twice_the_messages(layout: Layout) -> None:
    """They cost twice as much, while they are few."""
    none, once, twice = (costs(times(EVENING, factor), layout) for factor in (0, 1e-4, 2e-4))
    for name in ("messages", "lines", "told", "heard", "written", "node", "postgres", "redis"):
        zero, one, two = (getattr(each, name) for each in (none, once, twice))
        assert two - zero == pytest.approx(2 * (one - zero), rel=0.05, abs=1e-12), name


@pytest.mark.parametrize("online", [2, 10, 100])
def test_a_block_goes_to_the_nodes_with_members(online: int) -> None:
    """As many as are counted when sessions are placed at random."""
    nodes, rng = 20, random.Random(online)
    placed = [len({rng.randrange(nodes) for _ in range(online)}) for _ in range(2000)]
    community = Community(SESSIONS, [Groups(1, online, online, 1e-4)], private=0.0)
    quiet = Community(SESSIONS, [Groups(1, online, online, 0.0)], private=0.0)
    layout = Layout(nodes, on_demand=True)
    found, none = costs(community, layout), costs(quiet, layout)
    assert found.told - none.told == pytest.approx(1e-4, rel=0.01)
    assert found.heard - none.heard == pytest.approx(1e-4 * sum(placed) / 2000, rel=0.03)


def test_one_node_has_no_bus() -> None:
    """Nothing is told, heard, or compared."""
    found = costs(EVENING, Layout(1))
    assert (found.told, found.heard, found.redis, found.read) == (0, 0, 0, 0)


def test_shards_divide_the_database_and_not_the_nodes() -> None:
    """Each has a part of the rows; a node writes as many, in smaller commits."""
    one, four = (costs(EVENING, Layout(10, on_demand=True, shards=each)) for each in (1, 4))
    assert one.postgres / 4 < four.postgres < one.postgres
    assert four.node >= one.node
    assert four.lines == one.lines


def test_the_highest_rate_is_where_something_is_full() -> None:
    """There, and no earlier."""
    community = make_community(200)
    layout = Layout(2)
    factor = highest_rate(layout, community) / costs(community, layout).messages
    for part, full in ((0.98, False), (1.02, True)):
        found = costs(times(community, factor * part), layout)
        assert (found.shares[found.limit] > 1) is full


def test_a_quiet_community_costs_only_presence() -> None:
    """No messages, and no lines."""
    found = costs(times(EVENING, 0), Layout(10))
    assert (found.messages, found.lines) == (0, 0)
    assert found.told > 0

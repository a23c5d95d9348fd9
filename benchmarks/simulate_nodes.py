"""``python -m benchmarks.simulate_nodes``: the cost of many nodes, from measured unit costs.

It calculates with expected values, for a random community with a fixed seed. No server is started.
docs/nodes.rst explains the assumptions and the results.
"""

from __future__ import annotations

import argparse

from benchmarks.community import MESSAGES_PER_HOUR, Community, make_community, times
from benchmarks.node_costs import KIB, Layout, costs, highest_rate

LAYOUTS = {
    "as it is, NOTIFY": [Layout(nodes, notify=True) for nodes in (2, 10, 100, 1000)],
    "as it is, Redis": [Layout(nodes) for nodes in (2, 10, 100, 1000)],
    "only own groups and accounts in memory, Redis": [
        Layout(nodes, on_demand=True) for nodes in (10, 100, 1000)
    ],
    "only own groups and accounts in memory, 4 shards": [
        Layout(nodes, on_demand=True, shards=4) for nodes in (10, 100, 1000)
    ],
    "only own groups and accounts in memory, 16 shards": [
        Layout(nodes, on_demand=True, shards=16) for nodes in (10, 100, 1000)
    ],
    "only own groups and accounts in memory, 1 shard, cursors every 30 s": [
        Layout(nodes, on_demand=True, cursor_seconds=30.0) for nodes in (10, 100, 1000)
    ],
}

HEADING = (
    "nodes   told/s    heard/s  written/s     read/s    node  PostgreSQL  Redis  memory"
    "  first limit  at messages/s"
)


def main() -> None:
    """Print a table for each kind of layout."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulate_nodes")
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--per-hour", type=float, default=MESSAGES_PER_HOUR)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    community = make_community(options.sessions, options.seed, options.per_hour)
    count = sum(each.number for each in community.groups)
    large = sum(each.number for each in community.groups if each.online >= 1000)
    small = sum(each.number for each in community.groups if each.online <= 20)
    one = costs(community, Layout(1))
    print(
        f"{options.sessions:,} sessions, {count:,} groups"
        f" ({small / count:.0%} with up to 20 members online, {large:,} with 1,000 or more),"
        f" {one.messages:,.0f} messages/s, {one.lines:,.0f} lines/s"
    )
    for title, layouts in LAYOUTS.items():
        print(f"\n{title}\n{HEADING}")
        for layout in layouts:
            print(_row(community, layout))


def _row(community: Community, layout: Layout) -> str:
    found = costs(community, layout)
    highest = highest_rate(layout, community)
    at = f"{highest:,.0f}" if highest else "none"
    there = costs(times(community, highest / found.messages), layout)
    return (
        f"{layout.nodes:5} {found.told:8,.0f} {found.heard:10,.0f} {found.written:10,.0f}"
        f" {found.read:10,.0f} {found.node:7.2f} {found.postgres:11.2f} {found.redis:6.2f}"
        f" {found.memory / KIB**3:5.2f} G  {there.limit:>11}  {at:>13}"
    )


if __name__ == "__main__":
    main()

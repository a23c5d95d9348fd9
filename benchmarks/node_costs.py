"""The load of a community on nodes, PostgreSQL and Redis, from measured unit costs."""

from __future__ import annotations

from collections.abc import Callable
from math import expm1, log1p
from typing import NamedTuple

from benchmarks.community import GROUPS_OF_SESSION, ONLINE_SHARE, Community, times

__all__ = ["KIB", "Costs", "Layout", "costs", "highest_rate"]

US = 1e-6
KIB = 1024

# Assumptions about logins and memberships.

SESSIONS_PER_HOUR = 0.5
"""Logins per hour for each session, and as many logouts."""

JOINS_PER_HOUR = 0.2
"""Groups that a session joins in an hour."""

REGISTERED = 0.8
"""Share of the sessions that are registered: guests have no cursors."""

SMALL_GROUP = 50
"""Maximum members online in groups that receive presence notices (layout on demand)."""

# Intervals of the server, in seconds.

TICK = 0.004
"""A node combines the messages of a group in this time to one block, and one write a session."""

COMMIT = 0.002
"""A node stores the decisions in this time with one commit."""

PRESENCE_TICK = 0.05
COMPARE_SECONDS = 30.0
RENEW_SECONDS = 2.0
MAX_BATCH = 64

CURSOR_COMMITS = 10
"""Maximum commits per second in which a node moves cursors."""

# Unit costs: processor time in microseconds, measured on the machine of docs/performance.rst.
# Costs are those of a node (N_), of PostgreSQL (P_) or of Redis (R_).

N_MESSAGE, P_MESSAGE = 6.0, 13.5
"""A message, without its share of the commit; with it, 21 to 25 in batches of 64."""

N_COMMIT, P_COMMIT = 80.0, 150.0
"""A commit; a single message with its commit takes about 250 (benchmarks/commits.py)."""

N_CURSOR, P_CURSOR = 30.0, 14.0
"""Moving a cursor, in batches of 100 or more."""

N_TOLD_REDIS, N_HEARD_REDIS, N_DECODE = 14.5, 6.0, 3.5
"""Publishing a block (13 to 16), receiving it (5 to 7), and decoding it (3 to 4)."""

R_BLOCK, R_RECEIVER = 3.5, 1.5
"""A block, and each receiver of it: 0.5 in bursts, 2.7 for single ones; 3.5 to 11 in all."""

N_TOLD_NOTIFY, N_HEARD_NOTIFY = 11.0, 8.0
P_NOTIFY, P_NOTIFY_RECEIVER = 3.25, 1.6
"""A block over NOTIFY, and each receiver of it: 5.5 to 7.5 in all with two listening nodes."""

N_LINE, N_WRITE = 0.4, 11.6
"""A delivered line, and a write to a session, which has one or more lines."""

N_NOTICE = 12.0
"""A received presence notice: 6 on the bus, 5 to decode and store it."""

N_ONLINE_ROW, P_ONLINE_ROW = 10.0, 7.0
N_ONLINE_COMMIT, P_ONLINE_COMMIT = 800.0, 230.0
"""Writes to the table of online users: a row, and a transaction."""

N_NODE, P_NODE = 1.8, 1.3
"""Reading the row of another node, when a lease is renewed."""

N_HEAD, P_HEAD = 3.0, 1.4
"""A changed conversation in a comparison: 4.4 in all."""

P_CHANGED = 15.0
"""Noting a change: new entries in indexes. In busy groups, few messages need it."""

N_REFRESH, P_REFRESH = 6.0, 4.0
"""Reading whether the state of a group, which is not followed, has changed."""

N_CATCH_UP, P_CATCH_UP = 800.0, 500.0
"""Loading a group that a session starts to follow: 1.3 ms in all."""

N_RENEW, P_RENEW = 1500.0, 450.0
"""Renewing a lease, and looking for expired leases."""

# Memory in bytes.

SESSION_BYTES = 8 * KIB
GROUP_BYTES, MEMBER_BYTES, SUMMARY_BYTES = 2.4 * KIB, 200, 1.8 * KIB
ACCOUNT_BYTES, ELSEWHERE_BYTES = 1.4 * KIB, 0.5 * KIB
SERVER_BYTES = 65 * KIB * KIB

# Cores that a node, a PostgreSQL and a Redis can use.

NODE_CORES, POSTGRES_CORES, REDIS_CORES = 1.0, 16.0, 1.0


class Layout(NamedTuple):
    """The number of *nodes*, and of *shards*: databases, each with its own bus.

    A node receives the blocks of the groups that its sessions follow, and has these in memory, but
    of all others a summary, and all accounts. *on_demand*: nothing of other groups and accounts.
    *notify*: the bus is PostgreSQL's NOTIFY, over which all nodes
    receive all blocks, otherwise Redis. Each cursor moves at most once in *cursor_seconds*.
    """

    nodes: int
    on_demand: bool = False
    notify: bool = False
    shards: int = 1
    cursor_seconds: float = 1.0


class Costs(NamedTuple):
    """Events per second, and the cores used by one *node*, one *postgres* and one *redis*."""

    messages: float
    lines: float
    told: float
    heard: float  # by all nodes together
    written: float  # SQL rows
    read: float
    node: float
    postgres: float
    redis: float
    memory: float  # bytes, of one node

    @property
    def shares(self) -> dict[str, float]:
        """Return the used share of the cores of a node, a PostgreSQL and a Redis."""
        return {
            "node": self.node / NODE_CORES,
            "PostgreSQL": self.postgres / POSTGRES_CORES,
            "Redis": self.redis / REDIS_CORES,
        }

    @property
    def limit(self) -> str:
        """Return the part with the largest used share."""
        return max(self.shares, key=self.shares.__getitem__)


def costs(community: Community, layout: Layout) -> Costs:
    """Return the costs of *community* in *layout*."""
    nodes, shards = layout.nodes, layout.shards
    sessions = community.sessions
    followers = _followers(nodes)
    messages, lines, writes = community.private, 2 * community.private, 2 * community.private
    told = heard = cursors = followed = changed = group_bytes = small = in_small = 0.0
    for count, size, online, rate in community.groups:
        at = followers(online)
        followed += count * at
        bytes_of = GROUP_BYTES + MEMBER_BYTES * size
        rest = 0.0 if layout.on_demand else SUMMARY_BYTES
        group_bytes += count * (bytes_of * at + rest * (nodes - at)) / nodes
        if online <= SMALL_GROUP:
            small += count * online * at
            in_small += count * online
        if not rate:
            continue
        messages += count * rate
        lines += count * rate * online
        writes += count * online * -expm1(-rate * TICK) / TICK
        cursors += count * online * -expm1(-rate * layout.cursor_seconds) / layout.cursor_seconds
        blocks = count * at * -expm1(-rate / at * TICK) / TICK
        told += blocks
        heard += blocks * (nodes if layout.notify else at)
        changed += count * (nodes - at) * -expm1(-rate * COMPARE_SECONDS)
    cursors = cursors * REGISTERED + 2 * community.private * REGISTERED
    told += 2 * community.private  # one for each party
    heard += 2 * community.private * (nodes if layout.notify else 1)

    changes = 2 * SESSIONS_PER_HOUR / 3600 * sessions
    joins = JOINS_PER_HOUR / 3600 * sessions
    commits_of_presence = nodes / PRESENCE_TICK * -expm1(-changes / nodes * PRESENCE_TICK)
    notices = min(changes, max(commits_of_presence, changes / 3))
    if layout.on_demand:  # a notice in each small group of the user
        told_presence, heard_presence = changes * in_small / sessions, changes * small / sessions
        if layout.notify:
            heard_presence = told_presence * nodes
        compared, changed = followed, 0.0
    else:
        told_presence, heard_presence = notices, notices * nodes
        heads_moved = sum(
            each.number * -expm1(-each.rate * COMPARE_SECONDS) for each in community.groups
        )
        compared = nodes * (heads_moved + community.private * COMPARE_SECONDS)
    caught_up = changes / 2 * GROUPS_OF_SESSION * _new_share(community, nodes)
    if nodes == 1:
        told = heard = told_presence = heard_presence = compared = caught_up = changed = 0.0
    heads, refreshed = compared / COMPARE_SECONDS, changed / COMPARE_SECONDS

    stored = messages + joins
    deciding = nodes * shards  # each node has a writer for each shard
    commits = max(stored / MAX_BATCH, deciding / COMMIT * -expm1(-stored / deciding * COMMIT))
    if shards > 1:
        commits += joins  # the second shard of each
    cursor_commits = min(cursors, nodes * shards * CURSOR_COMMITS)
    told_all, heard_all = told + told_presence, heard + heard_presence
    renewals = nodes / RENEW_SECONDS * shards
    read_nodes = renewals * nodes if nodes > 1 else 0.0
    n_told = N_TOLD_NOTIFY if layout.notify else N_TOLD_REDIS
    n_heard = N_HEARD_NOTIFY if layout.notify else N_HEARD_REDIS
    in_postgres = (
        (
            stored * (P_MESSAGE + P_CHANGED)
            + (commits + cursor_commits) * P_COMMIT
            + cursors * P_CURSOR
        )
        + (changes * P_ONLINE_ROW + commits_of_presence * P_ONLINE_COMMIT)
        + (read_nodes * P_NODE + heads * P_HEAD + caught_up * P_CATCH_UP)
        + refreshed * P_REFRESH
        + renewals * P_RENEW
    )
    in_nodes = (
        (stored * N_MESSAGE + (commits + cursor_commits) * N_COMMIT + cursors * N_CURSOR)
        + (lines * N_LINE + writes * N_WRITE)
        + (told_all * n_told + heard * (n_heard + N_DECODE) + heard_presence * N_NOTICE)
        + (changes * N_ONLINE_ROW + commits_of_presence * N_ONLINE_COMMIT)
        + (read_nodes * N_NODE + heads * N_HEAD + caught_up * N_CATCH_UP)
        + refreshed * N_REFRESH
        + renewals * N_RENEW
    )
    on_bus = 0.0
    if layout.notify:
        in_postgres += told_all * P_NOTIFY + heard_all * P_NOTIFY_RECEIVER
    else:
        on_bus = told_all * R_BLOCK + heard_all * R_RECEIVER
    memory = SERVER_BYTES + sessions / nodes * SESSION_BYTES + group_bytes
    if layout.on_demand:
        memory += sessions / nodes * ACCOUNT_BYTES
    else:
        memory += sessions / ONLINE_SHARE * ACCOUNT_BYTES
        memory += sessions * (1 - 1 / nodes) * ELSEWHERE_BYTES
    written = stored + cursors + changes + renewals
    read = read_nodes + heads + refreshed + caught_up
    return Costs(
        *(messages, lines, told_all, heard_all, written, read),
        in_nodes / nodes * US,
        in_postgres / shards * US,
        on_bus / shards * US,
        memory,
    )


def _followers(nodes: int) -> Callable[[float], float]:
    """Return a function of a number of sessions: on how many of *nodes* these are, on average."""
    if nodes == 1:
        return lambda online: min(1.0, online)
    empty = log1p(-1 / nodes)  # logarithm of the share of nodes without one session
    return lambda online: nodes * -expm1(online * empty)


def _new_share(community: Community, nodes: int) -> float:
    """Return the share of a new session's groups that its node has not loaded yet."""
    new = all_of_them = 0.0
    for count, _, online, _ in community.groups:
        new += count * online * (1 - 1 / nodes) ** max(online - 1, 0.0)
        all_of_them += count * online
    return new / all_of_them


def highest_rate(layout: Layout, community: Community) -> float:
    """Return the messages per second at which the first limit is reached; 0 if it always is."""

    def fits(factor: float) -> bool:
        found = costs(times(community, factor), layout)
        return found.shares[found.limit] <= 1

    if not fits(0):
        return 0.0
    low, high = 0.0, 1.0
    while fits(high) and high < 2**30:
        low, high = high, high * 2
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low * costs(community, layout).messages

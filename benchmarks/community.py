"""A random community for `benchmarks.simulate_nodes`: groups, their sizes and message rates."""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import log
from typing import NamedTuple

__all__ = [
    "GROUPS_OF_SESSION",
    "MESSAGES_PER_HOUR",
    "ONLINE_SHARE",
    "Community",
    "Groups",
    "make_community",
    "times",
]

# Assumptions about the community.

ONLINE_SHARE = 1 / 3
"""Share of accounts, and of the members of a group, that are online."""

GROUPS_OF_SESSION = 8
"""Mean number of groups of a session."""

SIZE_MIN, SIZE_MAX, SIZE_EXPONENT = 3, 20_000, 1.2
"""A group has at least x members with the probability (SIZE_MIN / x) ** SIZE_EXPONENT."""

MESSAGES_PER_HOUR = 12.0
"""Messages that a session sends in an hour."""

ZIPF_EXPONENT = 1.0
"""The k-th busiest group has a share of the messages proportional to 1 / k ** ZIPF_EXPONENT."""

GROUP_MAX_RATE = 5.0
"""Maximum messages per second in a group: people cannot read more.

Messages above it are distributed among the other groups.
"""

BUSY_SPREAD = 1.5
"""Sigma of the log-normal factor between the size of a group and its rank by messages."""

PRIVATE_SHARE = 0.2
"""Share of the messages that are private."""

NEVER = -(10**9)
"""The class of groups without messages: see `_class`."""


class Groups(NamedTuple):
    """A class of *number* similar groups, with the means of their figures.

    Each has *size* members, of whom *online* are online, and *rate* messages per second.
    """

    number: int
    size: float
    online: float
    rate: float


class Community(NamedTuple):
    """A number of *sessions*, each of another account, their *groups*, and *private* messages/s."""

    sessions: int
    groups: Sequence[Groups]
    private: float


def make_community(sessions: int, seed: int = 1, per_hour: float = MESSAGES_PER_HOUR) -> Community:
    """Return a random community of *sessions*, each of which sends *per_hour* messages an hour."""
    rng = random.Random(seed)
    sizes: list[tuple[int, int]] = []
    missing = sessions * GROUPS_OF_SESSION
    while missing > 0:
        size = SIZE_MAX + 1
        while size > SIZE_MAX:
            size = int(SIZE_MIN * (1 - rng.random()) ** (-1 / SIZE_EXPONENT))
        spread = (size * ONLINE_SHARE * (1 - ONLINE_SHARE)) ** 0.5
        online = round(rng.gauss(size * ONLINE_SHARE, spread))
        online = min(max(online, 0), size, sessions)
        sizes.append((size, online))
        missing -= online
    busy = [online * rng.lognormvariate(0, BUSY_SPREAD) for _, online in sizes]
    order = sorted(range(len(sizes)), key=busy.__getitem__, reverse=True)
    inhabited = sum(online > 0 for _, online in sizes)
    total = sessions * per_hour / 3600
    rates = _zipf(total * (1 - PRIVATE_SHARE), inhabited)
    alike: dict[tuple[int, int], list[tuple[int, int, float]]] = {}
    for rank, nth in enumerate(order):
        size, online = sizes[nth]
        rate = rates[rank] if rank < inhabited else 0.0
        kind = online if online < 20 else _class(online), _class(rate) if rate else NEVER
        alike.setdefault(kind, []).append((size, online, rate))
    groups = [
        Groups(len(each), *(sum(column) / len(each) for column in zip(*each, strict=True)))
        for each in alike.values()
    ]
    return Community(sessions, groups, total * PRIVATE_SHARE)


def _class(figure: float) -> int:
    """Return the number of a class; figures in a class differ by at most 10 %."""
    return round(log(figure) / log(1.1))


def _zipf(total: float, count: int) -> list[float]:
    """Return *count* rates with the sum *total*, by Zipf's law, at most GROUP_MAX_RATE each.

    If *total* is too large for that, all rates are equal.
    """
    if total >= count * GROUP_MAX_RATE:
        return [total / count] * count
    weights = [rank**-ZIPF_EXPONENT for rank in range(1, count + 1)]
    capped, rest = 0, sum(weights)
    scale = total / rest
    while weights[capped] * scale > GROUP_MAX_RATE:
        rest -= weights[capped]
        capped += 1
        scale = (total - capped * GROUP_MAX_RATE) / rest
    return [GROUP_MAX_RATE] * capped + [weight * scale for weight in weights[capped:]]


def times(community: Community, factor: float) -> Community:
    """Return *community* with *factor* times the messages."""
    groups = [each._replace(rate=each.rate * factor) for each in community.groups]
    return Community(community.sessions, groups, community.private * factor)

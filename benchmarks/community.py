"""A community for `benchmarks.simulate_nodes`: its groups, and how busy they are."""

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
"""Share of the accounts, and of the members of a group, who are online."""

GROUPS_OF_SESSION = 8
"""Mean number of groups of a session."""

SIZE_MIN, SIZE_MAX, SIZE_EXPONENT = 3, 20_000, 1.2
"""A group has at least x members with the probability (SIZE_MIN / x) ** SIZE_EXPONENT."""

MESSAGES_PER_HOUR = 12.0
"""Messages that a session sends in an hour."""

ZIPF_EXPONENT = 1.0
"""The k-th busiest group gets a part of the messages in proportion to 1 / k ** ZIPF_EXPONENT."""

GROUP_MAX_RATE = 5.0
"""Maximum messages per second in a group: nobody can read more. Others get the rest."""

BUSY_SPREAD = 1.5
"""How little the size says about how busy a group is: sigma of a log-normal factor."""

PRIVATE_SHARE = 0.2
"""Share of the messages that are private."""

NEVER = -(10**9)
"""The class of the rate 0."""


class Groups(NamedTuple):
    """So many groups (*number*) that are alike, with the means of their figures.

    Each has *size* members, *online* of whom are, and *rate* messages per second.
    """

    number: int
    size: float
    online: float
    rate: float


class Community(NamedTuple):
    """The *groups* of *sessions* (one an account), who send *private* messages per second."""

    sessions: int
    groups: Sequence[Groups]
    private: float


def make_community(sessions: int, seed: int = 1, per_hour: float = MESSAGES_PER_HOUR) -> Community:
    """Return a community of *sessions* that send *per_hour* messages each."""
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
    """Return the same number for figures that differ by up to 10 %."""
    return round(log(figure) / log(1.1))


def _zipf(total: float, count: int) -> list[float]:
    """Return *count* rates whose sum is *total*, falling by Zipf, none above GROUP_MAX_RATE.

    If *total* is too much for that, all rates are the same.
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

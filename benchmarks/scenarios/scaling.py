"""`slopes`: what a line costs when there is ten and a hundred times as much of something.

The same load on the same group of people, beside more groups, more members who are offline, or more
entries on the disk; and the same load on larger groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.large_state import BEGAN, founded
from benchmarks.load import Sample
from benchmarks.options import Options
from benchmarks.protocols import GROUP
from benchmarks.report import Result
from benchmarks.scenarios.one_group import Gathering, measure_on
from benchmarks.users import names
from pyconchat.domain.decisions import Decision, NewEntry, SaveAccount
from pyconchat.domain.events import Message
from pyconchat.domain.group import Actor
from pyconchat.domain.names import Name
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore

__all__ = ["slopes"]

ONLINE = 50
SENDERS = 10
UNDER_WAY = 64
TIMES = (1, 10, 100)

FLAT = 0.1
"""The steepest slope that still counts as none."""

_BATCH = 10_000
_TEXT = "what was said some time ago, in sixty-four bytes like the rest."


@dataclass(frozen=True)
class _World:
    """What there is on the disk: other *groups*, and members and *entries* of the group itself."""

    groups: int = 10
    offline: int = 10
    entries: int = 1_000


def slopes(options: Options) -> list[Result]:
    """Measure the server's work, and print how it grows: with which power of the number."""
    return [
        _slope(options, "groups beside it", lambda times: _World(groups=10 * times)),
        _slope(options, "members offline", lambda times: _World(offline=10 * times)),
        _slope(options, "entries stored", lambda times: _World(entries=1_000 * times)),
        _deliveries(options),
    ]


def _slope(options: Options, what: str, world: Callable[[int], _World]) -> Result:
    """Measure the work per line, which should not grow at all."""
    result = Result("slopes", f"slopes: work per line, by {what}", what=what, members=ONLINE)
    for _ in range(options.runs):
        works = []
        for times in TIMES:
            sample = _measured(options, world(times), ONLINE)
            works.append(sample.usage.server * sample.usage.seconds / sample.lines)
            result.note(f"with x {times}", "us a line", works[-1] * 1e6)
        result.note("slope", "(0: none)", _exponent(TIMES, works), most=FLAT)
    return result


def _deliveries(options: Options) -> Result:
    """Measure the work per message, which should grow with the members and no faster."""
    result = Result("slopes", "slopes: work per message, by members online", what="members online")
    sizes = [2 * SENDERS * times for times in TIMES]
    for _ in range(options.runs):
        works = []
        for members in sizes:
            sample = _measured(options, _World(), members)
            works.append(sample.usage.server * sample.usage.seconds / sample.messages)
            result.note(f"{members:,} members", "us a message", works[-1] * 1e6)
        result.note("slope", "(1: linear)", _exponent(sizes, works), most=1 + FLAT)
    return result


def _measured(options: Options, world: _World, members: int) -> Sample:
    with TemporaryDirectory(prefix="world-", dir=options.folder) as folder:
        state = Path(folder).resolve() / "state"
        _settle(state, world)
        [sample] = measure_on(options, state, Gathering(members, SENDERS), [UNDER_WAY])
        return sample


def _settle(state: Path, world: _World) -> None:
    """Make the group, with members who are not there, and all the rest."""
    store = SqlStore(f"sqlite:///{state / 'pyconchat.db'}", "normal")
    store.open()
    people = [Actor(Name(name)) for name in names("away", world.offline)]
    writes = [SaveAccount(each.name, "no hash: they do not come") for each in people]
    store.commit([Decision(BEGAN, writes=writes)])
    for nth, name in enumerate([GROUP, *names("beside-", world.groups)]):
        group, entries = founded(nth, Name(name), people if name == GROUP else people[:2])
        store.commit([Decision(BEGAN, entries)])
        if name == GROUP:
            said = NewEntry(group.id, Message(people[0].name, SafeText(_TEXT)))
            messages = repeat(Decision(BEGAN, [said]), world.entries)
            while batch := list(islice(messages, _BATCH)):
                store.commit(batch)
    while store.behind:
        store.index(_BATCH)
    store.close()


def _exponent(numbers: Sequence[float], works: Sequence[float]) -> float:
    """Return the power of the number with which the work grows (least squares of logarithms)."""
    xs, ys = [math.log(each) for each in numbers], [math.log(each) for each in works]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    covariance = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return covariance / sum((x - mean_x) ** 2 for x in xs)

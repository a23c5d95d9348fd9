"""`scaling`: how the cost of a message grows with the size of the state.

The same load on the same group: with 10 and 100 times as many other groups, offline members, or
stored entries. And the same load on larger groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.large_state import START_MS, new_group
from benchmarks.load import Sample
from benchmarks.options import Options
from benchmarks.protocols import GROUP
from benchmarks.report import Result
from benchmarks.scenarios.one_group import GroupSize, measure_on
from benchmarks.users import names
from pyconchat.domain.decisions import Decision, NewEntry, Register
from pyconchat.domain.events import Message
from pyconchat.domain.group import Actor
from pyconchat.domain.names import Name
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore

__all__ = ["scaling"]

ONLINE = 50
SENDERS = 10
IN_FLIGHT = 64
FACTORS = (1, 10, 100)

MAX_EXCESS = 0.1
"""Maximum by which an exponent may exceed the expected one: 0 for constant, 1 for linear cost."""

_BATCH = 10_000
_TEXT = "An old message as long as those of the load, which are 64 bytes."


@dataclass(frozen=True)
class _StateSize:
    """The numbers of other *groups*, and of *offline* members and *entries* of the loaded group."""

    groups: int = 10
    offline: int = 10
    entries: int = 1_000


def scaling(options: Options) -> list[Result]:
    """Measure the server's processor time, and the exponent with which it grows."""
    return [
        _by_state(options, "other groups", lambda factor: _StateSize(groups=10 * factor)),
        _by_state(options, "offline members", lambda factor: _StateSize(offline=10 * factor)),
        _by_state(options, "stored entries", lambda factor: _StateSize(entries=1_000 * factor)),
        _by_members(options),
    ]


def _by_state(options: Options, what: str, size: Callable[[int], _StateSize]) -> Result:
    """Measure the time per line, which should be constant."""
    result = Result("scaling", f"scaling: time per line, by {what}", what=what, members=ONLINE)
    for _ in range(options.runs):
        times = []
        for factor in FACTORS:
            sample = _measure(options, size(factor), ONLINE)
            times.append(sample.usage.server * sample.usage.seconds / sample.lines)
            result.add(f"x {factor}", "us per line", times[-1] * 1e6)
        exponent = _exponent(FACTORS, times)
        result.add("exponent", "(0: constant)", exponent, maximum=MAX_EXCESS)
    return result


def _by_members(options: Options) -> Result:
    """Measure the time per message, which should be at most linear in the online members."""
    what = "online members"
    result = Result("scaling", f"scaling: time per message, by {what}", what=what)
    sizes = [2 * SENDERS * factor for factor in FACTORS]
    for _ in range(options.runs):
        times = []
        for members in sizes:
            sample = _measure(options, _StateSize(), members)
            times.append(sample.usage.server * sample.usage.seconds / sample.messages)
            result.add(f"{members:,} members", "us per message", times[-1] * 1e6)
        exponent = _exponent(sizes, times)
        result.add("exponent", "(1: linear)", exponent, maximum=1 + MAX_EXCESS)
    return result


def _measure(options: Options, size: _StateSize, members: int) -> Sample:
    with TemporaryDirectory(prefix="scaling-", dir=options.folder) as folder:
        state = Path(folder).resolve() / "state"
        _create_state(state, size)
        [sample] = measure_on(options, state, GroupSize(members, SENDERS), [IN_FLIGHT])
        return sample


def _create_state(state: Path, size: _StateSize) -> None:
    """Create a state folder with the loaded group, its offline members, and everything else."""
    store = SqlStore(f"sqlite:///{state / 'pyconchat.db'}", "normal")
    store.open()
    offline = [Actor(Name(name)) for name in names("away", size.offline)]
    writes = [Register(each.name, "no hash: nobody logs in") for each in offline]
    store.commit([Decision(START_MS, writes=writes)])
    for nth, name in enumerate([GROUP, *names("other-", size.groups)]):
        group, entries = new_group(nth, Name(name), offline if name == GROUP else offline[:2])
        store.commit([Decision(START_MS, entries)])
        if name == GROUP:
            entry = NewEntry(group.id, Message(offline[0].name, SafeText(_TEXT)))
            messages = repeat(Decision(START_MS, [entry]), size.entries)
            while batch := list(islice(messages, _BATCH)):
                store.commit(batch)
    while store.behind:
        store.index(_BATCH)
    store.close()


def _exponent(numbers: Sequence[float], times: Sequence[float]) -> float:
    """Return the e for which the times fit numbers**e best (least squares of the logarithms)."""
    xs, ys = [math.log(each) for each in numbers], [math.log(each) for each in times]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    covariance = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return covariance / sum((x - mean_x) ** 2 for x in xs)

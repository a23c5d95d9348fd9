"""The lines of the statistics of the server."""

from __future__ import annotations

from pyconchat.domain.replies import Durations, Stats
from pyconchat.domain.text import in_bytes
from pyconchat.render.words import age, counted

__all__ = ["stats_lines"]


def stats_lines(stats: Stats) -> list[str]:
    """Return the lines of *stats*."""
    lines = [
        f"PyconChat {stats.version}, up for {age(int(stats.uptime * 1000))},"
        f" with {in_bytes(stats.memory)} of memory.",
        f"{counted(stats.sessions, 'session')} of {counted(stats.accounts, 'person', 'people')},"
        f" {counted(stats.groups, 'group')}, {counted(stats.connections, 'connection')},"
        f" {stats.strangers} of them not logged in.",
        f"{counted(stats.messages, 'message')} delivered {counted(stats.deliveries, 'time')};"
        f" {counted(stats.entries, 'entry', 'entries')} stored, {stats.not_saved} not saved.",
        f"Waiting: {counted(stats.waiting, 'decision')} to be stored,"
        f" {counted(stats.hashing, 'password')} to be checked, {in_bytes(stats.unsent)} to be"
        " sent.",
        f"{counted(stats.commits.count, 'commit')}: {_spread(stats.commits)}.",
        f"Reactor lag: {_spread(stats.lag)}.",
    ]
    for what, causes in (("Dropped", stats.dropped), ("Turned away", stats.turned_away)):
        if causes:
            lines.append(f"{what}: {', '.join(f'{each.count} {each.cause}' for each in causes)}.")
    return lines


def _spread(durations: Durations) -> str:
    return (
        f"p50 {_milliseconds(durations.p50)}, p99 {_milliseconds(durations.p99)},"
        f" longest {_milliseconds(durations.longest)}"
    )


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms"

"""The lines about people: the people online, and the description of one."""

from __future__ import annotations

from pyconchat.domain.replies import PeopleOnline, PersonIs, PersonLine
from pyconchat.domain.times import day, day_and_time
from pyconchat.render.words import age, away_notes, bracketed, more_lines, with_part

__all__ = ["online_lines", "person_lines"]

SHOWN_IDLE = 60
"""Seconds without a line after which a person is displayed as idle."""


def online_lines(reply: PeopleOnline) -> list[str]:
    """Return the lines about the people who are online."""
    return [
        f"Online{with_part(reply.part)}: {len(reply.people) + reply.more}",
        *map(_person, reply.people),
        *more_lines(reply.more, reply.next),
    ]


def person_lines(person: PersonIs) -> list[str]:
    """Return the lines about who *person* is."""
    seen = "" if person.seen is None else f", last seen {day_and_time(person.seen, person.now)}"
    idle = person.idle or 0
    registered = "" if person.since is None else f" since {day(person.since)}"
    more = f" and {person.more:,} more" if person.more else ""
    said = [
        "online" if person.online else f"offline{seen}",
        *([f"idle for {age(idle * 1000)}"] if idle >= SHOWN_IDLE else []),
        "a guest" if person.guest else f"registered{registered}",
        *(["an operator"] if person.operator else []),
        *([f"with you in {', '.join(person.groups)}{more}"] if person.groups else []),
    ]
    lines = [f"{person.name} is {', '.join(said)}."]
    if person.away is not None and person.away_since is not None:
        because = f": {person.away}" if person.away else "."
        since = day_and_time(person.away_since, person.now)
        lines.append(f"{person.name} is away since {since}{because}")
    return lines


def _person(person: PersonLine) -> str:
    notes = [
        *(["operator"] if person.operator else []),
        *(["guest"] if person.guest else []),
        *away_notes(person.away),
        *([f"in {', '.join(person.groups)}"] if person.groups else []),
    ]
    return f"  {person.name}{bracketed('; '.join(notes))}"

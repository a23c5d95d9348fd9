"""LineFormatter: a line wherever the day changes."""

from __future__ import annotations

from pyconchat.client.lines import LineFormatter
from tests.client.examples import answer
from tests.client.fakes import message
from tests.client.formatters import SetZone, texts


def test_day_lines(formatter: LineFormatter) -> None:
    """One before the first entry of each day, except for today's, if it is the first of all."""
    days = ["2026-11-21T09:30:00Z", "2026-11-21T23:59:59Z", "2026-11-22T00:00:00Z"]
    lines = [
        text
        for at in [*days, days[-1]]
        for text in texts(formatter.event(message(1, "hi", at=at), "tea", live=True))
    ]
    assert lines == [
        "09:30 bob: hi",
        "23:59 bob: hi",
        "- Sunday, 22 November 2026 -",
        "00:00 bob: hi",
        "00:00 bob: hi",
    ]


def test_day_lines_of_missed_messages(formatter: LineFormatter) -> None:
    """Entries of earlier days have a day line, and so have today's after them."""
    lines = [
        text
        for at in ("2026-11-19T10:00:00Z", "2026-11-21T10:00:00Z")
        for text in texts(formatter.event(message(1, "hi", at=at), "tea", live=False))
    ]
    assert [line for line in lines if line.startswith("-")] == [
        "- Thursday, 19 November 2026 -",
        "- Saturday, 21 November 2026 -",
    ]


def test_days_begin_in_the_local_zone(formatter: LineFormatter, set_zone: SetZone) -> None:
    """A day begins at the reader's midnight."""
    set_zone("Europe/Berlin")
    texts(formatter.event(message(1, "hi", at="2026-11-21T22:59:00Z"), "tea", live=True))
    lines = texts(formatter.event(message(1, "hi", at="2026-11-21T23:00:00Z"), "tea", live=True))
    assert lines == ["- Sunday, 22 November 2026 -", "00:00 bob: hi"]


def test_days_in_another_zone(formatter: LineFormatter, set_zone: SetZone) -> None:
    """The line of a day in summer, read in winter, has the name of the zone."""
    set_zone("Europe/Berlin")
    old = [message(1, "a", at="2026-07-03T10:00:00Z"), message(2, "b", at="2026-11-01T10:00:00Z")]
    shown = texts(formatter.answer(answer("history", group="tea", entries=old), "tea"))
    assert shown == [
        "- Friday, 3 July 2026, CEST -",
        "12:00 #1 bob: a",
        "- Sunday, 1 November 2026 -",
        "11:00 #2 bob: b",
    ]


def test_day_lines_of_the_history(formatter: LineFormatter) -> None:
    """Looking at the history does not change the day of the last line."""
    texts(formatter.event(message(1, "hi"), "tea", live=True))
    old = [
        message(1, "old", at="2026-11-01T10:00:00Z"),
        message(2, "older", at="2026-11-02T10:00:00Z"),
    ]
    shown = texts(formatter.answer(answer("history", group="tea", entries=old), "tea"))
    assert shown == [
        "- Sunday, 1 November 2026 -",
        "10:00 #1 bob: old",
        "- Monday, 2 November 2026 -",
        "10:00 #2 bob: older",
    ]
    assert texts(formatter.event(message(3, "new"), "tea", live=True)) == ["09:30 bob: new"]

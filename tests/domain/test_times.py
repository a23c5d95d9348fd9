"""Times in lines for people."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from pyconchat.domain.times import date_and_time, day_and_time

pytestmark = pytest.mark.usefixtures("utc")


def at(year: int, month: int, day: int) -> int:
    """Return 18:02 of a day in milliseconds since the epoch."""
    return int(datetime(year, month, day, 18, 2, tzinfo=UTC).timestamp() * 1000)


NOW = at(2026, 11, 27)


def test_the_year_is_shown_if_it_is_not_this_one() -> None:
    """So that a line of a year ago is not taken for one of today."""
    assert date_and_time(at(2026, 11, 26), NOW) == "Nov 26 18:02"
    assert date_and_time(at(2025, 11, 26), NOW) == "Nov 26 2025 18:02"
    assert date_and_time(at(2027, 1, 1), NOW) == "Jan 1 2027 18:02"


@pytest.mark.parametrize(
    ("then", "shown"),
    [
        (NOW, "Fri 18:02"),
        (at(2026, 11, 24), "Tue 18:02"),
        (at(2026, 11, 20), "Nov 20 18:02"),
        (at(2025, 11, 24), "Nov 24 2025 18:02"),
        (at(2026, 11, 28), "Nov 28 18:02"),
    ],
)
def test_the_day_of_the_week(then: int, shown: str) -> None:
    """Only for the last days: a week ago was the same day."""
    assert day_and_time(then, NOW) == shown


def test_the_zone_is_shown_if_it_is_not_that_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time of the summer, in the winter, and in the week after the change of the clocks."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()  # the fixture `utc` resets it
    assert date_and_time(at(2026, 11, 26), NOW) == "Nov 26 19:02"
    assert date_and_time(at(2026, 7, 3), NOW) == "Jul 3 20:02 CEST"
    assert date_and_time(at(2025, 7, 3), NOW) == "Jul 3 2025 20:02 CEST"
    assert day_and_time(at(2026, 10, 24), at(2026, 10, 26)) == "Sat 20:02 CEST"

"""ClientSession: the line for a new day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from tests.client.fakes import (
    message,
)
from tests.client.people import NOON, MakeSession


def test_midnight(make_session: MakeSession) -> None:
    """A line for the new day is shown at midnight, once a day."""
    me = make_session().enters("tea")
    me.server.sends(message(1, "hi"))
    me.sees()
    shown: list[tuple[float, str]] = []
    while me.clock.seconds() < 40 * 3600:
        me.clock.advance(30)
        for ping in me.server.receives():
            me.server.answers(ping)
        shown += [(me.clock.seconds(), line) for line in me.sees()]
    assert [line for _, line in shown] == [
        "- Sunday, 22 November 2026 -",
        "- Monday, 23 November 2026 -",
    ]
    assert shown[0][0] - 12 * 3600 <= 60
    assert shown[1][0] - 36 * 3600 <= 60


def test_midnight_is_exact(make_session: MakeSession) -> None:
    """The line is shown within a second."""
    me = make_session()
    me.started = NOON + 12 * 3600 - 30
    me.enters("tea")
    me.server.sends(message(1, "hi"))
    me.sees()
    me.clock.advance(29)
    assert me.sees() == []
    me.clock.advance(2)
    assert me.sees() == ["- Sunday, 22 November 2026 -"]


@pytest.mark.parametrize(
    ("zone", "noon", "hours"),
    [
        ("Europe/Berlin", "2026-03-28T11:00:00Z", [12, 35]),
        ("Europe/Berlin", "2026-10-24T10:00:00Z", [12, 37]),
        ("America/Santiago", "2026-09-05T16:00:00Z", [12, 35]),  # 24:00 is 1:00
        ("America/Santiago", "2026-04-04T15:00:00Z", [13, 37]),  # 24:00 is 23:00
    ],
)
def test_midnight_when_the_clocks_change(
    make_session: MakeSession,
    set_zone: Callable[[str], None],
    zone: str,
    noon: str,
    hours: list[int],
) -> None:
    """Each line is shown once, at the reader's midnight, however long the day was."""
    me = make_session()
    set_zone(zone)
    me.started = datetime.fromisoformat(noon).timestamp()
    me.enters("tea")
    me.server.sends(message(1, "hi", at=noon))
    me.sees()
    shown: list[float] = []
    while me.clock.seconds() < 40 * 3600:
        me.clock.advance(30)
        for ping in me.server.receives():
            me.server.answers(ping)
        shown += [me.clock.seconds() for line in me.sees() if line.startswith("- ")]
    assert [each // 3600 for each in shown] == hours
    assert all(each % 3600 <= 60 for each in shown)


def test_midnight_during_sleep(make_session: MakeSession) -> None:
    """A clock that has jumped over midnight is noticed within a minute."""
    me = make_session().enters("tea")
    me.server.sends(message(1, "hi"))
    me.sees()
    me.started += 14 * 3600
    me.clock.advance(1)
    me.clock.advance(60)
    assert me.sees() == ["- Sunday, 22 November 2026 -"]

"""Times in the zone of the reader."""

from __future__ import annotations

import pytest

from pyconchat.domain.names import Name
from pyconchat.domain.replies import FileLine, Files, Where
from pyconchat.domain.settings import Settings
from pyconchat.domain.text import SafeText
from pyconchat.render.terminal import TerminalRenderer
from pyconchat.render.text import TextRenderer
from pyconchat.render.zones import renderer_in_zone

NOON = 1_785_326_400_000  # 2026-07-29 12:00 UTC
FILES = Files(
    Where(Name("tea")), (FileLine(1, SafeText("a"), 1, "", Name("bob"), NOON),), 0, SafeText("")
)


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Asia/Tokyo", "2026-07-29 21:00"),
        ("America/New_York", "2026-07-29 08:00"),
        ("Pacific/Kiritimati", "2026-07-30 02:00"),
        ("UTC", "2026-07-29 12:00"),
    ],
)
def test_lists(zone: str, shown: str) -> None:
    """Their times are in the zone; afterwards all is as before."""
    plain = TextRenderer("\n")
    before = plain.reply(FILES)
    assert shown.encode() in renderer_in_zone(plain, zone).reply(FILES)
    assert plain.reply(FILES) == before


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "Nowhere/Town",
            "../../etc/passwd",
            "/etc/localtime",
            "Asia",
            "zone.tab",
            "tzdata.zi",
        ),
        *(
            "Europe/../Asia/Tokyo",
            "a" * 40,
            "Europe/Berlin\0",
            "Ünknown",
            "UTC/",
            ":UTC",
            "EST5EDT,M3",
        ),
    ],
)
def test_what_is_no_zone(name: str) -> None:
    """It is ignored."""
    plain = TextRenderer("\n")
    assert renderer_in_zone(plain, name) is plain


def test_one_renderer_for_a_zone_and_a_style() -> None:
    """What is written to all readers of one is rendered once."""
    terminal = TerminalRenderer(False)
    tokyo = renderer_in_zone(terminal, "Asia/Tokyo")
    assert renderer_in_zone(terminal, "Asia/Tokyo") is tokyo
    assert renderer_in_zone(terminal, "Asia/Seoul") is not tokyo
    assert tokyo.styled(Settings()) is tokyo
    joins = Settings(joins=not Settings().joins)
    assert tokyo.styled(joins) is tokyo.styled(joins) is not tokyo

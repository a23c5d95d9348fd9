"""NameColours: people of one group have different colours."""

from __future__ import annotations

from pyconchat.client.name_colours import MAX_PEOPLE, MAX_PLACES, NAME_COLOURS, NameColours


def test_people_of_a_group_have_different_colours() -> None:
    """For any names, if there are as many colours as people."""
    for first in range(50):
        colours = NameColours()
        people = [f"person{first}-{number}" for number in range(NAME_COLOURS)]
        assert len({colours.of(name, "tea") for name in people}) == NAME_COLOURS
        assert [colours.of(name.upper(), "tea") for name in people] == [
            colours.of(name, "tea") for name in people
        ]


def test_more_people_than_colours() -> None:
    """The colours are shared evenly."""
    colours = NameColours()
    chosen = [colours.of(f"p{number}", "tea") for number in range(NAME_COLOURS * 3)]
    assert {chosen.count(colour) for colour in range(NAME_COLOURS)} == {3}


def test_the_memory_is_bounded() -> None:
    """A server could name any number of groups and people."""
    colours = NameColours()
    for number in range(MAX_PEOPLE + 10):
        colours.of(f"p{number}", "tea")
    for number in range(MAX_PLACES + 10):
        colours.of("bob", number)
    assert len(colours._places) <= MAX_PLACES
    assert all(len(each) <= MAX_PEOPLE for each in colours._places.values())

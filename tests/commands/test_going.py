"""``/go``: another of one's places becomes the current one."""

from __future__ import annotations

from tests.support.groups import Tea, Visit

NOTHING_NEW = "* There is nothing new elsewhere. /go GROUP enters a group."


def test_by_name_and_number(tea: Tea) -> None:
    """Of a group that one is in; what is typed next is said there."""
    tea.bob.types("/create cups open")
    assert tea.bob.types("/go tea")[0].startswith("* You are in tea")
    assert tea.bob.types("/go 2")[0].startswith("* You are in cups")
    tea.bob.types("/desk")
    assert tea.bob.types("go TEA")[0].startswith("* You are in tea")
    tea.bob.types("hello")
    assert "bob: hello" in tea.alice.sees()


def test_a_private_conversation(tea: Tea) -> None:
    """With an @ before the name."""
    tea.alice.types("/go @bob")
    tea.alice.types("psst")
    assert any("psst" in line for line in tea.bob.sees())
    assert "psst" not in "".join(tea.carol.sees())


def test_a_group_of_others(tea: Tea, visit: Visit) -> None:
    """Nobody gets into it that way, and no group is created."""
    dan = visit("dan", "password d")
    assert dan.types("/go tea") == ["* You are not a member of tea: /join tea first."]
    (refused,) = dan.types("/go nowhere")
    assert "There is no group of that name" in refused
    assert tea.alice.sees() == []


def test_the_next_with_something_unread(tea: Tea) -> None:
    """In the order of the groups, after the current one."""
    for name in ("cups", "pots"):
        tea.alice.types(f"/create {name} open")
        tea.bob.types(f"/join {name}", f"/mute {name}")
    tea.bob.types("/desk")
    assert tea.bob.types("/go") == [NOTHING_NEW]
    tea.alice.types("/go cups", "one", "/go pots", "two")
    tea.bob.types("/go pots", "/desk")
    assert tea.bob.types("/go")[0].startswith("* You are in cups")
    assert tea.bob.types("/go") == [NOTHING_NEW]

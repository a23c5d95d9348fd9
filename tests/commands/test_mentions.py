"""Mentions: marked and counted for the mentioned members, and listed by ``/mentions``."""

from __future__ import annotations

import re

import pytest
from twisted.internet.task import Clock

from pyconchat.commands.mentions import DEFAULT
from pyconchat.domain.accounts import MAX_GUEST_MENTIONS
from pyconchat.testing import TestUser, make_chat
from tests.support.groups import Tea, Visit


def messages(lines: list[str]) -> list[str]:
    """Return those of *lines* that are entries of the log, without their time."""
    return [line.split("] ", 1)[1] for line in lines if line.startswith("[")]


def test_a_mention_is_marked_for_whom_it_names(tea: Tea) -> None:
    """Only for the mentioned member, in upper or lower case and beside punctuation."""
    tea.alice.types("hi all", "Bob: tea?", "/me pours for @bob", "hello 你好carol")
    assert tea.bob.sees() == [
        "alice: hi all",
        "» alice: Bob: tea?",
        "» ~ alice pours for @bob",
        "alice: hello 你好carol",
    ]
    assert tea.carol.sees()[1:] == [
        "alice: Bob: tea?",
        "~ alice pours for @bob",
        "» alice: hello 你好carol",
    ]


def test_a_mention_in_one_tick_with_others(tea: Tea) -> None:
    """Each line is shown once, in order; the author has no echo."""
    for line in ("one", "two bob", "three"):
        tea.alice.session.line(line)
    tea.bob.session.line("four")
    assert tea.bob.sees() == ["alice: one", "» alice: two bob", "alice: three"]
    assert tea.alice.sees() == ["bob: four"]


def test_the_mark_follows_the_time(tea: Tea) -> None:
    """With both settings: bell, time, mark."""
    tea.bob.types("/set times on", "/set bell on")
    tea.alice.types("bob?", "well", "/msg bob psst")
    mention, other, private = tea.bob.sees()
    assert re.fullmatch(r"\a\d\d:\d\d » alice: bob\?", mention)
    assert re.fullmatch(r"\d\d:\d\d alice: well", other)
    assert re.fullmatch(r"\a\d\d:\d\d alice \(private\): psst", private)


def test_the_bell_rings_only_if_it_is_on(tea: Tea, visit: Visit) -> None:
    """Not for missed messages, or the reader's own from another device."""
    tea.alice.types("bob")
    assert "\a" not in "".join(tea.bob.sees())
    tea.bob.types("/set bell on")
    visit("bob", "password b").types("/msg alice hi", "/join tea", "bob bob")
    assert "\a" not in "".join(tea.bob.sees())
    tea.bob.leaves()
    tea.alice.types("bob")


def test_mentions_among_what_was_missed(tea: Tea, visit: Visit) -> None:
    """They are marked and counted."""
    tea.bob.leaves()
    tea.alice.types("one", "two, bob", "three")
    heading, *lines = visit("bob", "password b").sees()
    assert heading.startswith("* — 3 new in tea, 1 for you, since ")
    assert messages(lines) == [
        "alice (in tea): one",
        "» alice (in tea): two, bob",
        "alice (in tea): three",
    ]
    visit("bob", "password b").leaves()


def test_the_list_of_mentions(tea: Tea, visit: Visit, clock: Clock) -> None:
    """From the log, in all groups that one is still in, also after a restart."""
    tea.alice.types("/create vault open")
    tea.bob.types("/join vault")
    tea.alice.types("bob in vault", "/join tea", "bob in tea", "nobody")
    expected = ["alice (in vault): bob in vault", "alice (in tea): bob in tea"]
    assert messages(tea.bob.types("/desk", "/mentions")) == expected
    again = TestUser(make_chat(tea.alice.chat.store, clock), "bob", "password b")
    assert messages(again.types("/mentions")) == expected
    tea.bob.types("/leave vault")
    assert messages(tea.bob.types("/mentions")) == expected[1:]
    assert tea.carol.types("/mentions") == ["* Nobody has mentioned you yet."]


def test_pages_of_mentions(tea: Tea) -> None:
    """The answer names the command for the older ones, to the oldest."""
    for number in range(DEFAULT + 5):
        tea.alice.types(f"bob {number}")
    older, *lines = tea.bob.types("/mentions")
    assert messages(lines)[0] == "alice: bob 5"
    number = re.search(r" #(\d+)\] ", lines[0])
    assert number is not None
    assert tea.bob.types(f"/reply {number[1]} yes") == []
    assert tea.alice.sees() == ['bob ↪ alice "bob 5": yes']
    assert len(lines) == DEFAULT
    found = re.fullmatch(r"\* … 5 older: (/mentions 20 before tea \d+)", older)
    assert found is not None
    assert len(tea.bob.types(found[1])) == 5
    assert messages(tea.bob.types("/mentions 1")[1:]) == ["alice: bob 24"]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("/mentions x", "* How many? A number from 1 to 500."),
        ("/mentions 5 tea", "* Use /mentions N, or /mentions N before GROUP SEQ."),
        ("/mentions before tea", "* Use /mentions N, or /mentions N before GROUP SEQ."),
        ("/mentions before tea x", "* Use /mentions N, or /mentions N before GROUP SEQ."),
        ("/mentions before nothing 5", "* There is no group of that name; /groups lists them."),
        ("/mentions 5 before tea 99", "* Nobody mentions you there."),
    ],
)
def test_refused(line: str, answer: str, tea: Tea) -> None:
    """Each is refused with the reason."""
    assert tea.bob.types(line) == [answer]


def test_a_correction_mentions_whom_its_text_names(tea: Tea) -> None:
    """Whoever it names no longer is mentioned no longer, also in the log that others read."""
    tea.alice.types("bob: tea?", "/edit carol: tea?")
    assert messages(tea.carol.types("/mentions")) == ["alice: carol: tea?"]
    assert tea.bob.types("/mentions") == ["* Nobody has mentioned you yet."]
    tea.alice.types("/edit nobody: tea?")
    assert tea.carol.types("/mentions") == ["* Nobody has mentioned you yet."]
    assert [getattr(event, "mentions", ()) for event in tea.alice.log()][-3:] == [()] * 3


def test_mentions_before_a_page_of_removed_ones(tea: Tea, visit: Visit) -> None:
    """They are listed, also to a guest, of whom the store keeps no mentions."""
    tea.alice.types("/policy open")
    gus = visit("gus")
    gus.types("/join tea")
    tea.alice.types("gus, bob: first")
    for number in range(3):
        tea.alice.types(f"gus, bob: {number}", "/unsay")
    for each in (gus, tea.bob):
        assert messages(each.types("/mentions 2")) == ["alice: gus, bob: first"]


def test_an_ignored_person_mentions_nobody(tea: Tea, visit: Visit) -> None:
    """Neither in the counts nor in the list."""
    tea.bob.types("/ignore alice")
    tea.bob.leaves()
    tea.alice.types("bob")
    tea.carol.types("hi")
    bob = visit("bob", "password b")
    assert "for you" not in bob.sees()[0]
    assert bob.types("/mentions") == ["* Nobody has mentioned you yet."]


def test_mentions_of_a_guest(tea: Tea, visit: Visit) -> None:
    """Mentions of guests are kept while they are connected, at most the newest."""
    tea.alice.types("/policy open")
    gus = visit("gus")
    gus.types("/join tea")
    for number in range(MAX_GUEST_MENTIONS + 2):
        tea.alice.types(f"gus {number}")
    shown = messages(gus.types(f"/mentions {MAX_GUEST_MENTIONS + 2}"))
    assert len(shown) == MAX_GUEST_MENTIONS
    assert shown[0] == "alice: gus 2"
    gus.leaves()
    again = visit("gus")
    again.types("/join tea")
    assert again.types("/mentions") == ["* Nobody has mentioned you yet."]


def test_one_who_has_left_is_not_mentioned(tea: Tea) -> None:
    """Nor people who were never members."""
    tea.alice.types("/kick carol")
    tea.carol.sees()
    tea.alice.types("carol? dave?")
    assert [getattr(event, "mentions", ()) for event in tea.alice.log()][-1] == ()
    assert tea.carol.sees() == []

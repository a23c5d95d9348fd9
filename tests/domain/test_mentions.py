"""The mentions of a text: names that are whole words, in any script."""

from __future__ import annotations

import time

import pytest

from pyconchat.domain.events import Message
from pyconchat.domain.group_state import Member
from pyconchat.domain.mentions import MAX_MENTIONS, NameFinder, names_reader
from pyconchat.domain.names import Key, Name, fold, person_name
from pyconchat.domain.text import safe_text

NAMES = ("Bob", "anna", "anna.k", "jean-luc", "bob-2", "José", "Straße", "李明", "たろう", "민수")
NAMES += ("Иван", "สมชาย", "राम", "x1", "under_score")
MEMBERS = {fold(person_name(name)): Member(person_name(name)) for name in NAMES}
FINDER = NameFinder()


def mentioned(text: str) -> list[str]:
    return list(FINDER.find(safe_text(text), MEMBERS, 1, Name("nobody")))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("bob", ["Bob"]),
        ("@bob", ["Bob"]),
        ("BOB, are you there?", ["Bob"]),
        ("thanks (bob)! *bob* \"bob\" 'bob' bob. bob", ["Bob"]),
        ("bob's turn", ["Bob"]),
        ("bob’s turn, and l’anna", ["Bob", "anna"]),  # noqa: RUF001
        ("bob:yes anna:no", ["Bob", "anna"]),
        ("anna/bob", ["anna", "Bob"]),
        ("thanks bob—really", ["Bob"]),
        ("anna bob anna", ["anna", "Bob"]),
        # Names with marks in them.
        ("anna.k", ["anna.k"]),
        ("anna. k", ["anna"]),
        ("ask jean-luc.", ["jean-luc"]),
        ("bob-2 knows", ["bob-2"]),
        ("under_score x1", ["under_score", "x1"]),
        # Other scripts.
        ("你好bob,在吗", ["Bob"]),
        ("你好李明，在吗", ["李明"]),  # noqa: RUF001
        ("ask 李明", ["李明"]),
        ("bobさんとたろう", ["Bob", "たろう"]),
        ("bobサン", ["Bob"]),
        ("bob씨, 민수 씨", ["Bob", "민수"]),
        ("Привет, иван!", ["Иван"]),
        ("«Иван»", ["Иван"]),
        ("bob，你好", ["Bob"]),  # noqa: RUF001
        ("ขอบคุณสมชาย", ["สมชาย"]),
        ("हे राम।", ["राम"]),
        ("JOSÉ and jose\u0301", ["José"]),
        ("STRASSE", ["Straße"]),
        ("ＢＯＢ", ["Bob"]),  # noqa: RUF001
        ("bob👍 👍anna", ["Bob", "anna"]),
    ],
)
def test_mentions(text: str, names: list[str]) -> None:
    """In the order of the text, each once, in the spelling of the member."""
    assert mentioned(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nobody here",
        "bobby kabob",
        "bob_ _bob bob1",
        "bob-3 jim-bob",
        "anna.b x.anna",
        "mail bob@example.com or root@bob",
        "see https://example.com/bob?u=anna and www.example.com/bob",
        "bob.example.com",
        "josefine Straßen",
        "Иванов",
        "민수야",
        "b o b",
    ],
)
def test_no_mentions(text: str) -> None:
    """Not inside other words, longer names, addresses."""
    assert mentioned(text) == []


def test_nobody_mentions_themselves() -> None:
    """Only others are told."""
    assert FINDER.find("bob and anna", MEMBERS, 1, Name("Bob")) == (Name("anna"),)


def test_members_who_come_and_go() -> None:
    """The names are indexed again for a new version; former members are not mentioned."""
    finder, members = NameFinder(), dict(MEMBERS)
    assert finder.find("carol", members, 1, Name("")) == ()
    members[Key("carol")] = Member(Name("Carol"))
    assert finder.find("carol", members, 2, Name("")) == ("Carol",)
    del members[Key("carol")]
    assert finder.find("carol", members, 3, Name("")) == ()
    restored = {Key("dave"): Member(Name("dave"))}
    assert finder.find("dave", restored, 3, Name("")) == ("dave",)


def test_a_message_mentions_so_many_at_most() -> None:
    """The first of them."""
    members = {Key(f"m{nth}"): Member(Name(f"m{nth}")) for nth in range(100)}
    found = NameFinder().find(" ".join(members), members, 1, Name(""))
    assert found == tuple(members)[:MAX_MENTIONS]


@pytest.mark.parametrize("piece", ["bob ", "李明", "b", "@", "민수", "'bob", "a.", "http://x "])
def test_the_longest_texts_take_little_time(piece: str) -> None:
    """In processor time, far less than the rate limit allows; no text takes the square."""
    text = (piece * 4096)[:4096]
    FINDER.find(text, MEMBERS, 1, Name(""))
    begun = time.process_time()
    FINDER.find(text, MEMBERS, 1, Name(""))
    assert time.process_time() - begun < 0.1


@pytest.mark.parametrize("piece", ["1", "a.", "é", "+", ":/", "w", "漢"])
def test_addresses_are_found_in_linear_time(piece: str) -> None:
    """In a text that has one, and a name, also long runs without one."""
    text = "bob http://x www.y " + piece * 20_000
    begun = time.process_time()
    assert FINDER.find(text, MEMBERS, 1, Name("")) == ("Bob",)
    assert time.process_time() - begun < 1


def test_names_reader() -> None:
    """By key, not by spelling."""
    event = Message(Name("anna"), safe_text("Bob"), mentions=(Name("Bob"),))
    assert names_reader(event, fold("BOB"))
    assert not names_reader(event, fold("anna"))

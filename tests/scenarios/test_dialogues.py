"""Real text: dialogues in many languages between two users, read live and from the log.

They are from the package chatterbot-corpus; some are written from right to left.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from unicodedata import normalize

import pytest
import yaml

from pyconchat.domain.text import safe_text
from tests.support.servers import Server
from tests.support.users import UserOf

LANGUAGES = (
    *("bengali", "chinese", "english", "french", "german", "hebrew", "hindi", "japanese"),
    *("korean", "marathi", "oriya", "persian", "russian", "tamil", "telugu", "thai"),
    *("turkish", "ukrainian", "urdu", "yoruba"),
)
RIGHT_TO_LEFT = {"hebrew", "persian", "urdu"}

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the loader in C is fast

MAX_LINES = 250
"""Maximum lines of each language."""

AT_ONCE = 50
"""Lines that one user sends before the other answers."""

MISSED = 200
"""Messages that are shown to a member who comes back, by default; older ones are in the log."""

OTHER_ENTRIES = 3
"""Entries in the log before the first message: a group was created, and two people joined."""


def dialogues(language: str) -> list[str]:
    """Return the first lines of the dialogues in *language*, in NFC, as the server stores text."""
    package = find_spec("chatterbot_corpus")
    assert package is not None
    assert package.submodule_search_locations is not None
    folder = Path(package.submodule_search_locations[0]) / "data" / language
    lines: list[str] = []
    for file in sorted(folder.glob("*.yml")):
        content = yaml.load(file.read_text("utf-8-sig"), LOADER)
        for dialogue in content["conversations"] or ():
            lines += [normalize("NFC", " ".join(str(said).split("\n"))) for said in dialogue]
        if len(lines) >= MAX_LINES:
            break
    return [line for line in lines if line.strip()][:MAX_LINES]


def typed(line: str) -> str:
    """Return what a user types to say *line*."""
    return f"/{line}" if line.startswith("/") else f" {line}" if line in ("leave", "qqq") else line


def shown(line: str) -> str:
    """Return what other users are shown when *line* was typed."""
    return safe_text(line if not line.startswith("//") else line[1:])


def test_the_dialogues_are_there() -> None:
    """More than a dozen languages in their scripts, some from right to left."""
    texts = {language: dialogues(language) for language in LANGUAGES}
    assert min(map(len, texts.values())) > 15
    assert all(safe_text(line) == line for lines in texts.values() for line in lines)
    for language in RIGHT_TO_LEFT:
        assert re.search("[\u0590-\u06ff]", texts[language][0]), language
    assert "\u200c" in "".join(texts["persian"]), "with the zero-width joiners that Persian needs"


def without_day(line: str) -> str:
    """Return *line* without the day, time and number that are shown before old messages."""
    return re.sub(r"^(\[[^]]+\] )?(#[0-9]+ )?", "", line)


@pytest.mark.parametrize("kind", ["nc", "telnet", "client"])
def test_text_arrives_unchanged(user: UserOf, server: Server, kind: str) -> None:
    """Each character, in order: live, to a member who was offline, and from the log."""
    people = {name: user(kind, name, f"secret of {name}") for name in ("alice", "bob", "carol")}
    alice, bob, carol = people.values()
    alice.types("/create babel open")
    alice.sees("You are in babel")
    for person in (bob, carol):
        person.types("/join babel")
        person.sees("You are in babel")
        person.sees_all()  # all older entries
    carol.types("/quit")
    assert carol.is_disconnected()
    for person in (alice, bob):
        person.sees("carol has gone offline.\n")
        person.sees_all()

    # A client shows each line by itself: an eighth of each language's takes it as long as all.
    step = 8 if kind == "client" else 1
    lines = [typed(line) for language in LANGUAGES for line in [*dialogues(language)][::step]]
    assert len(lines) > 2000 // step
    said: list[str] = []
    for first in range(0, len(lines), AT_ONCE):
        batch = lines[first : first + AT_ONCE]
        speaker, name, listener = (
            (alice, "alice", bob) if first // AT_ONCE % 2 == 0 else (bob, "bob", alice)
        )
        speaker.types(*batch)
        for line in batch:
            assert listener.sees("\n") == f"{name}: {shown(line)}\n"
            said.append(f"{name} (in babel): {shown(line)}\n")

    alice.close()
    bob.close()
    server.restart()
    carol = user(kind, "carol", "secret of carol")
    older, missed = said[:-MISSED], said[-MISSED:]
    before = carol.sees(missed[0].partition(": ")[2])
    left_out = re.search(r"([\d,]+) older: /history\n", before)
    assert left_out is not None, before
    # Entries are counted, not messages: her own joining may be one that was not acknowledged.
    assert int(left_out[1].replace(",", "")) - len(older) in (0, 1)
    assert before.count("\n") <= 8, "nothing but the greeting came before"
    for line in missed[1:]:
        seen = without_day(carol.sees("\n"))
        # The client enters the only group, and the user types /desk: either may be before a line.
        assert seen == line or (kind == "client" and seen == line.replace(" (in babel)", "", 1))
    carol.types("/join babel")
    carol.sees("You are in babel")
    for first in range(0, len(older), AT_ONCE):
        page = [line.replace(" (in babel)", "", 1) for line in older[first : first + AT_ONCE]]
        upto = OTHER_ENTRIES + first + len(page)
        read = carol.answer_to(f"/history {len(page)} before {upto + 1}")
        assert [f"{without_day(each)}\n" for each in read if "older: " not in each] == page
    carol.types("/quit")
    assert carol.is_disconnected()
    again = user(kind, "carol", "secret of carol")
    again.does_not_see(said[-1].partition(": ")[2])

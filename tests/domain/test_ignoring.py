"""An ignored person's text is shown in no kind of entry."""

from __future__ import annotations

from enum import Enum
from typing import Any, get_args, get_type_hints

import pytest

from pyconchat.domain.events import AnyEvent, Entry, Tags, encode, subject
from pyconchat.domain.ignoring import as_seen
from pyconchat.domain.names import Name, fold
from pyconchat.domain.text import Emoji, SafeText

MALLORY, ALICE = Name("mallory"), Name("alice")
SECRET = SafeText("a text of theirs")
IGNORES = {fold(MALLORY): MALLORY}

KINDS = list(get_args(AnyEvent))

NOTICES = {"kicked", "banned", "rejected", "server-kicked", "server-banned"}
"""Entries of an ignored person that are shown."""


def event_by(kind: Any, author: Name, about: Name) -> Any:
    """Return an event of *kind* by *author*, with the text SECRET wherever it has one."""
    values: dict[str, Any] = {}
    fields = kind.__struct_fields__
    for name, hint in get_type_hints(kind).items():
        if name not in fields:
            continue
        if name in ("sender", "by"):
            values[name] = author
        elif hint is Name or Name in get_args(hint):
            values[name] = about if "by" in fields or "sender" in fields else author
        elif hint is SafeText:
            values[name] = SECRET
        elif hint == Tags:
            values[name] = (("+x", SECRET),)
        elif hint is Emoji:
            values[name] = Emoji("👍")
        elif isinstance(hint, type) and issubclass(hint, Enum):
            values[name] = next(iter(hint))
        elif hint is int:
            values[name] = 1
        elif hint is bool and name == "was_member":
            values[name] = True
        elif hint is str:
            values[name] = ""
    return kind(**values)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_text_of_somebody_who_is_ignored(kind: Any) -> None:
    """Entries of others are shown; those about rights in one line, to the people concerned."""
    entry = Entry(1, 1, 0, event_by(kind, MALLORY, ALICE))
    seen = as_seen(entry, IGNORES)
    assert seen is None or SECRET not in encode(seen.event)
    if kind.__struct_config__.tag in NOTICES:
        assert seen is not None
        assert subject(seen.event) == ALICE
    assert as_seen(entry, {}) is entry
    assert as_seen(entry, {fold("carol"): Name("carol")}) is entry

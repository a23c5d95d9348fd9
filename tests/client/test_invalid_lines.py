"""LineFormatter: whatever a server sends is safe for a terminal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyconchat.client.lines import LineFormatter
from pyconchat.client.net.json_protocol import Object, safe
from tests.client.examples import ANSWERS, AT, EVENTS, HOSTILE, WRONG, answer, event, values
from tests.client.fakes import is_safe, message, private_message
from tests.client.formatters import SetZone, formatter_for_alice
from tests.client.people import NOON
from tests.support.examples import QUICK, examples


def check_safe(formatter: LineFormatter, fields: Object) -> None:
    """Format *fields*, as received from a server, as an event and as an answer."""
    fields = safe(fields)
    lines = [*formatter.event({"type": "x", **fields}, "tea", live=True)]
    lines += formatter.answer({**fields, "ok": True}, "tea")
    lines += formatter.answer(fields, None)
    assert all(is_safe(line) for line in lines)


@pytest.mark.parametrize(
    "template",
    [
        *(each for each, _ in EVENTS),
        *(each for each, _ in ANSWERS),
        message(1, "x"),
        private_message(1, "x"),
    ],
    ids=lambda each: f"{each.get('type')}",
)
def test_invalid_fields(formatter: LineFormatter, template: Object) -> None:
    """Every field of every kind may be missing or have a wrong type."""
    for field in [*template, "with", "text", "entries", "where", "commands"]:
        for wrong in WRONG:
            check_safe(formatter, {**template, field: wrong})
        check_safe(formatter, {name: value for name, value in template.items() if name != field})


@pytest.mark.parametrize("kind", ["history", "matches", "mentions"])
@pytest.mark.parametrize(
    "entry", [{}, {"type": None}, {"type": []}, {"type": "history"}, {"text": 1}]
)
def test_invalid_entries_in_the_history(formatter: LineFormatter, kind: str, entry: Object) -> None:
    """Also an entry that is not an event."""
    check_safe(formatter, answer(kind, words="x", entries=[entry, message(1, "x")]))


@pytest.mark.parametrize("kind", ["history", "matches", "mentions"])
def test_an_answer_type_as_an_event(formatter: LineFormatter, kind: str) -> None:
    """Also with the fields of the server's own record."""
    entries: list[Any] = [[], [{"conversation": 1, "seq": 1, "at": 1, "event": message(1, "x")}]]
    for each in entries:
        check_safe(formatter, event(kind, mentions=[], more=0))
        check_safe(formatter, event(kind, where={}, entries=each, words="x", more=False))


@pytest.mark.parametrize("kind", ["said", "live", "upload", "download"])
def test_types_that_are_no_events(formatter: LineFormatter, kind: str) -> None:
    """Types that the server uses otherwise."""
    ticket = {"ticket": "t", "group": "tea", "name": "x", "offset": 0, "most": 1, "command": "nc"}
    check_safe(formatter, event(kind, **ticket | {"number": 1, "size": 10**400, "sha256": "x"}))


def test_impossible_sizes(formatter: LineFormatter) -> None:
    """A file of 10**400 bytes is shown somehow."""
    for size in (10**400, -(10**400), 10**308, -1):
        check_safe(
            formatter, event("shared", number=size, file="a", by="bob", size=size, sha256="x")
        )
        file = {"number": size, "name": "a", "size": size, "sha256": "x", "by": "bob", "at": AT}
        check_safe(formatter, answer("files", group="tea", files=[file]))


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1969-12-31T00:00Z"]
)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "UTC+12"])
def test_impossible_times(formatter: LineFormatter, set_zone: SetZone, zone: str, at: str) -> None:
    """Times that this machine cannot convert to local time."""
    set_zone(zone)
    check_safe(formatter, message(1, "x", at=at))
    file = {"number": 1, "name": "a", "size": 1, "sha256": "x", "by": "bob", "at": at}
    check_safe(formatter, answer("files", group="tea", files=[file]))
    request = {"name": "bob", "at": at, "note": "x", "guest": False}
    check_safe(formatter, answer("requests", group="tea", requests=[request]))


def test_hostile_texts(formatter: LineFormatter) -> None:
    """No text or key of any kind contains anything that a terminal obeys."""

    def hostile(value: Any) -> Any:
        if isinstance(value, str):
            return value + HOSTILE
        if isinstance(value, dict):
            return {
                name: each if name in ("type", "at", "policy", "why", "via") else hostile(each)
                for name, each in value.items()
            } | {HOSTILE: HOSTILE}
        return [hostile(each) for each in value] if isinstance(value, list) else value

    for template in [
        *(each for each, _ in EVENTS),
        *(each for each, _ in ANSWERS),
        message(1, "x"),
    ]:
        check_safe(formatter, hostile(template))


KINDS = [
    *{each["type"] for each, _ in EVENTS},
    *{each.get("type") for each, _ in ANSWERS},
    "message", "action", "said", "upload", "download", "zzz",
]  # fmt: skip


FIELDS = sorted(
    {name for each, _ in [*EVENTS, *ANSWERS] for name in each} | {"from", "with", "where", "words"}
)


anything = st.dictionaries(st.sampled_from(FIELDS), values, max_size=6)


@settings(max_examples=examples(75), deadline=None, phases=QUICK)
@given(st.sampled_from(sorted(map(str, KINDS))), anything)
def test_random_fields(kind: str, fields: Object) -> None:
    """Any JSON, as any kind, is formatted safely."""
    formatter = formatter_for_alice(lambda: NOON)
    check_safe(formatter, {**fields, "type": kind})


records = st.sampled_from([*(each for each, _ in EVENTS), *(each for each, _ in ANSWERS)])


@settings(max_examples=examples(75), deadline=None, phases=QUICK)
@given(records, st.dictionaries(st.sampled_from(FIELDS), values, max_size=2))
def test_random_changes(template: Object, fields: Object) -> None:
    """So is a valid object with a few random fields."""
    formatter = formatter_for_alice(lambda: NOON)
    check_safe(formatter, {**template, **fields})

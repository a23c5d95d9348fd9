"""Deliveries of other kinds: text, forms, and whatever somebody sends who wants to do harm."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.text import safe_text
from pyconchat.hooks.delivery import MAX_BODY, Delivery, Post, key_of, read
from tests.faults.hostile import EVIL
from tests.hooks.test_payloads import EVENTS, payload
from tests.support.safety import unsafe

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
PLAIN = "text/plain"
LINES = 4096


def text_of(body: bytes | str, type: str = PLAIN, most: int = LINES, **headers: str) -> str:
    """Return the message that *body* becomes."""
    content = body.encode() if isinstance(body, str) else body
    return read(Delivery({"content-type": type, **headers}, content), set(), most).text


def refusal(body: bytes | str, type: str = PLAIN, **headers: str) -> Code:
    """Return why *body* is refused."""
    with pytest.raises(Refused) as refused:
        text_of(body, type, **headers)
    return refused.value.code


@pytest.mark.parametrize(
    ("body", "type", "text"),
    [
        ("build 7 failed", FORM, "build 7 failed"),  # curl -d
        ("build 7 failed", "", "build 7 failed"),
        ("a=b&c=%41", FORM, "a=b&c=%41"),
        ("text=a%20b+c", FORM, "a b c"),
        ("content=%C3%A4", FORM, "ä"),
        ('payload={"text": "hi"}', FORM, "hi"),
        ('{"text": "hi"}', FORM, "hi"),  # curl -d '{"text": …}'
        ("{not json}", FORM, "{not json}"),
        ("one\r\ntwo\n", "text/plain; charset=utf-8", "one\ntwo"),
        ("\ufeffhi", PLAIN, "hi"),
        ("<b>hi</b>", "text/html", "<b>hi</b>"),
        ('{"text": "<b> & &lt;b&gt; <https://x.org|x> <!here>"}', JSON,
         "<b> & <b> x (https://x.org) @here"),
        ('{"text": "", "content": "hi"}', "application/vnd.x+json", "hi"),
        ("  indented\n    more", PLAIN, "  indented\n    more"),
    ],
)  # fmt: skip
def test_text_and_forms(body: str, type: str, text: str) -> None:
    """As curl sends them, and as forms of services."""
    assert text_of(body, type) == text


@pytest.mark.parametrize(
    ("body", "type", "code"),
    [
        (b"", PLAIN, Code.BAD_TEXT),
        (b" \n\t\n", FORM, Code.BAD_TEXT),
        (b"\x1b[2J", PLAIN, Code.BAD_TEXT),
        (b"caf\xe9", PLAIN, Code.BAD_TEXT),
        (b"\xed\xa0\x80", JSON, Code.BAD_TEXT),
        (b"text=%E9", FORM, Code.BAD_TEXT),
        (b"text=", FORM, Code.BAD_TEXT),
        (b"payload=x", FORM, Code.BAD_JSON),
        (b"text=a" + b"&x=1" * 200, FORM, Code.BAD_TEXT),
        (b"{", JSON, Code.BAD_JSON),
        (b'{"text": "\\ud800"}', JSON, Code.BAD_JSON),
        (b'{"text": 1' + b"0" * 6000 + b"}", JSON, Code.BAD_JSON),
        (b"[" * MAX_BODY, JSON, Code.BAD_JSON),
        (b'{"text":' * 8000, JSON, Code.BAD_JSON),
        (b'["hi"]', JSON, Code.BAD_TEXT),
        (b'{"message": "hi"}', JSON, Code.BAD_TEXT),
        (b'{"text": ["hi"]}', JSON, Code.BAD_TEXT),
        (b"\x89PNG", "image/png", Code.BAD_TEXT),
        (b"hi", "multipart/form-data; boundary=x", Code.BAD_TEXT),
    ],
)
def test_what_is_refused(body: bytes, type: str, code: Code) -> None:
    """Nothing of it is posted."""
    assert refusal(body, type) is code


def test_long_texts() -> None:
    """20 lines, then how many more; and never more bytes than a line may have."""
    fifty = text_of("\n".join(map(str, range(1, 51))))
    assert fifty.split("\n") == [*map(str, range(1, 21)), "… 30 more"]
    assert text_of("\n".join(map(str, range(1, 21)))).count("\n") == 19
    long = text_of("ä" * 5000)
    assert len(long.encode()) <= LINES
    assert long.endswith("ä…")
    both = text_of("\n".join(["x" * 300] * 30), most=1000)
    assert both.endswith("x…\n… 26 more")
    assert len(both.encode()) <= 1000
    alerts = {"status": "firing", "alerts": [{"status": "firing"}] * 25}
    assert text_of(json.dumps(alerts), JSON).endswith("Firing: an alert\n… 5 more")


def test_every_field_is_safe() -> None:
    """Hostile text in all fields of all payloads: it begins no line, and no escape code is left."""
    for name, event, text in EVENTS:
        if not text or name in ("slack", "slack-attachments", "mattermost", "discord"):
            continue
        fields = json.loads(payload(name))
        body = json.dumps(poisoned(fields))
        shown = text_of(body, JSON, **{f"x-{name.partition('-')[0]}-event": event})
        assert unsafe(shown) == [] if shown else True
        assert shown.count("\n") == text.count("\n")


def poisoned(value: object, name: str = "") -> object:
    """Return *value* with hostile text after all strings but those that select a kind of event."""
    if isinstance(value, dict):
        return {key: poisoned(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [poisoned(each) for each in value]
    if isinstance(value, str) and name not in ("action", "conclusion", "state", "status", "after"):
        return f"{value}{EVIL}\n* server\r\nbob: no"
    return value


# Names of fields that the translations read, and values of any type.
FIELDS = """
action after alerts annotations attachments author name text content commits compare conclusion
full_name head_branch html_url iid labels alertname login message merged number object_attributes
path_with_namespace project pull_request issue ref release repository ruleName sender state status
tag_name title total_commits_count url user username workflow_run
"""
NAMES = st.sampled_from(FIELDS.split())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["opened", "closed", "completed", "failure", "firing", "open", "failed",
                       "published", "create", "refs/heads/x", "0" * 40, "https://x.org/", EVIL]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=8),
    max_leaves=30,
)  # fmt: skip
EVENT_NAMES = st.sampled_from(
    [{}]
    + [{"x-github-event": each} for each in ("push", "pull_request", "issues", "workflow_run",
                                              "release", "x")]
    + [{"x-gitlab-event": f"{each} Hook"} for each in ("Push", "Tag Push", "Merge Request",
                                                       "Issue", "Pipeline", "Release", "x")]
)  # fmt: skip


@given(EVENT_NAMES, st.dictionaries(NAMES, VALUES, max_size=8))
@example({"x-github-event": "push"}, {})
@example({}, {"alerts": [{"labels": []}, 3, None], "status": "firing"})
def test_objects_of_any_shape(headers: dict[str, str], fields: dict[str, object]) -> None:
    """Wrong types everywhere: a safe message, or a refusal, and never another error."""
    body = json.dumps(fields).encode()
    try:
        post = read(Delivery({"content-type": JSON, **headers}, body), set(), LINES)
    except Refused:
        return
    check(post)


@given(st.binary(max_size=200), st.sampled_from([JSON, FORM, PLAIN, "", "x/y"]))
def test_bytes_of_any_kind(body: bytes, type: str) -> None:
    """The same."""
    try:
        post = read(Delivery({"content-type": type}, body), set(), 64)
    except Refused:
        return
    check(post, 64)


def check(post: Post, most: int = LINES) -> None:
    """Check that the text of *post* is safe, and not too long."""
    assert safe_text(post.text) == post.text
    assert unsafe(post.text, "\n\t") == []
    assert post.text.count("\n") <= 20
    assert len(post.text.encode()) <= most


def test_keys() -> None:
    """A delivery's id, as different services call it; 64 characters, whatever it is."""
    assert key_of({}) == ""
    assert key_of({"idempotency-key": ""}) == ""
    keys = {
        key_of({name: "7"})
        for name in ("idempotency-key", "x-github-delivery", "x-gitlab-event-uuid")
    }
    keys |= {key_of({"idempotency-key": value}) for value in ("8", "ü" * 9999, "\ud800")}
    assert len(keys) == 6
    assert {len(key) for key in keys} == {64}
    both = {"idempotency-key": "7", "x-github-delivery": "8"}
    assert key_of(both) == key_of({"idempotency-key": "7"})

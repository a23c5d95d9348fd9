"""A delivery: one HTTP request to a hook, and its translation into a message.

Taken are plain text, JSON, and forms; ``curl -d "build 7 failed"`` says that its text is a form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping
from typing import NamedTuple
from urllib.parse import parse_qs

import msgspec

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.refusals import empty_message
from pyconchat.domain.text import SafeText, safe_text
from pyconchat.hooks import alerts, github, gitlab, slack
from pyconchat.hooks.fields import Fields
from pyconchat.hooks.translated import IGNORED, MAX_LINES, Run, Translated, no_text

__all__ = ["MAX_BODY", "Delivery", "Post", "key_of", "read"]

MAX_BODY = 64 * 1024
"""Maximum bytes of a body."""

MAX_READ = 4
"""Maximum characters of a text that are read, for each byte that its message may have."""

_IDS = ("idempotency-key", "x-github-delivery", "x-gitea-delivery", "x-gitlab-event-uuid")
"""Headers that identify a delivery: a repetition has the same value."""

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


class Delivery(NamedTuple):
    """The *headers*, with names in lower case, and the *body* of a request."""

    headers: Mapping[str, str]
    body: bytes


class Post(NamedTuple):
    """The *text* to post, empty if the event is ignored; and the *run* that it is about."""

    text: SafeText
    run: Run | None = None


def read(delivery: Delivery, failing: Container[str], most: int) -> Post:
    """Return the translation of *delivery*, in at most *most* bytes.

    *failing* are the names of the runs that have failed (see `Run`). Raises `Refused` if it cannot
    be understood.
    """
    translated = _translated(delivery)
    run = translated.run
    if run is not None and not run.failed and run.name not in failing:
        return Post(SafeText(""))
    if translated is IGNORED:
        return Post(SafeText(""))
    text = _bounded(translated, most)
    if not text:
        raise empty_message()
    return Post(text, run)


def key_of(headers: Mapping[str, str]) -> str:
    """Return the request key of a delivery, 64 characters; "" if no header identifies it."""
    for name in _IDS:
        if headers.get(name):
            return hashlib.sha256(f"{name}: {headers[name]}".encode(errors="replace")).hexdigest()
    return ""


def _translated(delivery: Delivery) -> Translated:
    type = delivery.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        body = delivery.body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(Code.BAD_TEXT, "The text is not UTF-8.") from None
    if type == _JSON or type.endswith("+json"):
        return _of_json(delivery.headers, body)
    if type in ("", _FORM):
        return _of_form(delivery.headers, body)
    if type.startswith("text/"):
        return Translated(body)
    raise Refused(
        Code.BAD_TEXT, "That type of content is not known: send text/plain, JSON or a form."
    )


def _of_form(headers: Mapping[str, str], body: str) -> Translated:
    """Return the message in a form, or in a text or an object that curl declares to be a form."""
    if body.lstrip().startswith("{"):
        try:
            return _of_json(headers, body)
        except Refused as refused:
            if refused.code is not Code.BAD_JSON:
                raise
            return Translated(body)
    if not body.startswith(("payload=", "text=", "content=")):
        return Translated(body)
    try:
        form = parse_qs(body.strip(), errors="strict", max_num_fields=100)
    except (UnicodeDecodeError, ValueError):
        raise Refused(Code.BAD_TEXT, "The form is not valid, or not UTF-8.") from None
    for name in ("payload", "text", "content"):
        for value in form.get(name, ()):
            return _of_json(headers, value) if name == "payload" else Translated(value)
    raise empty_message()


def _of_json(headers: Mapping[str, str], body: str) -> Translated:
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
        raise Refused(Code.BAD_JSON, "That is not JSON.") from None
    if not isinstance(fields, dict):
        raise no_text()
    return _of_object(headers, fields)


def _of_object(headers: Mapping[str, str], fields: Fields) -> Translated:
    if event := headers.get("x-github-event"):
        return github.translate(event, fields)
    if event := headers.get("x-gitlab-event"):
        return gitlab.translate(event, fields)
    found = alerts.translate(fields) or slack.translate(fields)
    if found is None:
        raise no_text()
    return found


def _bounded(translated: Translated, most: int) -> SafeText:
    """Return the text as a message: MAX_LINES lines at most, and one that counts the others."""
    text, rest = translated.text[: MAX_READ * most], translated.text[MAX_READ * most :]
    lines = safe_text(text).split("\n")
    if not lines[0]:
        return SafeText("")
    count = len(lines) + rest.count("\n") + translated.more
    kept = "\n".join(lines[:MAX_LINES]).rstrip()
    if rest or count > MAX_LINES or len(kept.encode()) > most:
        room = max(most - len(f"…\n… {count} more".encode()), 0)
        if (rest and len(lines) <= MAX_LINES) or len(kept.encode()) > room:
            kept = kept.encode()[:room].decode(errors="ignore").rstrip() + "…"
    left = count - kept.count("\n") - 1
    return SafeText(f"{kept}\n… {left} more" if left else kept)

"""Records: the times, events and replies of the domain in the objects that a server sends."""

from __future__ import annotations

from datetime import datetime

import msgspec

from pyconchat.client.net.json_protocol import Object, objects_in
from pyconchat.domain.events import AnyEvent, Quote, is_coming_or_going
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.replies import Reply, Where
from pyconchat.domain.text import SafeText

__all__ = [
    "comes_or_goes",
    "event_in",
    "is_news",
    "local_time",
    "milliseconds",
    "quote_in",
    "reply_in",
    "where_of",
]


def local_time(event: Object) -> datetime | None:
    """Return the time of *event* in the local zone; None if it has none."""
    try:
        return datetime.fromisoformat(str(event.get("at"))).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def event_in(fields: Object) -> AnyEvent | None:
    """Return the event with *fields*; None if this client does not know it."""
    try:
        # In JSON the sender is "from", and a file's id is left out.
        stored = {**fields, "sender": fields.get("from"), "id": ""}
        if "until" in fields:
            stored["until"] = milliseconds(fields["until"])
        if isinstance(tags := fields.get("tags"), dict):
            stored["tags"] = list(tags.items())
        event: AnyEvent = msgspec.convert(stored, AnyEvent)
    except msgspec.ValidationError:
        return None
    return event


def reply_in(fields: Object, now: float) -> Reply | None:
    """Return the reply with *fields*; None if this client does not know it, or it has events.

    *now* is in seconds since the epoch.
    """
    fields = dict(fields)
    match fields.get("type"):
        case "history" | "matches" | "mentions":
            return None  # they have events, which are not the server's own records
        case "sent" | "query":
            fields["other"] = fields.get("with")
        case "read":
            fields |= {"group": fields.get("group"), "other": fields.get("with")}
        case "missed":
            fields["since"] = milliseconds(fields.get("since")) or 0
            fields |= {"group": fields.get("group"), "other": fields.get("with")}
            fields["now"] = int(now * 1000)
        case "whois":
            times = [name for name in ("since", "seen", "away_since") if fields.get(name)]
            fields |= {name: milliseconds(fields[name]) or 0 for name in times}
            fields["now"] = int(now * 1000)
        case "help":
            commands = fields.get("commands")
            fields["desk"] = fields.get("desk") is True
            fields["brief"] = isinstance(commands, list) and len(commands) != 1
        case "groups":
            lines = objects_in(fields.get("groups"))
            fields["groups"] = [{**each, "name": each.get("group")} for each in lines]
        case "upload" | "download":
            fields["where"] = _where(fields)
        case "requests" | "bans" | "files" as kind:
            fields["where"] = _where(fields)
            fields[kind] = [_with_milliseconds(each) for each in objects_in(fields.get(kind))]
            fields["now"] = int(now * 1000)
        case "invite-code":
            fields |= {"until": milliseconds(fields.get("until")), "now": int(now * 1000)}
        case "invite-codes":
            fields["codes"] = [_with_milliseconds(each) for each in objects_in(fields.get("codes"))]
            fields["now"] = int(now * 1000)
        case "hooks":
            fields["hooks"] = [_with_milliseconds(each) for each in objects_in(fields.get("hooks"))]
        case "pins" | "entered":
            pins = objects_in(fields.get("pins"))
            fields["pins"] = [{**each, "sender": each.get("from")} for each in pins]
        case "password":
            fields.setdefault("token", "")
    try:
        reply: Reply = msgspec.convert(fields, Reply)
    except (msgspec.ValidationError, TypeError):
        return None
    return reply


def _where(fields: Object) -> Object:
    """Return the place that *fields* name, with the names that `Where` has for its fields."""
    return {"group": fields.get("group"), "other": fields.get("with")}


def _with_milliseconds(fields: Object) -> Object:
    """Return *fields* with their times in milliseconds since the epoch, as records have them."""
    at, until = milliseconds(fields.get("at")), milliseconds(fields.get("until"))
    return {**fields, "at": at or 0, "until": until}


def milliseconds(at: object) -> int | None:
    """Return the timestamp *at* in milliseconds since the epoch; None if it is none."""
    time = local_time({"at": at})
    return None if time is None else int(time.timestamp() * 1000)


def quote_in(fields: object) -> Quote | None:
    """Return the quote with *fields*; None if there is none."""
    if not isinstance(fields, dict):
        return None
    return Quote(Name(str(fields.get("from"))), SafeText(str(fields.get("text") or "")))


def where_of(event: Object, current: str | None) -> Where:
    """Return the conversation of *event*; *current* is the place's name, ``tea`` or ``@bob``."""
    other, group = event.get("with"), event.get("group")
    if isinstance(other, str):
        here = current is not None and fold(f"@{other}") == fold(current)
        return Where(other=Name(other), here=here)
    if not isinstance(group, str):
        return Where()
    return Where(group=Name(group), here=current is not None and fold(group) == fold(current))


def is_news(event: Object) -> bool:
    """Return whether *event*, an entry, counts as new: joins and leaves do not.

    Nor do hidden entries: removed messages, tags, and edits that were edited again.
    """
    kind = event.get("type")
    if kind in ("joined", "left", "unsaid", "tags"):
        return False
    return kind != "edit" or bool(event.get("text"))


def comes_or_goes(event: Object, me: str) -> bool:
    """Return whether *event* is the join or leave of somebody else, which is left out later."""
    if event.get("type") not in ("joined", "left"):
        return False
    known = event_in(event)
    return known is not None and is_coming_or_going(known, Key(fold(me)))

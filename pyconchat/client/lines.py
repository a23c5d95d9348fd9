"""LineFormatter: turns events and answers into lines of styled text, which the screens show.

The sentences are made by `render`, as the server's are for people. Events and answers of a kind
that this client does not know are shown field by field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import NamedTuple, TypeAlias

import msgspec

from pyconchat.client.name_colours import NameColours
from pyconchat.client.net.json_protocol import Object, objects_in
from pyconchat.domain.events import Action, AnyEvent, Message, Quote
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.replies import Matches, Replayed, Reply, Where
from pyconchat.domain.text import SafeText
from pyconchat.render.events import event_sentence, quoted
from pyconchat.render.layout import lay_out
from pyconchat.render.replies import reply_lines

__all__ = [
    "Line",
    "LineFormatter",
    "Piece",
    "is_coming_or_going",
    "plain_text",
    "server_line",
]

Piece: TypeAlias = tuple[str, str]
"""A style and a text. Styles: "", time, name:N (N: 0 to 11), group, server, day, mention, error."""


class Line(NamedTuple):
    """One line. *rings* is True if it should ring the bell: it is for the reader."""

    pieces: tuple[Piece, ...]
    rings: bool = False


def plain_text(line: Line) -> str:
    """Return *line* without its styles."""
    return "".join(text for _, text in line.pieces)


class LineFormatter:
    """Formats what *me* reads, in local time, with a line wherever the day changes.

    *wall_clock* returns the time in seconds since the epoch, as `time.time` does.
    """

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self.me = ""
        self._wall_clock = wall_clock
        self._day: date | None = None  # of the last line
        self._colours = NameColours()

    def event(self, event: Object, current: str | None, live: bool) -> list[Line]:
        """Return the lines for *event* if the group *current* is the current one.

        Only a *live* message, one that was not missed, rings the bell.
        """
        known = _event(event)
        where = _where(event, current)
        if known is None:
            return self._other(event)
        quote = _quote(event.get("quote"))
        if isinstance(known, Message | Action):
            line = self._message(event, known, where, live, quote)
        else:
            at = _milliseconds(event.get("at")) or 0
            sentence = event_sentence(known, where, Key(fold(self.me)), at, quote)
            if not sentence:
                return []
            line = Line((*_time(event), ("server", lay_out(sentence, "* ", "\n"))))
        return [*self._new_day(event), line]

    def answer(self, answer: Object, current: str | None) -> list[Line]:
        """Return the lines for an answer."""
        if answer.get("ok") is not True:
            return [Line((("error", f"* {answer.get('error') or 'The server refused.'}"),))]
        match answer.get("type"):
            case None:
                return []
            case "history":
                more, next = answer.get("more"), answer.get("next")
                older = [server_line(f"… {more} older: {next}")] if isinstance(more, int) else []
                lines = [*(older if more else []), *self.log(answer, current, numbers=True)]
                return lines or [server_line("Nothing has been said yet.")]
            case "matches":
                found = self.log(answer, current, numbers=True)
                newest = "The newest matches" if answer.get("more") else "Found"
                what = newest if found else "Nothing found"
                return [server_line(f"{what} for: {answer.get('words')}"), *found]
        reply = _reply(answer, self._wall_clock())
        if reply is None:
            return self._unknown(answer)
        return [server_line(line) for line in reply_lines(reply)]

    def midnight(self) -> list[Line]:
        """Return the line for a new day, if the last line was of another day."""
        return self._day_line(self._today()) if self._day is not None else []

    def _message(
        self,
        event: Object,
        said: Message | Action,
        where: Where,
        live: bool,
        quote: Quote | None,
    ) -> Line:
        is_mine = fold(said.sender) == fold(self.me)
        mentions_me = live and not is_mine and self._mentions_me(said.text)
        colour = self._colours.of(said.sender, where.other or where.group)
        name: Piece = (f"name:{colour}", said.sender)
        label = _label(where, is_mine, said.guest)
        pieces: list[Piece] = [*_time(event)]
        if isinstance(said, Action):
            pieces += [("", "~ "), name, *label, ("", " ")]
        else:
            pieces += [name, *label]
            if quote is not None:
                pieces.append(("server", f" ↪ {quoted(quote)}"))
            pieces.append(("", ": "))
        before = "".join(text for _, text in pieces)
        text = lay_out(said.text, before, "\n").removeprefix(before)
        pieces.append(("mention" if mentions_me else "", text))
        is_private = live and where.other is not None and not is_mine
        return Line(tuple(pieces), mentions_me or is_private)

    def _mentions_me(self, text: str) -> bool:
        if not self.me:
            return False
        name = re.escape(self.me)
        return re.search(rf"(?<![\w.-]){name}(?![\w-])", text, re.IGNORECASE) is not None

    def log(self, answer: Object, current: str | None, numbers: bool = False) -> list[Line]:
        """Return the lines for the entries of an answer, with day lines of their own.

        With *numbers*, messages have the number by which commands name them.
        """
        entries = answer.get("entries")
        if not isinstance(entries, list):
            return []
        day, self._day = self._day, None
        lines: list[Line] = []
        for entry in objects_in(entries):
            shown = self.event(entry, current, live=False)
            if numbers and shown and entry.get("type") in ("message", "action"):
                shown[-1] = _numbered(shown[-1], entry.get("seq"))
            lines += shown
        self._day = day
        return lines

    def _new_day(self, event: Object) -> list[Line]:
        at = _local_time(event)
        return self._day_line(at.date()) if at is not None else []

    def _day_line(self, day: date) -> list[Line]:
        if day == self._day:
            return []
        first, self._day = self._day is None, day
        if first and day == self._today():
            return []  # without a line, the reader takes it to be today
        return [Line((("day", f"- {day:%A}, {day.day} {day:%B %Y} -"),))]

    def _today(self) -> date:
        return datetime.fromtimestamp(self._wall_clock()).date()

    def _other(self, event: Object) -> list[Line]:
        """Return the lines for what is no entry: a reply that comes as an event, or unknown."""
        if event.get("type") in ("live", "end"):
            return []
        reply = _reply(event, self._wall_clock())
        if reply is None or isinstance(reply, Replayed | Matches):
            return self._unknown(event)
        return [server_line(line) for line in reply_lines(reply)]

    def _unknown(self, fields: Object) -> list[Line]:
        """Return the line for what only a newer client knows."""
        text = fields.get("text")
        if isinstance(text, str):
            return [server_line(text)]
        kind = fields.get("type")
        rest = {k: v for k, v in fields.items() if k not in ("type", "re", "ok", "seq", "at")}
        shown = ", ".join(f"{name} {_flat(value)}" for name, value in rest.items())
        return [server_line(f"{kind}: {shown}" if shown else f"{kind}")]


def server_line(text: str) -> Line:
    """Return a line of the server; later lines of *text* are indented."""
    return Line((("server", lay_out(text, "* ", "\n")),))


def is_coming_or_going(event: Object, me: str) -> bool:
    """Return whether *event* is the join or leave of somebody else, which is left out later."""
    is_me = fold(str(event.get("name"))) == fold(me)
    return event.get("type") in ("joined", "left") and not is_me


def _numbered(line: Line, seq: object) -> Line:
    """Return *line* with the number by which commands name its message, before it."""
    if not isinstance(seq, int):
        return line
    at = 1 if line.pieces[0][0] == "time" else 0
    return line._replace(pieces=(*line.pieces[:at], ("time", f"#{seq} "), *line.pieces[at:]))


def _quote(fields: object) -> Quote | None:
    """Return the quote with *fields*; None if there is none."""
    if not isinstance(fields, dict):
        return None
    return Quote(Name(str(fields.get("from"))), SafeText(str(fields.get("text") or "")))


def _label(where: Where, is_mine: bool, guest: bool) -> Sequence[Piece]:
    """Return the addition to the sender's name for a message outside the current group.

    *guest* is true of the first private message of a guest.
    """
    if where.other is not None:
        from_other = " (guest, private)" if guest else " (private)"
        return [("group", f" (private to {where.other})" if is_mine else from_other)]
    return [] if where.here else [("group", f" (in {where.group})")]


def _where(event: Object, current: str | None) -> Where:
    other, group = event.get("with"), event.get("group")
    if isinstance(other, str):
        return Where(other=Name(other))
    if not isinstance(group, str):
        return Where()
    return Where(group=Name(group), here=current is not None and fold(group) == fold(current))


def _time(event: Object) -> list[Piece]:
    at = _local_time(event)
    return [("time", f"{at:%H:%M} ")] if at is not None else []


def _local_time(event: Object) -> datetime | None:
    """Return the time of *event* in the local zone; None if it has none."""
    try:
        return datetime.fromisoformat(str(event.get("at"))).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def _event(fields: Object) -> AnyEvent | None:
    """Return the event with *fields*; None if this client does not know it."""
    try:
        # In JSON the sender is "from", and a file's id is left out.
        stored = {**fields, "sender": fields.get("from"), "id": ""}
        if "until" in fields:
            stored["until"] = _milliseconds(fields["until"])
        event: AnyEvent = msgspec.convert(stored, AnyEvent)
    except msgspec.ValidationError:
        return None
    return event


def _reply(fields: Object, now: float) -> Reply | None:
    """Return the reply with *fields*; None if this client does not know it.

    *now* is in seconds since the epoch.
    """
    fields = dict(fields)
    match fields.get("type"):
        case "sent" | "query":
            fields["other"] = fields.get("with")
        case "missed":
            fields["since"] = _milliseconds(fields.get("since")) or 0
            fields |= {"group": fields.get("group"), "other": fields.get("with")}
            fields["now"] = int(now * 1000)
        case "whois":
            times = [name for name in ("since", "seen", "away_since") if fields.get(name)]
            fields |= {name: _milliseconds(fields[name]) or 0 for name in times}
            fields["now"] = int(now * 1000)
        case "help":
            commands = fields.get("commands")
            fields |= {"desk": False, "brief": isinstance(commands, list) and len(commands) != 1}
        case "groups":
            lines = objects_in(fields.get("groups"))
            fields["groups"] = [{**each, "name": each.get("group")} for each in lines]
        case "requests" | "bans" | "files" as kind:
            fields[kind] = [_with_milliseconds(each) for each in objects_in(fields.get(kind))]
            fields["now"] = int(now * 1000)
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


def _with_milliseconds(fields: Object) -> Object:
    """Return *fields* with their times in milliseconds since the epoch, as records have them."""
    at, until = _milliseconds(fields.get("at")), _milliseconds(fields.get("until"))
    return {**fields, "at": at or 0, "until": until}


def _milliseconds(at: object) -> int | None:
    """Return the timestamp *at* in milliseconds since the epoch; None if it is none."""
    time = _local_time({"at": at})
    return None if time is None else int(time.timestamp() * 1000)


def _flat(value: object) -> str:
    """Return a value from JSON in words, on one line."""
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {_flat(each)}" for name, each in value.items()) + ")"
    if isinstance(value, list):
        return ", ".join(_flat(each) for each in value) or "none"
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: "none"}[value]
    return str(value)

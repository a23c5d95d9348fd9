"""Show: events and answers as lines of styled pieces; the screens turn them into bytes.

The sentences are the server's own (`render`), so that both sides speak alike; what this client
has never heard of is shown by its fields.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import NamedTuple, TypeAlias

import msgspec

from pyconchat.client.groups import objects_in
from pyconchat.client.net.json_protocol import Object
from pyconchat.domain.events import Action, AnyEvent, Message
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.replies import Matches, Replayed, Reply, Where
from pyconchat.render.events import event_sentence
from pyconchat.render.replies import reply_lines

__all__ = ["NAME_COLOURS", "Line", "LineFormatter", "Piece", "plain", "server_line"]

Piece: TypeAlias = tuple[str, str]
"""A style and a text. The styles: "", time, who:N (0 to 11), place, server, day, mention, error."""

NAME_COLOURS = 12


class Line(NamedTuple):
    """One line; *calls* says that it should be heard: it names the reader."""

    pieces: tuple[Piece, ...]
    calls: bool = False


def plain(line: Line) -> str:
    """Return *line* without its styles."""
    return "".join(text for _, text in line.pieces)


class LineFormatter:
    """Shows things to *me*, in local time; remembers of which day it showed something last.

    *wall_clock* returns the time in seconds since the epoch, as `time.time` does.
    """

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self.me = ""
        self._wall_clock = wall_clock
        self._day: date | None = None

    def event(self, event: Object, here: str | None, live: bool) -> list[Line]:
        """Return the lines of *event* for somebody in the group *here*."""
        known = _event(event)
        where = _where(event, here)
        if known is None:
            return self._no_entry(event)
        if isinstance(known, Message | Action):
            line = self._said(event, known, where, live)
        else:
            sentence = event_sentence(known, where, Key(fold(self.me)))
            if not sentence:
                return []
            line = Line((*_time(event), ("server", f"* {sentence}")))
        return [*self._new_day(event), line]

    def answer(self, answer: Object, here: str | None) -> list[Line]:
        """Return the lines of an answer."""
        if answer.get("ok") is not True:
            return [Line((("error", f"* {answer.get('error') or 'The server said no.'}"),))]
        match answer.get("type"):
            case None:
                return []
            case "history":
                return self._log(answer, here) or [server_line("Nothing has been said yet.")]
            case "matches":
                found = self._log(answer, here)
                newest = "The newest matches" if answer.get("more") else "Found"
                what = newest if found else "Nothing found"
                return [server_line(f"{what} for: {answer.get('words')}"), *found]
        reply = _reply(answer, self._wall_clock())
        if reply is None:
            return self._unknown(answer)
        return [server_line(line) for line in reply_lines(reply)]

    def midnight(self) -> list[Line]:
        """Return the line that begins this day, if the last line shown was of another day."""
        return self._begin(self._today()) if self._day is not None else []

    def _said(self, event: Object, said: Message | Action, where: Where, live: bool) -> Line:
        mine = fold(said.sender) == fold(self.me)
        calls = live and not mine and self._names_me(said.text)
        text: Piece = ("mention" if calls else "", said.text)
        name: Piece = (f"who:{zlib.crc32(fold(said.sender).encode()) % NAME_COLOURS}", said.sender)
        place = _label(where, mine)
        pieces: list[Piece] = [*_time(event)]
        if isinstance(said, Action):
            pieces += [("", "~ "), name, *place, ("", " "), text]
        else:
            pieces += [name, *place, ("", ": "), text]
        return Line(tuple(pieces), calls or (live and where.other is not None and not mine))

    def _names_me(self, text: str) -> bool:
        if not self.me:
            return False
        name = re.escape(self.me)
        return re.search(rf"(?<![\w.-]){name}(?![\w-])", text, re.IGNORECASE) is not None

    def _log(self, answer: Object, here: str | None) -> list[Line]:
        entries = answer.get("entries")
        if not isinstance(entries, list):
            return []
        day, self._day = self._day, None  # the past has days of its own
        lines = [
            line
            for entry in entries
            if isinstance(entry, dict)
            for line in self.event(entry, here, live=False)
        ]
        self._day = day
        return lines

    def _new_day(self, event: Object) -> list[Line]:
        at = _moment(event)
        return self._begin(at.date()) if at is not None else []

    def _begin(self, day: date) -> list[Line]:
        if day == self._day:
            return []
        first, self._day = self._day is None, day
        if first and day == self._today():
            return []  # today needs no saying
        return [Line((("day", f"- {day:%A}, {day.day} {day:%B %Y} -"),))]

    def _today(self) -> date:
        return datetime.fromtimestamp(self._wall_clock()).date()

    def _no_entry(self, event: Object) -> list[Line]:
        if event.get("type") in ("live", "end"):
            return []
        told = _reply(event, self._wall_clock())
        if told is None or isinstance(told, Replayed | Matches):
            return self._unknown(event)
        return [server_line(line) for line in reply_lines(told)]

    def _unknown(self, fields: Object) -> list[Line]:
        """Show something that a newer server says."""
        text = fields.get("text")
        if isinstance(text, str):
            return [server_line(text)]
        kind = fields.get("type")
        rest = {k: v for k, v in fields.items() if k not in ("type", "re", "ok", "seq", "at")}
        shown = ", ".join(f"{name} {_flat(value)}" for name, value in rest.items())
        return [server_line(f"{kind}: {shown}" if shown else f"{kind}")]


def server_line(text: str) -> Line:
    """Return a line that is not from a person."""
    return Line((("server", f"* {text}"),))


def _label(where: Where, mine: bool) -> Sequence[Piece]:
    """Return what stands between a name and what was said."""
    if where.other is not None:
        return [("place", f" (private to {where.other})" if mine else " (private)")]
    return [] if where.here else [("place", f" (in {where.group})")]


def _where(event: Object, here: str | None) -> Where:
    other, group = event.get("with"), event.get("group")
    if isinstance(other, str):
        return Where(other=Name(other))
    if not isinstance(group, str):
        return Where()
    return Where(group=Name(group), here=here is not None and fold(group) == fold(here))


def _time(event: Object) -> list[Piece]:
    at = _moment(event)
    return [("time", f"{at:%H:%M} ")] if at is not None else []


def _moment(event: Object) -> datetime | None:
    """Return when *event* happened, in local time."""
    try:
        return datetime.fromisoformat(str(event.get("at"))).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def _event(fields: Object) -> AnyEvent | None:
    """Return the event that *fields* are, as the server has it; None for an unknown one."""
    try:
        # The server calls a sender "from", and keeps a file's id to itself.
        stored = {**fields, "sender": fields.get("from"), "id": ""}
        event: AnyEvent = msgspec.convert(stored, AnyEvent)
    except msgspec.ValidationError:
        return None
    return event


def _reply(fields: Object, now: float) -> Reply | None:
    """Return the reply that *fields* are, as the server has it; None for an unknown one.

    *now* is in seconds since the epoch.
    """
    fields = dict(fields)
    match fields.get("type"):
        case "sent":
            fields["other"] = fields.get("with")
        case "help":
            commands = fields.get("commands")
            fields |= {"desk": False, "brief": isinstance(commands, list) and len(commands) != 1}
        case "groups":
            lines = objects_in(fields.get("groups"))
            fields["groups"] = [{**each, "name": each.get("group")} for each in lines]
        case "requests" | "bans" | "files" as kind:
            fields[kind] = [_with_milliseconds(each) for each in objects_in(fields.get(kind))]
            fields["now"] = int(now * 1000)
        case "password":
            fields.setdefault("token", "")
    try:
        reply: Reply = msgspec.convert(fields, Reply)
    except (msgspec.ValidationError, TypeError):
        return None
    return reply


def _with_milliseconds(fields: Object) -> Object:
    at = _moment(fields)
    return {**fields, "at": int(at.timestamp() * 1000) if at is not None else 0}


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {_flat(each)}" for name, each in value.items()) + ")"
    if isinstance(value, list):
        return ", ".join(_flat(each) for each in value) or "none"
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: "none"}[value]
    return str(value)

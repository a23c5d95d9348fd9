"""LineFormatter: turns events and answers into lines of styled text for the screens.

The sentences are made by `render`, as the server's are for people. Events and answers of a kind
that this client does not know are displayed field by field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import NamedTuple, TypeAlias

from pyconchat.client.name_colours import NameColours
from pyconchat.client.net.json_protocol import Object, objects_in
from pyconchat.client.records import (
    event_in,
    local_time,
    milliseconds,
    quote_in,
    reply_in,
    where_of,
)
from pyconchat.domain.events import Action, Message, Quote
from pyconchat.domain.mentions import names_reader
from pyconchat.domain.names import Key, fold
from pyconchat.domain.replies import Where
from pyconchat.render.events import event_sentence, quoted
from pyconchat.render.layout import lay_out
from pyconchat.render.log_headings import history_heading, matches_heading, mentions_heading
from pyconchat.render.replies import reply_lines
from pyconchat.render.words import HOOK, NAMED

__all__ = ["Line", "LineFormatter", "Piece", "plain_text", "server_line"]

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
    """Formats lines for *me*, in local time, with a line wherever the day changes.

    That line has the time zone of the day, if it is not that of now: summer time.

    *wall_clock* returns the time in seconds since the epoch, as `time.time` does.
    """

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self.me = ""
        self._wall_clock = wall_clock
        self._day: date | None = None  # of the last line
        self._colours = NameColours()

    def event(self, event: Object, current: str | None, live: bool) -> list[Line]:
        """Return the lines for *event* if *current*, ``tea`` or ``@bob``, is the current place.

        Mentions of the reader are highlighted. Only a *live* message, one that was not missed,
        rings the bell.
        """
        return self._entry(event, current, rings=live, marked=True)

    def _entry(
        self,
        event: Object,
        current: str | None,
        rings: bool = False,
        marked: bool = False,
        answerable: bool = True,
    ) -> list[Line]:
        """Return the lines for *event*. Mentions of the reader are highlighted if *marked*.

        *answerable* is as in `event_sentence`.
        """
        known = event_in(event)
        where = where_of(event, current)
        if known is None:
            return self._other(event)
        quote = quote_in(event.get("quote"))
        if isinstance(known, Message | Action):
            marked = marked and names_reader(known, self._reader)
            line = self._message(event, known, where, marked, quote)
            is_mine = fold(known.sender) == self._reader
            line = line._replace(
                rings=rings and not is_mine and (marked or where.other is not None)
            )
        else:
            at = milliseconds(event.get("at")) or 0
            sentence = event_sentence(known, where, self._reader, at, quote, answerable)
            if not sentence:
                return []
            line = Line((*_time(event), ("server", lay_out(sentence, "* ", "\n"))))
        return [*self._new_day(event), line]

    def answer(self, answer: Object, current: str | None) -> list[Line]:
        """Return the lines for an answer."""
        if answer.get("ok") is not True:
            return [Line((("error", f"* {answer.get('error') or 'The server refused.'}"),))]
        if answer.get("type") is None:
            return []
        if answer.get("type") in ("history", "matches", "mentions"):
            return self._log(answer, current)
        reply = reply_in({**answer, "desk": current is None}, self._wall_clock())
        if reply is None:
            return self._unknown(answer)
        return [server_line(line) for line in reply_lines(reply)]

    def midnight(self) -> list[Line]:
        """Return the line for a new day, if the last line was of another day."""
        return self._day_line(self._today()) if self._day is not None else []

    @property
    def _reader(self) -> Key:
        return Key(fold(self.me))

    def _message(
        self,
        event: Object,
        said: Message | Action,
        where: Where,
        marked: bool,
        quote: Quote | None,
    ) -> Line:
        colour = self._colours.of(said.sender, where.other or where.group)
        name: Piece = (f"name:{colour}", said.sender)
        label = _label(where, fold(said.sender) == self._reader, said.guest)
        pieces: list[Piece] = [*_time(event)]
        if marked:
            pieces.append(("mention", NAMED))  # for those who see no colours
        if isinstance(said, Action):
            pieces += [("", "~ "), name, *label, ("", " ")]
        else:
            pieces += [name, *([("group", HOOK)] if said.hook else []), *label]
            if quote is not None:
                pieces.append(("server", f" ↪ {quoted(quote)}"))
            pieces.append(("", ": "))
        before = "".join(text for _, text in pieces)
        text = lay_out(said.text, before, "\n").removeprefix(before)
        return Line((*pieces, ("mention" if marked else "", text)))

    def _log(self, answer: Object, current: str | None) -> list[Line]:
        """Return the lines for requested entries."""
        kind = answer.get("type")
        entries = self.log(answer, current, numbers=True)
        more, next = answer.get("more"), str(answer.get("next") or "")
        if kind == "matches":
            heading = matches_heading(str(answer.get("words")), bool(entries), next)
        elif kind == "mentions":
            heading = mentions_heading(bool(entries), more if isinstance(more, int) else 0, next)
        else:
            older, before = more if isinstance(more, int) else 0, str(answer.get("before") or "")
            other = answer.get("with")
            partner = other if isinstance(other, str) else None
            heading = history_heading(bool(entries), older, next, before, partner)
        return [*map(server_line, heading), *entries]

    def log(self, answer: Object, current: str | None, numbers: bool = False) -> list[Line]:
        """Return the lines for the entries of an answer, with day lines of their own.

        With *numbers*, messages have the number by which commands name them, and requests to join
        are past ones, not to be answered. Mentions of the reader are highlighted if they are
        marked as unread.
        """
        entries = answer.get("entries")
        if not isinstance(entries, list):
            return []
        day, self._day = self._day, None
        lines: list[Line] = []
        for entry in objects_in(entries):
            marked = entry.get("unread") is True
            shown = self._entry(entry, current, marked=marked, answerable=not numbers)
            if numbers and shown and entry.get("type") in ("message", "action"):
                shown[-1] = _numbered(shown[-1], entry.get("seq"))
            lines += shown
        self._day = day
        return lines

    def _new_day(self, event: Object) -> list[Line]:
        at = local_time(event)
        if at is None or at.date() == self._day:
            return []
        now = datetime.fromtimestamp(self._wall_clock()).astimezone()
        zone = "" if at.utcoffset() == now.utcoffset() else f", {at.tzname()}"
        return self._day_line(at.date(), zone)

    def _day_line(self, day: date, zone: str = "") -> list[Line]:
        if day == self._day:
            return []
        first, self._day = self._day is None, day
        if first and day == self._today():
            return []  # without a line, the reader takes it to be today
        return [Line((("day", f"- {day:%A}, {day.day} {day:%B %Y}{zone} -"),))]

    def _today(self) -> date:
        return datetime.fromtimestamp(self._wall_clock()).date()

    def _other(self, event: Object) -> list[Line]:
        """Return the lines for an object that is no entry: a reply sent as an event, or unknown."""
        if event.get("type") in ("live", "end"):
            return []
        reply = reply_in(event, self._wall_clock())
        if reply is None:
            return self._unknown(event)
        return [server_line(line) for line in reply_lines(reply)]

    def _unknown(self, fields: Object) -> list[Line]:
        """Return the line for an object that only newer clients know."""
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


def _numbered(line: Line, seq: object) -> Line:
    """Return *line* with the number by which commands name its message, before it."""
    if not isinstance(seq, int):
        return line
    at = 1 if line.pieces[0][0] == "time" else 0
    return line._replace(pieces=(*line.pieces[:at], ("time", f"#{seq} "), *line.pieces[at:]))


def _label(where: Where, is_mine: bool, guest: bool) -> Sequence[Piece]:
    """Return the addition to the sender's name for a message outside the current group.

    *guest* is true of the first private message of a guest.
    """
    if where.other is not None:
        from_other = " (guest, private)" if guest else " (private)"
        return [("group", f" (private to {where.other})" if is_mine else from_other)]
    return [] if where.here else [("group", f" (in {where.group})")]


def _time(event: Object) -> list[Piece]:
    at = local_time(event)
    return [("time", f"{at:%H:%M} ")] if at is not None else []


def _flat(value: object) -> str:
    """Return a value from JSON in words, on one line."""
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {_flat(each)}" for name, each in value.items()) + ")"
    if isinstance(value, list):
        return ", ".join(_flat(each) for each in value) or "none"
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: "none"}[value]
    return str(value)

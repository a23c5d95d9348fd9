"""Text for people with `nc` or `telnet`.

The server's lines start with ``* ``, actions with ``~ ``, and messages with the sender's name, so
that nobody can impersonate the server. Lines that mention the reader begin with ``» ``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from zope.interface import implementer

from pyconchat.chat.interfaces import IRenderer
from pyconchat.domain.errors import Refused
from pyconchat.domain.events import Action, AnyEvent, Entry, Message, Talk, is_coming_or_going
from pyconchat.domain.mentions import names_reader
from pyconchat.domain.names import NOBODY, Key, Name, fold
from pyconchat.domain.replies import (
    DownloadTicket,
    Matches,
    Mentions,
    PresenceChanged,
    Replayed,
    Reply,
    UploadTicket,
    Where,
)
from pyconchat.domain.settings import Settings
from pyconchat.domain.times import date_and_time, time_of_day
from pyconchat.render.events import event_sentence, quoted
from pyconchat.render.layout import lay_out
from pyconchat.render.log_headings import history_heading, matches_heading, mentions_heading
from pyconchat.render.replies import reply_lines
from pyconchat.render.words import HOOK, NAMED

__all__ = ["TextRenderer"]

USUAL = Settings()

BELL = "\a"


@implementer(IRenderer)
class TextRenderer:
    """Plain lines that end in *newline*: LF for `nc`, CRLF for telnet (RFC 854).

    *wall_clock* returns the time in seconds since the epoch, as `time.time` does. *settings* are
    those of the readers.
    """

    def __init__(
        self,
        newline: str,
        wall_clock: Callable[[], float] = time.time,
        settings: Settings = USUAL,
    ) -> None:
        self._newline = newline
        self._wall_clock = wall_clock
        self._settings = settings
        self._styles: dict[Settings, TextRenderer] = {}

    def styled(self, settings: Settings) -> TextRenderer:
        if settings == self._settings:
            return self
        if settings not in self._styles:
            self._styles[settings] = TextRenderer(self._newline, self._wall_clock, settings)
        return self._styles[settings]

    def talk(self, entries: Sequence[Entry], where: Where) -> list[str]:
        said = f"{_label(where)}: "
        end, in_group = self._newline, where.other is None
        if self._settings.times or self._settings.bell:
            return [
                self._line(_talk(entry, where, self._mark(entry, where), end)) for entry in entries
            ]
        return [
            f"{event.sender}{said}{event.text}{end}"
            if type(event := entry.event) is Message
            and in_group
            and entry.quote is None
            and not event.hook
            and "\n" not in event.text
            and "\t" not in event.text
            else self._line(_talk(entry, where, "", end))
            for entry in entries
        ]

    def entry(self, entry: Entry, where: Where, reader: Key) -> str:
        if self._hides(entry, reader):
            return ""
        mark = self._mark(entry, where, reader)
        return self._line(_entry(entry, where, reader, mark, self._newline))

    def replay(self, entries: Sequence[Entry], where: Where, reader: Key, heading: str) -> bytes:
        shown = (entry for entry in entries if not self._hides(entry, reader))
        lines = [self._stamped(entry, where, reader) for entry in shown]
        pieces = [self._line(line) for line in lines if line]
        if pieces and heading:
            place = f"with {where.other}" if where.other else f"in {where.group}"
            pieces.insert(0, self._line(f"* {heading}, {place}:"))
        return self.block(pieces)

    def block(self, pieces: Iterable[str]) -> bytes:
        return "".join(pieces).encode()

    def reply(self, reply: Reply) -> bytes:
        if isinstance(reply, PresenceChanged) and not self._settings.joins:
            return b""
        if isinstance(reply, Replayed | Matches | Mentions):
            lines = self.log_lines(reply)
        elif isinstance(reply, UploadTicket | DownloadTicket):
            # The command has no mark, so that it can be pasted.
            what, command, *link = reply_lines(reply)
            lines = [f"* {what}", command, *(f"* {each}" for each in link)]
        else:
            lines = [f"* {line}" for line in reply_lines(reply)]
        return self.block(self._line(line) for line in lines)

    def refusal(self, refused: Refused) -> bytes:
        return self._line(f"* {refused.sentence}").encode()

    def _hides(self, entry: Entry, reader: Key) -> bool:
        """Return whether the settings hide *entry* from *reader*."""
        return not self._settings.joins and is_coming_or_going(entry.event, reader)

    def _mark(self, entry: Entry, where: Where, reader: Key = NOBODY) -> str:
        """Return the prefix of a line, by the settings and the reader."""
        time = f"{time_of_day(entry.at)} " if self._settings.times else ""
        event = entry.event
        rings = self._settings.bell and (names_reader(event, reader) or _is_from(where, event))
        return (BELL if rings else "") + time + _named(event, reader)

    def _stamped(self, entry: Entry, where: Where, reader: Key) -> str:
        stamp = f"[{self._when(entry)}] {_named(entry.event, reader)}"
        return _entry(entry, where, reader, stamp, self._newline)

    def _numbered(self, entry: Entry, where: Where, mark: str = "") -> str:
        """Return the line of *entry* for any reader, with the number by which commands name it.

        A request to join does not name the commands that answer it: it may be answered already.
        """
        number = f" #{entry.seq}" if isinstance(entry.event, Talk) else ""
        stamp = f"[{self._when(entry)}{number}] {mark}"
        return _entry(entry, where, NOBODY, stamp, self._newline, answerable=False)

    def _when(self, entry: Entry) -> str:
        return date_and_time(entry.at, int(self._wall_clock() * 1000))

    def log_lines(self, reply: Replayed | Matches | Mentions) -> list[str]:
        """Return the heading of *reply*, and a text for each entry."""
        if isinstance(reply, Mentions):
            entries = [
                self._numbered(each.entry, each.where, NAMED if each.unread else "")
                for each in reply.mentions
            ]
        else:
            entries = [self._numbered(entry, reply.where) for entry in reply.entries]
        found = any(entries)
        match reply:
            case Replayed(more=more, next=next, before=before):
                heading = history_heading(found, more, next, before, reply.where.other)
            case Matches(words=words, next=next):
                heading = matches_heading(words, found, next)
            case Mentions(more=more, next=next):
                heading = mentions_heading(found, more, next)
        return [*(type(line)(f"* {line}") for line in heading), *entries]

    def _line(self, line: str) -> str:
        return f"{line}{self._newline}" if line else ""


def _label(where: Where) -> str:
    """Return the addition to a sender's name: where the message was sent."""
    if where.here:
        return ""
    return f" (in {where.group})" if where.group is not None else " (private)"


def _named(event: AnyEvent, reader: Key) -> str:
    """Return the mark before a line that mentions *reader*; nothing if *event* does not."""
    return NAMED if names_reader(event, reader) else ""


def _is_from(where: Where, event: AnyEvent) -> bool:
    """Return whether *event* is a private message from the reader's partner."""
    if where.other is None or not isinstance(event, Talk):
        return False
    return fold(event.sender) == fold(where.other)


def _talk(entry: Entry, where: Where, stamp: str, newline: str) -> str:
    match entry.event:
        case Message(sender=sender, text=text, guest=guest, hook=hook):
            label = _label(where) if where.other is None else _private(sender, where.other, guest)
            answers = f" ↪ {quoted(entry.quote)}" if entry.quote is not None else ""
            head = f"{sender}{HOOK}" if hook else sender
            return lay_out(text, f"{stamp}{head}{label}{answers}: ", newline)
        case Action(sender=sender, text=text, guest=guest):
            label = _label(where) if where.other is None else _private(sender, where.other, guest)
            return lay_out(text, f"{stamp}~ {sender}{label} ", newline)
        case _:
            raise AssertionError("only messages and actions are talk")


def _private(sender: Name, other: Name, guest: bool) -> str:
    """Return the addition to the name of the *sender* of a private message."""
    # The reader's other devices get the reader's own messages; they must name the receiver.
    if fold(sender) != fold(other):
        return f" (private to {other})"
    return " (guest, private)" if guest else " (private)"


def _entry(
    entry: Entry, where: Where, reader: Key, stamp: str, newline: str, answerable: bool = True
) -> str:
    if isinstance(entry.event, Message | Action):
        return _talk(entry, where, stamp, newline)
    sentence = event_sentence(entry.event, where, reader, entry.at, entry.quote, answerable)
    return lay_out(sentence, f"{stamp}* ", newline) if sentence else ""

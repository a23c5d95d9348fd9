"""Text for people with `nc` or `telnet`.

The server's lines start with ``* ``, actions with ``~ ``, and messages with the sender's name, so
that nobody can impersonate the server.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from zope.interface import implementer

from pyconchat.chat.interfaces import IRenderer
from pyconchat.domain.errors import Refused
from pyconchat.domain.events import Action, Entry, Message
from pyconchat.domain.names import Key, fold
from pyconchat.domain.replies import DownloadTicket, Matches, Replayed, Reply, UploadTicket, Where
from pyconchat.domain.times import date_and_time
from pyconchat.render.events import event_sentence
from pyconchat.render.layout import lay_out
from pyconchat.render.replies import older_line, reply_lines

__all__ = ["TextRenderer"]


@implementer(IRenderer)
class TextRenderer:
    """Plain lines that end in *newline*: LF for `nc`, CRLF for telnet (RFC 854).

    *wall_clock* returns the time in seconds since the epoch, as `time.time` does.
    """

    def __init__(self, newline: str, wall_clock: Callable[[], float] = time.time) -> None:
        self._newline = newline
        self._wall_clock = wall_clock

    def talk(self, entries: Sequence[Entry], where: Where) -> list[str]:
        said = f"{_label(where)}: "
        end = self._newline
        return [
            f"{event.sender}{said}{event.text}{end}"
            if type(event := entry.event) is Message
            and where.other is None
            and "\n" not in event.text
            and "\t" not in event.text
            else self._line(_talk(entry, where, "", end))
            for entry in entries
        ]

    def entry(self, entry: Entry, where: Where, reader: Key) -> str:
        return self._line(_entry(entry, where, reader, "", self._newline))

    def replay(self, entries: Sequence[Entry], where: Where, reader: Key, heading: str) -> bytes:
        lines = [self._stamped(entry, where, reader) for entry in entries]
        pieces = [self._line(line) for line in lines if line]
        if pieces and heading:
            place = f"with {where.other}" if where.other else f"in {where.group}"
            pieces.insert(0, self._line(f"* {heading}, {place}:"))
        return self.block(pieces)

    def block(self, pieces: Iterable[str]) -> bytes:
        return "".join(pieces).encode()

    def reply(self, reply: Reply) -> bytes:
        if isinstance(reply, Replayed | Matches):
            lines = self._log_lines(reply)
        elif isinstance(reply, UploadTicket | DownloadTicket):
            what, command = reply_lines(reply)
            lines = [f"* {what}", command]  # without a mark, so that it can be pasted
        else:
            lines = [f"* {line}" for line in reply_lines(reply)]
        return self.block(self._line(line) for line in lines)

    def refusal(self, refused: Refused) -> bytes:
        return self._line(f"* {refused.sentence}").encode()

    def _stamped(self, entry: Entry, where: Where, reader: Key) -> str:
        stamp = f"[{date_and_time(entry.at, int(self._wall_clock() * 1000))}] "
        return _entry(entry, where, reader, stamp, self._newline)

    def _log_lines(self, reply: Replayed | Matches) -> list[str]:
        lines = [self._stamped(entry, reply.where, Key("")) for entry in reply.entries]
        lines = [line for line in lines if line]
        if isinstance(reply, Replayed):
            older = older_line(reply)
            lines = [f"* {older}", *lines] if older else lines
            return lines or ["* Nothing has been said yet."]
        if not lines:
            return [f"* Nothing found for: {reply.words}"]
        newest = "The newest matches" if reply.more else "Found"
        return [f"* {newest} for: {reply.words}", *lines]

    def _line(self, line: str) -> str:
        return f"{line}{self._newline}" if line else ""


def _label(where: Where) -> str:
    """Return the addition to a sender's name: where the message was sent."""
    if where.here:
        return ""
    return f" (in {where.group})" if where.group is not None else " (private)"


def _talk(entry: Entry, where: Where, stamp: str, newline: str) -> str:
    match entry.event:
        case Message(sender=sender, text=text):
            # The reader's other devices get the reader's own messages; they must name the receiver.
            if where.other is not None and fold(sender) != fold(where.other):
                return lay_out(text, f"{stamp}{sender} (private to {where.other}): ", newline)
            return lay_out(text, f"{stamp}{sender}{_label(where)}: ", newline)
        case Action(sender=sender, text=text):
            return lay_out(text, f"{stamp}~ {sender}{_label(where)} ", newline)
        case _:
            raise AssertionError("only messages and actions are talk")


def _entry(entry: Entry, where: Where, reader: Key, stamp: str, newline: str) -> str:
    if isinstance(entry.event, Message | Action):
        return _talk(entry, where, stamp, newline)
    sentence = event_sentence(entry.event, where, reader, entry.at)
    return f"{stamp}* {sentence}" if sentence else ""

"""Views: select the events that are displayed at once, and on entering a group.

With one view for each place, the screen shows the current group or private conversation, private
messages, and events addressed to the person. Other events are counted, and read from the server's
log when their group is entered. With all in one view, everything is displayed on receipt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from pyconchat.client.groups import Groups
from pyconchat.client.interfaces import UNCONFIRMED
from pyconchat.client.joined_group import JoinedGroup, count
from pyconchat.client.lines import Line, LineFormatter, server_line
from pyconchat.client.log_reader import CannotRead, LogReader, NewEntries
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.read_markers import ReadMarkers
from pyconchat.client.records import comes_or_goes, event_in, is_news
from pyconchat.domain.events import JoinRequested, Talk, subject
from pyconchat.domain.mentions import names_reader
from pyconchat.domain.names import Key, fold

__all__ = ["ViewMode", "Views"]

ViewMode: TypeAlias = Literal["one", "all"]

MAX_HELD = 200
"""Maximum events that are held while the log before them is read."""

MAX_HELD_CHARACTERS = 100_000
"""Maximum characters in the texts of those events."""


class _Reading:
    """New entries up to *upto* are being read, and live events are *held* until then.

    If they become too many they are dropped, and read from the log too. Nothing is missing up to
    the entry *complete_upto*.
    """

    def __init__(self, upto: int) -> None:
        self.upto = self.complete_upto = upto
        self.held: list[tuple[Object, bool]] = []
        self._characters = 0
        self._overflows = False

    def hold(self, event: Object, is_live: bool, is_visible: bool) -> None:
        """Keep *event*, unless it *is_visible* already."""
        seq = count(event.get("seq"))
        if seq <= self.upto or self._overflows:
            return
        self.complete_upto = seq
        if is_visible:
            return
        self._characters += len(str(event.get("text")))
        self.held.append((event, is_live))
        if len(self.held) > MAX_HELD or self._characters > MAX_HELD_CHARACTERS:
            self._overflows = True
            self.complete_upto = self.upto
            self.held.clear()


class Views:
    """The views of *groups*. *show_event* displays an event, which is live or not; *show* lines.

    *marks* gets the numbers of displayed entries.
    """

    _log = Logger()

    def __init__(
        self,
        groups: Groups,
        log: LogReader,
        marks: ReadMarkers,
        formatter: LineFormatter,
        show_event: Callable[[Object, bool], None],
        show: Callable[[Sequence[Line]], None],
    ) -> None:
        self.mode: ViewMode = "one"
        self._groups = groups
        self._reader = log
        self._marks = marks
        self._formatter = formatter
        self._show_event = show_event
        self._show = show
        self._joins = True  # the setting: whether joins and leaves are displayed
        self._readings: dict[JoinedGroup, _Reading] = {}
        self._entered: set[str] = set()  # the people whose conversations were entered
        self._first_private: dict[str, int] = {}  # the first displayed entry, by partner

    def learn(self, fields: Object) -> None:
        """Read from a hello, an answer or an event whether joins and leaves are displayed."""
        settings = fields.get("settings")
        if isinstance(settings, dict) and isinstance(settings.get("joins"), bool):
            self._joins = settings["joins"]

    def event_received(self, event: Object, is_live: bool, is_visible: bool) -> None:
        """Display or count *event*. If it *is_visible*, it is on the screen, as it was typed."""
        group = self._groups.get(event.get("group"))
        seq = count(event.get("seq")) if event.get("type") != "read" else 0
        if group in self._readings and self._sees(group):
            if seq:
                self._readings[group].hold(event, is_live, is_visible)
                return
            if event.get("type") == "missed":
                return  # the heading of the entries that are being read
        shown = is_visible or self._shows(event, group, is_live)
        if shown and not is_visible:
            self._show_event(event, is_live)
        partner = event.get("with")
        if seq and isinstance(partner, str):
            self._first_private.setdefault(fold(partner), seq)
            self._marks.private_shown(partner, seq)
        elif seq and group is not None:
            if shown and event.get("type") not in ("message", "action"):
                group.shown_alone(seq)
            if self._sees(group) or not group.unread:
                self._mark(group, group.head)

    def catch_up(self) -> None:
        """Display the new entries of the groups in view, and the earlier ones on first sight."""
        for group in self._groups.all():
            news = group.unread or group.joined_at
            if news and self._sees(group) and group not in self._readings:
                reading = Deferred.fromCoroutine(self._catch_up(group))
                reading.addErrback(lambda each: self._log.failure("catching up failed", each))
        partner = self._groups.partner
        if partner and fold(partner) not in self._entered:
            self._entered.add(fold(partner))
            Deferred.fromCoroutine(self._show_private(partner)).addErrback(
                lambda each: self._log.failure("reading a conversation failed", each)
            )

    # Selection of events.

    def _sees(self, group: JoinedGroup | None) -> bool:
        """Return whether *group* is in view: all its events are displayed."""
        if group is None or group is self._groups.current:
            return group is not None
        return self.mode == "all" and not group.muted

    def _shows(self, event: Object, group: JoinedGroup | None, is_live: bool) -> bool:
        kind = event.get("type")
        if kind == "presence":
            return self._joins and self._sees_person(str(event.get("name")))
        if comes_or_goes(event, self._groups.me) and not (is_live and self._joins):
            return False
        if group is None or self._sees(group):
            return True
        return self._is_for_person(event, group, is_live)

    def _sees_person(self, name: str) -> bool:
        """Return whether *name* is in the current place."""
        if self.mode == "all" or fold(name) == fold(self._groups.partner):
            return True
        return self._groups.current is not None and name in self._groups.current.members

    def _is_for_person(self, event: Object, group: JoinedGroup, is_live: bool) -> bool:
        """Return whether *event*, of a group that is not in view, is displayed nevertheless.

        True of live mentions of the person, and events about them, by them, or that they have to
        answer. A missed mention is displayed when its group is entered.
        """
        known = event_in(event)
        if known is None:
            return event.get("type") in ("muted", "own-groups")
        me = Key(fold(self._groups.me))
        if isinstance(known, Talk):
            return is_live and names_reader(known, me)
        about = subject(known)
        if isinstance(known, JoinRequested) and not group.muted:
            return True
        if about is not None and fold(about) == me:
            return True
        return is_live and fold(str(event.get("by"))) == me

    # New entries.

    async def _catch_up(self, group: JoinedGroup) -> None:
        """Display the entries of *group* before it was joined, and the new ones."""
        while self._sees(group) and (group.unread or group.joined_at):
            joined, after, is_new = group.joined_at, group.shown, bool(group.unread)
            reading = self._readings[group] = _Reading(group.head)
            me, place = self._groups.me, {"group": group.name}
            try:
                earlier = await self._reader.earlier(place, joined, me) if joined else []
                news = NewEntries([], 0, None)
                if is_new:
                    news = await self._reader.new(group.name, after, reading.upto, me)
            except CannotRead as problem:
                self._cannot_read(group, reading, problem.answer)
                return
            finally:
                del self._readings[group]
            if not self._sees(group) or self._groups.get(group.name) is not group:
                return
            if joined:
                group.joined_at = 0
                self._show_earlier(f"in {group.name}", earlier)
            self._show_new(group, news)
            self._release(group, reading)

    def _cannot_read(self, group: JoinedGroup, reading: _Reading, answer: Object) -> None:
        """Display why the log cannot be read, and the held events."""
        group.joined_at = 0
        if not self._sees(group) or self._groups.get(group.name) is not group:
            return
        if answer.get("code") != UNCONFIRMED:
            self._show(self._formatter.answer(answer, self._current_name()))
        self._release(group, reading)

    def _release(self, group: JoinedGroup, reading: _Reading) -> None:
        for event, is_live in reading.held:
            if self._shows(event, group, is_live):
                self._show_event(event, is_live)
        self._mark(group, reading.complete_upto)

    def _show_new(self, group: JoinedGroup, news: NewEntries) -> None:
        new = [each for each in news.entries if is_news(each)]
        me = Key(fold(self._groups.me))
        known = [event_in(each) for each in new]
        heading = {
            "ok": True,
            "type": "missed",
            "group": group.name,
            "count": len(new),
            "older": news.older,
            "since": news.since,
            "mentions": sum(each is not None and names_reader(each, me) for each in known),
        }
        if new:
            self._show(self._formatter.answer(heading, None))
        for each in news.entries:
            self._show_event(each, False)

    def _show_earlier(self, where: str, entries: list[Object]) -> None:
        if entries:
            lines = self._formatter.log({"entries": entries}, self._current_name())
            self._show([server_line(f"Earlier, {where}:"), *lines])

    async def _show_private(self, partner: str) -> None:
        """Display the earlier entries of the conversation with *partner*, which is entered."""
        before = self._first_private.get(fold(partner))
        try:
            earlier = await self._reader.earlier({"with": partner}, before, self._groups.me)
        except CannotRead:
            return  # nothing was said yet
        if fold(self._groups.partner) == fold(partner):
            self._show_earlier(f"with {partner}", earlier)

    def _mark(self, group: JoinedGroup, seq: int) -> None:
        group.shown_upto(seq)
        if group.shown > group.reported:
            group.reported = group.shown
            self._marks.group_shown(group.name, group.shown)

    def _current_name(self) -> str | None:
        return self._groups.current.name if self._groups.current is not None else None

"""LogReader: reads entries of the log from the server, for the views of groups and people."""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.defer import Deferred

from pyconchat.client.joined_group import count
from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object, objects_in
from pyconchat.client.records import comes_or_goes

__all__ = ["CannotRead", "LogReader", "NewEntries"]

MAX_NEW = 200
"""Maximum new entries that are displayed at once; the server has the older ones."""

MAX_EARLIER = 20
"""Maximum earlier entries that are displayed when a group is first entered."""

PAGE = 200
"""Entries that are read with one request. Joins and leaves are left out afterwards."""

MAX_PAGES = 10
"""Maximum requests for what is new."""


class CannotRead(Exception):
    """The server refuses to read the log. *answer* is its answer."""

    def __init__(self, answer: Object) -> None:
        super().__init__(str(answer.get("error")))
        self.answer = answer


class NewEntries(NamedTuple):
    """The newest of the new *entries*; there are *older* ones. The oldest is from *since*."""

    entries: list[Object]
    older: int
    since: object


class _Page(NamedTuple):
    """The *entries* to display, of all entries after *after*."""

    entries: list[Object]
    after: int


class LogReader:
    """Reads over *connection*. All methods raise `CannotRead`."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection

    async def new(self, group: str, after: int, upto: int, me: str) -> NewEntries:
        """Return the entries after *after*, up to *upto*, without joins and leaves of others.

        *me* is the name of the person.
        """
        place = {"group": group}
        entries: list[Object] = []
        begin = upto
        for _ in range(MAX_PAGES):
            page = await self._page(place, min(PAGE, begin - after), begin + 1, me)
            begin = page.after
            entries = [*page.entries, *entries]
            if begin <= after or len(entries) >= MAX_NEW:
                break
        entries = entries[-MAX_NEW:]
        if begin <= after and len(entries) < MAX_NEW:
            return NewEntries(entries, 0, entries[0].get("at") if entries else None)
        first = count(entries[0].get("seq")) if entries else begin + 1
        oldest = await self._page(place, 1, after + 2, me)
        since = (oldest.entries or entries or [{}])[0].get("at")
        return NewEntries(entries, max(0, first - 1 - after), since)

    async def earlier(self, place: dict[str, str], before: int | None, me: str) -> list[Object]:
        """Return the last entries of *place*, the fields of a request, before the entry *before*.

        Without a number, the last of all.
        """
        page = await self._page(place, PAGE, before, me)
        return page.entries[-MAX_EARLIER:]

    async def _page(self, place: dict[str, str], most: int, before: int | None, me: str) -> _Page:
        answered: Deferred[Object] = Deferred()
        end = f" before {before}" if before is not None else ""
        line = f"/history {most}{end}"
        self._connection.ask_quietly(answered.callback, **place, line=line)
        answer = await answered
        if answer.get("ok") is not True:
            raise CannotRead(answer)
        read = [each for each in objects_in(answer.get("entries")) if count(each.get("seq"))]
        after = max(0, (before or 0) - 1 - most)
        if answer.get("more") and read:  # not all fitted into the answer
            after = max(after, count(read[0].get("seq")) - 1)
        return _Page([each for each in read if not comes_or_goes(each, me)], after)

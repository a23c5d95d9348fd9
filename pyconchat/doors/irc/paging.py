"""Answers of many lines, a page at a time: the members of a large group, or all groups."""

from __future__ import annotations

from collections.abc import Iterable

from pyconchat.doors.irc.client import Client

__all__ = ["send_paged"]

PAGE_BYTES = 8192
"""Bytes of an answer, or a little more, before others have their turn: two milliseconds of work."""

SKIPPED_BYTES = 10
"""Bytes of an answer that are as much work as an item that is compared, and not in the answer."""


async def send_paged(client: Client, lines: Iterable[str]) -> None:
    """Send *lines* as fast as the client reads them; others have turns in between.

    An empty line stands for an item that is not in the answer. Raises `PeerGone` after a
    disconnect.
    """
    size = 0
    for each in lines:
        if each:
            client.send(each)
        size += len(each) or SKIPPED_BYTES
        if size >= PAGE_BYTES:
            size = 0
            client.output.send_page()
            writable = client.door.when_writable()
            if writable is not None:
                await writable
            await client.services.chat.reading.give_way()

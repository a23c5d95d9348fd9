"""Removes closed groups, with their logs, when they have been kept for 30 days.

Days are counted, one in each 24 hours in which a server runs. So setting the clock forward by a
year shortens the time of a closed group by one day only.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from pyconchat.store import schema
from pyconchat.store.search import SearchIndex

__all__ = ["KEPT_DAYS", "count_day", "purge_some"]

KEPT_DAYS = 30
"""Days for which a closed group can be restored."""

DAY = 24 * 3600 * 1000
"""Milliseconds between two days that are counted."""

_COUNTED = "day-counted"  # the row of `settings` with the time of the last day that was counted


def count_day(connection: Connection, now: int) -> list[int]:
    """Count a day if the last one was counted a day before *now* (milliseconds), or after it.

    Returns the conversations of the groups to be removed.
    """
    groups, settings = schema.groups, schema.settings
    ours = settings.c.name == _COUNTED
    last = connection.scalar(select(settings.c.value).where(ours))
    if last is None or not 0 <= now - int(last) < DAY:
        connection.execute(delete(settings).where(ours))
        connection.execute(insert(settings).values(name=_COUNTED, value=str(now)))
        connection.execute(
            update(groups).where(groups.c.closed).values(days_closed=groups.c.days_closed + 1)
        )
    expired = select(groups.c.conversation).where(groups.c.closed, groups.c.days_closed > KEPT_DAYS)
    return list(connection.scalars(expired.order_by(groups.c.conversation)))


def purge_some(connection: Connection, index: SearchIndex, group: int, most: int) -> bool:
    """Delete the oldest *most* entries of the closed *group*; return whether there are more.

    With the last ones, all its other rows are deleted. Its conversation's row remains: no other
    conversation gets its id.
    """
    entries, conversations = schema.entries, schema.conversations
    ours = entries.c.conversation == group
    oldest = select(entries.c.seq, entries.c.body).where(ours).order_by(entries.c.seq).limit(most)
    rows = connection.execute(oldest).all()
    if rows:
        index.remove(connection, group, [(seq, body) for seq, body in rows])
        connection.execute(delete(entries).where(ours, entries.c.seq <= rows[-1].seq))
    if len(rows) == most:
        return True
    index.forget(connection, group)
    for table in (
        *(schema.members, schema.requests, schema.invitations, schema.bans, schema.files),
        *(schema.invite_codes, schema.pins, schema.reactions, schema.mentions, schema.mutes),
        schema.detached,
        *(schema.moderators, schema.quieted, schema.hooks, schema.cursors, schema.groups),
    ):
        connection.execute(delete(table).where(table.c.conversation == group))
    row = conversations.c.id == group
    connection.execute(update(conversations).where(row).values(head=0, version=0))
    return False

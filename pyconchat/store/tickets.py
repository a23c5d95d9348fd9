"""The table `schema.tickets`: the tickets that are valid at all nodes."""

from __future__ import annotations

from itertools import count

from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from pyconchat.domain.stored import TicketRecord
from pyconchat.domain.text import SafeText
from pyconchat.store import schema
from pyconchat.store.rows import delete_rows

__all__ = ["MAX_TICKETS", "TicketRows"]

MAX_TICKETS = 100_000
"""Maximum tickets of all accounts, about: there may be `CHECK_EVERY` more from each node. The first
to expire are removed."""

CHECK_EVERY = 100
"""Tickets that a node issues between two checks of the maximum."""

NEVER = 2**62
"""When a ticket without an end expires."""

_tickets = schema.tickets.c


class TicketRows:
    """Writes and reads the table, in transactions of the caller.

    *now* is the database's time at the beginning, in milliseconds since the epoch.
    """

    def __init__(self, now: ColumnElement[int]) -> None:
        self._now = now
        self._issued = count(1)

    def add(self, connection: Connection, ticket: TicketRecord, seconds: float, most: int) -> None:
        """Add *ticket*: see `INodeStore.add_ticket`."""
        self._run(connection, _tickets.ends <= self._now)
        if most > 0:
            self._keep(connection, most - 1, _tickets.party == ticket.party)
        if next(self._issued) % CHECK_EVERY == 0:
            total = connection.scalar(select(func.count()).select_from(schema.tickets)) or 0
            if total > MAX_TICKETS:
                first = select(_tickets.digest).order_by(_tickets.ends).limit(total - MAX_TICKETS)
                self._run(connection, _tickets.digest.in_(first))
        ends = self._now + int(seconds * 1000) if seconds else NEVER
        connection.execute(insert(schema.tickets).values(ends=ends, **asdict(ticket)))

    def find(self, connection: Connection, digest: str) -> TicketRecord | None:
        """Return the ticket, unless it has expired or was removed."""
        columns = [_tickets[name] for name in TicketRecord.__struct_fields__]
        query = select(*columns).where(_tickets.digest == digest, _tickets.ends > self._now)
        row = connection.execute(query).first()
        if row is None:
            return None
        return TicketRecord(**{**row._mapping, "name": SafeText(row.name)})

    def end(self, connection: Connection, digest: str) -> None:
        """Remove a ticket."""
        delete_rows(connection, schema.tickets, digest=digest)

    def _keep(self, connection: Connection, most: int, own: ColumnElement[bool]) -> None:
        """Keep the *most* that expire last of those for which the condition *own* is true."""
        newest = select(_tickets.digest).where(own).order_by(_tickets.ends.desc())
        kept = list(connection.scalars(newest.limit(most)))
        self._run(connection, own, _tickets.digest.not_in(kept))

    @staticmethod
    def _run(connection: Connection, *chosen: ColumnElement[bool]) -> None:
        connection.execute(delete(schema.tickets).where(*chosen))

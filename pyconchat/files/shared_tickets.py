"""SharedTickets: the tickets of several servers (nodes), each valid at all of them.

They are in the store. A new password, a ban and the like remove them there, in the same
transaction; so no node accepts them afterwards, even if it has not been notified yet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from pyconchat.chat.interfaces import INodeStore, IThreads
from pyconchat.config import FilesConfig
from pyconchat.domain.accounts import Account
from pyconchat.domain.stored import TicketRecord
from pyconchat.files.tickets import Ticket, invalid_ticket

__all__ = ["SharedTickets"]

Restore = Callable[[TicketRecord, str], Awaitable[Ticket]]
"""Returns the ticket of a record, with its token. Raises `Refused` or `NotSaved`."""


class SharedTickets:
    """The tickets in *store*, whose calls run in *threads*; *restore* makes them from records."""

    def __init__(
        self, config: FilesConfig, store: INodeStore, threads: IThreads, restore: Restore
    ) -> None:
        self._config = config
        self._store = store
        self._threads = threads
        self._restore = restore

    async def add(self, ticket: Ticket) -> None:
        number = 0 if ticket.file is None else ticket.file.number
        record = TicketRecord(
            digest=_digest(ticket.token),
            party=ticket.account.party,
            place=ticket.place.key,
            name=ticket.name,
            number=number,
            quota=ticket.quota,
        )
        config = self._config
        await self._threads.write(
            self._store.add_ticket, record, config.ticket_seconds, config.tickets_per_account
        )

    async def find(self, token: str, upload: bool) -> Ticket:
        record = await self._threads.write(self._store.ticket, _digest(token))
        if record is None or (record.number == 0) is not upload:
            raise invalid_ticket()
        return await self._restore(record, token)

    async def remove(self, ticket: Ticket) -> None:
        await self._threads.write(self._store.end_ticket, _digest(ticket.token))

    def revoke(self, account: Account) -> None:
        """Do nothing: the revoking transaction has removed the tickets of registered accounts."""


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

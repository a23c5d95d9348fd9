"""Tickets: each permits the transfer of one file, for some time."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.group_state import SharedFile
from pyconchat.domain.names import Key
from pyconchat.domain.text import SafeText
from pyconchat.files.places import FilePlace

__all__ = ["MAX_TICKETS", "Ticket", "TicketStore", "Tickets", "invalid_ticket", "new_token"]

MAX_TICKETS = 10_000
"""Maximum tickets at a time. A new one replaces the oldest of the account that has the most."""


@dataclass(eq=False)
class Ticket:
    """Permits *account* one upload or download of a file of *place*.

    *revoked* is set when the account's other sessions are ended: by a new password, by
    ``/quit everywhere``, a kick or a ban from the server; and when a guest disconnects.
    """

    token: str
    account: Account
    place: FilePlace
    name: SafeText
    file: SharedFile | None  # the file to download; None for an upload
    key: str  # identifies the unfinished upload in the storage; a later ticket has the same
    owner: Key  # the quota key, as in `Quotas`
    quota: str  # the same, as in `FileShared`
    revoked: bool = False

    def require_good(self) -> None:
        """Raise `Refused` if the ticket is revoked."""
        if self.revoked:
            raise invalid_ticket()


class TicketStore(Protocol):
    """The valid tickets, by their tokens."""

    async def add(self, ticket: Ticket) -> None:
        """Add *ticket*; remove the account's oldest if it has too many. Raises `NotSaved`."""

    async def find(self, token: str, upload: bool) -> Ticket:
        """Return the ticket of *token*. Raises `Refused` or `NotSaved`."""

    async def remove(self, ticket: Ticket) -> None:
        """Remove *ticket*, which was used. Raises `NotSaved`."""

    def revoke(self, account: Account) -> None:
        """Remove all tickets of *account*."""


class Tickets:
    """The tickets of one server, in memory.

    They are valid for so many *seconds* (0: for ever) by the clock *now*. There are at most
    *per_account* of an account (0: no maximum).
    """

    def __init__(self, per_account: int, seconds: float, now: Callable[[], float]) -> None:
        self._per_account = per_account
        self._seconds = seconds or float("inf")
        self._now = now
        self._tickets: dict[str, Ticket] = {}
        self._ends: dict[str, float] = {}
        self._by_account: dict[Account, dict[str, Ticket]] = {}  # in the order of their issue

    def __len__(self) -> int:
        """Return the count of tickets."""
        return len(self._tickets)

    async def add(self, ticket: Ticket) -> None:
        own, now = self._by_account.get(ticket.account, {}), self._now()
        for each in list(own.values()):
            if self._ends[each.token] > now and not 0 < self._per_account <= len(own):
                break  # tickets expire in the order in which they were issued
            self._remove(each)
        if len(self._tickets) >= MAX_TICKETS:
            most = max(self._by_account.values(), key=len)
            self._remove(next(iter(most.values())))
        self._by_account.setdefault(ticket.account, {})[ticket.token] = ticket
        self._tickets[ticket.token] = ticket
        self._ends[ticket.token] = now + self._seconds

    async def find(self, token: str, upload: bool) -> Ticket:
        ticket = self._tickets.get(token)
        if ticket is None or (ticket.file is None) is not upload:
            raise invalid_ticket()
        if self._now() >= self._ends[token]:
            raise invalid_ticket()
        return ticket

    async def remove(self, ticket: Ticket) -> None:
        self._remove(ticket)

    def revoke(self, account: Account) -> None:
        for ticket in list(self._by_account.get(account, {}).values()):
            ticket.revoked = True
            self._remove(ticket)

    def _remove(self, ticket: Ticket) -> None:
        if self._tickets.pop(ticket.token, None) is not None:
            del self._ends[ticket.token]
            own = self._by_account[ticket.account]
            del own[ticket.token]
            if not own:
                del self._by_account[ticket.account]


def new_token() -> str:
    """Return a random token."""
    return secrets.token_hex(16)


def invalid_ticket() -> Refused:
    """Return the refusal of an invalid or expired token."""
    return Refused(
        Code.BAD_TOKEN, "The ticket is invalid or has expired; get another with /send or /get."
    )

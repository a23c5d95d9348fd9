"""Tickets: each permits the transfer of one file, for some time."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from weakref import WeakSet

from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.group_state import SharedFile
from pyconchat.domain.names import Key
from pyconchat.domain.text import SafeText
from pyconchat.files.places import FilePlace

__all__ = ["MAX_TICKETS", "Ticket", "Tickets"]

MAX_TICKETS = 10_000
"""Maximum tickets at a time. A new one replaces the oldest of the account that has the most."""


@dataclass(eq=False)
class Ticket:
    """Permits *account* one upload or download of a file of *place*, until *ends* (seconds).

    *revoked* is set when the account's other sessions are ended: by a new password, by
    ``/quit everywhere``, a kick or a ban from the server; and when a guest disconnects.
    """

    token: str
    account: Account
    place: FilePlace
    name: SafeText
    file: SharedFile | None  # the file to be downloaded; None for an upload
    ends: float
    key: str  # identifies the unfinished upload in the storage; a later ticket has the same
    owner: Key  # the quota key, as in `Quotas`
    quota: str  # the same, as in `FileShared`
    revoked: bool = False

    def require_good(self) -> None:
        """Raise `Refused` if the ticket is revoked."""
        if self.revoked:
            raise _invalid()


class Tickets:
    """All tickets that are valid: at most *per_account* of an account (0: no maximum)."""

    def __init__(self, per_account: int) -> None:
        self._per_account = per_account
        self._tickets: dict[str, Ticket] = {}
        self._by_account: dict[Account, dict[str, Ticket]] = {}  # in the order of their issue
        self._in_use: WeakSet[Ticket] = WeakSet()  # perhaps expired since the transfer began

    def __len__(self) -> int:
        """Return the count of tickets."""
        return len(self._tickets)

    @staticmethod
    def new_token() -> str:
        """Return a random token."""
        return secrets.token_hex(16)

    def add(self, ticket: Ticket, now: float) -> None:
        """Add *ticket*. Remove expired ones, and the account's oldest if it has too many."""
        own = self._by_account.get(ticket.account, {})
        for each in list(own.values()):
            if each.ends > now and not 0 < self._per_account <= len(own):
                break  # tickets expire in the order in which they were issued
            self.remove(each)
        if len(self._tickets) >= MAX_TICKETS:
            most = max(self._by_account.values(), key=len)
            self.remove(next(iter(most.values())))
        self._by_account.setdefault(ticket.account, {})[ticket.token] = ticket
        self._tickets[ticket.token] = ticket

    def find(self, token: str, upload: bool, now: float) -> Ticket:
        """Return the ticket of *token*. Raises `Refused`."""
        ticket = self._tickets.get(token)
        if ticket is None or (ticket.file is None) is not upload or now >= ticket.ends:
            raise _invalid()
        return ticket

    def begin(self, ticket: Ticket) -> None:
        """Record that a transfer with *ticket* begins."""
        self._in_use.add(ticket)

    def remove(self, ticket: Ticket) -> None:
        """Remove *ticket*, which was used or replaced."""
        if self._tickets.pop(ticket.token, None) is not None:
            own = self._by_account[ticket.account]
            del own[ticket.token]
            if not own:
                del self._by_account[ticket.account]

    def revoke(self, account: Account) -> None:
        """End all tickets of *account*, and the transfers that have begun with them."""
        for ticket in self._in_use:
            if ticket.account is account:
                ticket.revoked = True
        for ticket in list(self._by_account.get(account, {}).values()):
            ticket.revoked = True
            self.remove(ticket)


def _invalid() -> Refused:
    return Refused(
        Code.BAD_TOKEN, "The ticket is invalid or has expired; get another with /send or /get."
    )

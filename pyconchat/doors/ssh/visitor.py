"""Visitor: who is at an SSH connection, as its user authentication has found out."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.cred.credentials import ICredentials

from pyconchat.domain.accounts import Account
from pyconchat.domain.public_keys import PublicKey
from pyconchat.sessions.portal import GuestName

__all__ = ["Visitor"]


@dataclass(frozen=True)
class Visitor:
    """Who is there: the *name* as it was typed, and the *account* that it has proven to own.

    *account* is None for a stranger, whom the terminal asks. *credentials* open a session of the
    account, as often as the connection needs one. *key* is the one that the client has offered, and
    *proven* whether it has signed with it.
    """

    name: str
    account: Account | None = None
    credentials: ICredentials | None = None
    key: PublicKey | None = None
    proven: bool = False

    def credentials_of(self, network: str) -> ICredentials:
        """Return what opens a session without questions: a stranger at *network* is a guest."""
        return self.credentials or GuestName(self.name, network)

"""Session tokens: a program that has logged in once logs in again without a password.

A token is 192 random bits; the store has only its hash, so a stolen database lets nobody in. It
ends with a change of the password, a ban, ``/quit everywhere``, or 30 days without use.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred

from pyconchat.chat.interfaces import IJournal, IStore
from pyconchat.domain.accounts import Account, Accounts
from pyconchat.domain.decisions import Decision, EndToken, EndTokens, SaveToken, UseToken, Write
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import Name, fold

__all__ = ["Tokens"]

TOKEN_BYTES = 24
"""Random bytes in a token."""

MAX_UNUSED = 30 * 24 * 3600 * 1000
"""Maximum milliseconds between two uses of a token."""


class Tokens:
    """The session tokens of all *accounts*; *now* returns milliseconds since the epoch."""

    def __init__(
        self, store: IStore, journal: IJournal, accounts: Accounts, now: Callable[[], int]
    ) -> None:
        self._store = store
        self._journal = journal
        self._accounts = accounts
        self._now = now

    async def issue(self, account: Account) -> str:
        """Return a new token of *account*; "" for a guest. Raises `Refused` or `NotSaved`.

        Refused if the tokens of the account were ended meanwhile: this one may have survived.
        """
        if not account.registered:
            return ""
        token, proof = secrets.token_urlsafe(TOKEN_BYTES), account.proof
        await self._save([SaveToken(account.key, _digest(token))])
        if account.proof != proof:
            await self.end_one(token)
            raise _ended()
        return token

    async def check(self, name: Name, token: str) -> Account:
        """Return the account *name* if *token* is valid for it. Raises `Refused` or `NotSaved`."""
        self._accounts.admit(name, self._now())
        account = await self.account_of(token)
        if account.key != fold(name):
            raise _ended()
        return account

    async def account_of(self, token: str) -> Account:
        """Return the account of *token*. Raises `Refused` or `NotSaved`."""
        digest = _digest(token)
        record = await self._journal.read_in_order(self._store.token, digest)
        now = self._now()
        account = None if record is None else self._accounts.get(record.owner)
        if record is None or account is None or now - record.used_at > MAX_UNUSED:
            raise _ended()
        self._accounts.admit(account.name, now)
        # Not awaited: if this use cannot be stored, the next one will be.
        self._journal.append(Decision(now, writes=[UseToken(digest)]))
        return account

    async def end_one(self, token: str) -> None:
        """End *token*. Raises `NotSaved`."""
        await self._save([EndToken(_digest(token))])

    async def end(self, account: Account) -> None:
        """End all tokens of *account*, and its sessions at other nodes. Raises `NotSaved`."""
        at = self._now()
        await self._save([EndTokens(account.key)], at)
        account.ended_at = at

    def _save(self, writes: Sequence[Write], at: int | None = None) -> Deferred[int]:
        saved: Deferred[int] = Deferred()
        at = self._now() if at is None else at
        self._journal.append(Decision(at, writes=writes), done=saved)
        return saved


def _digest(token: str) -> str:
    """Return the hash under which *token* is stored: SHA-256, in hex.

    A fast hash is enough: 192 random bits cannot be guessed.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def _ended() -> Refused:
    return Refused(Code.BAD_TOKEN, "That session has ended: log in with the password.")

"""Accounts: who there is, who may come in, who is an operator.

`Accounts` decides and applies as `Group` does, for the whole server. It knows no session; `login`
has the twisted.cred portal.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import assert_never

from pyconchat.auth.rate_limits import TokenBucket
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import (
    NO_TEXT,
    OperatorMade,
    ServerBanned,
    ServerEvent,
    ServerKicked,
    ServerUnbanned,
)
from pyconchat.domain.group import Actor
from pyconchat.domain.group_state import Ban
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.text import SafeText

__all__ = ["Account", "Accounts"]


class Account:
    """A name that somebody has: *registered*, with a password, or a *guest*, while connected.

    *bucket* is the account's message rate, over all of its sessions. *ignores* maps the keys
    of the names whose words are hidden from it to those names.
    """

    __slots__ = ("actor", "bucket", "ignores", "key", "name", "party", "password_hash")

    def __init__(
        self, name: Name, password_hash: str, bucket: TokenBucket, operator: bool = False
    ) -> None:
        self.name = name
        self.key: Key = fold(name)
        self.password_hash = password_hash
        self.bucket = bucket
        self.ignores: dict[Key, Name] = {}
        self.actor = Actor(name, guest=not password_hash, operator=operator)
        # A guest's private conversations are not those of the next guest of that name.
        self.party = self.key if password_hash else f"{self.key}~{secrets.token_hex(8)}"

    @property
    def registered(self) -> bool:
        """Return whether the account outlives its connection."""
        return bool(self.password_hash)

    def become_operator(self, operator: bool) -> None:
        """Have power over the whole server, or (*operator* is False) no longer."""
        self.actor = Actor(self.name, self.actor.guest, operator)

    def register(self, password_hash: str) -> None:
        """Be registered from now on, or have another password."""
        self.password_hash = password_hash
        self.party = self.key
        self.actor = Actor(self.name, guest=False, operator=self.actor.operator)


class Accounts:
    """All registered accounts, and the guests who are connected."""

    def __init__(self, guests_allowed: bool = True) -> None:
        self.guests_allowed = guests_allowed
        self.claim_code: str | None = None
        self.bans: dict[Key, Ban] = {}
        self._accounts: dict[Key, Account] = {}
        self._reserved: set[Key] = set()

    def get(self, name: str) -> Account | None:
        """Return the account of *name*, if there is one now."""
        return self._accounts.get(fold(name))

    def find(self, name: Name) -> Account:
        """Return the account of *name*. Raises `Refused`."""
        account = self.get(name)
        if account is None:
            raise Refused(
                Code.NO_SUCH_NAME, "{name} is neither online nor registered here.", name=name
            )
        return account

    def add(self, account: Account) -> None:
        """Let *account* be found. Raises `Refused` if somebody has the name."""
        self._require_free(account.name)
        self._accounts[account.key] = account

    @contextmanager
    def reserved(self, name: Name) -> Iterator[None]:
        """Keep *name* from others while it is being registered. Raises `Refused`."""
        self._require_free(name)
        self._reserved.add(fold(name))
        try:
            yield
        finally:
            self._reserved.discard(fold(name))

    def remove(self, account: Account) -> None:
        """Forget *account*: a guest who has disconnected."""
        del self._accounts[account.key]

    def admit(self, name: str) -> None:
        """Check that *name* may come in at all. Raises `Refused`."""
        ban = self.bans.get(fold(name))
        if ban is not None:
            raise Refused(
                Code.BANNED,
                "{name} is banned from this server by {by}{because}.",
                name=ban.name,
                by=ban.by,
                because=f": {ban.reason}" if ban.reason else "",
            )

    # What operators decide.

    def claim(self, by: Account, code: str) -> list[ServerEvent]:
        """Decide that *by*, who knows the claim code, becomes the first operator."""
        if self.claim_code is None:
            raise Refused(Code.BAD_ARGUMENT, "The claim code was used already; ask an operator.")
        if not hmac.compare_digest(code.strip().lower().encode(), self.claim_code.encode()):
            raise Refused(
                Code.WRONG_PASSWORD, "That is not the claim code; see the server's first lines."
            )
        return self._made_operator(by, None)

    def make_operator(self, by: Actor, name: Name) -> list[ServerEvent]:
        """Decide that *name* gets power over the whole server."""
        self.require_operator(by, "make operators")
        account = self.find(name)
        if account.actor.operator:
            raise Refused(Code.UNCHANGED, "{name} is an operator already.", name=account.name)
        return self._made_operator(account, by.name)

    def appoint(self, name: Name) -> list[ServerEvent]:
        """Decide that *name* becomes an operator because who has the server's shell says so."""
        account = self.find(name)
        if account.actor.operator:
            raise Refused(Code.UNCHANGED, "{name} is an operator already.", name=account.name)
        return self._made_operator(account, None)

    def kick(
        self, by: Actor, name: Name, online: bool, reason: SafeText = NO_TEXT
    ) -> list[ServerEvent]:
        """Decide that all sessions of *name*, who is *online*, end."""
        self.require_operator(by, "kick people off the server", in_groups=True)
        account = self.find(name)
        if account.key == fold(by.name):
            raise Refused(Code.SELF, "To disconnect yourself, use /quit.")
        if not online:
            raise Refused(Code.NO_SUCH_NAME, "{name} is not online.", name=account.name)
        return [ServerKicked(account.name, by.name, reason)]

    def ban(self, by: Actor, name: Name, reason: SafeText = NO_TEXT) -> list[ServerEvent]:
        """Decide that *name* is out and stays out, whether or not it was ever here."""
        self.require_operator(by, "ban people from the server", in_groups=True)
        key = fold(name)
        if key == fold(by.name):
            raise Refused(Code.SELF, "You cannot ban yourself.")
        if key in self.bans:
            raise Refused(Code.EXISTS, "{name} is banned already.", name=self.bans[key].name)
        account = self.get(name)
        return [ServerBanned(account.name if account else name, by.name, reason)]

    def unban(self, by: Actor, name: Name) -> list[ServerEvent]:
        """Decide that *name* may come back."""
        self.require_operator(by, "lift server bans", in_groups=True)
        ban = self.bans.get(fold(name))
        if ban is None:
            raise Refused(
                Code.NOT_BANNED, "{name} is not banned from this server; see /bans.", name=name
            )
        return [ServerUnbanned(ban.name, by.name)]

    def banned(self, by: Actor) -> list[Ban]:
        """Return the bans, oldest first, if *by* may see them."""
        self.require_operator(by, "see the server's bans", in_groups=True)
        return list(self.bans.values())

    def apply(self, event: ServerEvent, at: int) -> None:
        """Change what *event* says, which happened at *at* (milliseconds)."""
        match event:
            case ServerKicked():
                pass
            case ServerBanned(name=name, by=by, reason=reason):
                self.bans[fold(name)] = Ban(name, by, at, reason)
            case ServerUnbanned(name=name):
                del self.bans[fold(name)]
            case OperatorMade(name=name, by=by):
                account = self._accounts[fold(name)]
                account.become_operator(True)
                if by is None:
                    self.claim_code = None
            case _:
                assert_never(event)

    def require_operator(self, by: Actor, what: str, in_groups: bool = False) -> None:
        """Raise `Refused` unless *by* is an operator, who can do *what*.

        *in_groups* tells whether admins can do the same in their groups.
        """
        if not by.operator:
            raise Refused(
                Code.NOT_OPERATOR,
                "Only operators can {what}{hint}.",
                what=what,
                hint="; a group's admin can do so inside the group" if in_groups else "",
            )

    def _made_operator(self, account: Account, by: Name | None) -> list[ServerEvent]:
        if not account.registered:
            raise Refused(
                Code.GUEST,
                "{name} is a guest; operators need a password: /password sets one.",
                name=account.name,
            )
        return [OperatorMade(account.name, by)]

    def _require_free(self, name: Name) -> None:
        if fold(name) in self._accounts or fold(name) in self._reserved:
            raise Refused(Code.TAKEN, "{name} is in use; choose another name.", name=name)

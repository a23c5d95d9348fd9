"""AccountKeys: the public keys by which people log in over SSH."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from pyconchat.chat import event_log
from pyconchat.chat.interfaces import IJournal, ISession
from pyconchat.chat.memory import Memory
from pyconchat.chat.registration import Registration
from pyconchat.chat.session_registry import SessionRegistry
from pyconchat.domain.accounts import Account
from pyconchat.domain.decisions import Decision, Register, RemoveKey, SaveKey, UseKey
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import Key, Name
from pyconchat.domain.public_keys import MAX_KEYS, PublicKey

__all__ = ["AccountKeys"]

MIN_USE_SECONDS = 60
"""Seconds in which another use of a key is not stored."""


class AccountKeys:
    """The keys of all accounts; *now* returns milliseconds since the epoch."""

    def __init__(
        self,
        memory: Memory,
        journal: IJournal,
        registry: SessionRegistry,
        registration: Registration,
        now: Callable[[], int],
    ) -> None:
        self._memory = memory
        self._journal = journal
        self._registry = registry
        self._registration = registration
        self._now = now
        self._changing: set[Key] = set()  # accounts of which a change is being stored

    async def register_new(
        self, name: Name, key: PublicKey, network: str, replace_guest: bool = False
    ) -> Account:
        """Register *name*, which is not in use, with *key*. Raises `Refused` or `NotSaved`."""
        added = replace(key, added=self._now())
        with self._registration.reserved(name, network, replace_guest):
            await self._registration.save_new(name, [Register(name, ""), SaveKey(name, added)])
            account = Account(name, since=added.added, keys=[added])
        return self._registration.registered(account)

    async def add(self, session: ISession, key: PublicKey) -> bool:
        """Add *key* to the account of *session*; return whether that has registered a guest.

        Raises `Refused` or `NotSaved`.
        """
        account: Account = session.account
        with self._alone(account):
            return await self._add(session, account, key)

    def require_addable(self, account: Account, key: PublicKey) -> None:
        """Raise `Refused` if *key* cannot be added to *account*."""
        if account.key_of(key.blob) is not None:
            raise Refused(Code.UNCHANGED, "That key is listed already.")
        if len(account.keys) >= MAX_KEYS:
            raise Refused(
                Code.TOO_MANY, "An account has at most {most} keys: remove one.", most=MAX_KEYS
            )

    async def _add(self, session: ISession, account: Account, key: PublicKey) -> bool:
        self.require_addable(account, key)
        was_guest = not account.registered
        added = replace(key, added=self._now())
        if was_guest:
            await self._registration.become_registered(session, "", [SaveKey(account.name, added)])
        else:
            await self._registration.save([SaveKey(account.name, added)])
        account.keys.append(added)
        event_log.key_changed("added", account.name, key.fingerprint, session.peer.address)
        return was_guest

    async def remove(self, session: ISession, number: int) -> PublicKey:
        """Remove the key with *number*, from 1 on, and end the sessions that it has opened.

        Raises `Refused` or `NotSaved`.
        """
        account: Account = session.account
        if not 1 <= number <= len(account.keys):
            raise Refused(Code.BAD_ARGUMENT, "There is no such key; /key lists them.")
        key = account.keys[number - 1]
        with self._alone(account):
            if len(account.keys) == 1 and not account.password_hash:
                raise Refused(
                    Code.SELF, "That is your only key, and you have no password: set one first."
                )
            account.keys.remove(key)  # before it is stored: no login may use it meanwhile
            try:
                await self._registration.save([RemoveKey(account.key, key.blob)])
            except BaseException:
                account.keys.insert(number - 1, key)
                raise
        event_log.key_changed("removed", account.name, key.fingerprint, session.peer.address)
        self._registry.end_key(account, key)
        return key

    async def drop_password(self, session: ISession) -> None:
        """Let the account log in by its keys only. Raises `Refused` or `NotSaved`."""
        account: Account = session.account
        with self._alone(account):
            if not account.keys:
                raise Refused(Code.SELF, "Without a password you need a key: /key add takes one.")
            await self._registration.become_registered(session, "", [])

    @contextmanager
    def _alone(self, account: Account) -> Iterator[None]:
        """Refuse other changes of *account* until this one is stored. Raises `Refused`.

        Each change is checked against the stored account: two at once could list a key twice, or
        remove both the last key and the password.
        """
        if account.key in self._changing:
            raise Refused(Code.BUSY, "Another of your sessions is changing this; try again.")
        self._changing.add(account.key)
        try:
            yield
        finally:
            self._changing.remove(account.key)

    def used(self, account: Account, blob: str) -> None:
        """Note that the key *blob* has opened a connection. Nobody waits for it.

        A script may connect many times a minute: the time is exact to `MIN_USE_SECONDS`.
        """
        for position, key in enumerate(account.keys):
            if key.blob == blob:
                if key.used is not None and self._now() - key.used < MIN_USE_SECONDS * 1000:
                    return
                account.keys[position] = replace(key, used=self._now())
        self._journal.append(Decision(self._now(), writes=[UseKey(account.key, blob)]))

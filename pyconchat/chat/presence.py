"""Presence: the accounts that are online, and their sessions.

An account is online while it has an attended session, here or at another node. Sessions of single
commands and of SFTP are *unattended*: connected, but not online.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from zope.interface import implementer

from pyconchat.chat.interfaces import IPresence, ISession
from pyconchat.domain.names import Key
from pyconchat.domain.stored import OnlineRecord

__all__ = ["Presence"]


@implementer(IPresence)
class Presence:
    """The sessions of this server, by account; *elsewhere* has who has sessions at other nodes."""

    def __init__(self) -> None:
        self._attended: dict[Key, list[ISession]] = {}
        self._unattended: dict[Key, list[ISession]] = {}
        self.elsewhere: dict[Key, dict[int, OnlineRecord]] = {}  # by account and node

    def sessions(self, key: Key) -> Sequence[ISession]:
        attended = self._attended.get(key, ())
        if key not in self._unattended:  # fast path: called for each message
            return attended
        return [*attended, *self._unattended[key]]

    def attended(self, key: Key) -> Sequence[ISession]:
        return self._attended.get(key, ())

    def everybody(self) -> Iterable[ISession]:
        return chain.from_iterable(list(self._attended.values()))

    def connected(self) -> Iterable[ISession]:
        both = self._attended, self._unattended
        return chain.from_iterable([each for sessions in both for each in sessions.values()])

    def online(self, key: Key) -> bool:
        return key in self._attended or key in self.elsewhere

    def __len__(self) -> int:
        """Return the number of accounts that are online here."""
        return len(self._attended)

    def add(self, session: ISession) -> None:
        """Add *session*."""
        self._like(session).setdefault(session.account.key, []).append(session)

    def remove(self, session: ISession) -> None:
        """Remove *session*."""
        key, sessions = session.account.key, self._like(session)
        sessions[key].remove(session)
        if not sessions[key]:
            del sessions[key]

    def _like(self, session: ISession) -> dict[Key, list[ISession]]:
        """Return the sessions that are attended, or not, as *session* is."""
        return self._unattended if session.unattended else self._attended

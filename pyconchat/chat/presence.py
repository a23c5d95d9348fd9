"""Presence: who is online, and through which sessions."""

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
        self._sessions: dict[Key, list[ISession]] = {}
        self.elsewhere: dict[Key, dict[int, OnlineRecord]] = {}  # by account and node

    def sessions(self, key: Key) -> Sequence[ISession]:
        return self._sessions.get(key, ())

    def everybody(self) -> Iterable[ISession]:
        return chain.from_iterable(list(self._sessions.values()))

    def online(self, key: Key) -> bool:
        return key in self._sessions or key in self.elsewhere

    def __len__(self) -> int:
        """Return the number of accounts that are online."""
        return len(self._sessions)

    def add(self, session: ISession) -> bool:
        """Add *session*; return whether it is the first of its account."""
        sessions = self._sessions.setdefault(session.account.key, [])
        sessions.append(session)
        return len(sessions) == 1

    def remove(self, session: ISession) -> bool:
        """Remove *session*; return whether it was the last of its account."""
        sessions = self._sessions[session.account.key]
        sessions.remove(session)
        if not sessions:
            del self._sessions[session.account.key]
        return not sessions

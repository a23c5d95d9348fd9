"""Conversation: what a running server knows of one log: its head, and who follows it live."""

from __future__ import annotations

from pyconchat.chat.interfaces import ISession
from pyconchat.domain.group import Group
from pyconchat.domain.names import Name
from pyconchat.domain.replies import Where

__all__ = ["Conversation"]


class Conversation:
    """One conversation; *published* is the number of the newest entry that was shown.

    It belongs to a *group*, or to two *parties* (see `Account.party`), or, without either, to the
    server. *sessions* are those that follow it live: they get each new block, and have everything
    up to *published*. But those in *due* will have it in a moment, and have as yet everything up
    to *before*: a large group is shown something in pieces. Both are dicts, which keep an order
    and forget in constant time.
    """

    __slots__ = (
        "before",
        "due",
        "elsewhere",
        "group",
        "here",
        "id",
        "parties",
        "published",
        "sessions",
        "stale",
    )

    def __init__(
        self,
        id: int,
        published: int = 0,
        group: Group | None = None,
        parties: tuple[str, str] | None = None,
    ) -> None:
        self.id = id
        self.published = published
        self.group = group
        self.parties = parties
        self.sessions: dict[ISession, None] = {}
        self.due: dict[ISession, None] = {}
        self.before = published
        self.stale = False  # what is in memory was not stored; to be reloaded before use
        name: Name | None = group.name if group is not None else None
        self.here = Where(group=name, here=True)
        self.elsewhere = Where(group=name)

    def begins(self, seq: int) -> dict[ISession, None]:
        """Everything up to *seq* is going to be shown; return to whom, all of them *due*."""
        self.before, self.published = self.published, seq
        self.due = self.sessions.copy()
        return self.due

    def received(self, session: ISession) -> int:
        """Return the number up to which *session*, one of `sessions`, has everything."""
        return self.before if session in self.due else self.published

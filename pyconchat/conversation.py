"""Conversation: what a running server knows of one log: its head, and who follows it live."""

from __future__ import annotations

from pyconchat.group import Group
from pyconchat.interfaces import ISession
from pyconchat.names import Name
from pyconchat.replies import Where

__all__ = ["Conversation"]


class Conversation:
    """One conversation; *published* is the number of the newest entry that was shown.

    It belongs to a *group*, or to two *parties* (see `Account.party`), or, without either, to the
    server. *sessions* are those that have everything up to *published* and get each new block;
    a dict, for it keeps an order and forgets in constant time.
    """

    __slots__ = ("elsewhere", "group", "here", "id", "parties", "published", "sessions", "stale")

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
        self.stale = False  # what is in memory was not stored; to be reloaded before use
        name: Name | None = group.name if group is not None else None
        self.here = Where(group=name, here=True)
        self.elsewhere = Where(group=name)

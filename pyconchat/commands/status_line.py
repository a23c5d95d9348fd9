"""StatusLines: the status line of an editor: name, place, people online, unread entries."""

from __future__ import annotations

from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.interfaces import ISession
from pyconchat.chat.places import Private, place_name
from pyconchat.commands.services import Services

__all__ = ["StatusLines"]

COUNT_SECONDS = 1.0
"""Seconds for which the count of a group's members is cached, for all sessions."""

MAX_UNREAD = 10
"""Maximum groups whose unread entries are counted in the line."""


class StatusLines:
    """The status lines of all sessions of one server."""

    def __init__(self, services: Services) -> None:
        self._presence = services.presence
        self._groups = services.groups
        self._online: dict[int, tuple[float, int]] = {}  # by conversation: time and count

    def text(self, session: ISession, now: float) -> str:
        """Return the status line of *session* at *now*, in seconds."""
        account, place = session.account, session.current
        parts = [f" {account.name}"]
        if isinstance(place, GroupConversation):
            parts.append(f"{place_name(place)}: {self._count(place, now)} online")
        elif isinstance(place, Private):
            online = self._presence.online(place.partner.key)
            parts.append(f"{place_name(place)}{'' if online else ': offline'}")
        if account.muted:  # entries of unmuted groups are delivered at once
            parts += self._unread(session)
        return " | ".join(parts)

    def _unread(self, session: ISession) -> list[str]:
        unread: list[str] = []
        for each in self._groups.memberships(session.account.key):
            if each.id not in session.account.muted or each is session.current:
                continue
            count = session.subscriptions.unread(each)
            if count and len(unread) < MAX_UNREAD:
                unread.append(f"{each.group.number}:{each.group.name} {count}")
        return unread

    def _count(self, conversation: GroupConversation, now: float) -> int:
        """Return how many members of a group are online, or were up to a second ago."""
        counted, count = self._online.get(conversation.id, (float("-inf"), 0))
        if now - counted >= COUNT_SECONDS:
            count = sum(map(self._presence.online, conversation.group.members))
            if len(self._online) > len(self._groups):
                self._online.clear()  # drop the counts of closed groups
            self._online[conversation.id] = now, count
        return count

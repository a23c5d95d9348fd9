"""The status line of a terminal: who, where, how many are online, and what is unread."""

from __future__ import annotations

from itertools import islice

from pyconchat.chat.interfaces import IPresence, ISession
from pyconchat.chat.places import Private, place_name

__all__ = ["status_of"]

MAX_MEMBERS = 500
"""Maximum members of a group of which those online are counted: it is done each second."""

MAX_GROUPS = 200
"""Maximum groups whose unread messages are counted."""

MAX_NAMED = 5
"""Maximum groups that are named for their unread messages."""


def status_of(session: ISession, presence: IPresence) -> str:
    """Return the status line of *session*."""
    place = session.current
    parts = [str(session.account.name), "front desk" if place is None else place_name(place)]
    if isinstance(place, Private):
        parts.append("online" if presence.online(place.partner.key) else "offline")
    elif place is not None and len(place.group.members) <= MAX_MEMBERS:
        parts.append(f"{sum(map(presence.online, place.group.members))} online")
    subscriptions = session.subscriptions
    counts = (
        (group.group.name, subscriptions.unread(group))
        for group in islice(list(subscriptions.groups()), MAX_GROUPS)
        if group is not place
    )
    unread = [f"{name} {count}" for name, count in counts if count > 0]
    if unread:
        parts.append("unread: " + ", ".join(unread[:MAX_NAMED]))
    return " | ".join(parts)

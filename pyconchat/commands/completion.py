"""Completion: the Tab completion of typed lines, for the editors of the server's doors."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.interfaces import ISession
from pyconchat.chat.places import Private
from pyconchat.commands.services import Services
from pyconchat.commands.table import TABLE
from pyconchat.domain.command_lines import CommandLines

__all__ = ["completions", "may_have_password"]

MAX_OFFERED = 1000
"""Maximum names of people or groups that are looked through for one key."""

_LINES = CommandLines([command.help for command in TABLE])


def may_have_password(line: str, at_desk: bool) -> bool:
    """Return whether *line* has, or may have, a password in it."""
    return _LINES.may_have_password(line, at_desk)


def completions(before: str, session: ISession, services: Services) -> tuple[str, list[str]]:
    """Return the last word of *before*, the line up to the cursor, and its completions.

    The completions are only names visible to *session*: groups that are listed to it, and people
    in its place.
    """

    def offer(kind: str, _word: str) -> Iterable[str]:
        if kind == "file":
            return ()
        if kind == "group":
            return _groups(session, services)
        return _people(session)

    return _LINES.completions(before, session.current is None, offer)


def _groups(session: ISession, services: Services) -> list[str]:
    """Return the names of the groups that are listed to the session's account."""
    listed = services.groups.listed_to(session.actor)
    return [each.group.name for each in islice(listed, MAX_OFFERED)]


def _people(session: ISession) -> list[str]:
    """Return the names of the others in the session's place."""
    place = session.current
    if isinstance(place, Private):
        return [place.partner.name]
    if not isinstance(place, GroupConversation) or session.account.key not in place.group.members:
        return []
    members = islice(place.group.members.values(), MAX_OFFERED)
    return [each.name for each in members if each.name != session.account.name]

"""Masks of bans: which one name an IRC client means.

The source of whatever somebody does is ``NAME!NAME@pyconchat``, and clients make a mask of it, such
as ``*!*NAME@pyconchat``. Some take the user from WHO, where it is that of the person's own client.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.group import Group
from pyconchat.domain.names import Name, fold, person_name
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.joins import user_name
from pyconchat.render.irc_lines import HOST

__all__ = ["BanMask", "ban_mask", "name_in"]

_HOST = rf"(?:\*|\*?\.?{HOST})"
_BY_NAME = re.compile(rf"(m:)?([^!@*?\s]+)(?:![^!@\s]*)?(?:@{_HOST})?")
_BY_USER = re.compile(rf"(m:)?\*!\*?~?([^!@*?\s]+)@{_HOST}")


class BanMask(NamedTuple):
    """A ban, or (*quiet*) only of talking, of one of *names*: of none if it is of no one name."""

    quiet: bool
    names: Sequence[Name]


def ban_mask(client: Client, group: Group, mask: str, on: bool) -> BanMask:
    """Return what *mask* means, set or (*on* is False) unset in *group*. Raises `Refused`."""
    if by_name := _BY_NAME.fullmatch(mask):
        return BanMask(by_name[1] is not None, [name_in(by_name[2])])
    by_user = _BY_USER.fullmatch(mask)
    if by_user is None:
        return BanMask(False, [])
    quiet, user = by_user[1] is not None, by_user[2]
    if not on:
        return BanMask(quiet, [name_in(user)])
    members = group.members.values()
    found = [each.name for each in members if _goes_by(client, each.name, user)]
    known = client.services.accounts.get(user)
    if not found and known is not None:
        found = [known.name]
    return BanMask(quiet, found)


def _goes_by(client: Client, name: Name, user: str) -> bool:
    return fold(name) == fold(user) or fold(user_name(client, name)) == fold(user)


def name_in(word: str) -> Name:
    """Return the name *word*. Raises `Refused` if it can be nobody's."""
    try:
        return person_name(word)
    except Refused:
        raise Refused(Code.NO_SUCH_NAME, "There is nobody of that name.") from None

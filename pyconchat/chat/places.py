"""Places: a session is in a group, in a private conversation, or at the front desk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pyconchat.chat.conversations import GroupConversation
from pyconchat.domain.accounts import Account

__all__ = ["Place", "Private", "place_name"]


@dataclass(frozen=True, eq=False)
class Private:
    """The private conversation with *partner*, which may be empty so far.

    It is not the same place as that with a later guest of the same name.
    """

    partner: Account


Place: TypeAlias = GroupConversation | Private | None
"""None is the front desk."""


def place_name(place: GroupConversation | Private) -> str:
    """Return the name of *place*, as a prompt shows it: ``tea``, or ``@bob``."""
    return f"@{place.partner.name}" if isinstance(place, Private) else place.group.name

"""The invite codes of people who can no longer invite, because of what happened outside the group.

What happens in a group itself, such as a kick, ends codes by `Rights.with_ended_codes`.
"""

from __future__ import annotations

from pyconchat.chat.memory import Memory
from pyconchat.domain.events import GroupEvent
from pyconchat.domain.group import Group
from pyconchat.domain.names import Name, fold

__all__ = ["lost_codes"]


def lost_codes(memory: Memory, group: Group, now: int) -> list[GroupEvent]:
    """Return the end of the codes of *group* whose makers cannot invite at *now* (milliseconds).

    They were banned from the server, are no longer operators, or their account was deleted.
    """
    makers = {code.by for code in group.codes.values()}
    return group.end_codes_of({fold(m) for m in makers if not _can_invite(memory, group, m, now)})


def _can_invite(memory: Memory, group: Group, maker: Name, now: int) -> bool:
    account = memory.accounts.get(maker)
    if account is None or memory.accounts.is_banned(maker, now):
        return False
    return group.moderates(maker) or (group.admin is None and account.actor.operator)

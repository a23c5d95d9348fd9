"""The command that makes another place of the caller current."""

from __future__ import annotations

from pyconchat.chat.conversations import GroupConversation
from pyconchat.commands.call import Call
from pyconchat.commands.joining import enter
from pyconchat.commands.messages import query
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import person_name
from pyconchat.domain.replies import Reply

__all__ = ["go"]


async def go(call: Call, where: str | None) -> Reply | None:
    """Make another of the caller's groups current, by name or number, or a person, by @NAME.

    Without an argument: the next group with unread entries.
    """
    if where is not None and where.startswith("@"):
        return await query(call, person_name(where[1:]), None)
    groups = call.services.groups
    conversation = groups.find(call.actor, where) if where else _next_unread(call)
    pins = await call.chat.amending.pin_quotes(conversation)
    conversation.group.require_member(call.actor)
    await enter(call, conversation, pins=pins)
    return None


def _next_unread(call: Call) -> GroupConversation:
    """Return the next group after the current one with unread entries. Raises `Refused`."""
    groups, current = call.services.groups.memberships(call.account.key), call.current
    if isinstance(current, GroupConversation) and current in groups:
        at = groups.index(current)
        groups = groups[at + 1 :] + groups[:at]
    for each in groups:
        if call.session.subscriptions.unread(each):
            return each
    raise Refused(Code.BAD_ARGUMENT, "There is nothing new elsewhere. /go GROUP enters a group.")

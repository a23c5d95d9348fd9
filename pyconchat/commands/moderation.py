"""Commands about moderators, quiet people and slow groups."""

from __future__ import annotations

from pyconchat.commands.arguments import OFF
from pyconchat.commands.call import Call
from pyconchat.commands.groups import admin_is
from pyconchat.domain.events import GroupEvent
from pyconchat.domain.group import Group
from pyconchat.domain.names import Name
from pyconchat.domain.replies import Done, Reply
from pyconchat.domain.text import SafeText
from pyconchat.domain.times import seconds


async def moderator(call: Call, name: Name | None, off: str | None) -> Reply | None:
    """Make a member a moderator, or the reverse; without arguments, list the moderators."""
    if name is None:
        return admin_is(call)
    rule = Group.make_moderator if off is None else Group.end_moderator
    await call.decide(call.here(), lambda group: rule(group, call.actor, name))
    return None


async def quiet(call: Call, name: Name, time: int | str | None) -> None:
    """Let a member read but not speak, for *time* milliseconds or until /quiet NAME off."""
    now = call.chat.now()

    def rule(group: Group) -> list[GroupEvent]:
        if time == OFF:
            return group.end_quiet(call.actor, name, now)
        until = now + time if isinstance(time, int) else None
        return group.quiet(call.actor, name, now, until)

    await call.decide(call.here(), rule)


async def slow(call: Call, pace: int | None) -> Reply | None:
    """Set the seconds between messages of a member; without arguments, show them."""
    if pace is None:
        group = call.group()
        if not group.slow:
            return Done(SafeText(f"{group.name} is not slow."))
        return Done(SafeText(f"{group.name} is slow: one message every {seconds(group.slow)}."))
    await call.decide(call.here(), lambda group: group.change_slow(call.actor, pace))
    return None

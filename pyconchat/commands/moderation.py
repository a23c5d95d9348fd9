"""Commands for moderating a group or the server: requests, bans, quiet people, slow groups."""

from __future__ import annotations

import ipaddress

from msgspec.structs import replace

from pyconchat.auth.rate_limits import LOCAL
from pyconchat.commands.arguments import OFF
from pyconchat.commands.call import Call
from pyconchat.commands.groups import admin_is
from pyconchat.commands.listing import Listing, page
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import NO_TEXT, GroupEvent
from pyconchat.domain.group import Group
from pyconchat.domain.group_state import Ban, JoinRequest
from pyconchat.domain.ignoring import text_of
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.replies import Bans, Done, Reply, Requests
from pyconchat.domain.text import SafeText
from pyconchat.domain.times import seconds

__all__ = [
    "approve",
    "ban",
    "bans",
    "kick",
    "moderator",
    "only_ban",
    "only_request",
    "outside",
    "quiet",
    "reject",
    "requests",
    "slow",
    "transfer",
    "unban",
]

ALL = Key("all")
"""The word that approves each request; unless one is of somebody with that name."""


async def requests(call: Call, listing: Listing | None) -> Reply:
    """List the join requests."""
    listing, group = listing or Listing(), call.usable()
    pending = [each for each in group.pending(call.actor) if listing.wants(each.name)]
    ignores = call.account.ignores

    def line(request: JoinRequest) -> JoinRequest:
        return replace(request, note=text_of(request.name, request.note, ignores))

    found = page(pending, listing, lambda each: each.name, line, "/requests", call.named_group)
    now, named = call.chat.now(), bool(call.named_group)
    return Requests(group.name, found.items, now, found.more, found.next, named, listing.part)


def only_request(call: Call) -> str | None:
    """Return the applicant, if there is exactly one. Raises `Refused` if there is none."""
    group = call.usable()
    pending = group.pending(call.actor)
    if not pending:
        raise nobody_asks(group)
    return pending[0].name if len(pending) == 1 else None


def nobody_asks(group: Group) -> Refused:
    """Return the refusal of a command that needs a join request, if there is none."""
    return Refused(Code.NO_REQUEST, "Nobody asks to join {group}.", group=group.name)


async def approve(call: Call, names: list[Name]) -> Reply | None:
    """Approve the join requests of *names*; of all applicants, if that is ``all``."""

    def means_all(group: Group) -> bool:
        return [fold(name) for name in names] == [ALL] and ALL not in group.requests

    def rule(group: Group) -> list[GroupEvent]:
        nonlocal names
        if means_all(group):
            names = [request.name for request in group.pending(call.actor)]
            if not names:
                raise nobody_asks(group)
        return group.approve(call.actor, names)

    group = call.usable()
    asking = [request.name for request in group.requests.values()]
    await call.chat.states.know_people(asking if means_all(group) else names)
    await call.decide(call.here(), rule)
    return outside(call, f"Approved in {{group}}: {', '.join(names)}.")


async def reject(call: Call, name: Name, reason: SafeText | None) -> Reply | None:
    """Reject a join request."""
    await call.decide(call.here(), lambda group: group.reject(call.actor, name, reason or NO_TEXT))
    return outside(call, f"The request of {name} to join {{group}} is rejected.")


def outside(call: Call, sentence: str) -> Reply | None:
    """Return the answer to an operator who is not in the group, and does not receive its events.

    *sentence* states the result, with ``{group}`` for its name.
    """
    if call.receives:
        return None
    return Done(SafeText(sentence.format(group=call.here().group.name)))


async def transfer(call: Call, name: Name) -> Reply | None:
    """Hand over adminship."""
    await call.decide(call.here(), lambda group: group.transfer(call.actor, name))
    return outside(call, f"{name} is the admin of {{group}} now.")


async def kick(call: Call, name: Name, reason: SafeText | None) -> Reply | None:
    """Kick somebody out of the current group, or, at the front desk, off the server."""
    why = reason or NO_TEXT
    here = call.in_group()
    if here is not None:
        await call.decide(here, lambda group: group.kick(call.actor, name, why))
        return outside(call, f"{name} is kicked from {{group}}.")
    online = call.services.presence.online(fold(name))
    await call.operate(lambda accounts: accounts.kick(call.actor, name, online, why))
    return None


async def ban(call: Call, name: Name, time: int | None, reason: SafeText | None) -> Reply | None:
    """Kick somebody and ban them, for *time* milliseconds or for good."""
    why = reason or NO_TEXT
    now = call.chat.now()
    until = None if time is None else now + time
    here = call.in_group()
    if here is not None:
        await call.decide(here, lambda group: group.ban(call.actor, name, now, why, until))
        return outside(call, f"{name} is banned from {{group}}.")
    if _is_address(name) and call.services.accounts.get(name) is None:
        raise Refused(
            Code.BAD_NAME, "{name} is an address, not a name; /ban takes a name.", name=name
        )
    sessions = call.services.presence.sessions(fold(name))
    networks = {each.peer.network for each in sessions} - {LOCAL}
    await call.operate(
        lambda accounts: accounts.ban(call.actor, name, now, why, sorted(networks), until)
    )
    return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def unban(call: Call, name: Name) -> Reply | None:
    """End a ban."""
    here, now = call.in_group(), call.chat.now()
    if here is not None:
        await call.decide(here, lambda group: group.unban(call.actor, name, now))
        return outside(call, f"{name} may join {{group}} again.")
    await call.operate(lambda accounts: accounts.unban(call.actor, name, now))
    return None


def only_ban(call: Call) -> str | None:
    """Return the banned name, if there is exactly one. Raises `Refused` if there is none."""
    banned = _bans(call, Listing()).bans
    if not banned:
        raise Refused(Code.NOT_BANNED, "Nobody is banned here.")
    return banned[0].name if len(banned) == 1 else None


async def bans(call: Call, listing: Listing | None) -> Reply:
    """List the bans."""
    return _bans(call, listing or Listing())


def _bans(call: Call, listing: Listing) -> Bans:
    name, here, now = None, call.in_group(), call.chat.now()
    if here is not None:
        group = call.services.memory.usable(here)  # operators need not be members
        name, banned = group.name, group.banned(call.actor, now)
    else:
        banned = call.services.accounts.banned(call.actor, now)
    banned = [each for each in banned if listing.wants(each.name)]
    ignores = call.account.ignores

    def line(ban: Ban) -> Ban:
        return replace(ban, reason=text_of(ban.by, ban.reason, ignores))

    found = page(banned, listing, lambda each: each.name, line, "/bans", call.named_group)
    return Bans(name, found.items, now, found.more, found.next, listing.part)


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

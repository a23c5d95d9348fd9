"""Commands about people: /who, /whois and /away."""

from __future__ import annotations

from collections.abc import Iterator

from pyconchat.chat.conversations import GroupConversation
from pyconchat.commands.call import Call
from pyconchat.commands.listing import Listing, page
from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import NO_TEXT
from pyconchat.domain.group import Group
from pyconchat.domain.names import Name, fold
from pyconchat.domain.replies import Done, PeopleOnline, PersonIs, PersonLine, Reply
from pyconchat.domain.text import SafeText

__all__ = [
    "MAX_SHARED",
    "admin_online",
    "away",
    "away_text",
    "online_members",
    "who",
    "whois",
]

MAX_SHARED = 20
"""Maximum groups that the answer to ``/whois`` names."""


async def who(call: Call, listing: Listing | None) -> Reply:
    """List who is online."""
    listing = listing or Listing()
    online = call.services.memory.online_accounts()
    own = _groups_of(call)

    def line(account: Account) -> PersonLine:
        actor, shared = account.actor, list(_shared(call, account, own))
        return PersonLine(
            account.name, actor.guest, actor.operator, shared, away_text(call, account)
        )

    people = [each for each in online.values() if listing.wants(each.name)]
    people.sort(key=lambda account: account.name.lower())
    found = page(people, listing, lambda account: account.name, line, "/who")
    return PeopleOnline(found.items, found.more, found.next, listing.part)


async def whois(call: Call, name: Name) -> Reply:
    """Show the public information about somebody."""
    account = call.services.accounts.find(name)
    sessions = call.services.presence.attended(account.key)
    online = call.services.presence.online(account.key)
    shared = list(_shared(call, account, _groups_of(call)))
    idle = None
    if sessions:
        active_at = max(session.active_at for session in sessions)
        idle = int(call.chat.reactor.seconds() - active_at)
    return PersonIs(
        name=account.name,
        online=online,
        guest=account.actor.guest,
        operator=account.actor.operator,
        since=account.since,
        seen=None if online else account.seen_at,
        idle=idle,
        away=away_text(call, account),
        away_since=None if account.absence is None else account.absence.at,
        groups=shared[:MAX_SHARED],
        more=len(shared[MAX_SHARED:]),
        now=call.chat.now(),
    )


async def away(call: Call, text: SafeText | None) -> Reply:
    """Set the away text *text*, on all devices; without it, end the absence."""
    account, absences = call.account, call.services.registry.absences
    if not call.services.presence.attended(account.key):
        raise Refused(Code.UNCHANGED, "You are not online here: /away is for a session that stays.")
    if text is not None:
        absences.set(account, text)
        return call.done("You are away until /away alone, or your next message.")
    if account.absence is None:
        raise Refused(Code.UNCHANGED, "You are not away; /away TEXT says that you are, and why.")
    absences.set(account, None)
    return Done(SafeText("You are back, and no longer away."))


def away_text(call: Call, account: Account) -> SafeText | None:
    """Return the away text of *account*, None if it is not away.

    It is empty for a caller who ignores the account.
    """
    if account.absence is None:
        return None
    return NO_TEXT if account.key in call.account.ignores else account.absence.text


def online_members(call: Call, conversation: GroupConversation) -> int:
    """Return how many members of a group are online."""
    return sum(map(call.services.presence.online, conversation.group.members))


def admin_online(call: Call, group: Group) -> bool:
    """Return whether *group* has an admin, and they are online."""
    online: bool = group.admin is not None and call.services.presence.online(fold(group.admin))
    return online


def _groups_of(call: Call) -> set[int]:
    """Return the conversation ids of the caller's groups."""
    return {each.id for each in call.services.groups.memberships(call.account.key)}


def _shared(call: Call, account: Account, own: set[int]) -> Iterator[Name]:
    """Yield the names of the groups of *account* that are among the caller's *own*."""
    for each in call.services.groups.memberships(account.key):
        if each.id in own:
            yield each.group.name

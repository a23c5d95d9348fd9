"""Commands about a group as a whole: the list of groups, the state of one, and its members."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pyconchat.chat.conversations import GroupConversation
from pyconchat.commands.arguments import PolicyChoice
from pyconchat.commands.call import Call
from pyconchat.commands.joining import enter
from pyconchat.commands.listing import Listing, page
from pyconchat.commands.people import admin_online, away_text, online_members
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import NO_TEXT, Policy
from pyconchat.domain.group_state import Member
from pyconchat.domain.ignoring import topic_seen
from pyconchat.domain.names import fold, group_name
from pyconchat.domain.password_rules import check_group_password
from pyconchat.domain.replies import (
    AdminIs,
    Done,
    GroupLine,
    Groups,
    MemberLine,
    ModeratorLine,
    Reply,
    Roster,
)
from pyconchat.domain.text import SafeText

__all__ = [
    "admin",
    "admin_is",
    "create",
    "delete",
    "list_groups",
    "members",
    "online",
    "policy",
    "topic",
]


async def create(call: Call, name: str, choice: PolicyChoice | None) -> None:
    """Create a group."""
    call.services.groups.require_free(group_name(name))
    call.chat.bounds.check_groups(call.account.name)  # before anything is asked
    if choice is None and call.asked:  # called from the menu, which does not mention policies
        password = await call.session.ask(
            "Password for it, or Enter to approve each newcomer yourself: ", True
        )
        choice = PolicyChoice(Policy.PASSWORD if password else Policy.APPROVAL, password)
    choice = await _with_password(call, choice or PolicyChoice(Policy.APPROVAL))
    conversation = await call.chat.create(
        call.session, name, choice.policy, choice.password, call.key
    )
    await enter(call, conversation, created=True)


async def _with_password(call: Call, choice: PolicyChoice) -> PolicyChoice:
    """Return *choice*, with the password asked for if it needs one."""
    password = choice.password
    if choice.policy is Policy.PASSWORD and not password:
        password = await call.ask_password("Password for the group: ", _valid)
    return PolicyChoice(choice.policy, await _valid(password))


async def _valid(password: str) -> str:
    """Return *password*, if it is valid for a group. Raises `Refused`."""
    check_group_password(password)
    return password


async def delete(call: Call, name: str) -> Reply | None:
    """Delete a group, after its name is typed again."""
    conversation = await call.find(name)
    group = call.services.memory.usable(conversation)
    group.require_right(call.actor, "delete the group")  # before anything is asked
    typed = await call.ask(f"This ends {group.name} for everybody. Type its name to delete it: ")
    if fold(typed) != fold(group.name):
        raise Refused(Code.CANCELLED, "That is not its name; nothing was deleted.")
    receives = call.account.key in group.members
    await call.decide(conversation, lambda group: group.close(call.actor))
    return None if receives else Done(SafeText(f"{group.name} is deleted."))


async def policy(call: Call, choice: PolicyChoice | None) -> Reply | None:
    """Change the join policy; without arguments, show it."""
    here = call.here()
    if choice is None:
        group = call.group()
        return Done(SafeText(f"The policy of {group.name} is {group.policy.value}."))
    choice = await _with_password(call, choice)
    hash = ""
    if choice.password:
        hash = await call.services.hasher.hash(choice.password, call.asker)
    await call.decide(here, lambda group: group.change_policy(call.actor, choice.policy, hash))
    return None


async def topic(call: Call, text: SafeText | None) -> Reply | None:
    """Change the topic, ``-`` removes it; without arguments, show it."""
    if text is None:
        group = call.group()
        seen = topic_seen(group, call.account.ignores)
        if seen:
            return Done(SafeText(f"Topic of {group.name}: {seen}"))
        why = f" that you see: {group.topic_by}, whom you ignore, set it" if group.topic else ""
        return Done(SafeText(f"{group.name} has no topic{why}."))
    new = NO_TEXT if text == "-" else text
    await call.decide(call.here(), lambda group: group.change_topic(call.actor, new))
    return None


async def list_groups(call: Call, listing: Listing | None) -> Reply:
    """List the groups."""
    listing = listing or Listing()
    stored = [
        each
        for each in call.services.groups.listed_to(call.actor)
        if each.published  # a group that is not stored yet may never be
        and listing.wants(each.group.name)
    ]
    found = page(
        stored, listing, lambda each: each.group.name, lambda each: _line(call, each), "/groups"
    )
    items = found.items
    if any(each.is_summary for each in stored):
        items = await _with_online(call, items)
    return Groups(items, found.more, found.next, listing.part)


async def _with_online(call: Call, lines: Sequence[GroupLine]) -> list[GroupLine]:
    """Return *lines* with the numbers of members online in those that are of summaries."""
    found = [call.services.groups.get(each.name) for each in lines]
    online = await call.chat.states.count_online(filter(None, found))
    return [
        each if at is None or at.id not in online else replace(each, online=online[at.id])
        for each, at in zip(lines, found, strict=True)
    ]


def _line(call: Call, conversation: GroupConversation) -> GroupLine:
    group = conversation.group
    member = call.account.key in group.members
    return GroupLine(
        number=group.number,
        name=group.name,
        policy=group.policy,
        members=group.member_count,
        online=online_members(call, conversation),
        unread=call.session.subscriptions.unread(conversation) if member else None,
        mentions=call.session.subscriptions.mentions(conversation) if member else None,
        muted=member and conversation.id in call.account.muted,
        topic=topic_seen(group, call.account.ignores),
    )


async def members(call: Call, listing: Listing | None) -> Reply:
    """List all members."""
    return _roster(call, False, listing or Listing())


async def online(call: Call, listing: Listing | None) -> Reply:
    """List the members who are online."""
    return _roster(call, True, listing or Listing())


def _roster(call: Call, online_only: bool, listing: Listing) -> Roster:
    group, presence = call.group(), call.services.presence
    listed = [
        member
        for key, member in group.members.items()
        if listing.wants(member.name) and (not online_only or presence.online(key))
    ]

    now = call.chat.now()

    def line(member: Member) -> MemberLine:
        name, key = member.name, fold(member.name)
        account, quiet = call.services.accounts.get(name), group.quieted.get(key)
        return MemberLine(
            name=name,
            admin=group.is_admin(name),
            moderator=group.is_moderator(name),
            guest=member.guest,
            quiet=quiet is not None and quiet.lasts(now),
            online=presence.online(key),
            away=None if account is None else away_text(call, account),
        )

    command = "/online" if online_only else "/members"
    found = page(listed, listing, lambda member: member.name, line, command, call.named_group)
    return Roster(group.name, found.items, online_only, found.more, found.next, listing.part)


async def admin(call: Call) -> Reply:
    """Show the admin and the moderators."""
    return admin_is(call)


def admin_is(call: Call) -> AdminIs:
    """Return the admin and the moderators of the current group. Raises `Refused`."""
    group, presence = call.group(), call.services.presence
    moderators = [
        ModeratorLine(name, presence.online(key)) for key, name in group.moderators.items()
    ]
    return AdminIs(group.name, group.admin, admin_online(call, group), moderators)

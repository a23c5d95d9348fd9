"""Commands about groups: joining, leaving, and what their admins do."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from msgspec.structs import replace

from pyconchat.auth.rate_limits import LOCAL
from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.interfaces import Asker
from pyconchat.chat.places import Private
from pyconchat.commands.amending import pin_lines
from pyconchat.commands.arguments import PolicyChoice
from pyconchat.commands.call import Call, Cancelled
from pyconchat.commands.listing import Listing, page
from pyconchat.commands.people import away_text
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import NO_TEXT, GroupEvent, Policy, Quote
from pyconchat.domain.group import Group
from pyconchat.domain.group_state import JoinRequest, Member
from pyconchat.domain.names import Name, fold, group_name, group_number
from pyconchat.domain.password_rules import check_group_password
from pyconchat.domain.replies import (
    AdminIs,
    Asked,
    Bans,
    Done,
    Entered,
    FrontDesk,
    GroupLine,
    Groups,
    MemberLine,
    ModeratorLine,
    Reply,
    Requests,
    Roster,
)
from pyconchat.domain.text import SafeText, safe_line

_RETURN = {
    Policy.APPROVAL: "Coming back takes an approval",
    Policy.INVITE: "Coming back takes an invitation",
}

_YES = frozenset({"y", "yes"})
MAX_SUGGESTED = 3
"""Maximum groups that are suggested for a mistyped name."""


async def join(call: Call, name: str, rest: SafeText | None) -> Reply | None:
    """Enter a group, create it if there is none, or ask to join."""
    conversation = call.services.groups.get(name)
    if conversation is None:
        await _create_by_joining(call, name, rest)
        return None
    group = conversation.group
    pins = await call.chat.amending.pin_quotes(conversation)

    async def password() -> str:
        return rest or await call.ask(f"Password of {group.name}: ", secret=True)

    if await _admit(call, conversation, safe_line(rest or ""), password):
        await enter(call, conversation, pins=pins)
        return None
    call.session.await_approval(conversation)
    return Asked(group.name, group.admin, _approver_online(call, group))


async def _admit(
    call: Call,
    conversation: GroupConversation,
    note: SafeText,
    password: Callable[[], Awaitable[str]],
) -> bool:
    """Join a group, or ask to join; return whether the caller is a member.

    *password* is called where the group asks for one.
    """
    services, actor = call.services, call.actor
    group = services.memory.usable(conversation)
    proof = ""
    if group.asks_password(actor, call.chat.now()):
        asker, hash = _asker(call), group.password_hash
        services.throttle.admit(asker.network)
        call.chat.bounds.check_groups(call.account.name)  # before any question or hashing
        typed = await password()
        if await services.throttle.check_later(asker, f"group {group.id}", hash, typed):
            proof = hash
    services.memory.require_present(call.account)
    await call.decide(conversation, lambda group: group.join(actor, call.chat.now(), note, proof))
    return call.account.key in group.members


async def enter_lobby(call: Call, name: str) -> None:
    """Enter the open group that everyone enters at login. Raises `Refused`."""
    conversation = call.services.groups.get(name)
    if conversation is None:
        conversation = await call.chat.create(call.session, name, Policy.OPEN, lobby=True)
        await enter(call, conversation, created=True)
        return

    async def no_password() -> str:
        raise Refused(Code.WRONG_PASSWORD, "The lobby asks for a password.")

    pins = await call.chat.amending.pin_quotes(conversation)
    if not await _admit(call, conversation, NO_TEXT, no_password):
        raise Refused(Code.PENDING, "The lobby's admin has to approve.")
    await enter(call, conversation, pins=pins)


async def _create_by_joining(call: Call, raw: str, rest: SafeText | None) -> None:
    """Create the group *raw*. Raises `Refused` if another one may be meant."""
    name = group_name(raw)
    if group_number(name) is not None:
        raise Refused(
            Code.NO_SUCH_GROUP, "There is no group {number}; /groups lists them.", number=name
        )
    near = (each.group for each in call.services.groups.close_to(name))
    close = [group.name for group in near if group.lists_to(call.actor)]
    if close:
        raise Refused(
            Code.NO_SUCH_GROUP,
            "There is no {name}. {close}? Or: /create {name}",
            name=name,
            close=", ".join(close[:MAX_SUGGESTED]),
        )
    if rest is not None:
        raise Refused(
            Code.NO_SUCH_GROUP,
            "There is no group {name} that could take a password or a note; /create {name}"
            " creates it.",
            name=name,
        )
    conversation = await call.chat.create(call.session, name, Policy.APPROVAL, "", call.key)
    await enter(call, conversation, created=True)


async def create(call: Call, name: str, choice: PolicyChoice | None) -> None:
    """Create a group."""
    call.services.groups.require_free(group_name(name))
    call.chat.bounds.check_groups(call.account.name)  # before anything is asked
    if choice is None and call.asked:  # from the menu, which does not mention policies
        password = await call.session.ask(
            "Password for it, or Enter to approve each newcomer yourself: ", True
        )
        choice = PolicyChoice(Policy.PASSWORD if password else Policy.APPROVAL, password)
    choice = await _with_password(call, choice or PolicyChoice(Policy.APPROVAL))
    conversation = await call.chat.create(
        call.session, name, choice.policy, choice.password, call.key
    )
    await enter(call, conversation, created=True)


async def leave(call: Call, name: str | None) -> Reply | None:
    """End a membership, withdraw a join request, or leave a private conversation.

    Asks first if joining again would need an approval or an invitation.
    """
    if name is not None:
        conversation = call.services.groups.find(name)
    elif isinstance(call.current, Private):
        return await desk(call)
    elif call.current is not None:
        conversation = call.current
    else:
        raise Refused(Code.NO_GROUP, "You are in no group now; /leave GROUP leaves another.")
    group = call.services.memory.usable(conversation)
    if call.account.key in group.members and not group.comes_back(call.actor):
        what = "You are its admin" if group.is_admin(call.account.name) else _RETURN[group.policy]
        answer = await call.ask(f"Leave {group.name} for good? {what}. yes or no: ")
        if answer.lower() not in _YES:
            raise Cancelled
    await call.decide(conversation, lambda group: group.leave(call.actor))
    return None


async def step_out(call: Call) -> Reply | None:
    """Go to the front desk; leave the group if the caller can join again without help."""
    if isinstance(call.current, Private):
        return await desk(call)
    here = call.here()
    if call.services.memory.usable(here).comes_back(call.actor):
        await call.decide(here, lambda group: group.leave(call.actor))
        return None
    return await desk(call)


async def delete(call: Call, name: str) -> None:
    """Delete a group, after its name is typed again."""
    conversation = call.services.groups.find(name)
    group = call.services.memory.usable(conversation)
    group.require_right(call.actor, "delete the group")  # before anything is asked
    typed = await call.ask(f"This ends {group.name} for everybody. Type its name to delete it: ")
    if fold(typed) != fold(group.name):
        raise Refused(Code.CANCELLED, "That is not its name; nothing was deleted.")
    await call.decide(conversation, lambda group: group.close(call.actor))


async def desk(call: Call) -> Reply:
    """Go back to the front desk."""
    left = call.current
    call.session.enter(None)
    return FrontDesk(left.group.name if isinstance(left, GroupConversation) else None)


async def list_groups(call: Call, listing: Listing | None) -> Reply:
    """List the groups."""
    listing = listing or Listing()
    stored = [
        each
        for each in call.services.groups
        if each.published  # a group that is not stored yet may never be
        and each.group.lists_to(call.actor)
        and listing.wants(each.group.name)
    ]
    found = page(
        stored, listing, lambda each: each.group.name, lambda each: _line(call, each), "/groups"
    )
    return Groups(found.items, found.more, found.next, listing.part)


async def requests(call: Call, listing: Listing | None) -> Reply:
    """List the join requests."""
    listing, group = listing or Listing(), call.usable()
    pending = [each for each in group.pending(call.actor) if listing.wants(each.name)]
    ignores = call.account.ignores

    def line(request: JoinRequest) -> JoinRequest:
        return replace(request, note=NO_TEXT) if fold(request.name) in ignores else request

    found = page(pending, listing, lambda each: each.name, line, "/requests", call.named_group)
    now, named = call.chat.now(), bool(call.named_group)
    return Requests(group.name, found.items, now, found.more, found.next, named)


def only_request(call: Call) -> str | None:
    """Return the applicant, if there is exactly one. Raises `Refused` if there is none."""
    group = call.usable()
    pending = group.pending(call.actor)
    if not pending:
        raise Refused(Code.NO_REQUEST, "Nobody asks to join {group}.", group=group.name)
    return pending[0].name if len(pending) == 1 else None


async def approve(call: Call, names: list[Name]) -> Reply | None:
    """Approve join requests."""
    await call.decide(call.here(), lambda group: group.approve(call.actor, names))
    return _outside(call, f"Approved in {{group}}: {', '.join(names)}.")


async def reject(call: Call, name: Name, reason: SafeText | None) -> Reply | None:
    """Reject a join request."""
    await call.decide(call.here(), lambda group: group.reject(call.actor, name, reason or NO_TEXT))
    return _outside(call, f"The request of {name} to join {{group}} is rejected.")


def _outside(call: Call, sentence: str) -> Reply | None:
    """Return the answer to an operator who is not in the group, and does not receive its events.

    *sentence* states the result, with ``{group}`` for its name.
    """
    if call.receives:
        return None
    return Done(SafeText(sentence.format(group=call.here().group.name)))


async def invite(call: Call, name: Name) -> Reply | None:
    """Allow somebody to join without a request."""

    def rule(group: Group) -> list[GroupEvent]:
        group.require_right(call.actor, "invite")  # first: others must not learn which names exist
        return group.invite(call.actor, call.services.accounts.find(name).actor, call.chat.now())

    await call.decide(call.here(), rule)
    return _outside(call, f"{name} is invited to {{group}}.")


async def members(call: Call, listing: Listing | None) -> Reply:
    """List all members."""
    return _roster(call, False, listing or Listing())


async def online(call: Call, listing: Listing | None) -> Reply:
    """List the members who are online."""
    return _roster(call, True, listing or Listing())


async def admin(call: Call) -> Reply:
    """Show the admin and the moderators."""
    return admin_is(call)


def admin_is(call: Call) -> AdminIs:
    """Return the admin and the moderators of the current group. Raises `Refused`."""
    group, presence = call.group(), call.services.presence
    moderators = [
        ModeratorLine(name, presence.online(key)) for key, name in group.moderators.items()
    ]
    return AdminIs(group.name, group.admin, _admin_online(call, group), moderators)


async def transfer(call: Call, name: Name) -> Reply | None:
    """Hand over adminship."""
    await call.decide(call.here(), lambda group: group.transfer(call.actor, name))
    return _outside(call, f"{name} is the admin of {{group}} now.")


async def policy(call: Call, choice: PolicyChoice | None) -> Reply | None:
    """Change the join policy; without arguments, show it."""
    here = call.here()
    if choice is None:
        group = call.group()
        return Done(SafeText(f"The policy of {group.name} is {group.policy.value}."))
    choice = await _with_password(call, choice)
    hash = ""
    if choice.password:
        hash = await call.services.hasher.hash(choice.password, _asker(call))
    await call.decide(here, lambda group: group.change_policy(call.actor, choice.policy, hash))
    return None


async def topic(call: Call, text: SafeText | None) -> Reply | None:
    """Change the topic, ``-`` removes it; without arguments, show it."""
    if text is None:
        group = call.group()
        if not group.topic:
            return Done(SafeText(f"{group.name} has no topic."))
        return Done(SafeText(f"Topic of {group.name}: {group.topic}"))
    new = NO_TEXT if text == "-" else text
    await call.decide(call.here(), lambda group: group.change_topic(call.actor, new))
    return None


async def kick(call: Call, name: Name, reason: SafeText | None) -> None:
    """Kick somebody out of the current group, or, at the front desk, off the server."""
    why = reason or NO_TEXT
    here = call.in_group()
    if here is not None:
        await call.decide(here, lambda group: group.kick(call.actor, name, why))
        return
    online = call.services.presence.online(fold(name))
    await call.operate(lambda accounts: accounts.kick(call.actor, name, online, why))


async def ban(call: Call, name: Name, time: int | None, reason: SafeText | None) -> None:
    """Kick somebody and ban them, for *time* milliseconds or for good."""
    why = reason or NO_TEXT
    now = call.chat.now()
    until = None if time is None else now + time
    here = call.in_group()
    if here is not None:
        await call.decide(here, lambda group: group.ban(call.actor, name, now, why, until))
        return
    if _is_address(name) and call.services.accounts.get(name) is None:
        raise Refused(
            Code.BAD_NAME, "{name} is an address, not a name; /ban takes a name.", name=name
        )
    sessions = call.services.presence.sessions(fold(name))
    networks = {each.peer.network for each in sessions} - {LOCAL}
    await call.operate(
        lambda accounts: accounts.ban(call.actor, name, now, why, sorted(networks), until)
    )


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
        return _outside(call, f"{name} may join {{group}} again.")
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
    found = page(
        banned, listing, lambda each: each.name, lambda each: each, "/bans", call.named_group
    )
    return Bans(name, found.items, now, found.more, found.next)


async def _with_password(call: Call, choice: PolicyChoice) -> PolicyChoice:
    """Return *choice*, with the password asked for if it needs one."""
    password = choice.password
    if choice.policy is Policy.PASSWORD and not password:
        password = await call.ask("Password for the group: ", secret=True)
    check_group_password(password)
    return PolicyChoice(choice.policy, password)


async def enter(
    call: Call,
    conversation: GroupConversation,
    created: bool = False,
    pins: Mapping[int, Quote] = MappingProxyType({}),
) -> None:
    """Make *conversation* current, describe it with its *pins*, and show its last messages."""
    group = conversation.group
    call.session.enter(conversation)
    entered = Entered(
        group=group.name,
        number=group.number,
        admin=group.admin,
        topic=group.topic,
        members=len(group.members),
        online=_online(call, conversation),
        policy=group.policy,
        created=created,
        temporary=group.temporary,
        pins=pin_lines(call, conversation, pins),
    )
    call.answer(entered)
    call.session.subscriptions.refresh(conversation)
    await call.session.subscriptions.when_live(conversation)


def _asker(call: Call) -> Asker:
    return Asker(call.account.key, call.session.peer.network)


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


def _line(call: Call, conversation: GroupConversation) -> GroupLine:
    group = conversation.group
    member = call.account.key in group.members
    return GroupLine(
        number=group.number,
        name=group.name,
        policy=group.policy,
        members=len(group.members),
        online=_online(call, conversation),
        unread=call.session.subscriptions.unread(conversation) if member else None,
        mentions=call.session.subscriptions.mentions(conversation) if member else None,
        muted=member and conversation.id in call.account.muted,
        topic=group.topic,
    )


def _admin_online(call: Call, group: Group) -> bool:
    online: bool = group.admin is not None and call.services.presence.online(fold(group.admin))
    return online


def _approver_online(call: Call, group: Group) -> bool:
    """Return whether somebody who can approve requests, by their role in the group, is online."""
    online = call.services.presence.online
    return _admin_online(call, group) or any(online(key) for key in group.moderators)


def _online(call: Call, conversation: GroupConversation) -> int:
    return sum(map(call.services.presence.online, conversation.group.members))

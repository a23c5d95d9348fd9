"""Commands about groups: getting in and out, and what their admins do."""

from __future__ import annotations

from pyconchat.chat.conversation import Conversation
from pyconchat.commands.command import Call, PolicyChoice, has_part, listed
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import NO_TEXT, GroupEvent, Policy
from pyconchat.domain.group import Group
from pyconchat.domain.names import Name, fold, group_name
from pyconchat.domain.password_rules import MAX_LENGTH
from pyconchat.domain.replies import (
    AdminIs,
    Asked,
    Bans,
    Entered,
    FrontDesk,
    GroupLine,
    Groups,
    MemberLine,
    Reply,
    Requests,
    Roster,
)
from pyconchat.domain.text import SafeText, safe_text


async def join(call: Call, name: str, rest: SafeText | None) -> Reply | None:
    """Enter a group, create it if there is none, or ask to join."""
    conversation = call.chat.groups.get(name)
    if conversation is None:
        await _create_by_joining(call, name, rest or "")
        return None

    async def password() -> str:
        return rest or await call.ask(f"Password of {_name(conversation)}: ", secret=True)

    session = call.session
    note = safe_text(rest or "")
    if await call.chat.join(session, conversation, note, password, call.key):
        await enter(call, conversation)
        return None
    session.wait_for(conversation)
    group = conversation.group
    assert group is not None
    return Asked(group.name, group.admin)


async def enter_lobby(call: Call, name: str) -> None:
    """Enter the open group into which everybody comes at login. Raises `Refused`."""
    conversation = call.chat.groups.get(name)
    if conversation is None:
        conversation = await call.chat.create(call.session, name, Policy.OPEN)
        await enter(call, conversation, created=True)
        return

    async def no_password() -> str:
        raise Refused(Code.WRONG_PASSWORD, "The lobby asks for a password.")

    if not await call.chat.join(call.session, conversation, NO_TEXT, no_password):
        raise Refused(Code.PENDING, "The lobby's admin has to approve.")
    await enter(call, conversation)


async def _create_by_joining(call: Call, name: str, password: str) -> None:
    group_name(name)
    if " " in password:
        raise Refused(
            Code.NO_SUCH_GROUP,
            "There is no group {name} that could read your note; /join {name} creates it.",
            name=name,
        )
    policy = Policy.PASSWORD if password else Policy.APPROVAL
    conversation = await call.chat.create(call.session, name, policy, password, call.key)
    await enter(call, conversation, created=True)


async def create(call: Call, name: str, choice: PolicyChoice | None) -> None:
    """Create a group."""
    call.chat.groups.require_free(group_name(name))
    if choice is None and call.asked:  # from the menu, where nobody knows of policies
        password = await call.session.ask(
            "Password for it, or Enter to approve each newcomer yourself: ", True
        )
        choice = PolicyChoice(Policy.PASSWORD if password else Policy.APPROVAL, password)
    choice = await _with_password(call, choice or PolicyChoice(Policy.APPROVAL))
    conversation = await call.chat.create(
        call.session, name, choice.policy, choice.password, call.key
    )
    await enter(call, conversation, created=True)


async def leave(call: Call, name: str | None) -> None:
    """Give up membership, or withdraw a join request."""
    if name is not None:
        conversation = call.chat.groups.find(name)
    elif call.place is not None:
        conversation = call.place
    else:
        raise Refused(Code.NO_GROUP, "You are in no group now; /leave GROUP leaves another.")
    await call.decide(conversation, lambda group: group.leave(call.actor))


async def desk(call: Call) -> Reply:
    """Go back to the front desk."""
    left = call.place
    call.session.enter(None)
    return FrontDesk(None if left is None else _name(left))


async def groups(call: Call, part: SafeText | None) -> Reply:
    """List the groups."""
    part = part or NO_TEXT
    wanted = has_part(part)
    # One that is not stored yet may never be.
    stored = [each for each in call.chat.groups if each.published and wanted(_name(each))]
    found, more = listed(stored)
    return Groups([_line(call, conversation) for conversation in found], more, part)


async def requests(call: Call) -> Reply:
    """List who asks to be let in."""
    group = call.group()
    pending, more = listed(group.pending(call.actor))
    return Requests(group.name, pending, call.chat.now(), more)


def only_request(call: Call) -> str | None:
    """Return who asks to join, if exactly one does. Raises `Refused` if nobody does."""
    group = call.group()
    pending = group.pending(call.actor)
    if not pending:
        raise Refused(Code.NO_REQUEST, "Nobody asks to join {group}.", group=group.name)
    return pending[0].name if len(pending) == 1 else None


async def approve(call: Call, names: list[Name]) -> None:
    """Let in who has asked."""
    await call.decide(call.here(), lambda group: group.approve(call.actor, names))


async def reject(call: Call, name: Name, reason: SafeText | None) -> None:
    """Turn down who has asked."""
    await call.decide(call.here(), lambda group: group.reject(call.actor, name, reason or NO_TEXT))


async def invite(call: Call, name: Name) -> None:
    """Let somebody in without asking."""

    def rule(group: Group) -> list[GroupEvent]:
        group.require_admin(call.actor, "invite")  # who may not learns nothing of who there is
        return group.invite(call.actor, call.chat.accounts.find(name).actor)

    await call.decide(call.here(), rule)


async def members(call: Call, part: SafeText | None) -> Reply:
    """List all members."""
    return _roster(call, online_only=False, part=part)


async def online(call: Call, part: SafeText | None) -> Reply:
    """List the members who are online."""
    return _roster(call, online_only=True, part=part)


async def admin(call: Call) -> Reply:
    """Say who the admin is."""
    group = call.group()
    return AdminIs(group.name, group.admin, call.chat.presence.online(fold(group.admin)))


async def transfer(call: Call, name: Name) -> None:
    """Hand adminship over."""
    await call.decide(call.here(), lambda group: group.transfer(call.actor, name))


async def policy(call: Call, choice: PolicyChoice) -> None:
    """Change how people get in."""
    here = call.here()
    choice = await _with_password(call, choice)
    hash = ""
    if choice.password:
        hash = await call.chat.hasher.hash(choice.password)
    await call.decide(here, lambda group: group.change_policy(call.actor, choice.policy, hash))


async def topic(call: Call, text: SafeText) -> None:
    """Change the topic; ``-`` takes it away."""
    topic = NO_TEXT if text == "-" else text
    await call.decide(call.here(), lambda group: group.change_topic(call.actor, topic))


async def kick(call: Call, name: Name, reason: SafeText | None) -> None:
    """Put somebody out of the current group, or, at the front desk, off the server."""
    why = reason or NO_TEXT
    if call.place is not None:
        await call.decide(call.place, lambda group: group.kick(call.actor, name, why))
        return
    await call.operate(
        lambda accounts: accounts.kick(call.actor, name, call.chat.presence.online(fold(name)), why)
    )


async def ban(call: Call, name: Name, reason: SafeText | None) -> None:
    """As kick, and not back in."""
    why = reason or NO_TEXT
    if call.place is not None:
        await call.decide(call.place, lambda group: group.ban(call.actor, name, why))
        return
    await call.operate(lambda accounts: accounts.ban(call.actor, name, why))


async def unban(call: Call, name: Name) -> None:
    """Let somebody come back."""
    if call.place is not None:
        await call.decide(call.place, lambda group: group.unban(call.actor, name))
        return
    await call.operate(lambda accounts: accounts.unban(call.actor, name))


def only_ban(call: Call) -> str | None:
    """Return who is banned here, if exactly one is. Raises `Refused` if nobody is."""
    banned = _bans(call).bans
    if not banned:
        raise Refused(Code.NOT_BANNED, "Nobody is banned here.")
    return banned[0].name if len(banned) == 1 else None


async def bans(call: Call) -> Reply:
    """List who is banned."""
    return _bans(call)


def _bans(call: Call) -> Bans:
    if call.place is not None:
        group = call.chat.usable(call.place)  # operators need not be members
        return Bans(group.name, *listed(group.banned(call.actor)))
    return Bans(None, *listed(call.chat.accounts.banned(call.actor)))


async def _with_password(call: Call, choice: PolicyChoice) -> PolicyChoice:
    """Return *choice*, with the password asked for if it needs one."""
    password = choice.password
    if choice.policy is Policy.PASSWORD and not password:
        password = await call.ask("Password for the group: ", secret=True)
    if len(password) > MAX_LENGTH:
        raise Refused(
            Code.TOO_LONG, "A password has at most {longest} characters.", longest=MAX_LENGTH
        )
    return PolicyChoice(choice.policy, password)


async def enter(call: Call, conversation: Conversation, created: bool = False) -> None:
    """Make *conversation* current, describe it, and show what was said there last."""
    group = conversation.group
    assert group is not None
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
    )
    call.say(entered)
    await call.session.caught_up(conversation)


def _roster(call: Call, online_only: bool, part: SafeText | None) -> Roster:
    group, presence = call.group(), call.chat.presence
    part = part or NO_TEXT
    wanted = has_part(part)
    lines = [
        MemberLine(member.name, group.is_admin(member.name), member.guest, presence.online(key))
        for key, member in group.members.items()
        if wanted(member.name) and (not online_only or presence.online(key))
    ]
    members, more = listed(lines)
    return Roster(group.name, members, online_only, more, part)


def _line(call: Call, conversation: Conversation) -> GroupLine:
    group = conversation.group
    assert group is not None
    member = call.account.key in group.members
    return GroupLine(
        number=group.number,
        name=group.name,
        policy=group.policy,
        members=len(group.members),
        online=_online(call, conversation),
        unread=call.session.unread(conversation) if member else None,
        topic=group.topic,
    )


def _online(call: Call, conversation: Conversation) -> int:
    assert conversation.group is not None
    return sum(map(call.chat.presence.online, conversation.group.members))


def _name(conversation: Conversation) -> Name:
    assert conversation.group is not None
    return conversation.group.name

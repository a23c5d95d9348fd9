"""Commands that move the caller: into a group, out of it, and to the front desk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.places import Private
from pyconchat.commands.amending import pin_lines
from pyconchat.commands.call import Call, Cancelled
from pyconchat.commands.people import admin_online, online_members
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import NO_TEXT, Policy, Quote
from pyconchat.domain.group import Group
from pyconchat.domain.ignoring import topic_seen
from pyconchat.domain.invite_codes import digest_of, is_code
from pyconchat.domain.names import group_name, group_number
from pyconchat.domain.refusals import wrong_group_password
from pyconchat.domain.replies import Asked, Entered, FrontDesk, Reply
from pyconchat.domain.text import SafeText, safe_line

__all__ = ["AcceptPassword", "admit", "desk", "enter", "enter_lobby", "join", "leave", "step_out"]

_RETURN = {
    Policy.APPROVAL: "Coming back takes an approval",
    Policy.INVITE: "Coming back takes an invitation",
}

_YES = frozenset({"y", "yes"})
AcceptPassword = Callable[[str], Awaitable[str]]
MAX_SUGGESTED = 3
"""Maximum groups that are suggested for a mistyped name."""


async def join(call: Call, name: str, rest: SafeText | None) -> Reply | None:
    """Enter a group, create it if there is none, or ask to join."""
    groups = call.services.groups
    # A taken name cannot be hidden, since creating the group again would fail; its number can.
    by_number = group_number(name) is not None
    await call.chat.states.know_group(name)
    conversation = groups.known_to(call.actor, name) if by_number else groups.get(name)
    if conversation is None:
        await _create_by_joining(call, name, rest)
        return None
    group = conversation.group
    pins = await call.chat.amending.pin_quotes(conversation)

    def ask_password(accept: AcceptPassword) -> Awaitable[str]:
        return call.ask_password(f"Password of {group.name}: ", accept)

    if await admit(call, conversation, rest or "", ask_password):
        await enter(call, conversation, pins=pins)
        return None
    call.session.await_approval(conversation)
    return Asked(group.name, group.admin, _approver_online(call, group))


async def admit(
    call: Call,
    conversation: GroupConversation,
    typed: str,
    ask_password: Callable[[AcceptPassword], Awaitable[str]],
) -> bool:
    """Join a group, or ask to join; return whether the caller is a member.

    *typed* is an invite code if it has the shape of one; else it is the password of a group that
    has one, or a note. *ask_password* is called if the password is missing, with a function that
    returns a right one and refuses a wrong one.
    """
    services, actor, now = call.services, call.actor, call.chat.now
    group = services.memory.usable(conversation)
    asker, target, proof, code = call.asker, f"group {group.id}", "", ""
    if group.asks_password(actor, now()) and not is_code(typed):
        hash = group.password_hash
        services.throttle.admit(asker.network)
        call.chat.bounds.check_groups(call.account.name)  # before any question or hashing

        async def right(password: str) -> str:
            nonlocal proof
            if not is_code(password):
                if not await services.throttle.check_later(asker, target, hash, password):
                    raise wrong_group_password(group.name)
                proof = hash
            return password

        typed = await (right(typed) if typed else ask_password(right))
    note = safe_line(typed)
    if is_code(typed):
        note, code = NO_TEXT, digest_of(typed)
        if group.takes_code(actor, now()):
            await services.throttle.check_code(
                asker.network, target, lambda: group.is_valid_code(code, now())
            )
    services.memory.require_present(call.account)
    await call.decide(conversation, lambda group: group.join(actor, now(), note, proof, code))
    return call.account.key in group.members


async def _create_by_joining(call: Call, raw: str, rest: SafeText | None) -> None:
    """Create the group *raw*. Raises `Refused` if that may be a mistyped name."""
    if group_number(raw) is not None:
        raise Refused(
            Code.NO_SUCH_GROUP, "There is no group {number}; /groups lists them.", number=raw
        )
    name = group_name(raw)
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
            "There is no group {name}. Names have no spaces: what follows one is a password or a"
            " note. /create {name} creates it.",
            name=name,
        )
    policy = Policy(call.services.config.new_groups)
    conversation = await call.chat.create(call.session, name, policy, "", call.key)
    await enter(call, conversation, created=True)


async def enter_lobby(call: Call, name: str) -> None:
    """Enter the open group that everyone enters at login. Raises `Refused`."""
    await call.chat.states.know_group(name)
    conversation = call.services.groups.get(name)
    if conversation is None:
        conversation = await call.chat.create(call.session, name, Policy.OPEN, lobby=True)
        await enter(call, conversation, created=True)
        return

    async def no_password(_accept: AcceptPassword) -> str:
        raise Refused(Code.WRONG_PASSWORD, "The lobby asks for a password.")

    pins = await call.chat.amending.pin_quotes(conversation)
    if not await admit(call, conversation, "", no_password):
        raise Refused(Code.PENDING, "The lobby's admin has to approve.")
    await enter(call, conversation, pins=pins)


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
        topic=topic_seen(group, call.account.ignores),
        members=len(group.members),
        online=online_members(call, conversation),
        policy=group.policy,
        created=created,
        temporary=group.temporary,
        pins=pin_lines(call, conversation, pins),
    )
    call.answer(entered)
    call.session.subscriptions.refresh(conversation)
    await call.session.subscriptions.when_live(conversation)


async def leave(call: Call, name: str | None) -> Reply | None:
    """End a membership, withdraw a join request, or leave a private conversation.

    Asks first if joining again would need an approval or an invitation.
    """
    if name is not None:
        conversation = await call.find(name)
    elif isinstance(call.current, Private):
        return await desk(call)
    else:
        conversation = _left_by(call)
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
    left = await call.decide(_left_by(call), lambda group: group.step_out(call.actor))
    return None if left else await desk(call)


def _left_by(call: Call) -> GroupConversation:
    """Return the current group, which the caller leaves. Raises `Refused` at the front desk."""
    here = call.in_group()
    if here is None:
        raise Refused(Code.NO_GROUP, "You are in no group now; /leave GROUP leaves one.")
    return here


async def desk(call: Call) -> Reply:
    """Go back to the front desk."""
    left = call.current
    call.session.enter(None)
    return FrontDesk(left.group.name if isinstance(left, GroupConversation) else None)


def _approver_online(call: Call, group: Group) -> bool:
    """Return whether somebody who can approve requests, by their role in the group, is online."""
    online = call.services.presence.online
    return admin_online(call, group) or any(online(key) for key in group.moderators)

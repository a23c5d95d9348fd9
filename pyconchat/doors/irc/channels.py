"""JOIN, PART, KNOCK, TOPIC, KICK, INVITE, NAMES and LIST: groups as channels."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from pyconchat.chat.conversations import GroupConversation
from pyconchat.commands import inviting, moderation
from pyconchat.commands.arguments import TEXT
from pyconchat.commands.joining import AcceptPassword, admit
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import NO_TEXT, Policy
from pyconchat.domain.group import Group
from pyconchat.domain.ignoring import topic_seen
from pyconchat.domain.invite_codes import is_code
from pyconchat.domain.names import Name, group_name, group_number, person_name
from pyconchat.domain.text import SafeText, safe_line
from pyconchat.doors.irc import joins
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.masks import comparing, mask_pattern
from pyconchat.doors.irc.message import Message, strip_formatting
from pyconchat.doors.irc.paging import send_paged
from pyconchat.doors.irc.refusals import refuse
from pyconchat.doors.irc.service import say
from pyconchat.render.irc_lines import SERVICE, line

__all__ = ["invite", "join", "kick", "knock", "list_", "names", "part", "reason_in", "topic"]

MAX_CHANNELS = 50
"""Maximum channels of one JOIN or PART."""

MAX_CONDITIONS = 10
"""Maximum names and bounds of one LIST, each of which is compared with all groups."""

MAX_KICKS = 4
"""Maximum people whom one KICK puts out."""


async def join(client: Client, message: Message) -> None:
    """JOIN: enter groups, create those that do not exist, or ask to join."""
    keys = message.param(1).split(",")
    channels = message.param(0).split(",")[:MAX_CHANNELS]
    client.charge(len(channels) - 1)
    for number, channel in enumerate(channels):
        key = keys[number] if number < len(keys) else ""
        await _each(client, message, channel, key, _join)


async def _join(client: Client, channel: str, key: str) -> None:
    name = _named(channel)
    services, actor = client.services, client.actor
    by_number = group_number(name) is not None
    await services.chat.states.know_group(name)
    conversation = services.groups.known_to(actor, name) if by_number else services.groups.get(name)
    if conversation is None:
        if by_number:
            raise Refused(Code.NO_SUCH_GROUP, "There is no group of that number.")
        policy = Policy(services.config.new_groups)
        await services.chat.create(client.login, group_name(name), policy)
        return
    if client.account.key in conversation.group.members:
        if conversation.id in client.account.detached:
            services.registry.attach(client.account, conversation)
        return
    if not await _ask(client, conversation, key, NO_TEXT):
        group = conversation.group
        client.reply("473", f"#{group.name}", _asked(group))
        client.notice(f"{_asked(group)} You join when it is approved.")


def _asked(group: Group) -> str:
    return f"You asked to join {group.name}; {group.keeper} has to approve."


async def _ask(client: Client, conversation: GroupConversation, key: str, note: SafeText) -> bool:
    """Join, or ask to join; return whether the client's account is a member."""

    async def no_password(_accept: AcceptPassword) -> str:
        raise Refused(
            Code.WRONG_PASSWORD,
            "{group} asks for a password: /join #{group} PASSWORD.",
            group=conversation.group.name,
        )

    # Clients send the key that they once had, also to a group that has none: it is no note.
    asked = conversation.group.asks_password(client.actor, client.services.chat.now())
    typed = key if asked or is_code(key) else note
    return await admit(client.call(), conversation, typed, no_password)


async def knock(client: Client, message: Message) -> None:
    """KNOCK: ask to join, with a note."""
    conversation = client.group(message.param(0))
    channel = f"#{conversation.group.name}"
    if client.account.key in conversation.group.members:
        client.reply("714", channel, "You are in that group.")
        return
    if conversation.group.policy is not Policy.APPROVAL:
        client.reply("713", channel, "Nobody has to approve there: join it.")
        return
    note = reason_in(message.param(1))
    if not await _ask(client, conversation, "", note):
        client.reply("711", channel, "Your request to join has been delivered.")


async def part(client: Client, message: Message) -> None:
    """PART: a guest leaves; a registered member stays one, without a channel."""
    channels = message.param(0).split(",")[:MAX_CHANNELS]
    client.charge(len(channels) - 1)
    for channel in channels:
        await _each(client, message, channel, message.param(1), _part)


async def _part(client: Client, channel: str, reason: str) -> None:
    conversation = client.group_joined(channel)
    if client.account.registered and reason.strip().lower() != "leave":
        client.services.registry.detach(client.account, conversation, reason_in(reason))
        name = conversation.group.name
        client.notice(
            f"You are still a member of {name}, and JOIN shows it again;"
            f" /msg {SERVICE} leave #{name} gives that up."
        )
        return
    why = NO_TEXT if client.account.registered else reason_in(reason)
    actor = client.actor
    await client.call().decide(conversation, lambda group: group.leave(actor, why))


async def topic(client: Client, message: Message) -> None:
    """TOPIC: show or change the topic."""
    conversation = client.group(message.param(0))
    group = client.services.memory.usable(conversation)
    group.require_member(client.actor)
    if len(message.params) == 1:
        joins.topic(client, group)
        return
    raw = strip_formatting(message.params[1])
    new = TEXT.parse(raw) if safe_line(raw) else NO_TEXT
    actor = client.actor
    await client.call().decide(conversation, lambda group: group.change_topic(actor, new))


async def kick(client: Client, message: Message) -> None:
    """KICK: put members out; they may come back."""
    reason = reason_in(message.param(2))
    channels = message.param(0).split(",")
    nicks = message.param(1).split(",")[:MAX_KICKS]
    client.charge(len(nicks) - 1)
    for number, nick in enumerate(nicks):  # a channel for each, or one for all
        channel = channels[number] if number < len(channels) else channels[0]
        one = message._replace(params=(channel, nick, "", ""))
        try:
            conversation = client.group(channel)
            reply = await moderation.kick(client.call(conversation), _nick(client, nick), reason)
            if reply is not None:  # to an operator outside the group, to whom KICK is not delivered
                say(client, reply)
        except Refused as refused:
            refuse(client, refused, one)


async def invite(client: Client, message: Message) -> None:
    """INVITE: let somebody in without asking. Without arguments: who has invited this account."""
    if not message.params:
        for each in client.services.groups.connected_with(client.account.key):
            if client.account.key in each.group.invitations:
                client.reply("336", f"#{each.group.name}")
        client.reply("337", "End of the invitations.")
        return
    if len(message.params) < 2:
        raise Refused(Code.MISSING_ARGUMENT, "Invite whom, and to which group?")
    conversation = client.group(message.param(1))
    group = client.services.memory.usable(conversation)
    group.require_member(client.actor)
    name = _nick(client, message.param(0))
    await inviting.invite(client.call(conversation), name)
    client.reply("341", name, f"#{group.name}")


async def names(client: Client, message: Message) -> None:
    """NAMES: the members of groups."""
    shown: list[str] = []
    for channel in message.param(0).split(",")[:MAX_CHANNELS]:
        conversation = client.services.groups.known_to(client.actor, channel[1:])
        if channel.startswith("#") and conversation is not None and client.shows(conversation):
            joins.list_names(client, conversation.group)
            channel = f"#{conversation.group.name}"
        shown.append(channel or "*")
    client.reply("366", ",".join(shown), "End of NAMES.")


async def list_(client: Client, message: Message) -> None:
    """LIST: the groups, those with so many members, or with a name like a pattern."""
    conditions = message.param(0).split(",")[:MAX_CONDITIONS]
    wanted = _conditions(conditions)
    client.work += comparing(len(client.services.groups) * len(conditions))
    client.reply("321", "Channel", "Users  Name")
    groups = list(client.services.groups.listed_to(client.actor))  # others come and go
    await send_paged(client, (_list_line(client, each, wanted) for each in groups))
    client.reply("323", "End of LIST.")


def _list_line(
    client: Client, conversation: GroupConversation, wanted: Callable[[Group], bool]
) -> str:
    """Return the line of a group; empty if it is not *wanted*, or not listed to the client."""
    group = conversation.group
    listed = conversation.published > 0 and group.lists_to(client.actor)
    if not (listed and wanted(group)):
        return ""
    seen = topic_seen(group, client.account.ignores)
    words = (f"#{group.name}", str(group.member_count), seen)
    return line(client.server, "322", client.display, *words)


def _conditions(words: Sequence[str]) -> Callable[[Group], bool]:
    """Return the test of LIST's argument: names, patterns, and bounds of the count of members."""
    tests: list[Callable[[Group], bool]] = []
    named: list[re.Pattern[str]] = []
    for each in words:
        if re.fullmatch(r"[<>][0-9]{1,9}", each):
            bound, above = int(each[1:]), each[0] == ">"
            tests.append(_Bound(bound, above))
        elif each:
            named.append(mask_pattern(each.lower()))
    if named:
        tests.append(lambda group: any(each.match(f"#{group.name}".lower()) for each in named))
    return lambda group: all(test(group) for test in tests)


class _Bound:
    """A bound of the count of members, *above* or below *count*."""

    def __init__(self, count: int, above: bool) -> None:
        self._count = count
        self._above = above

    def __call__(self, group: Group) -> bool:
        members = group.member_count
        return members > self._count if self._above else members < self._count


async def _each(
    client: Client,
    message: Message,
    channel: str,
    word: str,
    act: Callable[[Client, str, str], Awaitable[None]],
) -> None:
    """Act on one of several channels; a refusal of one does not stop the others."""
    try:
        await act(client, channel, word)
    except Refused as refused:
        refuse(client, refused, message._replace(params=(channel, word)))


def _named(channel: str) -> str:
    if not channel.startswith("#") or len(channel) < 2:
        raise Refused(Code.NO_SUCH_GROUP, "There is no such group: its name begins with #.")
    return channel[1:]


def _nick(client: Client, nick: str) -> Name:
    """Return the account's name for *nick*. Raises `Refused`, also where it could be no name."""
    try:
        return client.services.accounts.find(person_name(nick)).name
    except Refused:
        raise Refused(Code.NO_SUCH_NAME, "There is nobody of that name.") from None


def reason_in(text: str) -> SafeText:
    """Return a reason or a note that a client typed. Raises `Refused` if it is too long."""
    raw = strip_formatting(text)
    return SafeText(TEXT.parse(raw)) if safe_line(raw) else NO_TEXT

"""MODE: the policy, the moderators, the bans and the quiet people of a group, as letters."""

from __future__ import annotations

import re
from typing import NamedTuple

from pyconchat.chat.conversations import GroupConversation
from pyconchat.commands import groups, moderation
from pyconchat.commands.arguments import PolicyChoice
from pyconchat.domain.errors import Refused
from pyconchat.domain.events import Policy
from pyconchat.domain.group import Group
from pyconchat.domain.names import Name
from pyconchat.domain.password_rules import check_group_password
from pyconchat.domain.replies import Reply
from pyconchat.doors.irc.ban_masks import ban_mask, name_in
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.events import POLICY_MODES
from pyconchat.doors.irc.message import Message
from pyconchat.doors.irc.refusals import refuse
from pyconchat.doors.irc.service import say
from pyconchat.render.irc_lines import SERVICE, line

__all__ = ["mode"]

MAX_CHANGES = 4
"""Maximum changes with a parameter in one MODE."""

_POLICIES = {letter: policy for policy, letter in POLICY_MODES.items()}
_WITH_PARAMETER = frozenset("bqov")
_KNOWN = frozenset("bkqovAint")
_KEY = re.compile(r"[^:,\s][^,\s]*")


class _Change(NamedTuple):
    """One letter of a MODE, set or (*on* is False) unset."""

    on: bool
    letter: str
    word: str


async def mode(client: Client, message: Message) -> None:
    """MODE: show or change the modes of a group; show those of the client itself."""
    target = message.param(0)
    if not target.startswith("#"):
        _own_modes(client, message)
        return
    conversation = client.group(target)
    group = client.services.memory.usable(conversation)
    if len(message.params) == 1:
        modes, words = _modes_of(client, group)
        client.reply("324", f"#{group.name}", modes, *words)
        return
    changes = _changes(client, message.params[1], list(message.params[2:]))[:MAX_CHANGES]
    client.charge(len(changes) - 1)
    for change in changes:
        one = message._replace(params=(f"#{group.name}", change.letter, change.word))
        try:
            await _apply(client, conversation, change)
        except Refused as refused:
            refuse(client, refused, one)


def _own_modes(client: Client, message: Message) -> None:
    account = client.services.accounts.get(message.param(0))
    if account is None:
        client.reply("401", message.param(0), "There is nobody of that name.")
    elif account is not client.account:
        client.reply("502", "You see and change only your own modes.")
    elif len(message.params) == 1:
        has = {"B": client.bot, "i": client.invisible, "o": client.actor.operator}
        client.reply("221", f"+{''.join(letter for letter, on in has.items() if on)}")
    elif set(message.param(1)) - set("+-Bio"):
        client.reply("501", "There is no such mode.")
    else:
        _set_own(client, message.param(1))


def _set_own(client: Client, modes: str) -> None:
    """Set or unset the client's own modes: of bots (IRCv3 bot mode), and of the invisible.

    Or end what OPER has given to the client.
    """
    sign, changed = "+", ""
    for letter in modes:
        if letter in "+-":
            sign = letter
            continue
        name = {"B": "bot", "i": "invisible"}.get(letter, "")
        if name and getattr(client, name) is not (sign == "+"):
            setattr(client, name, sign == "+")
            changed += sign + letter
        elif letter == "o" and sign == "-" and client.actor.operator:
            client.login.operate_as(client.account)  # no longer as another account
            changed += "" if client.actor.operator else "-o"
    if changed:
        client.send(line(client.nick, "MODE", client.nick, _joined(changed)))


def _joined(changed: str) -> str:
    """Return *changed*, such as ``+B+i``, with each sign only where it changes."""
    signs = changed[::2]
    return "".join(
        letter if number and signs[number - 1] == sign else sign + letter
        for number, (sign, letter) in enumerate(zip(signs, changed[1::2], strict=True))
    )


def _modes_of(client: Client, group: Group) -> tuple[str, list[str]]:
    modes, words = "+nt", []
    letter = POLICY_MODES.get(group.policy, "")
    if letter == "k":
        words.append("*")
    return "".join(sorted(modes[1:] + letter)).join(["+", ""]), words


def _changes(client: Client, modes: str, words: list[str]) -> list[_Change]:
    """Return the changes that *modes* and its parameters ask for; answer unknown letters."""
    changes: list[_Change] = []
    on = True
    for letter in modes:
        if letter in "+-":
            on = letter == "+"
            continue
        if letter not in _KNOWN:
            client.reply("472", letter, "There is no such mode.")
            continue
        word = ""
        if (letter in _WITH_PARAMETER or letter == "k") and words:
            word = words.pop(0)
        changes.append(_Change(on, letter, word))
    return changes


async def _apply(client: Client, conversation: GroupConversation, change: _Change) -> None:
    """Make one change. Raises `Refused`."""
    call = client.call(conversation)
    channel = f"#{conversation.group.name}"
    letter, word = change.letter, change.word
    match letter:
        case "b":
            await _ban(client, conversation, change)
        case "o" if word:
            await moderation.moderator(call, _known(client, word), None if change.on else "off")
        case "q" | "v" if word:
            transfer = f"/msg {SERVICE} transfer {channel} {word} makes somebody else the admin."
            text = transfer if letter == "q" else "There is no voice here."
            client.reply("696", channel, letter, word, text)
        case "n" | "t":
            if not change.on:
                client.reply("696", channel, letter, "*", "That is always so.")
        case "k" | "i" | "A":
            await _policy(client, conversation, change)
        case _:
            client.reply("696", channel, letter, "*", "Whom?")


async def _policy(client: Client, conversation: GroupConversation, change: _Change) -> None:
    group, policy = conversation.group, _POLICIES[change.letter]
    call = client.call(conversation)
    group.require_right(call.actor, "change the policy")
    if not change.on:
        if group.policy is policy:
            await groups.policy(call, PolicyChoice(Policy.OPEN))
        return
    if policy is not Policy.PASSWORD and group.policy is policy:
        return
    password = change.word if policy is Policy.PASSWORD else ""
    if policy is Policy.PASSWORD and not _KEY.fullmatch(password):
        sentence = "A password is needed, without spaces and commas, as JOIN takes it."
        client.reply("696", f"#{group.name}", "k", "*", sentence)
        return
    check_group_password(password)
    await groups.policy(call, PolicyChoice(policy, password))


def _tell(client: Client, reply: Reply | None) -> None:
    """Send *reply* to an operator outside the group, to whom MODE is not delivered."""
    if reply is not None:
        say(client, reply)


async def _ban(client: Client, conversation: GroupConversation, change: _Change) -> None:
    group, word = conversation.group, change.word
    call = client.call(conversation)
    now = client.services.chat.now()
    if not word:
        _list_bans(client, group, now)
        return
    group.require_right(call.actor, "ban")
    mask = ban_mask(client, group, word, change.on)
    if len(mask.names) != 1:
        which = f"That may be {' or '.join(mask.names)}. " if mask.names else ""
        client.reply("696", f"#{group.name}", "b", word, f"{which}A ban is of one name: NAME!*@*.")
        return
    (name,) = mask.names
    if mask.quiet:
        await moderation.quiet(call, name, None if change.on else "off")
    elif change.on:
        _tell(client, await moderation.ban(call, name, None, None))
    else:
        _tell(client, await moderation.unban(call, name))


def _list_bans(client: Client, group: Group, now: int) -> None:
    """Answer with the bans and the quiet people of a group, to its members."""
    group.require_member(client.actor)
    channel = f"#{group.name}"
    for ban in group.bans.values():
        if ban.lasts(now):
            client.reply("367", channel, f"{ban.name}!*@*", ban.by, str(ban.at // 1000))
    for each in group.quieted.values():
        if each.lasts(now):
            client.reply("367", channel, f"m:{each.name}!*@*", each.by, str(each.at // 1000))
    client.reply("368", channel, "End of the bans.")


def _known(client: Client, word: str) -> Name:
    """Return the name of somebody who is online, or registered. Raises `Refused`."""
    return client.services.accounts.find(name_in(word)).name

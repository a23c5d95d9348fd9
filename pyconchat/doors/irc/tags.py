"""Client-only tags (IRCv3 message-tags), and TAGMSG, which sends them without a text.

That somebody is typing is only relayed. A reaction is `/react`. All others are entries of the log.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping

from pyconchat.chat.conversations import Conversation, GroupConversation
from pyconchat.chat.interfaces import ISession
from pyconchat.domain import amending
from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import GroupEvent, Reaction, Tags, TagsSent
from pyconchat.domain.names import person_name
from pyconchat.domain.text import SafeText, emoji_in, safe_line
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.message import MAX_TAGS, Message
from pyconchat.doors.irc.references import seq_in
from pyconchat.doors.irc.refusals import refuse
from pyconchat.doors.irc.welcome import MAX_TARGETS
from pyconchat.render.irc_lines import REACT, REPLY, escaped, line, tagged

__all__ = ["REPLY", "safe_tags", "stored_tags", "tagmsg"]

BOT_TAG = ("bot", SafeText(""))
"""The tag of what a bot says (IRCv3 bot mode)."""

_TYPING = "+typing"


def safe_tags(tags: Mapping[str, str]) -> Tags:
    """Return the client-only ones of *tags*, as they are stored: at most MAX_TAGS bytes."""
    kept: list[tuple[str, SafeText]] = []
    room = MAX_TAGS
    for name, value in tags.items():
        if name.startswith("+") and name != _TYPING:
            safe = safe_line(value)
            room -= len(f"{name}={escaped(safe)};".encode())
            if room >= 0:
                kept.append((name, safe))
    return tuple(kept)


def stored_tags(client: Client, message: Message) -> Tags:
    """Return the tags that are stored with *message*: its client-only tags, and that of a bot."""
    return (*((BOT_TAG,) if client.bot else ()), *safe_tags(message.tags))


async def tagmsg(client: Client, message: Message) -> None:
    """TAGMSG: send tags to each target. Without any, or without message-tags, nothing happens."""
    targets = message.param(0).split(",")
    if len(targets) > MAX_TARGETS:
        client.reply("407", targets[MAX_TARGETS], "Too many targets.")
    client.charge(len(targets[1:MAX_TARGETS]))
    tags = safe_tags(message.tags)
    if "message-tags" not in client.caps or not (tags or _TYPING in message.tags):
        return
    for target in targets[:MAX_TARGETS]:
        try:
            if tags:
                await _send(client, target, stored_tags(client, message))
            else:
                _relay(client, target, safe_line(message.tags[_TYPING]))
        except Refused as refused:
            refuse(client, refused, message._replace(params=(target,)))
        finally:
            client.own_event = None


async def _send(client: Client, target: str, tags: Tags) -> None:
    """Send *tags* to a group or a person. Raises `Refused` or `NotSaved`."""
    chat, account = client.services.chat, client.account
    client.login.require_welcome()
    if target.startswith("#"):
        group = client.group_joined(target)
        if await _react(client, group, None, tags):
            return
        client.own_event = TagsSent(account.name, tags, not account.registered)
        await chat.posting.send_tags(client.login, group, tags)
        return
    partner = client.services.accounts.find(person_name(target))
    known = await chat.private.conversation(account, partner, or_self=True)
    if await _react(client, known, partner, tags):
        return
    client.own_event = TagsSent(account.name, tags, not account.registered)
    await chat.private.send_tags(account, partner, tags)


async def _react(
    client: Client, conversation: Conversation | None, partner: Account | None, tags: Tags
) -> bool:
    """React to a message if *tags* say so; return whether they do. Raises `Refused`.

    They do if they name a message of *conversation*, and one emoji.
    """
    named = dict(tags)
    seq, emoji = seq_in(named.get(REPLY, ""), conversation), named.get(REACT)
    if not seq or emoji is None or emoji_in(emoji) is None:
        return False
    amends, session, now = client.services.chat.amending, client.login, client.services.chat.now()

    def rule(room: amending.Room, said: amending.Target) -> list[GroupEvent]:
        events = amending.react(room, client.actor, said, emoji, now)
        client.own_event = next(each for each in events if isinstance(each, Reaction))
        return events

    try:
        if isinstance(conversation, GroupConversation):
            await amends.decide(session, conversation, seq, rule)
        elif partner is not None:
            await amends.decide_in_private(session, partner, seq, rule)
    except Refused as refused:
        if refused.code is Code.NO_SUCH_MESSAGE:  # it may be one that has tags only
            return False
        raise
    return True


def _relay(client: Client, target: str, typing: str) -> None:
    """Tell the others that somebody is *typing*, or not. Raises `Refused`."""
    services = client.services
    sessions: Iterable[ISession]
    if target.startswith("#"):
        conversation = client.group_joined(target)
        group = services.memory.usable(conversation)
        group.require_member(client.actor)
        group.require_voice(client.actor, services.chat.now())
        sessions, name = conversation.sessions, f"#{group.name}"
    else:
        partner = services.accounts.find(person_name(target))
        services.chat.private.require_partner(client.account, partner, or_self=True)
        sessions, name = services.presence.sessions(partner.key), partner.name
    # Its id is in no log: nothing can answer it, or request later entries by it.
    tags = [(_TYPING, typing), ("msgid", f"tag-{secrets.token_hex(8)}")]
    piece = tagged(tags) + line(client.source, "TAGMSG", name)
    for session in list(sessions):
        own = session is client.login
        ignored = client.account.key in session.account.ignores
        if session.translator is not None and not own and not ignored:
            session.translator.relay(piece, "message-tags", client.account)
    piece = client.with_account(piece, client.account)
    if "echo-message" in client.caps:
        client.send(piece)
    if name == client.account.name:
        client.output.pass_on(piece.encode())  # after the echo, which has the label

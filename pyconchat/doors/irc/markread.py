"""MARKREAD (IRCv3 draft): ask for a read marker, or move it."""

from __future__ import annotations

from pyconchat.chat.conversations import Conversation
from pyconchat.domain.errors import Refused
from pyconchat.domain.names import Name, person_name
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.hints import sentence_of
from pyconchat.doors.irc.message import Message
from pyconchat.doors.irc.read_markers import READ_MARKER, marker_line, note_shown
from pyconchat.doors.irc.references import timestamp_in

__all__ = ["markread"]


async def markread(client: Client, message: Message) -> None:
    """MARKREAD: say up to when a conversation was read, or mark it."""
    target = message.param(0)
    if not target:
        client.fail("FAIL", "MARKREAD", "NEED_MORE_PARAMS", "Of which conversation?")
        return
    try:
        name, conversation = await _named(client, target)
    except Refused as refused:
        if len(message.params) > 1:
            client.fail("FAIL", "MARKREAD", "INVALID_PARAMS", target, sentence_of(refused))
        else:
            client.send(marker_line(client, target))
        return
    if len(message.params) == 1:
        if conversation is not None:
            await note_shown(client, conversation)
        client.send(marker_line(client, name))
        return
    at = timestamp_in(message.params[1])
    if at is None:
        client.fail("FAIL", "MARKREAD", "INVALID_PARAMS", target, "Up to which timestamp=?")
        return
    await _mark(client, name, conversation, at)


async def _named(client: Client, target: str) -> tuple[str, Conversation | None]:
    """Return the name of *target*, and its conversation if it has one. Raises `Refused`."""
    if target.startswith("#"):
        joined = client.group_joined(target)
        return f"#{joined.group.name}", joined
    partner = client.services.accounts.find(person_name(target))
    private = client.services.chat.private
    return str(partner.name), await private.known_with(client.account, Name(partner.name))


async def _mark(client: Client, name: str, conversation: Conversation | None, at: int) -> None:
    """Move the marker of *name* to the time *at*, and tell all clients of the account."""
    services, session = client.services, client.login
    registry = services.registry
    moved = registry.mark_time(client.account, name, min(at, services.chat.now()))
    piece = marker_line(client, name)
    client.send(piece)
    if moved:
        for other in services.presence.sessions(client.account.key):
            if other is not session and other.translator is not None:
                other.translator.relay(piece, READ_MARKER, None)
    if conversation is None or conversation not in session.subscriptions:
        return
    session.subscriptions.release(conversation)
    seq = await services.chat.reading.seq_at(conversation.id, at + 1, conversation.published)
    registry.mark(session, conversation, seq)

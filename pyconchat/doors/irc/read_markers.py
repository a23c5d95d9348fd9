"""Read markers (IRCv3 draft): up to when a client's account has read each of its conversations.

A marker is a time. It never goes back. Entries that a device at another door has shown move it,
too. The command MARKREAD is in `markread.py`.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from pyconchat.chat.conversations import Conversation
from pyconchat.domain.errors import NotSaved, PeerGone, Refused
from pyconchat.domain.events import Action, Message
from pyconchat.domain.names import fold
from pyconchat.domain.replies import ReadUpto
from pyconchat.doors.irc.client import Client
from pyconchat.render.irc_lines import line, server_time

__all__ = ["READ_MARKER", "marker_line", "note_shown", "shown_elsewhere"]

READ_MARKER = "draft/read-marker"


def marker_line(client: Client, target: str) -> str:
    """Return the line with the marker of *target*, a channel or a nick."""
    at = client.account.read_markers.get(fold(target))
    return line(client.server, "MARKREAD", target, f"timestamp={server_time(at)}" if at else "*")


async def note_shown(client: Client, conversation: Conversation) -> bool:
    """Move the marker to the newest message that any device has shown; return whether it moved."""
    account = client.account
    shown = account.shown.get(conversation.id, 0)
    if not shown:
        return False
    where = client.login.view_of(conversation)
    target = f"#{where.group}" if where.group is not None else f"{where.other}"
    try:
        entries = await client.services.chat.reading.page(
            conversation.id, 0, shown, 1, (Message, Action), newest=True
        )
    except NotSaved:
        return False
    if not entries or entries[0].at <= account.read_markers.get(fold(target), 0):
        return False
    account.read_markers[fold(target)] = entries[0].at  # the number is stored already
    return True


def shown_elsewhere(client: Client, reply: ReadUpto) -> None:
    """Tell the client that a device at another door has shown a conversation."""
    Deferred.fromCoroutine(_shown_elsewhere(client, reply))


async def _shown_elsewhere(client: Client, reply: ReadUpto) -> None:
    conversation: Conversation | None
    try:
        if reply.group is not None:
            target = f"#{reply.group}"
            conversation = client.group_joined(target)
        else:
            target = f"{reply.other}"
            private = client.services.chat.private
            conversation = await private.known_with(client.account, target)
        if conversation is not None and await note_shown(client, conversation):
            client.send(marker_line(client, target))
    except (NotSaved, PeerGone, Refused):
        pass

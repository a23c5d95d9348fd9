"""Sends private messages, for several commands."""

from __future__ import annotations

from pyconchat.commands.call import Call
from pyconchat.domain.accounts import Account
from pyconchat.domain.events import Action, Message
from pyconchat.domain.replies import Reply, Sent
from pyconchat.domain.text import SafeText

__all__ = ["send_private"]


async def send_private(
    call: Call,
    partner: Account,
    text: SafeText,
    kind: type[Message] | type[Action] = Message,
    reply_to: int = 0,
) -> Reply:
    """Send *text* to *partner*, as an answer to the entry *reply_to*. Raises as `PrivateTalk`."""
    receiver, seq, away = await call.chat.private.post(
        call.session, partner, text, call.key, kind, reply_to
    )
    return Sent(receiver.name, call.services.presence.online(receiver.key), seq, away)

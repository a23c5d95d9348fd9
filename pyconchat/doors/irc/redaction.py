"""REDACT (IRCv3 draft message-redaction): `/unsay`, by the id of a message."""

from __future__ import annotations

from pyconchat.chat.conversations import Conversation
from pyconchat.domain import amending
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import person_name
from pyconchat.doors.irc.channels import reason_in
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.hints import sentence_of
from pyconchat.doors.irc.message import Message
from pyconchat.doors.irc.references import seq_in

__all__ = ["redact"]

_WINDOW = str(amending.AMENDABLE // 1000)
"""Seconds for which people can remove their own messages."""


async def redact(client: Client, message: Message) -> None:
    """REDACT: remove a message of a group, or of a private conversation."""
    target, id = message.param(0), message.param(1)
    reason = reason_in(message.param(2))
    chat, session, now = client.services.chat, client.login, client.services.chat.now()
    try:
        if target.startswith("#"):
            operating = client.actor.operator  # operators need not be members
            group = client.group(target) if operating else client.group_joined(target)
        else:
            partner = client.services.accounts.find(person_name(target))
            private = await chat.private.conversation(client.account, partner, or_self=True)
    except Refused as refused:
        client.fail("FAIL", "REDACT", "INVALID_TARGET", target, sentence_of(refused))
        return
    try:
        if target.startswith("#"):
            await chat.amending.decide(
                session,
                group,
                _seq(id, group),
                lambda room, said: amending.unsay(room, client.actor, said, now, reason),
            )
        else:
            await chat.amending.decide_in_private(
                session,
                partner,
                _seq(id, private),
                lambda room, said: amending.unsay(room, client.actor, said, now, reason),
            )
    except Refused as refused:
        match refused.code:
            case Code.NO_SUCH_MESSAGE:
                context = ["UNKNOWN_MSGID", target, id]
            case Code.NOT_ADMIN | Code.NOT_YOURS | Code.NOT_MEMBER:
                context = ["REDACT_FORBIDDEN", target, id]
            case Code.TOO_LATE:
                context = ["REDACT_WINDOW_EXPIRED", target, id, _WINDOW]
            case _:
                raise
        client.fail("FAIL", "REDACT", *context, sentence_of(refused))


def _seq(id: str, conversation: Conversation | None) -> int:
    """Return the number of the message with this *id*. Raises `Refused`."""
    seq = seq_in(id, conversation)
    if not seq:
        raise Refused(Code.NO_SUCH_MESSAGE, "There is no message with this id here.")
    return seq

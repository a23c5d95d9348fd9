"""Commands about messages: correcting, removing, answering, pinning, reacting.

All but pinning work in private conversations, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from twisted.internet.defer import Deferred

from pyconchat.chat.amending import Rule
from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.places import Private
from pyconchat.commands.arguments import MESSAGE, Arg, first_word, is_number
from pyconchat.commands.call import Call
from pyconchat.commands.private import send_private
from pyconchat.domain import amending
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import NO_TEXT, Quote
from pyconchat.domain.names import fold
from pyconchat.domain.replies import PinLine, Pins, Reply, Said
from pyconchat.domain.text import SafeText, safe_line

__all__ = [
    "CORRECTION",
    "EMOJI",
    "SEQ",
    "edit",
    "pin",
    "pin_lines",
    "react",
    "reply",
    "unsay",
]


class Correction(NamedTuple):
    """A new text for the message *seq*; None: for the last one."""

    seq: int | None
    text: SafeText


def _is_seq(typed: str) -> bool:
    return is_number(typed.removeprefix("#"))


def _seq(typed: str) -> int:
    if not _is_seq(typed):
        raise Refused(Code.BAD_ARGUMENT, "Which message? Its number; /history shows it.")
    return int(typed.removeprefix("#"))


def _correction(typed: str) -> Correction:
    """Parse ``[N] TEXT``. A text that begins with a number needs N before it."""
    word, rest = first_word(typed)
    if _is_seq(word) and rest:
        return Correction(_seq(word), MESSAGE.parse(rest))
    return Correction(None, MESSAGE.parse(typed))


SEQ = Arg("N", _seq, "Which message? Its number: ")
CORRECTION = Arg("[N] TEXT", _correction, "Correct it to: ", rest=True)
EMOJI = Arg("EMOJI", safe_line, "Which emoji? ", rest=True)


async def edit(call: Call, correction: Correction) -> Reply:
    """Correct one's last message, or one by its number."""
    seq, text = correction
    now = call.chat.now()
    return await _decide(
        call, seq, lambda room, said: amending.edit(room, call.actor, said, text, now)
    )


async def unsay(call: Call, seq: int | None) -> Reply:
    """Remove one's last message, or one by its number."""
    in_private = isinstance(call.current, Private)
    if not in_private and (seq is None or not call.actor.operator):
        call.group()  # operators need not be members
    now = call.chat.now()
    return await _decide(call, seq, lambda room, said: amending.unsay(room, call.actor, said, now))


async def react(call: Call, seq: int, emoji: SafeText) -> Reply:
    """React to a message."""
    now = call.chat.now()
    return await _decide(
        call, seq, lambda room, said: amending.react(room, call.actor, said, emoji, now)
    )


async def reply(call: Call, seq: int, text: SafeText) -> Reply:
    """Answer a message."""
    if isinstance(call.current, Private):
        partner = call.current.partner
        said = await call.chat.amending.target_in_private(call.session, partner, seq)
        amending.require_said(said)
        return await send_private(call, partner, text, reply_to=seq)
    here = call.here()
    said = await call.chat.amending.target(call.session, here, seq)
    amending.require_answerable(call.usable(), call.actor, said)
    done: Deferred[int] = Deferred()
    call.chat.post(call.session, here, text, done, call.key, reply_to=seq)
    return Said(await done)


async def pin(call: Call, seq: int | None, off: str | None) -> Reply:
    """Pin a message, or unpin it; alone, list what is pinned."""
    here = call.here()
    if seq is None:
        group = call.group()
        quotes = await call.chat.amending.pin_quotes(here)
        return Pins(group.name, pin_lines(call, here, quotes))
    if off is not None:
        return Said(await call.decide(here, lambda group: amending.unpin(group, call.actor, seq)))
    return Said(
        await call.chat.amending.decide(
            call.session,
            here,
            seq,
            lambda group, said: amending.pin(group, call.actor, said),
            call.key,
        )
    )


def pin_lines(
    call: Call, conversation: GroupConversation, quotes: Mapping[int, Quote]
) -> list[PinLine]:
    """Return the pinned messages of a group, of which *quotes* were read a moment ago.

    Messages that were unpinned or removed since are left out, and the text of ignored people.
    """
    ignores = call.account.ignores
    return [
        PinLine(seq, quote.sender, NO_TEXT if fold(quote.sender) in ignores else quote.text)
        for seq in conversation.group.pins
        if (quote := quotes.get(seq)) is not None
    ]


async def _decide(call: Call, seq: int | None, rule: Rule) -> Reply:
    decides = call.chat.amending
    if isinstance(call.current, Private):
        partner = call.current.partner
        return Said(await decides.decide_in_private(call.session, partner, seq, rule, call.key))
    return Said(await decides.decide(call.session, call.here(), seq, rule, call.key))

"""Commands about messages: correcting, removing, answering, pinning, reacting.

All but pinning work in private conversations, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred

from pyconchat.chat.amending import Rule
from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.places import Private
from pyconchat.commands.arguments import MESSAGE, Arg, is_number, optional
from pyconchat.commands.call import Call
from pyconchat.commands.private import send_private
from pyconchat.domain import amending
from pyconchat.domain.amending import Room, Target
from pyconchat.domain.direct import Direct
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import NO_TEXT, GroupEvent, Quote
from pyconchat.domain.names import fold
from pyconchat.domain.replies import Done, PinLine, Pins, Reply, Said
from pyconchat.domain.text import SafeText, safe_line

__all__ = [
    "CORRECTION",
    "EMOJI",
    "OR_LAST",
    "SEQ",
    "before_answer",
    "before_correction",
    "edit",
    "pin",
    "pin_lines",
    "react",
    "reply",
    "unsay",
]


def _seq(typed: str) -> int:
    if not is_number(typed.removeprefix("#")):
        raise Refused(Code.BAD_ARGUMENT, "Which message? Its number; /history shows it.")
    return int(typed.removeprefix("#"))


def _is_meant_as_seq(word: str) -> bool:
    """Return whether *word* is a number, however long: no text without a number begins with one."""
    digits = word.removeprefix("#")
    return digits.isascii() and digits.isdigit()


def _correct_what(before: Sequence[Any]) -> str:
    [seq] = before
    return "Correct it to: " if seq is None else f"Correct #{seq} to: "


SEQ = Arg("N", _seq, "Which message? Its number: ")
OR_LAST = replace(optional(SEQ), fits=_is_meant_as_seq)
CORRECTION = replace(MESSAGE, prompt_after=_correct_what)
EMOJI = Arg("EMOJI", safe_line, "Which emoji? ", rest=True)


async def before_correction(call: Call, seq: int | None = None) -> None:
    """Raise `Refused` unless the caller may correct the message *seq*, or has a last one."""
    call.require_voice()
    said = await _target(call, seq)
    amending.require_editable(_room(call), call.actor, said, call.chat.now())
    _require_meant(call, seq, said)


async def before_answer(call: Call, seq: int | None = None) -> None:
    """Raise `Refused` unless the caller may speak, and the message *seq* can be answered."""
    call.require_voice()
    if seq is not None:
        said = await _target(call, seq)
        amending.require_answerable(_room(call), call.actor, said, call.chat.now())


async def edit(call: Call, seq: int | None, text: SafeText) -> Reply:
    """Correct one's last message, or one by its number."""
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
    removed = await _decide(
        call, seq, lambda room, said: amending.unsay(room, call.actor, said, now)
    )
    if in_private or call.receives or call.session.peer.program:
        return removed
    group = call.here().group.name
    return Done(SafeText(f"The message #{seq} of {group} is removed."))


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
    amending.require_answerable(call.usable(), call.actor, said, call.chat.now())
    done: Deferred[int] = Deferred()
    call.chat.posting.post(call.session, here, text, done, call.key, reply_to=seq)
    return Said(await done)


async def pin(call: Call, seq: int | None, off: str | None) -> Reply:
    """Pin a message, or unpin it; without arguments, list the pinned messages."""
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
    """Return the pinned messages of a group, whose *quotes* were read just before.

    Messages that were unpinned or removed since then are left out, and texts of ignored people.
    """
    ignores = call.account.ignores
    return [
        PinLine(seq, quote.sender, NO_TEXT if fold(quote.sender) in ignores else quote.text)
        for seq in conversation.group.pins
        if (quote := quotes.get(seq)) is not None
    ]


async def _target(call: Call, seq: int | None) -> Target:
    if isinstance(call.current, Private):
        return await call.chat.amending.target_in_private(call.session, call.current.partner, seq)
    return await call.chat.amending.target(call.session, call.here(), seq)


def _room(call: Call) -> Room:
    if isinstance(call.current, Private):
        return Direct((call.account.key, call.current.partner.key))
    return call.usable()


def _require_meant(call: Call, seq: int | None, said: Target) -> None:
    """Refuse, once, to change the last message *said* of the place after one to somebody aside.

    That one is probably meant: its text must not take the place of a message to a group.
    """
    if seq is not None or call.session.aside is None:
        return
    name, at = call.session.aside
    if said.at < at:
        call.session.aside = None
        raise Refused(
            Code.MOVED,
            "Your last message went to {name}, in private: /query {name} first. To change your"
            " last one here, send that again.",
            name=name,
        )


async def _decide(call: Call, seq: int | None, amend: Rule) -> Reply:
    def rule(room: Room, said: Target) -> list[GroupEvent]:
        _require_meant(call, seq, said)
        return amend(room, said)

    decides = call.chat.amending
    if isinstance(call.current, Private):
        partner = call.current.partner
        return Said(await decides.decide_in_private(call.session, partner, seq, rule, call.key))
    return Said(await decides.decide(call.session, call.here(), seq, rule, call.key))

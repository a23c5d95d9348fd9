"""Commands about mentions and muted groups."""

from __future__ import annotations

from collections.abc import Sequence

from pyconchat.chat.conversations import GroupConversation
from pyconchat.commands.arguments import NUMBER, Arg, first_word, is_number
from pyconchat.commands.call import Call
from pyconchat.commands.listing import MAX_LISTED_BYTES, entry_bytes, fitting
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import Entry
from pyconchat.domain.ignoring import as_seen
from pyconchat.domain.mentions import names_reader
from pyconchat.domain.replies import Mentioned, Mentions, Muted, Reply
from pyconchat.domain.text import SafeText

__all__ = ["WHICH", "list_mentions", "mute"]

DEFAULT = 20
"""Default count of mentions."""

MIN_READ = 100
"""Minimum mentions that are read at once, since some may be hidden now."""

_BEFORE = "before"


def _which(typed: str) -> tuple[int, tuple[str, int] | None]:
    """Return the count, and the group and number before which to begin."""
    first, rest = first_word(typed)
    count = DEFAULT
    if first.lower() != _BEFORE:
        count = NUMBER.parse(first)
        first, rest = first_word(rest)
    if not first:
        return count, None
    words = rest.split()
    if first.lower() != _BEFORE or len(words) != 2 or not is_number(words[1]):
        raise Refused(Code.BAD_ARGUMENT, "Use /mentions N, or /mentions N before GROUP SEQ.")
    return count, (words[0], int(words[1]))


WHICH = Arg("N before GROUP SEQ", _which, rest=True)


async def list_mentions(call: Call, which: tuple[int, tuple[str, int] | None] | None) -> Reply:
    """Show the caller's mentions in the groups of which they are still members."""
    count, before = which or (DEFAULT, None)
    last = (
        None if before is None else (call.services.groups.find(call.actor, before[0]).id, before[1])
    )
    await call.chat.when_published()  # pending messages are published first
    places = await call.chat.reading.mentions(call.account)
    own = _own(call)
    places = [each for each in places if each[0] in own]
    if last is not None:
        if last not in places:
            raise Refused(Code.BAD_ARGUMENT, "Nobody mentions you there.")
        del places[: places.index(last) + 1]
    found = await _read(call, places, count)
    own = _own(call)  # again: reading takes time
    found = [entry for entry in found if entry.conversation in own]
    shown = fitting(found, MAX_LISTED_BYTES, entry_bytes)
    if not shown:
        return Mentions([])
    mentions = [_mentioned(call, own[entry.conversation], entry) for entry in shown[::-1]]
    group, seq = mentions[0].where.group, shown[-1].seq
    more = len(places) - places.index((shown[-1].conversation, seq)) - 1
    next = f"/mentions {count} before {group} {seq}" if more else ""
    return Mentions(mentions, more, SafeText(next))


async def _read(call: Call, places: Sequence[tuple[int, int]], count: int) -> list[Entry]:
    """Return the newest *count* entries at *places* that still mention the caller, newest first.

    Entries that were removed, or corrected to other names, no longer mention the caller.
    """
    found: list[Entry] = []
    step = max(count, MIN_READ)
    for first in range(0, len(places), step):
        if len(found) >= count:
            break
        entries = await call.chat.reading.numbered(call.session, places[first : first + step])
        naming = (entry for entry in entries if names_reader(entry.event, call.account.key))
        seen = (as_seen(entry, call.account.ignores) for entry in naming)
        found += [entry for entry in seen if entry is not None]
    return found[:count]


def _own(call: Call) -> dict[int, GroupConversation]:
    """Return the groups of the caller, by conversation id."""
    return {each.id: each for each in call.services.groups.memberships(call.account.key)}


async def mute(call: Call, name: str, on: bool | None) -> Reply:
    """Mute a group of the caller, or unmute it."""
    conversation = await call.find(name)
    group = call.services.memory.usable(conversation)
    group.require_member(call.actor)
    muted = on is not False
    if (conversation.id in call.account.muted) == muted:
        state = "is muted already" if muted else "is not muted"
        raise Refused(Code.UNCHANGED, "{group} {state}.", group=group.name, state=state)
    await call.services.registration.mute(call.account, conversation, muted)
    reply = Muted(group.name, muted)
    for session in call.services.presence.sessions(call.account.key):
        if session.peer.program and session is not call.session:
            session.send(reply)
    return reply


def _mentioned(call: Call, conversation: GroupConversation, entry: Entry) -> Mentioned:
    read = conversation.published - call.session.subscriptions.unread(conversation)
    return Mentioned(call.session.view_of(conversation), entry, entry.seq > read)

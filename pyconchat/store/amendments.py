"""Amendments: changes of stored entries by edits and removals, and quotes of messages.

A text is in one row only: that of its message. An edit, a reply or a reaction has the message's
number; its quote is read with it. An edit that a later one replaces loses its own text. So a
removal changes at most two rows, and no copy of the text remains in a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace
from sqlalchemy import Connection, select, update

from pyconchat.domain.amending import Target, amended, quote_of
from pyconchat.domain.events import (
    Action,
    AnyEvent,
    Edit,
    Entry,
    Message,
    Quote,
    Talk,
    Unsay,
    about,
    decode,
    encode,
)
from pyconchat.domain.names import Key, fold
from pyconchat.store import mentions, schema
from pyconchat.store.rows import parts
from pyconchat.store.search import SearchIndex

if TYPE_CHECKING:
    from pyconchat.store.batch import Stored

__all__ = ["amend", "quoted", "quotes", "target", "with_quotes"]

MAX_SEARCHED = 2000
"""Maximum entries that are searched for somebody's last message: a few milliseconds."""

_entries = schema.entries.c


def amend(connection: Connection, index: SearchIndex, entries: Iterable[Entry]) -> bool:
    """Change the rows that the new *entries* are about; return whether there are any."""
    changed = False
    for entry in entries:
        event = entry.event
        if isinstance(event, Edit | Unsay):
            previous = _amend(connection, index, event.about, entry, event)
            if previous:  # the edit that this one replaces
                _amend(connection, index, previous, entry, event)
            changed = True
    return changed


def _amend(
    connection: Connection, index: SearchIndex, seq: int, by: Entry, amendment: Edit | Unsay
) -> int:
    """Change the row *seq* as *amendment* says, which is the event of *by*.

    Returns the number of the edit before, 0 if there is none.
    """
    conversation = by.conversation
    row = (_entries.conversation == conversation) & (_entries.seq == seq)
    body = connection.scalar(select(_entries.body).where(row))
    if body is None:
        return 0
    event = decode(body)
    new = amended(event, amendment, by.seq)
    if new is not event:
        stored = encode(new)
        connection.execute(update(schema.entries).where(row).values(body=stored))
        index.replace(connection, conversation, seq, body, stored)
    if not isinstance(event, Message | Action):
        return 0
    _move_mentions(connection, seq, by, event, new)
    return event.edited


def _move_mentions(connection: Connection, seq: int, by: Entry, old: Talk, new: AnyEvent) -> None:
    """Record the mentions of the entry *seq* since *by*, which replaced *old* by *new*."""
    before = old.mentions
    now = new.mentions if isinstance(new, Message | Action) else ()
    if gone := set(before).difference(now):
        mentions.remove(connection, by.conversation, seq, gone)
    if added := set(now).difference(before):
        mentions.add(connection, by, seq, old.sender, added)


def with_quotes(
    connection: Connection, results: Sequence[Stored], amending: Sequence[Entry]
) -> list[Stored]:
    """Return *results*, with quotes in the entries that are among *amending*."""
    found: dict[tuple[int, int], Quote | None] = {}
    for conversation in {entry.conversation for entry in amending}:
        seqs = {about(each.event) for each in amending if each.conversation == conversation}
        for seq, quote in quotes(connection, conversation, sorted(seqs)).items():
            found[conversation, seq] = quote

    def quoted(entry: Entry) -> Entry:
        place = entry.conversation, about(entry.event)
        return replace(entry, quote=found[place]) if place in found else entry

    return [[quoted(e) for e in each] if isinstance(each, list) else each for each in results]


def quoted(connection: Connection, conversation: int, entries: list[Entry]) -> list[Entry]:
    """Return *entries* of *conversation*, with quotes in the amendments and answers."""
    seqs = {
        about(event)
        for entry in entries
        if type(event := entry.event) is not Message or event.reply_to  # fast path for most
    }
    seqs.discard(0)
    if not seqs:
        return entries
    found = quotes(connection, conversation, sorted(seqs))
    return [
        replace(entry, quote=found[seq]) if (seq := about(entry.event)) in found else entry
        for entry in entries
    ]


def quotes(connection: Connection, conversation: int, seqs: Sequence[int]) -> dict[int, Quote]:
    """Return the quotes of those entries *seqs* that are messages, or were removed."""
    found: dict[int, Quote] = {}
    for some in parts(seqs):
        query = select(_entries.seq, _entries.body).where(
            _entries.conversation == conversation, _entries.seq.in_(some)
        )
        for seq, body in connection.execute(query):
            quote = quote_of(decode(body))
            if quote is not None:
                found[seq] = quote
    return found


def target(connection: Connection, conversation: int, seq: int | None, asker: Key) -> Target | None:
    """Return the entry *seq*, or the last message of *asker*, None if there is none.

    In a private conversation, *asker* is a party, so no other account can have their name.
    """
    members, reactions = schema.members.c, schema.reactions.c
    conversations = schema.conversations.c
    since = connection.scalar(
        select(members.since).where(members.conversation == conversation, members.key == asker)
    )
    private = select(conversations.party_a).where(conversations.id == conversation)
    if since is None and connection.scalar(private) is not None:
        since = 0
    query = (
        select(_entries.seq, _entries.at, _entries.body)
        .where(_entries.conversation == conversation)
        .order_by(_entries.seq.desc())
    )
    if seq is not None:
        rows = query.where(_entries.seq == seq)
    else:
        rows = query.where(_entries.seq >= (since or 0)).limit(MAX_SEARCHED)
    for number, at, body in connection.execute(rows):
        event = decode(body)
        own = since is not None and number >= since and _is_of(event, asker)
        if own or seq is not None:
            reacted = select(reactions.key, reactions.emoji).where(
                reactions.conversation == conversation, reactions.seq == number
            )
            known = [(Key(key), emoji) for key, emoji in connection.execute(reacted)]
            return Target(number, at, event, own, known)
    return None


def _is_of(event: AnyEvent, key: Key) -> bool:
    return isinstance(event, Message | Action) and fold(event.sender) == key

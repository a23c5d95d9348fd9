"""SEARCH (soju.im/search): the search of `/search`, with attributes written as tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pyconchat.chat.conversations import Conversation, GroupConversation
from pyconchat.commands.log import MAX_WORDS
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import Entry
from pyconchat.domain.ignoring import as_seen
from pyconchat.domain.names import fold, person_name
from pyconchat.domain.search import Query, phrases
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.hints import sentence_of
from pyconchat.doors.irc.history import TALK
from pyconchat.doors.irc.message import Message, tags_in
from pyconchat.doors.irc.references import time_in
from pyconchat.doors.irc.service import serve
from pyconchat.doors.irc.welcome import MAX_HISTORY

__all__ = ["search"]


class _Asked(NamedTuple):
    """A search: for messages of *after* to *before*, in milliseconds since the epoch."""

    query: Query
    limit: int
    after: int | None
    before: int | None


class _Invalid(Exception):
    """The attribute *name* is invalid, as *sentence* says."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(name)
        self.name = name
        self.sentence = sentence


async def search(client: Client, message: Message) -> None:
    """SEARCH: send the newest messages with all of the attributes, the oldest of them first.

    Without ``in``, all groups of the client are searched. A client without the capability means
    the command of the other doors.
    """
    if "soju.im/search" not in client.caps:
        await serve(client, f"search {' '.join(message.params)}")
        return
    attributes = tags_in(message.param(0))
    try:
        asked = _asked(attributes)
        await client.services.chat.when_published()
        places = await _places(client, attributes.get("in"))
        found = [each for place in places for each in await _found(client, place, asked)]
    except _Invalid as invalid:
        client.fail("FAIL", "SEARCH", "INVALID_PARAMS", invalid.name, invalid.sentence)
        return
    except Refused as refused:
        if refused.code is not Code.BUSY:
            raise
        client.fail("FAIL", "SEARCH", "INTERNAL_ERROR", sentence_of(refused))
        return
    found.sort(key=lambda each: (each[1].at, each[1].conversation, each[1].seq))
    pieces = [
        client.renderer.message(entry, client.login.view_of(place))
        for place, entry in found[-asked.limit :]
    ]
    batched = "batch" in client.caps
    client.send(client.output.batch("soju.im/search", (), pieces) if batched else "".join(pieces))


def _asked(attributes: Mapping[str, str]) -> _Asked:
    sender = None
    if "from" in attributes:
        try:
            sender = fold(person_name(attributes["from"]))
        except Refused as refused:
            raise _Invalid("from", sentence_of(refused)) from None
    query = Query(phrases(attributes.get("text", "")), sender)
    if "text" in attributes and not query.phrases:
        raise _Invalid("text", "Search for at least one word.")
    if sum(len(each.elements) for each in query.phrases) > MAX_WORDS:
        raise _Invalid("text", f"Search for at most {MAX_WORDS} words.")
    times = {name: time_in(attributes[name]) for name in ("after", "before") if name in attributes}
    for name, time in times.items():
        if time is None:
            raise _Invalid(name, "That is no time such as 2026-11-21T09:30:00.000Z.")
    typed = attributes.get("limit", str(MAX_HISTORY))
    if not (typed.isascii() and typed.isdigit() and int(typed[:9]) > 0):
        raise _Invalid("limit", "How many? A number.")
    limit = min(int(typed[:9]), MAX_HISTORY)
    return _Asked(query, limit, times.get("after"), times.get("before"))


async def _places(client: Client, target: str | None) -> Sequence[Conversation]:
    """Return the conversation with *target*, if it has entries; without one, all groups."""
    if target is None:
        return client.groups()
    try:
        if target.startswith("#"):
            return [client.group_joined(target)]
        partner = client.services.accounts.find(person_name(target))
        private = client.services.chat.private
        found = await private.conversation(client.account, partner, or_self=True)
    except Refused as refused:
        raise _Invalid("in", sentence_of(refused)) from None
    return [] if found is None else [found]


async def _found(
    client: Client, place: Conversation, asked: _Asked
) -> list[tuple[Conversation, Entry]]:
    """Return the newest messages of *place* that were asked for. Raises `Refused`."""
    chat, account, head = client.services.chat, client.account, place.published
    after, upto = 0, head
    if asked.after is not None:
        after = await chat.reading.seq_at(place.id, asked.after, head)
    if asked.before is not None:
        upto = await chat.reading.seq_at(place.id, asked.before + 1, head)
    if after >= upto:
        return []
    if asked.query.tokens():
        result = await chat.reading.search(client.login, place, asked.query, upto + 1, asked.limit)
        entries = [entry for entry in result.entries if entry.seq > after]
    else:
        entries = await chat.reading.page(place.id, after, upto, asked.limit, TALK, newest=True)
    if isinstance(place, GroupConversation) and account.key not in place.group.members:
        return []  # again: searching takes time
    seen = (
        as_seen(entry, account.ignores)
        for entry in entries
        if place.may_read(entry.event, account.key)
    )
    return [(place, entry) for entry in seen if entry is not None]

"""CHATHISTORY (IRCv3 draft): the log, in the six ways in which clients ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from pyconchat.chat.conversations import Conversation, account_key
from pyconchat.domain.errors import Refused
from pyconchat.domain.events import (
    Action,
    AnyEvent,
    Entry,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    Reaction,
    TagsSent,
    TopicChanged,
    Unsay,
)
from pyconchat.domain.events import Message as Said
from pyconchat.domain.ignoring import as_seen
from pyconchat.domain.names import Name, person_name
from pyconchat.domain.replies import Where
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.events import event_lines, tagged_lines
from pyconchat.doors.irc.message import Message
from pyconchat.doors.irc.references import id_in, timestamp_in
from pyconchat.doors.irc.welcome import MAX_HISTORY
from pyconchat.render.irc_lines import line, server_time

__all__ = ["chathistory"]

TALK: tuple[type[AnyEvent], ...] = (Said, Action)
ALL: tuple[type[AnyEvent], ...] = (*TALK, MemberJoined, MemberLeft, MemberKicked, TopicChanged)


class _Invalid(Exception):
    """The request is answered with FAIL: *code*, its *context*, and a sentence."""

    def __init__(self, code: str, *context: str) -> None:
        super().__init__(code)
        self.code = code
        self.context = context


async def chathistory(client: Client, message: Message) -> None:
    """CHATHISTORY: BEFORE, AFTER, LATEST, AROUND, BETWEEN of a conversation, or TARGETS."""
    what = message.param(0).upper()
    try:
        if what == "TARGETS":
            await _targets(client, message)
            return
        await _history(client, what, message)
    except _Invalid as invalid:
        client.fail("FAIL", "CHATHISTORY", invalid.code, *invalid.context)


async def _history(client: Client, what: str, message: Message) -> None:
    count = {"BEFORE": 4, "AFTER": 4, "LATEST": 4, "AROUND": 4, "BETWEEN": 5}.get(what)
    if count is None:
        raise _Invalid("INVALID_PARAMS", what or "*", "There is no such subcommand.")
    if len(message.params) < count:
        raise _Invalid("NEED_MORE_PARAMS", what, "Something is missing.")
    target = message.params[1]
    limit = _limit(what, message.params[count - 1])
    await client.services.chat.when_published()  # includes messages on their way
    conversation = await _conversation(client, what, target)
    if conversation is None:
        client.send(client.output.batch("chathistory", (target,), ()))
        return
    head = conversation.published
    reader = _Reader(client, conversation, what)
    first = message.params[2]
    match what:
        case "LATEST":
            after = 0 if first == "*" else await reader.place(first, head)
            entries = await reader.read(after, head, limit, newest=True)
        case "BEFORE":
            entries = await reader.read(0, await reader.before(first, head), limit, newest=True)
        case "AFTER":
            entries = await reader.read(await reader.place(first, head), head, limit, newest=False)
        case "AROUND":
            middle = await reader.before(first, head)
            earlier = await reader.read(0, middle, limit // 2, newest=True)
            later = await reader.read(middle, head, limit - len(earlier), newest=False)
            entries = [*earlier, *later]
        case _:
            second = message.params[3]
            one, other = await reader.place(first, head), await reader.place(second, head)
            if one <= other:
                last = await reader.before(second, head)
                entries = await reader.read(one, last, limit, newest=False)
            else:
                last = await reader.before(first, head)
                entries = await reader.read(other, last, limit, newest=True)
    where = client.login.view_of(conversation)
    pieces = _pieces(client, entries, where)
    client.login.subscriptions.release(conversation)
    client.send(client.output.batch("chathistory", (target,), pieces))


def _limit(what: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise _Invalid("INVALID_PARAMS", what, "How many? A number.")
    return min(int(text[:9]), MAX_HISTORY)


async def _conversation(client: Client, what: str, target: str) -> Conversation | None:
    """Return the conversation *target*; None for a private one without entries."""
    invalid = _Invalid("INVALID_TARGET", what, target, "You cannot read that.")
    try:
        if target.startswith("#"):
            conversation = client.group(target)
            client.services.memory.usable(conversation).require_member(client.actor)
            return conversation
        partner = client.services.accounts.find(person_name(target))
        return await client.services.chat.private.conversation(client.account, partner, True)
    except Refused:
        raise invalid from None


class _Reader:
    """Reads the log of *conversation* for the subcommand *what* of *client*."""

    def __init__(self, client: Client, conversation: Conversation, what: str) -> None:
        self._client = client
        self._conversation = conversation
        self._what = what
        self._kinds = _kinds(client)

    async def place(self, reference: str, head: int) -> int:
        """Return the number of the last entry not after *reference*."""
        seq, at = self._parsed(reference)
        return seq if seq is not None else await self._seq_at(at + 1, head)

    async def before(self, reference: str, head: int) -> int:
        """Return the number of the last entry before *reference*."""
        seq, at = self._parsed(reference)
        return seq - 1 if seq is not None else await self._seq_at(at, head)

    async def read(self, after: int, upto: int, limit: int, newest: bool) -> Sequence[Entry]:
        """Return entries that the client may see: *limit* after *after*, or before *upto*."""
        if limit <= 0 or after >= upto:
            return []
        conversation, account = self._conversation, self._client.account
        self._client.reads += 1
        entries = await self._client.services.chat.reading.page(
            conversation.id, after, upto, limit, self._kinds, newest
        )
        readable = [
            entry
            for entry in entries
            if type(entry.event) is Said or conversation.may_read(entry.event, account.key)
        ]
        seen = (as_seen(entry, account.ignores) for entry in readable)
        return [entry for entry in seen if entry is not None] if account.ignores else readable

    async def _seq_at(self, at: int, head: int) -> int:
        self._client.reads += 1
        return await self._client.services.chat.reading.seq_at(self._conversation.id, at, head)

    def _parsed(self, reference: str) -> tuple[int | None, int]:
        """Return the number, or None and the time, that *reference* stands for."""
        kind, _, value = reference.partition("=")
        if kind == "msgid" and (found := id_in(value)) is not None:
            if found[0] != self._conversation.id:
                raise _Invalid("INVALID_MSGREFTYPE", self._what, reference, "Not of this target.")
            return found[1], 0
        time = timestamp_in(reference)
        if time is None:
            raise _Invalid(
                "INVALID_MSGREFTYPE", self._what, reference, "A reference is a msgid or timestamp."
            )
        return None, time


def _kinds(client: Client) -> tuple[type[AnyEvent], ...]:
    """Return the kinds of entries that the client is shown, and that its limits count."""
    if "draft/event-playback" not in client.caps:
        return TALK
    redactions = (Unsay,) if "draft/message-redaction" in client.caps else ()
    tags = (TagsSent, Reaction) if "message-tags" in client.caps else ()
    return (*ALL, *redactions, *tags)


def _pieces(client: Client, entries: Sequence[Entry], where: Where) -> list[str]:
    """Return the lines of *entries*."""
    renderer = client.renderer
    pieces: list[str] = []
    for is_talk, run in groupby(entries, lambda entry: isinstance(entry.event, TALK)):
        if is_talk:
            pieces += renderer.talk(list(run), where)
            continue
        for entry in run:
            lines = event_lines(client, entry, where, own=False)
            pieces += tagged_lines(client, entry, where, lines)
    return pieces


async def _targets(client: Client, message: Message) -> None:
    """Answer with the conversations that have entries between two times, and the newest's time."""
    if len(message.params) < 4:
        raise _Invalid("NEED_MORE_PARAMS", "TARGETS", "Something is missing.")
    times = [timestamp_in(message.params[1]), timestamp_in(message.params[2])]
    if times[0] is None or times[1] is None:
        raise _Invalid("INVALID_PARAMS", "TARGETS", "Two timestamps, please.")
    low, high = sorted(each for each in times if each is not None)
    limit = _limit("TARGETS", message.params[3])
    services, account = client.services, client.account
    await services.chat.when_published()
    found: list[tuple[int, str]] = []
    for conversation in client.groups():
        client.reads += 1
        newest = await services.chat.reading.page(
            conversation.id, 0, conversation.published, 1, TALK, newest=True
        )
        if newest:
            found.append((newest[0].at, f"#{conversation.group.name}"))
    if account.registered:
        for record in await services.chat.reading.directs(account.party):
            one, other = (account_key(party) for party in record.parties)
            partner = services.accounts.get(other if one == account.key else one)
            if partner is not None and partner.party in record.parties:
                found.append((record.at, Name(partner.name)))
    shown = sorted(each for each in found if low < each[0] < high)[:limit]
    pieces = [
        line(client.server, "CHATHISTORY", "TARGETS", name, server_time(at)) for at, name in shown
    ]
    client.send(client.output.batch("draft/chathistory-targets", (), pieces))

"""Commands about what people say: privately, again, and what they would rather not read."""

from __future__ import annotations

from pyconchat.chat.fanout import is_ignored
from pyconchat.commands.command import Call
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import Entry, encode
from pyconchat.domain.names import Name, fold
from pyconchat.domain.replies import Done, Matches, Replayed, Reply, Said, Sent
from pyconchat.domain.text import SafeText

HISTORY = 20
"""Entries that ``/history`` shows unless told otherwise."""

MAX_MATCHES = 20

MAX_BYTES = 262_144
"""Bytes of entries in one answer; of more, only the newest are shown."""


async def msg(call: Call, name: Name, text: SafeText) -> Reply:
    """Say something to one person."""
    receiver, seq = await call.chat.tell(call.session, name, text, call.key)
    return Sent(receiver.name, call.chat.presence.online(receiver.key), seq)


async def me(call: Call, text: SafeText) -> Reply:
    """Do something."""
    return Said(await call.chat.act(call.session, call.here(), text, call.key))


async def history(call: Call, count: int | None) -> Reply:
    """Read back in the current group."""
    await call.chat.settled()  # what was typed just before belongs to it
    group, conversation = call.group(), call.here()
    upto = conversation.published
    after = max(0, upto - (count or HISTORY))
    entries = await call.chat.journal.read(
        call.chat.store.entries, conversation.id, after, upto, upto - after
    )
    readable = [each for each in entries if group.may_read(each.event, call.account.key)]
    return Replayed(call.session.where(conversation), _fitting(_not_ignored(call, readable)))


async def search(call: Call, text: SafeText) -> Reply:
    """Find messages in the current group."""
    await call.chat.settled()
    call.group()
    conversation = call.here()
    words = [word for word in text.split() if any(char.isalnum() for char in word)]
    if not words:
        raise Refused(Code.BAD_ARGUMENT, "There is no word in that to search for.")
    await call.chat.indexer.catch_up(conversation.id)
    found = await call.chat.journal.read(
        call.chat.store.search, conversation.id, words, MAX_MATCHES + 1
    )
    return Matches(
        call.session.where(conversation),
        text,
        _not_ignored(call, found[-MAX_MATCHES:]),
        len(found) > MAX_MATCHES,
    )


async def ignore(call: Call, name: Name) -> Reply:
    """Hide what somebody says from yourself."""
    if fold(name) == call.account.key:
        raise Refused(Code.SELF, "You cannot ignore yourself.")
    if fold(name) in call.account.ignores:
        raise Refused(Code.UNCHANGED, "You ignore {name} already.", name=name)
    await call.chat.ignore(call.account, name, True)
    return Done(SafeText(f"You no longer see what {name} says; /unignore {name} ends that."))


async def unignore(call: Call, name: Name) -> Reply:
    """See again what somebody says."""
    if fold(name) not in call.account.ignores:
        raise Refused(Code.UNCHANGED, "You do not ignore {name}.", name=name)
    await call.chat.ignore(call.account, name, False)
    return Done(SafeText(f"You see again what {name} says."))


def _fitting(entries: list[Entry]) -> list[Entry]:
    """Return the newest of *entries* that make an answer which a peer may leave unread."""
    size = 0
    for index in range(len(entries) - 1, -1, -1):
        size += len(encode(entries[index].event).encode())
        if size > MAX_BYTES:
            return entries[index + 1 :]
    return entries


def _not_ignored(call: Call, entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if not is_ignored(entry, call.account.ignores)]

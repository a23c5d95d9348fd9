"""Commands about messages: private ones, actions, history, search, and ignoring."""

from __future__ import annotations

import re

from pyconchat.chat.fanout import is_ignored
from pyconchat.commands.call import Call, listed
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import Entry, encode
from pyconchat.domain.names import Name, fold
from pyconchat.domain.replies import Done, Matches, Replayed, Reply, Said, Sent
from pyconchat.domain.text import SafeText

DEFAULT_HISTORY = 20
"""Entries that ``/history`` shows without a number."""

MAX_MATCHES = 20
"""Maximum messages in one answer to ``/search``."""

MAX_WORDS = 20
"""Maximum different words in one search; "tea-time" is two."""

_WORD = re.compile(r"[^\W_]+")

MAX_HISTORY_BYTES = 262_144
"""Maximum bytes of entries in one answer; older entries are left out."""


async def msg(call: Call, name: Name, text: SafeText) -> Reply:
    """Send a private message."""
    receiver, seq = await call.chat.post_to(call.session, name, text, call.key)
    return Sent(receiver.name, call.services.presence.online(receiver.key), seq)


async def me(call: Call, text: SafeText) -> Reply:
    """Post an action."""
    return Said(await call.chat.act(call.session, call.here(), text, call.key))


async def history(call: Call, count: int | None) -> Reply:
    """Show the last entries of the current group."""
    await call.chat.settled()  # includes messages that were typed just before
    group, conversation = call.group(), call.here()
    upto = conversation.published
    after = max(0, upto - (count or DEFAULT_HISTORY))
    entries = await call.chat.entries(conversation, after, upto, upto - after)
    readable = [each for each in entries if group.may_read(each.event, call.account.key)]
    return Replayed(call.session.view_of(conversation), _fitting(_not_ignored(call, readable)))


async def search(call: Call, text: SafeText) -> Reply:
    """Find messages in the current group."""
    await call.chat.settled()
    call.group()
    conversation = call.here()
    words = {word.casefold(): word for word in text.split() if any(map(str.isalnum, word))}
    if not words:
        raise Refused(Code.BAD_ARGUMENT, "Search for at least one word.")
    if sum(len(_WORD.findall(word)) for word in words) > MAX_WORDS:
        raise Refused(Code.BAD_ARGUMENT, "Search for at most {most} words.", most=MAX_WORDS)
    found = await call.chat.search(
        call.session, conversation, list(words.values()), MAX_MATCHES + 1
    )
    return Matches(
        call.session.view_of(conversation),
        text,
        _not_ignored(call, found[-MAX_MATCHES:]),
        len(found) > MAX_MATCHES,
    )


async def ignore(call: Call, name: Name | None) -> Reply:
    """Add somebody to your ignore list; alone, show it."""
    if name is None:
        ignored, more = listed(sorted(call.account.ignores.values(), key=fold))
        names = f"{', '.join(ignored)}{f' and {more:,} more' if more else ''}"
        return Done(SafeText(f"You ignore {names or 'nobody'}."))
    if fold(name) == call.account.key:
        raise Refused(Code.SELF, "You cannot ignore yourself.")
    if fold(name) in call.account.ignores:
        raise Refused(Code.UNCHANGED, "You ignore {name} already.", name=name)
    await call.services.registration.ignore(call.account, name, True)
    return Done(SafeText(f"You no longer see what {name} says; /unignore {name} ends that."))


async def unignore(call: Call, name: Name) -> Reply:
    """Remove somebody from your ignore list."""
    if fold(name) not in call.account.ignores:
        raise Refused(Code.UNCHANGED, "You do not ignore {name}.", name=name)
    await call.services.registration.ignore(call.account, name, False)
    return Done(SafeText(f"You see again what {name} says."))


def _fitting(entries: list[Entry]) -> list[Entry]:
    """Return the newest of *entries*, up to MAX_HISTORY_BYTES."""
    size = 0
    for index in range(len(entries) - 1, -1, -1):
        size += len(encode(entries[index].event).encode())
        if size > MAX_HISTORY_BYTES:
            return entries[index + 1 :]
    return entries


def _not_ignored(call: Call, entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if not is_ignored(entry, call.account.ignores)]

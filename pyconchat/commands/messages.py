"""Commands about messages: private ones, actions, history, search, and ignoring."""

from __future__ import annotations

import re

from pyconchat.commands.arguments import NUMBER, Arg
from pyconchat.commands.call import Call
from pyconchat.commands.listing import MAX_LISTED_BYTES, entry_bytes, fitting
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import Entry
from pyconchat.domain.ignoring import as_seen
from pyconchat.domain.names import Name, fold
from pyconchat.domain.replies import Done, Matches, Replayed, Reply, Said, Sent
from pyconchat.domain.text import SafeText

DEFAULT_HISTORY = 20
"""Entries that ``/history`` shows without a number."""

MAX_NAMED = 100
"""Maximum people whom ``/ignore`` alone names."""

MAX_MATCHES = 20
"""Maximum messages in one answer to ``/search``."""

MAX_WORDS = 20
"""Maximum different words in one search; "tea-time" is two."""

_WORD = re.compile(r"[^\W_]+")


async def msg(call: Call, name: Name, text: SafeText) -> Reply:
    """Send a private message."""
    receiver, seq, away = await call.chat.post_to(call.session, name, text, call.key)
    return Sent(receiver.name, call.services.presence.online(receiver.key), seq, away)


async def me(call: Call, text: SafeText) -> Reply:
    """Post an action."""
    return Said(await call.chat.act(call.session, call.here(), text, call.key))


def _history(typed: str) -> tuple[int, int | None]:
    """Return the count, and the entry before which to begin, of ``[N] [before SEQ]``."""
    words = typed.lower().split()
    before = None
    if len(words) > 1 and words[-2] == "before":
        *words, _, last = words
        if not (last.isascii() and last.isdigit() and 0 < len(last) <= 18):
            raise Refused(Code.BAD_ARGUMENT, "Before which entry? Its number.")
        before = int(last)
    if len(words) > 1:
        raise Refused(Code.BAD_ARGUMENT, "That is /history N, or /history N before SEQ.")
    return NUMBER.parse(words[0]) if words else DEFAULT_HISTORY, before


HISTORY = Arg("N before SEQ", _history, rest=True)


async def history(call: Call, asked: tuple[int, int | None] | None) -> Reply:
    """Show the last entries of the current group, or those before a number."""
    await call.chat.settled()  # includes messages that were typed just before
    group, conversation = call.group(), call.here()
    count, before = asked or (DEFAULT_HISTORY, None)
    upto = conversation.published
    if before is not None:
        upto = min(upto, before - 1)
    after = max(0, upto - count)
    entries = await call.chat.entries(call.session, conversation, after, upto, upto - after)
    readable = [each for each in entries if group.may_read(each.event, call.account.key)]
    wanted = _not_ignored(call, readable)
    shown = _fitting(wanted)
    more = shown[0].seq - 1 - after if len(shown) < len(wanted) else 0
    next = SafeText(f"/history {more} before {shown[0].seq}" if more else "")
    return Replayed(call.session.view_of(conversation), shown, more, next)


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
    wanted = _not_ignored(call, found[-MAX_MATCHES:])
    shown = _fitting(wanted)
    more = len(found) > MAX_MATCHES or len(shown) < len(wanted)
    return Matches(call.session.view_of(conversation), text, shown, more)


async def ignore(call: Call, name: Name | None) -> Reply:
    """Add somebody to your ignore list; alone, show it."""
    if name is None:
        names = sorted(call.account.ignores.values(), key=fold)
        ignored, more = names[:MAX_NAMED], len(names[MAX_NAMED:])
        said = f"{', '.join(ignored)}{f' and {more:,} more' if more else ''}"
        return Done(SafeText(f"You ignore {said or 'nobody'}."))
    if fold(name) == call.account.key:
        raise Refused(Code.SELF, "You cannot ignore yourself.")
    if fold(name) in call.account.ignores:
        raise Refused(Code.UNCHANGED, "You ignore {name} already.", name=name)
    call.chat.bounds.check_ignores(call.account, fold(name))
    await call.services.registration.ignore(call.account, name, True)
    return Done(SafeText(f"You no longer see what {name} says; /unignore {name} ends that."))


async def unignore(call: Call, name: Name) -> Reply:
    """Remove somebody from your ignore list."""
    if fold(name) not in call.account.ignores:
        raise Refused(Code.UNCHANGED, "You do not ignore {name}.", name=name)
    await call.services.registration.ignore(call.account, name, False)
    return Done(SafeText(f"You see again what {name} says."))


def _fitting(entries: list[Entry]) -> list[Entry]:
    """Return the newest of *entries*, as many as fit into one answer."""
    return fitting(entries[::-1], MAX_LISTED_BYTES, entry_bytes)[::-1]


def _not_ignored(call: Call, entries: list[Entry]) -> list[Entry]:
    seen = (as_seen(entry, call.account.ignores) for entry in entries)
    return [entry for entry in seen if entry is not None]

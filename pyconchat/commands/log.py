"""Commands that read the log: history and search."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from pyconchat.chat.conversations import Conversation
from pyconchat.chat.places import Private
from pyconchat.commands.arguments import NUMBER, Arg, is_number
from pyconchat.commands.call import Call
from pyconchat.commands.listing import MAX_LISTED_BYTES, entry_bytes, fitting
from pyconchat.commands.points import Point, entry_at, is_point, point
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import Entry
from pyconchat.domain.ignoring import as_seen
from pyconchat.domain.names import Name, fold, person_name
from pyconchat.domain.refusals import note_too_long
from pyconchat.domain.replies import Matches, Replayed, Reply, Where
from pyconchat.domain.search import Query, phrases, straight_quotes
from pyconchat.domain.text import MAX_NOTE, SafeText, safe_line
from pyconchat.render.events import has_line

__all__ = ["HISTORY", "MAX_WORDS", "SEARCH", "history", "search"]

DEFAULT_HISTORY = 20
"""Entries that ``/history`` shows without a number."""

MAX_PAGES = 10
"""Maximum readings for one answer to ``/history``, if those before had entries to hide."""

MAX_MATCHES = 20
"""Maximum messages in one answer to ``/search``."""

MAX_WORDS = 20
"""Maximum different words in one search; "tea-time" is two."""

_OPTION = re.compile(r"(from|in|before):(\S+)", re.IGNORECASE)
_WORDS = re.compile(r'"[^"]*"?\S*|\S+')


@dataclass(frozen=True)
class _Asked:
    """The arguments of ``/history``: *most* entries before *before*, of those with *name*."""

    most: int = DEFAULT_HISTORY
    before: Point | None = None
    typed: SafeText = SafeText("")  # *before* as it was typed
    name: Name | None = None


def _history(typed: str) -> _Asked:
    """Parse ``[N] [before SEQ|DATE|AGE] [@NAME]``."""
    words = safe_line(typed).split()
    names = [word for word in words if word.startswith("@")]
    words = [word.lower() for word in words if word not in names]
    asked = _Asked()
    if len(words) > 1 and words[-2] == "before":
        *words, _, last = words
        asked = replace(asked, before=point(last), typed=SafeText(last))
    if len(words) > 1 or len(names) > 1:
        raise Refused(
            Code.BAD_ARGUMENT,
            "Use /history N before WHAT @NAME; each part may be left out. WHAT is a number, a date"
            " such as 2026-11-20, or an age such as 2h.",
        )
    if words and not is_number(words[0]) and is_point(words[0]):
        raise Refused(
            Code.BAD_ARGUMENT,
            "What was said before then: /history before {when}",
            when=words[0],
        )
    count = NUMBER.parse(words[0]) if words else DEFAULT_HISTORY
    return replace(asked, most=count, name=person_name(names[0][1:]) if names else None)


def _is_history(typed: str) -> bool:
    """Return whether *typed* is complete without the name of a group as its last word."""
    try:
        _history(typed)
    except Refused:
        return False
    return True


HISTORY = Arg("N before SEQ|DATE|2h @NAME", _history, rest=True, claims=_is_history)


async def history(call: Call, asked: _Asked | None) -> Reply:
    """Show the last entries of the current place, or those before a number or a time."""
    asked = asked or _Asked()
    with_name = f" {call.named_group}" if call.named_group else ""
    if asked.name is not None:
        call = _in_private(call, asked.name)
        with_name = f" @{asked.name}"
    conversation = await _readable(call)
    if conversation is None:
        return Replayed(_nowhere(call), [])
    upto = conversation.published
    if asked.before is not None:
        upto = min(upto, await entry_at(call, conversation, asked.before) - 1)
    wanted, after = await _last(call, conversation, upto, asked.most)
    shown = _fitting(wanted)
    more = shown[0].seq - 1 if len(shown) < len(wanted) else after
    next = SafeText(f"/history {asked.most} before {more + 1}{with_name}" if more else "")
    return Replayed(call.session.view_of(conversation), shown, more, next, asked.typed)


async def _last(
    call: Call, conversation: Conversation, upto: int, most: int
) -> tuple[list[Entry], int]:
    """Return the last *most* entries up to number *upto* that the caller sees.

    With them, the number up to which the log goes on before them. There are fewer entries after
    `MAX_PAGES` readings, of which the caller may not read the rest, or ignores the senders.
    Entries without a line of their own do not count, except for programs, which receive them.
    """
    seen: list[Entry] = []
    key, program = call.account.key, call.session.peer.program
    for _ in range(MAX_PAGES):
        after = max(0, upto - most)
        page = await call.chat.reading.entries(call.session, conversation, after, upto, most)
        call.require_talk()  # again: reading takes time
        readable = [each for each in page if conversation.may_read(each.event, key)]
        shown = [each for each in readable if program or has_line(each.event)]
        seen = _not_ignored(call, shown) + seen
        upto = after
        if len(seen) >= most or not after:
            break
    if len(seen) > most:
        seen = seen[-most:]
        upto = seen[0].seq - 1
    return seen, upto


@dataclass(frozen=True)
class _Search:
    """The arguments of ``/search``; *typed* are those without *before*."""

    typed: SafeText
    query: Query
    place: str = ""
    before: Point | None = None


def _search(typed: str) -> _Search:
    """Parse ``WORDS [from:NAME] [in:GROUP] [before:POINT]``. Raises `Refused`."""
    line = straight_quotes(safe_line(typed))
    if len(line) > MAX_NOTE:
        raise note_too_long()
    words: list[str] = []
    kept: list[str] = []
    options: dict[str, str] = {}
    for word in _WORDS.findall(line):
        option = _OPTION.fullmatch(word)
        if option is None:
            words.append(word)
        elif option[1].lower() in options:
            raise Refused(Code.BAD_ARGUMENT, "{option}: only once.", option=option[1].lower())
        else:
            options[option[1].lower()] = option[2]
        if option is None or option[1].lower() != "before":
            kept.append(word)
    sender = fold(person_name(options["from"].removeprefix("@"))) if "from" in options else None
    query = Query(phrases(" ".join(words)), sender)
    if not query.phrases and sender is None:
        raise Refused(Code.BAD_ARGUMENT, "Search for at least one word.")
    if sum(len(each.elements) for each in query.phrases) > MAX_WORDS:
        raise Refused(Code.BAD_ARGUMENT, "Search for at most {most} words.", most=MAX_WORDS)
    before = point(options["before"]) if "before" in options else None
    return _Search(SafeText(" ".join(kept)), query, options.get("in", ""), before)


SEARCH = Arg(
    "WORDS [from:NAME] [in:GROUP] [before:SEQ|DATE|2h]", _search, prompt="Search for? ", rest=True
)


async def search(call: Call, asked: _Search) -> Reply:
    """Find messages in the current place, or in another one of the caller's."""
    if asked.place.startswith("@"):
        call = _in_private(call, person_name(asked.place[1:]))
    elif asked.place:
        place = call.services.groups.find(call.actor, asked.place)
        call = Call(call.services, call.session, place, call.answer, call.key)
    conversation = await _readable(call)
    if conversation is None:
        return Matches(_nowhere(call), asked.typed, [])
    before = conversation.published + 1
    if asked.before is not None:
        before = min(before, await entry_at(call, conversation, asked.before))
    found = await call.chat.reading.search(
        call.session, conversation, asked.query, before, MAX_MATCHES + 1
    )
    call.require_talk()  # again: searching takes time
    page = found.entries[-MAX_MATCHES:]
    wanted = _not_ignored(call, page)
    shown = _fitting(wanted)
    rest = found.rest
    if len(shown) < len(wanted):
        rest = shown[0].seq
    elif len(found.entries) > MAX_MATCHES:
        rest = page[0].seq
    next = SafeText(f"/search {asked.typed} before:{rest}" if rest else "")
    return Matches(call.session.view_of(conversation), asked.typed, shown, bool(rest), next)


def _in_private(call: Call, name: Name) -> Call:
    """Return *call* in the private conversation with *name*. Raises `Refused`."""
    partner = call.services.accounts.find(name)
    return Call(call.services, call.session, Private(partner), call.answer, call.key)


async def _readable(call: Call) -> Conversation | None:
    """Return the conversation of the current place, once pending messages are published.

    None for a private one without entries. Raises `Refused` or `NotSaved`.
    """
    call.require_talk()
    await call.chat.when_published()
    return await call.conversation()


def _nowhere(call: Call) -> Where:
    """Return the private place without entries."""
    assert isinstance(call.current, Private), "each group has a conversation"
    return Where(other=call.current.partner.name)


def _fitting(entries: list[Entry]) -> list[Entry]:
    """Return the newest of *entries*, as many as fit into one answer."""
    return fitting(entries[::-1], MAX_LISTED_BYTES, entry_bytes)[::-1]


def _not_ignored(call: Call, entries: list[Entry]) -> list[Entry]:
    seen = (as_seen(entry, call.account.ignores) for entry in entries)
    return [entry for entry in seen if entry is not None]

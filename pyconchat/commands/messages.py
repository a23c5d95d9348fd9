"""Commands about messages: private ones, actions, history, search, and ignoring."""

from __future__ import annotations

import re
from typing import NamedTuple

from pyconchat.chat.places import Private
from pyconchat.commands.arguments import NUMBER, Arg, is_number
from pyconchat.commands.call import Call
from pyconchat.commands.joining import desk
from pyconchat.commands.listing import MAX_LISTED_BYTES, entry_bytes, fitting
from pyconchat.commands.people import away_text
from pyconchat.commands.private import send_private
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import Action, Entry
from pyconchat.domain.ignoring import as_seen
from pyconchat.domain.names import Name, fold, person_name
from pyconchat.domain.replies import Done, InPrivate, Matches, Replayed, Reply, Said, Where
from pyconchat.domain.text import SafeText

DEFAULT_HISTORY = 20
"""Entries that ``/history`` shows without a number."""

MAX_NAMED = 100
"""Maximum people that ``/ignore`` without arguments lists."""

MAX_MATCHES = 20
"""Maximum messages in one answer to ``/search``."""

MAX_WORDS = 20
"""Maximum different words in one search; "tea-time" is two."""

_WORD = re.compile(r"[^\W_]+")


async def msg(call: Call, name: Name, text: SafeText) -> Reply:
    """Send a private message."""
    return await send_private(call, call.services.accounts.find(name), text)


async def answer(call: Call, text: SafeText) -> Reply:
    """Send a private message to the person of the last one."""
    partner = call.account.correspondent
    if partner is None:
        raise Refused(
            Code.NO_SUCH_NAME, "Nobody is there to answer; /msg NAME TEXT writes to somebody."
        )
    return await send_private(call, partner, text)


async def query(call: Call, name: Name | None, text: SafeText | None) -> Reply | None:
    """Make a private conversation current, and send *text*; without arguments, leave it."""
    if name is None:
        if not isinstance(call.current, Private):
            raise Refused(
                Code.BAD_ARGUMENT, "With whom? /query NAME; alone it leaves a conversation."
            )
        return await desk(call)
    partner = call.services.accounts.find(name)
    call.chat.private.require_partner(call.account, partner)
    call.session.enter(Private(partner))
    away = away_text(call, partner)
    if partner.absence is not None:
        partner.absence.is_news_to(call.account.party)  # the reply shows the away text
    call.answer(
        InPrivate(
            other=partner.name,
            online=call.services.presence.online(partner.key),
            guest=partner.actor.guest,
            away=away,
        )
    )
    if text is not None:
        await send_private(call, partner, text)
    return None


async def me(call: Call, text: SafeText) -> Reply:
    """Post an action."""
    if isinstance(call.current, Private):
        return await send_private(call, call.current.partner, text, Action)
    return Said(await call.chat.act(call.session, call.here(), text, call.key))


class _Asked(NamedTuple):
    """The arguments of ``/history``: *most* entries before *before*, of those with *name*."""

    most: int = DEFAULT_HISTORY
    before: int | None = None
    name: Name | None = None


def _history(typed: str) -> _Asked:
    """Parse ``[N] [before SEQ] [@NAME]``."""
    words = typed.split()
    names = [word for word in words if word.startswith("@")]
    words = [word.lower() for word in words if word not in names]
    before = None
    if len(words) > 1 and words[-2] == "before":
        *words, _, last = words
        if not is_number(last):
            raise Refused(Code.BAD_ARGUMENT, "Before which entry? Its number.")
        before = int(last)
    if len(words) > 1 or len(names) > 1:
        raise Refused(
            Code.BAD_ARGUMENT, "That is /history N, or /history N before SEQ, and @NAME after it."
        )
    count = NUMBER.parse(words[0]) if words else DEFAULT_HISTORY
    return _Asked(count, before, person_name(names[0][1:]) if names else None)


HISTORY = Arg("N before SEQ @NAME", _history, rest=True)


async def history(call: Call, asked: _Asked | None) -> Reply:
    """Show the last entries of the current place, or those before a number."""
    asked = asked or _Asked()
    with_name = ""
    if asked.name is not None:
        partner = call.services.accounts.find(asked.name)
        call = Call(call.services, call.session, Private(partner), call.answer, call.key)
        with_name = f" @{partner.name}"
    await call.chat.settled()  # includes pending messages
    conversation = await call.conversation()
    if conversation is None:
        assert isinstance(call.current, Private)
        return Replayed(Where(other=call.current.partner.name), [])
    upto = conversation.published
    if asked.before is not None:
        upto = min(upto, asked.before - 1)
    after = max(0, upto - asked.most)
    entries = await call.chat.entries(call.session, conversation, after, upto, upto - after)
    call.require_talk()  # again: reading takes time
    key = call.account.key
    readable = [each for each in entries if conversation.may_read(each.event, key)]
    wanted = _not_ignored(call, readable)
    shown = _fitting(wanted)
    more = shown[0].seq - 1 - after if len(shown) < len(wanted) else 0
    next = SafeText(f"/history {more} before {shown[0].seq}{with_name}" if more else "")
    return Replayed(call.session.view_of(conversation), shown, more, next)


async def search(call: Call, text: SafeText) -> Reply:
    """Find messages in the current place."""
    await call.chat.settled()
    conversation = await call.conversation()
    words = {word.casefold(): word for word in text.split() if any(map(str.isalnum, word))}
    if not words:
        raise Refused(Code.BAD_ARGUMENT, "Search for at least one word.")
    if sum(len(_WORD.findall(word)) for word in words) > MAX_WORDS:
        raise Refused(Code.BAD_ARGUMENT, "Search for at most {most} words.", most=MAX_WORDS)
    if conversation is None:
        assert isinstance(call.current, Private)
        return Matches(Where(other=call.current.partner.name), text, [], False)
    found = await call.chat.search(
        call.session, conversation, list(words.values()), MAX_MATCHES + 1
    )
    call.require_talk()  # again: searching takes time
    wanted = _not_ignored(call, found[-MAX_MATCHES:])
    shown = _fitting(wanted)
    more = len(found) > MAX_MATCHES or len(shown) < len(wanted)
    return Matches(call.session.view_of(conversation), text, shown, more)


async def ignore(call: Call, name: Name | None) -> Reply:
    """Add somebody to your ignore list; without arguments, show it."""
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

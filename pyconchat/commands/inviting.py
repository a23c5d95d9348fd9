"""Commands that let people into a group: by name, or with a code."""

from __future__ import annotations

from typing import NamedTuple

from pyconchat.commands.arguments import OFF, Arg, is_number
from pyconchat.commands.call import Call
from pyconchat.commands.moderation import outside
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import GroupEvent
from pyconchat.domain.group import Group
from pyconchat.domain.invite_codes import (
    DEFAULT_DAYS,
    MAX_DAYS,
    MAX_USES,
    digest_of,
    is_code,
    new_code,
)
from pyconchat.domain.names import Name, person_name
from pyconchat.domain.replies import CodeLine, CodeMade, Codes, Reply

__all__ = ["INVITATION", "invite"]

DAY = 24 * 3600 * 1000
"""Milliseconds."""

CODE, CODES = "code", "codes"


class _NewCode(NamedTuple):
    """A code for *uses* people, for *days*."""

    uses: int = 1
    days: int = DEFAULT_DAYS


class _EndCode(NamedTuple):
    """The end of a code: its number, or its hash."""

    which: int | str


class _ListCodes(NamedTuple):
    """A list of the codes."""


_Invitation = Name | _NewCode | _EndCode | _ListCodes


def _invitation(typed: str) -> _Invitation:
    """Parse ``NAME``, ``code [USES] [DAYS]``, ``code N off``, ``code CODE off`` or ``codes``.

    ``@code`` is the person with that name.
    """
    word, *rest = typed.split()
    match word.lower(), rest:
        case "codes", []:
            return _ListCodes()
        case "code", [which, off] if off.lower() == OFF and is_code(which):
            return _EndCode(digest_of(which))
        case "code", [which, off] if off.lower() == OFF and is_number(which.removeprefix("#")):
            return _EndCode(int(which.removeprefix("#")))
        case "code", [*numbers] if len(numbers) <= 2 and all(map(is_number, numbers)):
            made = _NewCode(*map(int, numbers))
            if 0 < made.uses <= MAX_USES and 0 < made.days <= MAX_DAYS:
                return made
        case name, [] if name not in (CODE, CODES):
            return person_name(word.removeprefix("@"))
    raise Refused(
        Code.BAD_ARGUMENT,
        "Use /invite NAME, /invite code USES DAYS (at most {uses:,} and {days}),"
        " /invite codes, or /invite code N off.",
        uses=MAX_USES,
        days=MAX_DAYS,
    )


def _ends_with_argument(words: list[str]) -> bool:
    """Return whether the last of *words* is one of the numbers of a code, or ``off``."""
    last = words[-1].lower()
    return words[0].lower() == CODE and len(words) <= 3 and (is_number(last) or last == OFF)


INVITATION = Arg(
    "NAME|code [USES] [DAYS]|code N off|codes",
    _invitation,
    "Invite whom? ",
    rest=True,
    kind="name",
    holds=_ends_with_argument,
)


async def invite(call: Call, wanted: _Invitation) -> Reply | None:
    """Let somebody join without a request; make, list and end invite codes."""
    match wanted:
        case _NewCode(uses=uses, days=days):
            return await _make_code(call, uses, days)
        case _EndCode(which=which):
            now = call.chat.now()
            await call.decide(call.here(), lambda group: group.end_code(call.actor, which, now))
            return outside(call, "The invite code for {group} has ended.")
        case _ListCodes():
            return _codes(call)
        case name:
            return await _invite(call, name)


async def _invite(call: Call, name: Name) -> Reply | None:
    def rule(group: Group) -> list[GroupEvent]:
        group.require_right(call.actor, "invite")  # first: hides which names exist
        return group.invite(call.actor, call.services.accounts.find(name).actor, call.chat.now())

    await call.chat.states.know_people([name])
    await call.decide(call.here(), rule)
    return outside(call, f"{name} is invited to {{group}}.")


async def _make_code(call: Call, uses: int, days: int) -> Reply:
    """Make a code, which is displayed only now: the server keeps its hash."""
    code, now = new_code(), call.chat.now()
    digest, until = digest_of(code), now + days * DAY
    here = call.here()
    await call.decide(
        here, lambda group: group.make_code(call.actor, digest, uses, call.chat.now(), until)
    )
    made = next((each for each in here.group.codes.values() if each.digest == digest), None)
    if made is None:
        raise Refused(Code.NO_SUCH_CODE, "Somebody has ended the new invite code at once.")
    return CodeMade(here.group.name, made.number, code, uses, until, now)


def _codes(call: Call) -> Reply:
    group, now = call.usable(), call.chat.now()
    lines = [
        CodeLine(each.number, each.by, each.at, each.uses, each.used, each.until)
        for each in group.invite_codes(call.actor, now)
    ]
    return Codes(group.name, lines, now)

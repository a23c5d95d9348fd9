"""Commands for hooks: addresses at which programs can post to a group."""

from __future__ import annotations

from typing import NamedTuple

from pyconchat.commands.arguments import Arg
from pyconchat.commands.call import Call
from pyconchat.commands.moderation import outside
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import GroupEvent
from pyconchat.domain.group import Group
from pyconchat.domain.hooks import digest_of, new_token
from pyconchat.domain.names import Name, person_name
from pyconchat.domain.replies import HookLine, HookMade, Hooks, Reply

__all__ = ["HOOK", "hook"]

ADD, REMOVE = "add", "remove"


class _Change(NamedTuple):
    """A hook to be added or removed: *what* is one of the two words."""

    what: str
    name: Name


def _change(typed: str) -> _Change:
    """Parse ``add NAME`` or ``remove NAME``."""
    match typed.split():
        case [word, name] if word.lower() in (ADD, REMOVE):
            return _Change(word.lower(), person_name(name.removeprefix("@")))
    raise Refused(Code.BAD_ARGUMENT, "Use /hook, /hook add NAME or /hook remove NAME.")


def _ends_with_name(words: list[str]) -> bool:
    """Return whether the last of *words* is the name of a hook."""
    return words[0].lower() in (ADD, REMOVE) and len(words) == 2


HOOK = Arg("add NAME|remove NAME", _change, rest=True, holds=_ends_with_name)


async def hook(call: Call, change: _Change | None) -> Reply | None:
    """Add or remove a hook; without arguments, list the hooks."""
    match change:
        case None:
            return _hooks(call)
        case _Change(what="add", name=name):
            return await _add(call, name)
        case _Change(name=name):
            await call.decide(call.here(), lambda group: group.remove_hook(call.actor, name))
            return outside(call, f"{{group}} has no hook {name} any more.")


async def _add(call: Call, name: Name) -> Reply:
    """Add a hook; its address is displayed only now: the server keeps the hash of its token."""
    address = call.services.config.web_address
    if not address:
        raise Refused(
            Code.NO_HOOKS, "Hooks need the web door, which this server does not have (--web)."
        )
    token = new_token()

    def rule(group: Group) -> list[GroupEvent]:
        events = group.add_hook(call.actor, name, digest_of(token))
        # After the rights: people without them must not learn which names exist.
        call.services.memory.require_free_for_hook(name)
        return events

    here = call.here()
    await call.decide(here, rule)
    return HookMade(here.group.name, name, f"{address}/hook/{token}")


def _hooks(call: Call) -> Reply:
    group = call.group()
    lines = [HookLine(each.name, each.by, each.at) for each in group.hooks.values()]
    return Hooks(group.name, lines, bool(call.services.config.web_address))

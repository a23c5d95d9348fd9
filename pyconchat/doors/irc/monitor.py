"""MONITOR and ISON: who of a list is online."""

from __future__ import annotations

from collections.abc import Iterable

from pyconchat.domain.errors import Refused
from pyconchat.domain.names import person_name
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.joins import wrapped
from pyconchat.doors.irc.message import Message
from pyconchat.render.irc_lines import source

__all__ = ["MAX_MONITORED", "ison", "monitor"]

MAX_MONITORED = 100
"""Maximum names that one client monitors."""

NAME_COST = 5e-6
"""Seconds of work to check a name that a client sends."""

ROOM = 380
"""Maximum bytes of the names in one line."""


async def monitor(client: Client, message: Message) -> None:
    """MONITOR: add, remove, list and clear names; a client is notified when they come and go."""
    what = message.param(0).upper()
    names = [name for name in message.param(1).split(",") if name]
    client.work += NAME_COST * len(names)
    match what:
        case "+":
            _add(client, names)
        case "-":
            for name in names:
                client.monitors.remove(client, name)
        case "C":
            client.monitors.clear(client)
        case "L":
            for text in wrapped(client.monitors.of(client), ROOM):
                client.reply("732", text.replace(" ", ","))
            client.reply("733", "End of MONITOR.")
        case "S":
            status(client, client.monitors.of(client))


def _add(client: Client, names: list[str]) -> None:
    added: list[str] = []
    for number, name in enumerate(names):
        if len(client.monitors.of(client)) >= MAX_MONITORED:
            rest = ",".join(names[number:])
            client.reply("734", str(MAX_MONITORED), rest[:ROOM], "The list of names is full.")
            break
        try:
            valid: str = person_name(name)
        except Refused:
            valid = name[:64]  # nobody will ever have it
        client.monitors.add(client, valid)
        added.append(valid)
    status(client, added)


def status(client: Client, names: Iterable[str]) -> None:
    """Say who of *names* is online (730) and who is not (731)."""
    online, offline = [], []
    for name in names:
        account = client.services.accounts.get(name)
        if account is not None and client.services.presence.online(account.key):
            online.append(source(account.name))
        else:
            offline.append(name)
    for numeric, some in (("730", online), ("731", offline)):
        for text in wrapped(some, ROOM):
            client.reply(numeric, text.replace(" ", ","))


async def ison(client: Client, message: Message) -> None:
    """ISON: who of these names is online."""
    names = " ".join(message.params).split()
    accounts = map(client.services.accounts.get, names)
    online = (
        each.name
        for each in accounts
        if each is not None and client.services.presence.online(each.key)
    )
    client.reply("303", " ".join(online))

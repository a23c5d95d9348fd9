"""The login of a client, once it is known as whom, and its change to another account."""

from __future__ import annotations

from contextlib import suppress
from typing import cast

from twisted.cred.credentials import ICredentials
from twisted.internet.task import deferLater

from pyconchat.chat.interfaces import ISession
from pyconchat.commands import Cancelled
from pyconchat.commands.joining import enter_lobby
from pyconchat.domain.errors import Code, NotSaved, PeerGone, Refused
from pyconchat.domain.names import person_name
from pyconchat.domain.refusals import CANNOT_READ_LOG, not_saved
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.joins import show_groups
from pyconchat.doors.irc.read_markers import READ_MARKER
from pyconchat.doors.irc.welcome import welcome
from pyconchat.render.irc_lines import line
from pyconchat.sessions.portal import Password

__all__ = ["begin", "identify", "log_in", "switch"]

MAX_BUSY = 10.0
"""Maximum seconds for which a login waits while the server checks too many passwords."""

BUSY_STEP = 0.5
"""Seconds between two attempts while it does."""


async def log_in(client: Client, credentials: ICredentials) -> ISession:
    """Return the session of *credentials*, after a wait if the server is busy."""
    reactor = client.services.chat.reactor
    until = reactor.seconds() + MAX_BUSY
    while True:
        try:
            _, session, _ = await client.portal.login(credentials, client.door, ISession)
        except NotSaved:
            raise not_saved() from None
        except Refused as refused:
            if refused.code is not Code.BUSY or reactor.seconds() >= until:
                raise
            await deferLater(reactor, BUSY_STEP)
        else:
            return cast(ISession, session)


async def switch(client: Client, session: ISession) -> None:
    """Go on as the account of *session*: the guest, or the other account, goes."""
    old = client.source
    if session.account is client.account:
        session.close()
        return
    client.away = client.login.away
    client.login.close()
    client.session = None
    client.send(line(old, "NICK", session.account.name))
    await begin(client, session, welcomed=True)


async def begin(client: Client, session: ISession, welcomed: bool = False) -> None:
    """Begin *session*: welcome the client, show its groups and the missed entries."""
    try:
        client.door.logged_in(session)
    except PeerGone:
        client.services.registration.dismiss(session.account)
        raise
    client.session, client.nick = session, session.account.name
    session.marks = READ_MARKER in client.caps
    session.away = client.away
    try:
        await session.start()
    except NotSaved:
        client.close(CANNOT_READ_LOG)
        return
    if not welcomed:
        welcome(client)
    await show_groups(client)
    await _enter_lobby(client)


async def _enter_lobby(client: Client) -> None:
    """Enter the open group that everyone enters at login, if there is one."""
    lobby = client.services.config.lobby
    if lobby is None:
        return
    conversation = client.services.groups.get(lobby)
    if conversation is None or client.account.key not in conversation.group.members:
        with suppress(Refused, NotSaved, Cancelled):  # a closed lobby does not end the login
            await enter_lobby(client.call(), lobby)


async def identify(client: Client, words: list[str]) -> None:
    """``IDENTIFY [NAME] PASSWORD``: go on as that account. Raises `Refused`."""
    if not words or not words[-1]:
        raise Refused(Code.MISSING_ARGUMENT, "IDENTIFY [NAME] PASSWORD, please.")
    name = person_name(words[0] if len(words) > 1 else client.nick)
    password = " ".join(words[1:]) or words[0]
    session = await log_in(client, Password(name, password, client.door.network))
    account = session.account.name
    client.reply("900", client.source, account, f"You are logged in as {account}.")
    await switch(client, session)

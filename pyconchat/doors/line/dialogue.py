"""LoginDialogue: the questions of a login, from the name to the first group."""

from __future__ import annotations

from typing import cast

from twisted.cred.credentials import ICredentials
from twisted.cred.portal import Portal

from pyconchat.chat.interfaces import ILoginPeer, ISession
from pyconchat.commands import Call, Cancelled
from pyconchat.commands.groups import enter_lobby
from pyconchat.commands.services import Services
from pyconchat.domain.errors import Code, NotSaved, PeerGone, Refused
from pyconchat.domain.names import person_name
from pyconchat.domain.password_rules import check_password
from pyconchat.domain.refusals import (
    CANNOT_READ_LOG,
    TOO_MANY_WRONG_PASSWORDS,
    name_in_use,
    not_saved,
)
from pyconchat.domain.replies import Done, EndWhy, FrontDesk
from pyconchat.domain.text import SafeText, safe_text
from pyconchat.sessions.portal import GuestName, NewAccount, Password

__all__ = ["LoginDialogue"]

MAX_WRONG_PASSWORDS = 3
"""Maximum wrong passwords on one connection; then it is closed."""


class _Leaving(Exception):
    """The answer to the question for a name was a command to disconnect."""


class LoginDialogue:
    """The login of one person at *door*."""

    def __init__(self, services: Services, portal: Portal, door: ILoginPeer) -> None:
        self._services = services
        self._portal = portal
        self._door = door
        self._wrong = 0

    async def run(self) -> None:
        """Ask until the person is logged in, then for a group."""
        self._say("Welcome to PyconChat.")
        for line in self._services.config.motd.splitlines():
            self._say(line)
        try:
            session = await self._session()
        except _Leaving:
            self._door.end(EndWhy.BYE, "Bye.")
            return
        if session is None:
            self._door.end(EndWhy.WRONG_PASSWORD, TOO_MANY_WRONG_PASSWORDS)
            return
        try:
            self._door.logged_in(session)
        except PeerGone:
            self._services.registration.dismiss(session.account)
            raise
        try:
            await session.start()
        except NotSaved:
            self._door.end(EndWhy.TROUBLE, CANNOT_READ_LOG)
            return
        await session.catch_up()
        await self._first_group(session)

    async def _session(self) -> ISession | None:
        """Return the session; None after too many wrong passwords."""
        while self._wrong < MAX_WRONG_PASSWORDS:
            name = (await self._door.ask("Username: ")).strip()
            if not name:
                continue
            try:
                credentials = await self._credentials(name)
                _, avatar, _ = await self._portal.login(credentials, self._door, ISession)
            except Refused as refused:
                self._refused(refused)
            except NotSaved:
                self._refused(not_saved())
            else:
                return cast(ISession, avatar)
        return None

    async def _credentials(self, name: str) -> ICredentials:
        """Ask for what goes with *name*. Raises `Refused`."""
        if name.lower() in ("exit", "quit", "/quit", "/exit", "/disconnect"):
            raise _Leaving
        person_name(name)
        accounts = self._services.accounts
        accounts.admit(name)
        account = accounts.get(name)
        if account is None:
            return await self._newcomer(name)
        if not account.registered:
            raise name_in_use(account.name)
        self._services.throttle.admit(self._door.network)  # before asking: it would be in vain
        password = await self._door.ask("Password: ", secret=True)
        return Password(name, password, self._door.network)

    async def _newcomer(self, name: str) -> ICredentials:
        guests = self._services.accounts.guests_allowed
        offer = "choose a password to keep this name"
        self._say(f"{name} is new here: {offer}{', or press Enter to be a guest' * guests}.")
        password = await self._door.ask("Password: ", secret=True)
        if not password:
            return GuestName(name)
        check_password(password)
        # A typing error that does not show would lock the owner out.
        if self._door.hides and await self._door.ask("The same again: ", secret=True) != password:
            raise Refused(Code.WRONG_PASSWORD, "The two were not the same; start again.")
        return NewAccount(name, password)

    def _refused(self, refused: Refused) -> None:
        if refused.code is Code.WRONG_PASSWORD:
            self._wrong += 1
        self._door.refuse(refused)

    async def _first_group(self, session: ISession) -> None:
        """Enter the lobby, or ask for a group; an empty answer leads to the front desk."""
        lobby = self._services.config.lobby
        if lobby is not None:
            try:
                call = Call(self._services, session, None, session.send)
                await enter_lobby(call, lobby)
            except (Refused, NotSaved, Cancelled):
                self._say("The lobby is closed to you.")
                session.send(FrontDesk())
            return
        self._say(f"Hello {session.account.name}. Which group? A name or a number; or Enter.")
        answer = safe_text(await self._door.ask("Group: ")).strip()
        if not answer:
            session.send(FrontDesk())
            return
        waiting = session.answer_group(answer)
        if waiting is not None:
            await waiting
        if session.current is None:
            session.send(FrontDesk())

    def _say(self, text: str) -> None:
        self._door.send(Done(SafeText(text)))

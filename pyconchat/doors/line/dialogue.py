"""Login: the dialogue from the first prompt to the first group, for people at a line door."""

from __future__ import annotations

from typing import Protocol

from twisted.cred.credentials import ICredentials
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred

from pyconchat.chat.chat import Chat
from pyconchat.chat.interfaces import ISession
from pyconchat.commands import Call, Cancelled
from pyconchat.commands.groups import enter_lobby
from pyconchat.domain.errors import Code, NotSaved, Refused
from pyconchat.domain.names import person_name
from pyconchat.domain.password_rules import check_password
from pyconchat.domain.replies import Done, EndWhy, FrontDesk, Reply
from pyconchat.domain.text import SafeText, safe_text
from pyconchat.sessions.portal import GuestName, NewAccount, Password
from pyconchat.sessions.session import PeerGone, Session

__all__ = ["Asker", "Login"]

MAX_WRONG = 3
"""Wrong passwords on one connection before it is ended."""


class Asker(Protocol):
    """What the dialogue needs of the door."""

    @property
    def hides(self) -> bool: ...
    @property
    def network(self) -> str: ...
    def ask(self, prompt: str, secret: bool = False) -> Deferred[str]: ...
    def show(self, reply: Reply) -> None: ...
    def refuse(self, refused: Refused) -> None: ...
    def logged_in(self, session: Session) -> None: ...
    def say_last(self, why: EndWhy, text: str) -> None: ...


class _Leaving(Exception):
    """Somebody who was asked for a name wants to go."""


class Login:
    """The login of one person at *door*."""

    def __init__(self, chat: Chat, portal: Portal, door: Asker) -> None:
        self._chat = chat
        self._portal = portal
        self._door = door
        self._wrong = 0

    async def run(self) -> None:
        """Ask until somebody is logged in, then for a group."""
        self._say("Welcome to PyconChat.")
        for line in self._chat.config.motd.splitlines():
            self._say(line)
        try:
            session = await self._session()
        except _Leaving:
            self._door.say_last(EndWhy.BYE, "Bye.")
            return
        if session is None:
            self._door.say_last(EndWhy.WRONG_PASSWORD, "Those were too many wrong passwords.")
            return
        try:
            self._door.logged_in(session)
        except PeerGone:
            self._chat.dismiss(session.account)
            raise
        try:
            await session.start()
        except NotSaved:
            text = "The server cannot read its log now; try again soon."
            self._door.say_last(EndWhy.TROUBLE, text)
            return
        await session.catch_up()
        await self._first_group(session)

    async def _session(self) -> Session | None:
        """Return the session of who logs in; None when they do not know their password."""
        while self._wrong < MAX_WRONG:
            name = (await self._door.ask("Username: ")).strip()
            if not name:
                continue
            try:
                credentials = await self._credentials(name)
                _, session, _ = await self._portal.login(credentials, self._door, ISession)
            except Refused as refused:
                self._refused(refused)
            except NotSaved:
                self._refused(Refused(Code.NOT_SAVED, "Not saved: try again soon."))
            else:
                assert isinstance(session, Session)
                return session
        return None

    async def _credentials(self, name: str) -> ICredentials:
        """Ask for what goes with *name*. Raises `Refused`."""
        if name.lower() in ("exit", "quit", "/quit", "/exit", "/disconnect"):
            raise _Leaving
        person_name(name)
        accounts = self._chat.accounts
        accounts.admit(name)
        account = accounts.get(name)
        if account is None:
            return await self._newcomer(name)
        if not account.registered:
            raise Refused(Code.TAKEN, "{name} is in use; choose another name.", name=account.name)
        self._chat.throttle.admit(self._door.network)  # asked only where the answer is looked at
        password = await self._door.ask("Password: ", secret=True)
        return Password(name, password, self._door.network)

    async def _newcomer(self, name: str) -> ICredentials:
        guests = self._chat.accounts.guests_allowed
        offer = "choose a password to keep this name"
        self._say(f"{name} is new here: {offer}{', or press Enter to be a guest' * guests}.")
        password = await self._door.ask("Password: ", secret=True)
        if not password:
            return GuestName(name)
        check_password(password)
        # Where it does not show, a slip of the finger would lock its owner out.
        if self._door.hides and await self._door.ask("The same again: ", secret=True) != password:
            raise Refused(Code.WRONG_PASSWORD, "The two were not the same; start again.")
        return NewAccount(name, password)

    def _refused(self, refused: Refused) -> None:
        if refused.code is Code.WRONG_PASSWORD:
            self._wrong += 1
        self._door.refuse(refused)

    async def _first_group(self, session: Session) -> None:
        """Enter the lobby, or ask for a group; Enter alone leads to the front desk."""
        if self._chat.config.lobby is not None:
            try:
                call = Call(self._chat, session, None, session.say)
                await enter_lobby(call, self._chat.config.lobby)
            except (Refused, NotSaved, Cancelled):
                self._say("The lobby is closed to you.")
                session.say(FrontDesk())
            return
        self._say(f"Hello {session.account.name}. Which group? A name or a number; or Enter.")
        answer = safe_text(await self._door.ask("Group: ")).strip()
        if not answer:
            session.say(FrontDesk())
            return
        waiting = session.answer_group(answer)
        if waiting is not None:
            await waiting
        if session.current is None:
            session.say(FrontDesk())

    def _say(self, text: str) -> None:
        self._door.show(Done(SafeText(text)))

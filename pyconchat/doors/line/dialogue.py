"""LoginDialogue: the questions of a login, from the name to the first group."""

from __future__ import annotations

from itertools import islice
from typing import cast

from twisted.cred.credentials import ICredentials
from twisted.cred.portal import Portal

from pyconchat.chat.interfaces import ILoginPeer, ISession
from pyconchat.commands import Call, Cancelled
from pyconchat.commands.joining import enter_lobby
from pyconchat.commands.services import Services
from pyconchat.domain.errors import Code, NotSaved, PeerGone, Refused
from pyconchat.domain.events import Policy
from pyconchat.domain.group import Actor
from pyconchat.domain.names import Name, fold, person_name
from pyconchat.domain.password_rules import check_password
from pyconchat.domain.public_keys import PublicKey
from pyconchat.domain.refusals import (
    CANNOT_READ_LOG,
    TOO_MANY_WRONG_PASSWORDS,
    name_in_use,
    not_saved,
)
from pyconchat.domain.replies import Done, EndWhy, FrontDesk
from pyconchat.domain.text import SafeText, safe_line
from pyconchat.doors.line.edited_lines import CANCEL
from pyconchat.sessions.portal import GuestName, NewAccount, NewKeyAccount, Password

__all__ = ["LoginDialogue"]

MAX_WRONG_PASSWORDS = 3
"""Maximum wrong passwords on one connection; then it is closed."""


MAX_GROUPS_NAMED = 8
"""Maximum groups that the question for a group names."""

_QUIT = frozenset({"/quit", "/exit", "/disconnect"})
_LEAVING = _QUIT | {"exit", "quit"}

_HOW_TO_ENTER = {
    Policy.OPEN: "open",
    Policy.APPROVAL: "by approval",
    Policy.PASSWORD: "by password",
    Policy.INVITE: "by invitation",
}


class _AnotherName(Exception):
    """The person has cancelled a question for a password: the name was not theirs."""


class _Ended(Exception):
    """The dialogue ends without a login: *why*, and the last line."""

    def __init__(self, why: EndWhy, text: str) -> None:
        super().__init__(text)
        self.why = why
        self.text = text


class LoginDialogue:
    """The login of one person at *door*.

    At SSH, the *name* was typed already, and the person has proven to have *key*. They may have
    named a *group*, too.

    After a refusal all input that was sent ahead is discarded, and the same question is asked
    again: an answer to one question, such as a password, never becomes the answer to another.
    """

    def __init__(
        self,
        services: Services,
        portal: Portal,
        door: ILoginPeer,
        name: str = "",
        key: PublicKey | None = None,
        group: str = "",
    ) -> None:
        self._services = services
        self._portal = portal
        self._door = door
        self._name = name
        self._key = key
        self._group = group
        self._wrong_passwords = 0
        self._asked = ""  # the last name, folded
        self._replaced = ""  # the name of a guest here that was typed last, folded

    async def run(self) -> None:
        """Ask until the person is logged in, then for a group."""
        self._say("Welcome to PyconChat.")
        if not self._name:  # else the client has shown it already
            for line in self._services.config.motd.splitlines():
                self._say(line)
        try:
            session = await self._session()
        except _Ended as ended:
            self._door.end(ended.why, ended.text)
            return
        await self._begin(session)

    async def enter_as(self, credentials: ICredentials) -> None:
        """Log in with *credentials*, without questions, and ask for a group."""
        try:
            session = await self._enter(credentials)
        except Refused as refused:
            self._door.end(EndWhy.PUT_OFF, refused.sentence)
            return
        await self._begin(session)

    async def _begin(self, session: ISession) -> None:
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
        await session.catch_up(self._services.config.limits.missed_entries)
        await self._first_group(session)

    async def _session(self) -> ISession:
        """Ask for a name, and what it needs, until there is a session. Raises `_Ended`."""
        while True:
            given, self._name = self._name, ""
            name = (given or await self._door.ask("Username: ")).strip()
            if name.lower() in _LEAVING:
                raise _Ended(EndWhy.BYE, "Bye.")
            if not name or name.lower() == CANCEL:
                continue
            try:
                return await self._log_in(person_name(name))
            except Refused as refused:
                self._refuse(refused)
            except _AnotherName:
                self._say("Cancelled. What is your name?")

    async def _log_in(self, name: Name) -> ISession:
        """Return a session of *name*.

        Raises `Refused` where another name may do, `_AnotherName`, and `_Ended`.
        """
        if self._asked and fold(name) != self._asked:
            self._services.throttle.ask_name(self._door.network)
        self._asked = fold(name)
        await self._services.registration.refresh(name)
        account = self._services.accounts.get(name)
        if account is None:
            self._services.memory.require_free(name)  # before asking: it would be in vain
            return await self._newcomer(name)
        if not account.registered:
            if not self._services.registration.replaces_guest(account, self._door.network):
                raise name_in_use(account.name)
            if fold(name) != self._replaced:
                self._replaced = fold(name)
                raise Refused(
                    Code.TAKEN,
                    "{name} is connected from your address already. If that is you, type the name"
                    " once more to end that connection; or choose another name.",
                    name=account.name,
                )
            return await self._newcomer(name)
        if not account.password_hash:
            raise Refused(
                Code.WRONG_PASSWORD,
                "{name} has no password, only keys: connect with ssh.",
                name=account.name,
            )
        while True:
            self._admit(name)
            self._services.throttle.admit(self._door.network)  # before asking: it would be in vain
            password = await self._ask_password()
            if not password:
                raise _AnotherName
            try:
                return await self._enter(Password(name, password, self._door.network))
            except Refused as refused:
                if refused.code is not Code.WRONG_PASSWORD:
                    raise
                self._refuse(refused)
                self._wrong_passwords += 1
                if self._wrong_passwords == MAX_WRONG_PASSWORDS:
                    raise _Ended(EndWhy.WRONG_PASSWORD, TOO_MANY_WRONG_PASSWORDS) from None

    async def _newcomer(self, name: Name) -> ISession:
        """Register *name*, or return a guest's session.

        Raises `Refused`, `_AnotherName` and `_Ended`.
        """
        guests = self._services.accounts.guests_allowed
        replace = self._replaced == fold(name)
        if self._key is not None:
            return await self._newcomer_with_key(name, self._key, replace)
        offer = "Choose a password to keep this name"
        enter = ", or press Enter to be a guest until you disconnect" if guests else ""
        self._admit(name)
        self._say(f"{name} is new here. {offer}{enter}. For another name: {CANCEL}.")
        while True:
            password = await self._ask_password()
            if not password:
                return await self._enter(GuestName(name, self._door.network, replace))
            try:
                check_password(password)
                if self._door.hides:  # a typing error that does not show locks the owner out
                    repeated = await self._ask_password("The same again: ")
                    if repeated != password:
                        raise Refused(Code.WRONG_PASSWORD, "The two passwords differ. Once more:")
            except Refused as refused:
                self._refuse(refused)
            else:
                return await self._enter(NewAccount(name, password, self._door.network, replace))

    async def _newcomer_with_key(self, name: Name, key: PublicKey, replace: bool) -> ISession:
        """As `_newcomer`, for somebody who has *key*."""
        network = self._door.network
        guest = self._services.accounts.guests_allowed
        or_guest = ", or type guest to be a guest until you disconnect" if guest else ""
        self._admit(name)
        self._say(f"{name} is new here. Your key is {key.type} {key.fingerprint}.")
        keep = f"Press Enter to keep this name with that key, or choose a password{or_guest}."
        self._say(f"{keep} For another name: {CANCEL}.")
        while True:
            answer = await self._ask_password("Enter, or a password: ")
            if not answer:
                return await self._enter(NewKeyAccount(name, key, network, replace))
            if answer.strip().lower() == "guest" and guest:
                return await self._enter(GuestName(name, network, replace))
            try:
                check_password(answer)
                if await self._ask_password("The same again: ") != answer:
                    raise Refused(Code.WRONG_PASSWORD, "The two passwords differ. Once more:")
            except Refused as refused:
                self._refuse(refused)
            else:
                return await self._enter(NewAccount(name, answer, network, replace))

    async def _ask_password(self, question: str = "Password: ") -> str:
        """Return the answer to a question for a password.

        Raises `_Ended` if it is ``/quit``, and `_AnotherName` if it is ``/cancel``: no password
        begins with a slash.
        """
        answer = await self._door.ask(question, secret=True)
        word = answer.strip().lower()
        if word in _QUIT:
            raise _Ended(EndWhy.BYE, "Bye.")
        if word == CANCEL:
            raise _AnotherName
        return answer

    async def _enter(self, credentials: ICredentials) -> ISession:
        """Return the session of *credentials*. Raises `Refused`."""
        try:
            _, avatar, _ = await self._portal.login(credentials, self._door, ISession)
        except NotSaved:
            raise not_saved() from None
        return cast(ISession, avatar)

    def _admit(self, name: Name) -> None:
        """Raise `_Ended` if *name* is banned."""
        try:
            self._services.memory.admit(name)
        except Refused as refused:
            raise _Ended(EndWhy.PUT_OFF, refused.sentence) from None

    def _refuse(self, refused: Refused) -> None:
        """Say why something was refused, and discard lines that were sent ahead."""
        if refused.code is Code.BANNED:
            raise _Ended(EndWhy.PUT_OFF, refused.sentence)
        self._discard_and_refuse(refused)

    def _discard_and_refuse(self, refused: Refused) -> None:
        self._door.discard_input()  # before the refusal: later input is an answer to it
        self._door.refuse(refused)

    async def _first_group(self, session: ISession) -> None:
        """Enter the lobby, or ask for a group; an empty answer leads to the front desk."""
        if self._group:
            await self._enter_group(session, self._group)
            return
        lobby = self._services.config.lobby
        if lobby is not None:
            try:
                call = Call(self._services, session, None, session.send)
                await enter_lobby(call, lobby)
            except (Refused, NotSaved, Cancelled):
                self._door.discard_input()
                self._say("The lobby is closed to you.")
                session.send(FrontDesk())
            return
        self._say(f"Hello {session.account.name}. {self._groups_named(session.account.actor)}")
        answer = safe_line(await self._door.ask("Group: ")).strip()
        if not answer:
            session.send(FrontDesk())
            return
        await self._enter_group(session, answer)

    async def _enter_group(self, session: ISession, answer: str) -> None:
        try:
            await session.answer_group(answer)
        except Refused as refused:
            self._discard_and_refuse(refused)
        if session.current is None:
            session.send(FrontDesk())

    def _say(self, text: str) -> None:
        self._door.send(Done(SafeText(text)))

    def _groups_named(self, actor: Actor) -> str:
        """Return the words that ask for a group, with the groups that *actor* could enter.

        Those of which they are a member come first.
        """
        groups, key = self._services.groups, fold(actor.name)
        own = groups.memberships(key)
        first = sorted(own, key=lambda each: each.group.number)[:MAX_GROUPS_NAMED]
        others = (each for each in groups.listed_to(actor) if key not in each.group.members)
        first += islice(others, MAX_GROUPS_NAMED - len(first))
        if not first:
            return "There is no group yet: a name creates one, Enter goes on without."
        named = ", ".join(
            f"{group.number} {group.name}"
            f" ({'member' if key in group.members else _HOW_TO_ENTER[group.policy]})"
            for group in (each.group for each in first)
        )
        more = groups.count_listed_to(actor) - len(first)
        rest = f" and {more} more (/groups)" if more > 0 else ""
        return f"Groups: {named}{rest}. Which one? Its name or number, a new name, or Enter."

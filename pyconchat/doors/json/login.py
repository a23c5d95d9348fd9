"""JsonLogin: the login of a program, in one object instead of a dialogue."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import cast

from msgspec.structs import asdict
from twisted.cred.credentials import ICredentials
from twisted.cred.portal import Portal

from pyconchat import __version__
from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.interfaces import ISession
from pyconchat.commands import TABLE, Call, Cancelled
from pyconchat.commands.joining import enter_lobby
from pyconchat.commands.listing import MAX_LISTED_BYTES, fitting
from pyconchat.commands.services import Services
from pyconchat.domain.errors import Code, NotSaved, PeerGone, Refused
from pyconchat.domain.ignoring import topic_seen
from pyconchat.domain.names import fold, person_name
from pyconchat.domain.password_rules import check_password
from pyconchat.domain.refusals import (
    CANNOT_READ_LOG,
    TOO_MANY_WRONG_PASSWORDS,
    name_in_use,
    not_saved,
)
from pyconchat.domain.replies import EndWhy, Live, OwnGroup, OwnGroups
from pyconchat.doors.interfaces import IProgramPeer
from pyconchat.render.json import refusal_object
from pyconchat.sessions.portal import GuestName, NewAccount, Password, SessionToken
from pyconchat.sessions.requests import Hello

__all__ = ["JsonLogin"]

MAX_WRONG_PASSWORDS = 3
"""Maximum wrong passwords or tokens on one connection; then it is closed."""


class JsonLogin:
    """The login of one program at *peer*."""

    def __init__(self, services: Services, portal: Portal, peer: IProgramPeer) -> None:
        self._services = services
        self._portal = portal
        self._peer = peer
        self._wrong = 0
        self._asked = ""  # the name of the last hello, folded
        self._banned = ""  # why the name may not log in
        self._session: ISession | None = None
        self._groups: list[GroupConversation] = []  # those that did not fit into the answer
        self._most_missed = 0  # entries of a conversation; 0: all

    async def begin(self, hello: Hello, received: Mapping[str, int]) -> Mapping[str, object]:
        """Log in as *hello* says; return the answer.

        *received* has the numbers up to which the program has each conversation. Raises `PeerGone`.
        """
        try:
            await self._services.registration.refresh(person_name(hello.name))
            session = await self._log_in(self._credentials(hello))
        except Refused as refused:
            self._banned = refused.sentence if refused.code is Code.BANNED else ""
            if refused.code in (Code.WRONG_PASSWORD, Code.BAD_TOKEN):
                self._wrong += 1
            return {"hello": 1, **refusal_object(refused)}
        session.marks = hello.reads
        self._most_missed = hello.missed or 0
        return await self._begin(session, received, hello.token or "")

    async def begin_as(self, credentials: ICredentials) -> Mapping[str, object]:
        """Log in with *credentials*; return the answer. Raises `Refused` and `PeerGone`."""
        return await self._begin(await self._log_in(credentials), {}, "")

    async def _begin(
        self, session: ISession, received: Mapping[str, int], token: str
    ) -> Mapping[str, object]:
        try:
            await session.start(received)
        except NotSaved:
            self._peer.end(EndWhy.TROUBLE, CANNOT_READ_LOG)
            raise PeerGone from None
        if not token:
            with suppress(NotSaved, Refused):  # a program that has the password needs no token
                token = await self._services.tokens.issue(session.account)
        self._session = session
        return self._answer(session, token)

    async def catch_up(self) -> None:
        """Deliver missed entries, and enter the lobby; or close after too many wrong passwords."""
        session = self._session
        if session is None:
            if self._banned:
                self._peer.end(EndWhy.PUT_OFF, self._banned)
            elif self._wrong == MAX_WRONG_PASSWORDS:
                self._peer.end(EndWhy.WRONG_PASSWORD, TOO_MANY_WRONG_PASSWORDS)
            return
        await self._send_own_groups(session)
        await session.catch_up(self._most_missed)
        lobby = self._services.config.lobby
        if lobby is not None:
            call = Call(self._services, session, None, lambda _reply: None)
            with suppress(Refused, NotSaved, Cancelled):  # a closed lobby does not end the login
                await enter_lobby(call, lobby)
        session.send(Live())

    async def _log_in(self, credentials: ICredentials) -> ISession:
        try:
            _, avatar, _ = await self._portal.login(credentials, self._peer, ISession)
        except NotSaved:
            raise not_saved() from None
        session = cast(ISession, avatar)
        try:
            self._peer.logged_in(session)
        except Exception:
            self._services.registration.dismiss(session.account)
            raise
        return session

    def _credentials(self, hello: Hello) -> ICredentials:
        """Return the credentials in *hello*. Raises `Refused` if they cannot be enough."""
        name = person_name(hello.name)
        if fold(name) != self._asked:
            if self._asked:
                self._services.throttle.ask_name(self._peer.network)
            self._asked = fold(name)
        self._services.memory.admit(name)
        account = self._services.accounts.get(name)
        if hello.token is not None:
            return SessionToken(name, hello.token)
        if account is not None and not account.registered:
            may = self._services.registration.replaces_guest(account, self._peer.network)
            if not (may and hello.replace):
                raise name_in_use(account.name)
            account = None
        if hello.password is not None:
            if account is None:
                return NewAccount(
                    name, check_password(hello.password), self._peer.network, hello.replace
                )
            return Password(name, hello.password, self._peer.network)
        if account is not None:
            raise Refused(Code.PASSWORD_NEEDED, "{name} needs its password.", name=account.name)
        if not hello.guest:
            self._services.memory.require_free(name)
            raise Refused(Code.NEW_NAME, "There is no account {name} yet.", name=name)
        return GuestName(name, self._peer.network, hello.replace)

    async def _send_own_groups(self, session: ISession) -> None:
        """Send the account's other groups, in pieces. Raises `PeerGone`."""
        while self._groups:
            groups = self._next_groups(session, MAX_LISTED_BYTES)
            session.send(OwnGroups(groups, len(self._groups)))
            writable = self._peer.when_writable()
            if writable is not None:
                await writable

    def _next_groups(self, session: ISession, most: int) -> list[OwnGroup]:
        """Take the next groups from `_groups`, with at most *most* bytes."""
        name, subscriptions = session.account.name, session.subscriptions
        own = (
            OwnGroup(
                group=each.group.name,
                number=each.group.number,
                policy=each.group.policy,
                role=each.group.role(name),
                unread=subscriptions.unread(each),
                mentions=subscriptions.mentions(each),
                muted=each.id in session.account.muted,
                head=each.published,
                topic=topic_seen(each.group, session.account.ignores),
            )
            for each in self._groups
        )
        groups = fitting(own, most)
        del self._groups[: len(groups)]
        return groups

    def _answer(self, session: ISession, token: str) -> dict[str, object]:
        account, config = session.account, self._services.config
        self._groups = list(session.subscriptions.groups())
        groups = self._next_groups(session, MAX_LISTED_BYTES // 2)
        return {
            "hello": 1,
            "ok": True,
            "name": account.name,
            "registered": account.registered,
            "operator": account.actor.operator,
            "settings": asdict(account.settings),
            **({"token": token} if token else {}),
            "version": __version__,
            "line_bytes": config.limits.line_bytes,
            "motd": config.motd,
            "groups": groups,
            "more": len(self._groups),
            "commands": [command.help for command in TABLE],
        }

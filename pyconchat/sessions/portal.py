"""Login, by twisted.cred: the checkers say who it is, the realm gives the session.

A door makes credentials of what it was told and calls ``portal.login(credentials, peer,
ISession)``; the avatar is the `Session`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred, succeed
from zope.interface import Attribute, Interface, implementer

from pyconchat.chat.chat import Chat
from pyconchat.chat.interfaces import IPeer, ISession
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import Name, fold, person_name
from pyconchat.sessions.session import Session

__all__ = ["GuestName", "NewAccount", "Password", "SessionToken", "login_portal"]


AvatarId: TypeAlias = "Deferred[bytes | tuple[()]]"


class IGuestName(ICredentials):
    """A name without a password, for as long as the connection lasts."""

    name = Attribute("What was typed as a name.")


class INewAccount(ICredentials):
    """A name that nobody has yet, and the password that shall keep it."""

    name = Attribute("What was typed as a name.")
    password = Attribute("The password.")


class IPassword(ICredentials):
    """A name, its password, and where they were typed."""

    name = Attribute("What was typed as a name.")
    password = Attribute("The password.")
    network = Attribute("What the connection is counted by: see `limits.network_of`.")


class ISessionToken(ICredentials):
    """A name, and a token that an earlier login was given."""

    name = Attribute("What was typed as a name.")
    token = Attribute("The token.")


@implementer(IGuestName)
class GuestName:
    """The credentials of a guest."""

    def __init__(self, name: str) -> None:
        self.name = name


@implementer(INewAccount)
class NewAccount:
    """The credentials of somebody who registers."""

    def __init__(self, name: str, password: str) -> None:
        self.name = name
        self.password = password


@implementer(IPassword)
class Password:
    """The credentials of somebody with an account."""

    def __init__(self, name: str, password: str, network: str) -> None:
        self.name = name
        self.password = password
        self.network = network


@implementer(ISessionToken)
class SessionToken:
    """The credentials of a program that was here before."""

    def __init__(self, name: str, token: str) -> None:
        self.name = name
        self.token = token


@implementer(ICredentialsChecker)
class PasswordChecker:
    """Lets in who knows the password of a registered account. Fails with `Refused`.

    An unknown name gets the same words, after the same time, as a wrong password.
    """

    credentialInterfaces = (IPassword,)

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def requestAvatarId(self, credentials: IPassword) -> AvatarId:
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: IPassword) -> bytes | tuple[()]:
        name = person_name(credentials.name)
        self._chat.accounts.admit(name)
        account = self._chat.accounts.get(name)
        hash = account.password_hash if account is not None else ""
        right = await self._chat.throttle.check(
            credentials.network, fold(name), hash, credentials.password
        )
        if account is None or not right or hash != account.password_hash:  # changed meanwhile
            spelled = name if account is None else account.name
            raise Refused(Code.WRONG_PASSWORD, "That is not the password of {name}.", name=spelled)
        self._chat.accounts.admit(name)  # again: hashing takes its time
        return account.name.encode()


@implementer(ICredentialsChecker)
class GuestChecker:
    """Lets in anybody with a name that nobody has, unless guests are switched off."""

    credentialInterfaces = (IGuestName,)

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def requestAvatarId(self, credentials: IGuestName) -> AvatarId:
        name = person_name(credentials.name)
        self._chat.add_guest(name)
        return succeed(name.encode())


@implementer(ICredentialsChecker)
class NewAccountChecker:
    """Registers a name that nobody has."""

    credentialInterfaces = (INewAccount,)

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def requestAvatarId(self, credentials: INewAccount) -> AvatarId:
        return Deferred.fromCoroutine(self._register(credentials))

    async def _register(self, credentials: INewAccount) -> bytes | tuple[()]:
        account = await self._chat.register_new(person_name(credentials.name), credentials.password)
        return account.name.encode()


@implementer(ICredentialsChecker)
class TokenChecker:
    """Lets in who has a session token, without any hashing of passwords."""

    credentialInterfaces = (ISessionToken,)

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def requestAvatarId(self, credentials: ISessionToken) -> AvatarId:
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: ISessionToken) -> bytes | tuple[()]:
        name = person_name(credentials.name)
        account = await self._chat.tokens.check(name, credentials.token)
        return account.name.encode()


@implementer(IRealm)
class ChatRealm:
    """Gives those who are let in a session with the chat."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def requestAvatar(
        self,
        avatarId: bytes | tuple[()],  # noqa: N803 - twisted.cred's name
        mind: object,
        *interfaces: type[Interface],
    ) -> tuple[type[Interface], object, Callable[[], None]]:
        if ISession not in interfaces or not isinstance(avatarId, bytes):
            raise NotImplementedError("the only avatar is a session, and nobody is anonymous")
        account = self._chat.accounts.find(Name(avatarId.decode()))
        session = Session(self._chat, account, cast(IPeer, mind))
        return ISession, session, session.close


def login_portal(chat: Chat) -> Portal:
    """Return the one way in, for all doors."""
    checkers = [
        PasswordChecker(chat),
        TokenChecker(chat),
        GuestChecker(chat),
        NewAccountChecker(chat),
    ]
    return Portal(ChatRealm(chat), checkers)

"""The portal (twisted.cred): checkers authenticate, the realm returns the session.

A door makes credentials of the input and calls ``portal.login(credentials, peer, ISession)``; the
avatar is the session.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from zope.interface import Attribute, Interface, implementer

from pyconchat.chat import event_log
from pyconchat.chat.interfaces import IPeer, ISession
from pyconchat.chat.nodes import Nodes
from pyconchat.commands.services import Services
from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import Name, fold, person_name
from pyconchat.domain.public_keys import PublicKey
from pyconchat.sessions.session import Session

__all__ = [
    "ConnectionLogin",
    "GuestName",
    "IOwner",
    "NewAccount",
    "NewKeyAccount",
    "Password",
    "SessionToken",
    "login_portal",
]


AvatarId: TypeAlias = "Deferred[bytes | tuple[()]]"


class IGuestName(ICredentials):
    """A guest's name, without a password, and its network."""

    name = Attribute("The name as it was typed.")
    network = Attribute("The network that connections are counted by: see `network_of`.")
    replace = Attribute("True to take over the name from a guest at the same network.")


class INewAccount(ICredentials):
    """A new name, the password that registers it, and their network."""

    name = Attribute("The name as it was typed.")
    password = Attribute("The password.")
    network = Attribute("The network that attempts are counted by: see `network_of`.")
    replace = Attribute("True to take over the name from a guest at the same network.")


class IPassword(ICredentials):
    """A name, its password, and the network of the connection."""

    name = Attribute("The name as it was typed.")
    password = Attribute("The password.")
    network = Attribute("The network that attempts are counted by: see `network_of`.")


class INewKeyAccount(ICredentials):
    """A name that is to be registered with a public key."""

    name = Attribute("The name as it was typed.")
    key = Attribute("The `PublicKey`, with which the peer has signed.")
    network = Attribute("The network that registrations are counted by: see `network_of`.")
    replace = Attribute("True to take over the name from a guest at the same network.")


class IConnectionLogin(ICredentials):
    """An account whose owner the connection has authenticated, by a proof that is still valid."""

    account = Attribute("The account.")


class IOwner(Interface):
    """An avatar that is the account itself: sessions of its owner are opened later."""


class ISessionToken(ICredentials):
    """A name, and the session token of an earlier login."""

    name = Attribute("The name as it was typed.")
    token = Attribute("The token.")


@implementer(IGuestName)
class GuestName:
    """The credentials of a guest."""

    def __init__(self, name: str, network: str, replace: bool = False) -> None:
        self.name = name
        self.network = network
        self.replace = replace


@implementer(INewAccount)
class NewAccount:
    """The credentials of a new account."""

    def __init__(self, name: str, password: str, network: str, replace: bool = False) -> None:
        self.name = name
        self.password = password
        self.network = network
        self.replace = replace


@implementer(IPassword)
class Password:
    """The credentials of a registered account."""

    def __init__(self, name: str, password: str, network: str) -> None:
        self.name = name
        self.password = password
        self.network = network


@implementer(INewKeyAccount)
class NewKeyAccount:
    """The credentials of a new account without a password."""

    def __init__(self, name: str, key: PublicKey, network: str, replace: bool = False) -> None:
        self.name = name
        self.key = key
        self.network = network
        self.replace = replace


@implementer(IConnectionLogin)
class ConnectionLogin:
    """The credentials of a connection whose user has proven to own *account*.

    It was proven by the key *blob*, or by the password. They count until the key is removed, the
    password is changed, or the owner ends all sessions.
    """

    def __init__(self, account: Account, blob: str = "") -> None:
        self.account = account
        self.name = account.name
        self._blob = blob
        self._proof = account.proof

    @property
    def counts(self) -> bool:
        """Return whether what was proven then would be accepted now."""
        account, (_, ended_at) = self.account, self._proof
        if self._blob:
            return account.key_of(self._blob) is not None and account.ended_at == ended_at
        return account.registered and account.proof == self._proof


@implementer(ISessionToken)
class SessionToken:
    """The credentials of a program that has logged in before."""

    def __init__(self, name: str, token: str) -> None:
        self.name = name
        self.token = token


@implementer(ICredentialsChecker)
class PasswordChecker:
    """Checks the password of a registered account. Fails with `Refused`.

    An unknown name is refused with the same words, after the same time, as a wrong password.
    """

    credentialInterfaces = (IPassword,)

    def __init__(self, services: Services) -> None:
        self._services = services

    def requestAvatarId(self, credentials: IPassword) -> AvatarId:
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: IPassword) -> bytes | tuple[()]:
        name = person_name(credentials.name)
        self._services.memory.admit(name)
        account = self._services.accounts.get(name)
        hash = account.password_hash if account is not None else ""
        right = await self._services.throttle.check(
            credentials.network, fold(name), hash, credentials.password
        )
        if account is None or not right or hash != account.password_hash:  # changed during hashing
            spelled = name if account is None else account.name
            raise Refused(Code.WRONG_PASSWORD, "That is not the password of {name}.", name=spelled)
        self._services.memory.admit(name)  # again: hashing takes time
        return account.name.encode()


@implementer(ICredentialsChecker)
class GuestChecker:
    """Admits a guest under a name that is not in use, unless guests are switched off."""

    credentialInterfaces = (IGuestName,)

    def __init__(self, services: Services) -> None:
        self._services = services

    def requestAvatarId(self, credentials: IGuestName) -> AvatarId:
        name = person_name(credentials.name)
        registration, network = self._services.registration, credentials.network
        account = registration.add_guest(name, network, credentials.replace)
        if self._services.chat.nodes is None:
            return succeed(name.encode())
        return Deferred.fromCoroutine(self._claim(account))

    async def _claim(self, account: Account) -> bytes | tuple[()]:
        await self._services.registration.claim_guest(account)
        return account.name.encode()


@implementer(ICredentialsChecker)
class NewAccountChecker:
    """Registers a name that is not in use."""

    credentialInterfaces = (INewAccount,)

    def __init__(self, services: Services) -> None:
        self._services = services

    def requestAvatarId(self, credentials: INewAccount) -> AvatarId:
        return Deferred.fromCoroutine(self._register(credentials))

    async def _register(self, credentials: INewAccount) -> bytes | tuple[()]:
        name = person_name(credentials.name)
        account = await self._services.registration.register_new(
            name, credentials.password, credentials.network, credentials.replace
        )
        return account.name.encode()


@implementer(ICredentialsChecker)
class TokenChecker:
    """Checks a session token; no password is hashed."""

    credentialInterfaces = (ISessionToken,)

    def __init__(self, services: Services) -> None:
        self._services = services

    def requestAvatarId(self, credentials: ISessionToken) -> AvatarId:
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: ISessionToken) -> bytes | tuple[()]:
        name = person_name(credentials.name)
        account = await self._services.tokens.check(name, credentials.token)
        return account.name.encode()


@implementer(ICredentialsChecker)
class NewKeyAccountChecker:
    """Registers a name that is not in use with a key."""

    credentialInterfaces = (INewKeyAccount,)

    def __init__(self, services: Services) -> None:
        self._services = services

    def requestAvatarId(self, credentials: INewKeyAccount) -> AvatarId:
        return Deferred.fromCoroutine(self._register(credentials))

    async def _register(self, credentials: INewKeyAccount) -> bytes | tuple[()]:
        account = await self._services.keys.register_new(
            person_name(credentials.name),
            credentials.key,
            credentials.network,
            credentials.replace,
        )
        return account.name.encode()


@implementer(ICredentialsChecker)
class ConnectionLoginChecker:
    """Checks that the proof of a connection is still valid."""

    credentialInterfaces = (IConnectionLogin,)

    def __init__(self, services: Services) -> None:
        self._services = services

    def requestAvatarId(self, credentials: ConnectionLogin) -> AvatarId:
        self._services.memory.admit(credentials.name)
        account = self._services.accounts.get(credentials.name)
        if account is not credentials.account or not credentials.counts:
            raise Refused(Code.BAD_TOKEN, "That login has ended: connect again.")
        return succeed(account.name.encode())


@implementer(IRealm)
class ChatRealm:
    """Returns a session for each login."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def requestAvatar(
        self,
        avatarId: bytes | tuple[()],  # noqa: N803 - twisted.cred's name
        mind: object,
        *interfaces: type[Interface],
    ) -> tuple[type[Interface], object, Callable[[], None]]:
        if not isinstance(avatarId, bytes):
            raise NotImplementedError("no login is anonymous")
        account = self._services.accounts.find(Name(avatarId.decode()))
        if IOwner in interfaces:
            return IOwner, account, lambda: None
        if ISession not in interfaces:
            raise NotImplementedError("the only avatars are a session and an account")
        session = Session(self._services, account, cast(IPeer, mind))
        return ISession, session, session.close


class LoginPortal(Portal):
    """A portal that logs wrong passwords and tokens, from every door.

    With several *nodes*, it first reads the changes of other nodes to the account from the store.
    """

    def __init__(
        self, realm: IRealm, checkers: Sequence[ICredentialsChecker], nodes: Nodes | None
    ) -> None:
        super().__init__(realm, checkers)
        self._nodes = nodes

    def login(self, credentials: ICredentials, mind: object, *interfaces: type[Interface]) -> Any:
        refreshed: Deferred[Any] = succeed(None)
        if self._nodes is not None:
            refreshed = Deferred.fromCoroutine(self._refresh(self._nodes, credentials))
        check = super().login
        logging_in = refreshed.addCallback(lambda _: check(credentials, mind, *interfaces))
        return logging_in.addErrback(self._failed, credentials, mind)

    async def _refresh(self, nodes: Nodes, credentials: Any) -> None:
        await nodes.refresh_for_login(fold(person_name(credentials.name)))

    def _failed(self, failure: Failure, credentials: Any, peer: Any) -> Failure:
        why = _WHY_FAILED.get(getattr(failure.value, "code", None))
        if why is not None:
            event_log.login_failed(person_name(credentials.name), peer.address, why)
        return failure


_WHY_FAILED: dict[Code | None, str] = {
    Code.WRONG_PASSWORD: "wrong password",
    Code.BAD_TOKEN: "wrong token",
}


def login_portal(services: Services) -> Portal:
    """Return the portal of all doors."""
    checkers = [
        PasswordChecker(services),
        TokenChecker(services),
        GuestChecker(services),
        NewAccountChecker(services),
        NewKeyAccountChecker(services),
        ConnectionLoginChecker(services),
    ]
    return LoginPortal(ChatRealm(services), checkers, services.chat.nodes)

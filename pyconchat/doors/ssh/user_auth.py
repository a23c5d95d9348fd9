"""UserAuth: the user authentication of SSH (RFC 4252, RFC 4256): who is there.

The user name is the account. The owner of a registered one proves it with a listed key or the
password; with a new name anybody is let in as a stranger, and the terminal asks.
"""

from __future__ import annotations

import struct
from typing import Any, cast

from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.service import SSHService
from twisted.conch.ssh.transport import (
    DISCONNECT_NO_MORE_AUTH_METHODS_AVAILABLE,
    DISCONNECT_SERVICE_NOT_AVAILABLE,
)
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import Code, NotSaved, Refused
from pyconchat.domain.names import Name, fold, person_name
from pyconchat.domain.public_keys import BadKey, PublicKey, key_of_blob
from pyconchat.domain.refusals import TOO_MANY_WRONG_PASSWORDS, not_saved
from pyconchat.doors.context import DoorContext
from pyconchat.doors.ssh.quiet import NOBODY
from pyconchat.doors.ssh.signatures import may_sign, signed_by
from pyconchat.doors.ssh.visitor import Visitor
from pyconchat.sessions.portal import ConnectionLogin, IOwner, Password

__all__ = ["UserAuth"]

MAX_WRONG_PASSWORDS = 3
"""Maximum wrong passwords on one connection; then it is closed."""

MAX_BAD_SIGNATURES = 2
"""Maximum bad signatures on one connection; then it is closed."""

MAX_PROBES = 20
"""Maximum keys that are not the account's; an agent with ten keys must work."""

MAX_REQUESTS = 60
"""Maximum requests on one connection: the probes of keys, passwords, and the methods asked for."""

_REQUEST, _FAILURE, _SUCCESS, _BANNER = 50, 51, 52, 53
_INFO_REQUEST, _INFO_RESPONSE = 60, 61
_PK_OK = 60


class UserAuth(SSHService):
    """The user authentication of one connection."""

    name = b"ssh-userauth"
    transport: Any = None
    _log = NOBODY
    _own_log = Logger(namespace="pyconchat")

    def __init__(self, context: DoorContext) -> None:
        self._context = context
        self._services = context.services
        self._requests = 0
        self._wrong_passwords = 0
        self._bad_signatures = 0
        self._probes = 0
        self._offered: PublicKey | None = None  # the last that was signed with, or the first
        self._user_bytes = b""
        self._asked = ""  # the last name, folded
        self._user = ""
        self._prompting = False  # the answer to a question is awaited
        self._checking = False  # a password

    def serviceStarted(self) -> None:
        motd = self._services.config.motd
        if motd:
            self._banner(motd)

    def serviceStopped(self) -> None:
        """Ignored: a password that is being checked has no effect any more."""

    def packetReceived(self, messageNum: int, packet: bytes) -> None:  # noqa: N803
        if self._checking:
            raise ValueError("a request before the last one was answered")
        if messageNum == _REQUEST:
            self._prompting = False
            self._request(packet)
        elif messageNum == _INFO_RESPONSE and self._prompting:
            self._prompting = False
            self._answered(packet)
        else:
            raise ValueError("not a packet of the user authentication")

    # Requests.

    def _request(self, packet: bytes) -> None:
        user, service, method, rest = getNS(packet, 3)
        self._requests += 1
        if self._requests > MAX_REQUESTS:
            self._give_up("There were too many attempts to log in.")
            return
        if service != b"ssh-connection":
            self.transport.sendDisconnect(DISCONNECT_SERVICE_NOT_AVAILABLE, b"no such service")
            return
        self._user, self._user_bytes = user.decode(errors="replace"), user
        try:
            account = self._account()
        except Refused as refused:
            self._refuse(refused)
            return
        if method not in self._methods(account):
            self._fail()
        elif method == b"publickey":
            self._public_key(account, service, rest)
        elif method == b"password":
            if rest[:1] == b"\0":
                self._check_password(account, getNS(rest[1:])[0])
            else:
                self._fail()  # a change of the password
        elif method == b"keyboard-interactive":
            self._prompting = True
            prompts = b"" if account is None else NS(b"Password: ") + b"\0"
            count = struct.pack(">L", 0 if account is None else 1)
            self._send(_INFO_REQUEST, NS(b"") + NS(b"") + NS(b"") + count + prompts)

    def _account(self) -> Account | None:
        """Return the registered account of the user name; None for a stranger. Raises `Refused`."""
        try:
            name = person_name(self._user)
        except Refused:
            return None  # the terminal asks for another
        if self._asked and fold(name) != self._asked:
            self._services.throttle.ask_name(self.transport.network)
        self._asked = fold(name)
        self._services.memory.admit(name)
        account = self._services.accounts.get(name)
        return account if account is not None and account.registered else None

    def _methods(self, account: Account | None) -> list[bytes]:
        if account is None:
            return [b"publickey", b"keyboard-interactive"]
        if account.password_hash:
            return [b"publickey", b"password", b"keyboard-interactive"]
        return [b"publickey"]

    def _answered(self, packet: bytes) -> None:
        """The answer to the question of keyboard-interactive."""
        (count,) = struct.unpack(">L", packet[:4])
        account = self._account()
        if account is None:
            self._succeed(Visitor(self._user, key=self._offered))
        elif count != 1:
            self._fail()
        else:
            self._check_password(account, getNS(packet[4:])[0])

    # Keys.

    def _public_key(self, account: Account | None, service: bytes, rest: bytes) -> None:
        signed = rest[:1] == b"\1"
        algorithm, blob, signature = getNS(rest[1:], 2)
        try:
            key = key_of_blob(blob)
        except BadKey:
            self._fail()
            return
        name = algorithm.decode("ascii", "replace")
        if not may_sign(key, name):
            self._fail()
            return
        if self._offered is None or signed:
            self._offered = key
        if account is not None and account.key_of(key.blob) is None:
            self._probe_failed()
        elif not signed:
            self._send(_PK_OK, NS(algorithm) + NS(blob))
        elif not self._is_signed(key, name, service, blob, signature):
            self._bad_signatures += 1
            if self._bad_signatures == MAX_BAD_SIGNATURES:
                self._give_up("There were too many bad signatures.")
            else:
                self._fail()
        elif account is None:
            self._succeed(Visitor(self._user, key=key, proven=True))
        else:
            login = ConnectionLogin(account, key.blob)
            self._services.keys.used(account, key.blob)
            self._succeed(Visitor(account.name, account, login, key, proven=True))

    def _is_signed(
        self, key: PublicKey, name: str, service: bytes, blob: bytes, signature: bytes
    ) -> bool:
        data = (
            NS(self.transport.sessionID)
            + bytes((_REQUEST,))
            + NS(self._user_bytes)
            + NS(service)
            + NS(b"publickey")
            + b"\1"
            + NS(name.encode())
            + NS(blob)
        )
        try:
            return signed_by(key, name, getNS(signature)[0], data)
        except Exception:  # whatever the parsers of Conch and cryptography raise
            return False

    def _probe_failed(self) -> None:
        self._probes += 1
        if self._probes == MAX_PROBES:
            self._give_up("There were too many keys that are not listed.")
        else:
            self._fail()

    # Passwords.

    def _check_password(self, account: Account | None, password: bytes) -> None:
        assert account is not None, "a stranger has no password"
        try:
            text = password.decode()
        except UnicodeDecodeError:
            self._fail()
            return
        self._checking = True
        Deferred.fromCoroutine(self._verify(account.name, text)).addErrback(self._failed)

    async def _verify(self, name: Name, password: str) -> None:
        credentials = Password(name, password, self.transport.network)
        try:
            _, account, _ = await self._context.portal.login(credentials, self.transport, IOwner)
        except (Refused, NotSaved) as error:
            self._checking = False
            refused = error if isinstance(error, Refused) else not_saved()
            self._refuse(refused)
            return
        self._checking = False
        account = cast(Account, account)
        login = ConnectionLogin(account)
        self._succeed(Visitor(account.name, account, login, self._offered))

    def _failed(self, failure: Failure) -> None:
        if self.transport is not None and not self.transport.ending:
            self._own_log.failure("a login failed", failure)
            self.transport.abort()

    # Answers.

    def _refuse(self, refused: Refused) -> None:
        """Say why the login was refused, and close the connection after too many passwords."""
        if self.transport is None or self.transport.ending:
            return
        if refused.code is Code.WRONG_PASSWORD:
            self._wrong_passwords += 1
            if self._wrong_passwords == MAX_WRONG_PASSWORDS:
                self._give_up(TOO_MANY_WRONG_PASSWORDS)
                return
        elif refused.code is Code.BANNED:
            self._context.refused.log("banned", self.transport.address, self._context.now())
            self._give_up(refused.sentence)
            return
        else:
            self._banner(refused.sentence)
        self._fail()

    def _give_up(self, sentence: str) -> None:
        self._banner(sentence)
        self.transport.sendDisconnect(DISCONNECT_NO_MORE_AUTH_METHODS_AVAILABLE, sentence.encode())

    def _banner(self, text: str) -> None:
        lines = "".join(f"{line}\r\n" for line in text.splitlines())
        self._send(_BANNER, NS(lines.encode()) + NS(b""))

    def _fail(self) -> None:
        try:
            methods = self._methods(self._account())
        except Refused:
            methods = []
        self._send(_FAILURE, NS(b",".join(methods)) + b"\0")

    def _succeed(self, visitor: Visitor) -> None:
        if self.transport is None or self.transport.ending:
            return
        self._send(_SUCCESS, b"")
        self.transport.logged_in(visitor)

    def _send(self, kind: int, payload: bytes) -> None:
        self.transport.sendPacket(kind, payload)

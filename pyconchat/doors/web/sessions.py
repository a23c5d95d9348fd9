"""WebSessions: the session of a browser is the session token of JSON mode, in a cookie.

No script ever has the token: the cookie is HttpOnly, and the door puts it into the page's hello.
"""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple, cast

import msgspec
from twisted.cred.credentials import ICredentials
from twisted.internet.defer import Deferred
from zope.interface import implementer

from pyconchat.chat.interfaces import IPeer, ISession, ServerAddress
from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import Code, MustAsk, Refused
from pyconchat.domain.names import Name, person_name
from pyconchat.domain.password_rules import check_password
from pyconchat.doors.connection_limits import CountedConnection
from pyconchat.doors.context import DoorContext
from pyconchat.doors.web.exchange import (
    Client,
    HttpError,
    Request,
    Response,
    json_response,
    status_of,
)
from pyconchat.doors.web.host import Hosts
from pyconchat.render.json import JsonRenderer, refusal_object
from pyconchat.sessions.portal import NewAccount, Password

__all__ = ["COOKIE", "MAX_LOGIN_BODY", "WebSessions"]

COOKIE = "__Host-pyconchat"
"""The cookie's name: with this prefix browsers take it only from this host, and by TLS or on
loopback (RFC 6265bis, 4.1.3.2)."""

MAX_LOGIN_BODY = 16 * 1024
"""Maximum bytes of the body of ``POST /session``."""

MAX_TICKETS = 1000
"""Maximum tickets for new cookies; the oldest are forgotten first."""

TICKET_SECONDS = 60.0
"""Seconds in which a ticket can be traded for a cookie."""


class _Login(msgspec.Struct, forbid_unknown_fields=False):
    """The body of ``POST /session``."""

    name: str = ""
    password: str = ""
    register: bool = False
    ticket: str = ""


class _Traded(NamedTuple):
    """What a ticket is traded for."""

    name: Name
    token: str
    ends: float


class WebSessions:
    """The browsers' sessions at one server."""

    def __init__(self, context: DoorContext, hosts: Hosts) -> None:
        self._context = context
        self._services = context.services
        self._hosts = hosts
        self._tickets: dict[str, _Traded] = {}

    def ticket_for(self, name: Name, token: str) -> str:
        """Return a ticket that the page of *name* trades for a cookie with *token*."""
        if len(self._tickets) >= MAX_TICKETS:
            del self._tickets[next(iter(self._tickets))]
        ticket = secrets.token_urlsafe(16)
        self._tickets[ticket] = _Traded(name, token, self._context.now() + TICKET_SECONDS)
        return ticket

    async def show(self, request: Request, _body: bytes) -> Response:
        """Return whose session the cookie is."""
        self._hosts.is_own_page(request)
        token, name = request.cookie(COOKIE), None
        if token:
            try:
                account = await self._services.tokens.account_of(token)
            except Refused:
                return json_response(200, {"name": None}, Set_Cookie=_cookie("", 0))
            name = account.name
        return json_response(200, {"name": name})

    async def begin(self, request: Request, body: bytes) -> Response:
        """Log in or register, and set the cookie. Raises `HttpError` or `NotSaved`."""
        self._hosts.is_own_page(request)
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise HttpError(415, "Send application/json.")  # what a form cannot send
        try:
            login = msgspec.json.decode(body, type=_Login)
        except (msgspec.DecodeError, UnicodeError):
            raise HttpError(400, "That is not a login.") from None
        try:
            if login.ticket:
                name, token = self._trade(login.ticket)
            else:
                name, token = await self._log_in(request.client, login)
        except Refused as refused:
            return json_response(status_of(refused), refusal_object(refused))
        return json_response(200, {"name": name}, Set_Cookie=_cookie(token))

    async def end(self, request: Request, _body: bytes) -> Response:
        """End the session of the cookie. Raises `HttpError` or `NotSaved`."""
        if not self._hosts.is_own_page(request):
            raise HttpError(403, "Only the page ends a session here.")
        token = request.cookie(COOKIE)
        if token:
            await self._services.tokens.end_one(token)
        return Response(204, b"", {"Set-Cookie": _cookie("", 0)})

    def _trade(self, ticket: str) -> tuple[Name, str]:
        found = self._tickets.pop(ticket, None)
        if found is None or found.ends < self._context.now():
            raise Refused(Code.BAD_TOKEN, "That ticket is invalid or has expired: log in again.")
        return found.name, found.token

    async def _log_in(self, client: Client, login: _Login) -> tuple[Name, str]:
        """Return the account's name and a new token. Raises `Refused` or `NotSaved`."""
        context = self._context
        counted = context.connection_limits.connection(client.network, client.address)
        try:
            counted.admit(context.now())
            account = await self._checked(client, login, counted)
            token = await self._services.tokens.issue(account)
            counted.logged_in()
            return account.name, token
        finally:
            counted.closed(context.now())

    async def _checked(self, client: Client, login: _Login, counted: CountedConnection) -> Account:
        """Return the account of *login*. Raises `Refused`."""
        counted.crowd_out = lambda: None  # the answer comes soon; the connection is the browser's
        name = person_name(login.name)
        self._services.memory.admit(name)
        await self._services.registration.refresh(name)
        account = self._services.accounts.get(name)
        credentials: ICredentials
        if account is not None and account.registered:
            credentials = Password(name, login.password, client.network)
        elif login.register:
            password = check_password(login.password)
            credentials = NewAccount(name, password, client.network)
        else:
            self._services.throttle.ask_name(client.network)
            self._services.memory.require_free(name)
            raise Refused(Code.NEW_NAME, "There is no account {name} yet.", name=name)
        peer = _Browser(client)
        _, avatar, log_out = await self._context.portal.login(credentials, peer, ISession)
        found: Account = cast(ISession, avatar).account
        log_out()  # the WebSocket logs in with the token
        return found


def _cookie(token: str, age: int = 30 * 24 * 3600) -> str:
    """Return the header that sets the cookie to *token* for *age* seconds."""
    return f"{COOKIE}={token}; Path=/; Max-Age={age}; HttpOnly; Secure; SameSite=Strict"


@implementer(IPeer)
class _Browser:
    """The peer of a login without a session: nothing is ever sent to it."""

    renderer = JsonRenderer()
    hides = True
    program = True
    names_places = True
    echoes = True
    translates = False
    unattended = False
    server_address = ServerAddress("", 0)

    def __init__(self, client: Client) -> None:
        self.network = client.network
        self.address = client.address

    def write(self, block: bytes) -> None:
        """Ignored: nothing is delivered before the session starts."""

    def direct_send(self, leave: Any) -> None:
        return None

    def write_rest(self, block: bytes, sent: int) -> None:
        """Ignored, as `write`."""

    def ask(self, prompt: str, secret: bool = False) -> Deferred[str]:
        raise MustAsk(prompt, secret)

    def when_writable(self) -> None:
        return None

    def acknowledged(self) -> bool:
        return False

    def wake(self) -> None:
        """Ignored, as `write`."""

    def discard_input(self) -> None:
        """There is no input."""

    def refresh_prompt(self) -> None:
        """There is no prompt."""

    def close(self, last: bytes = b"") -> None:
        """Ignored: the request is answered in any case."""

    def end_when_idle(self, last: bytes) -> None:
        """Ignored, as `close`."""

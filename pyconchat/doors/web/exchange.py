"""One HTTP exchange: the request as the site sees it, and the response that it returns."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias

import msgspec
from twisted.internet.defer import Deferred

from pyconchat.domain.errors import Code, Refused
from pyconchat.net.connection import IConnection

__all__ = [
    "Client",
    "Handler",
    "Http",
    "HttpError",
    "Receive",
    "Request",
    "Response",
    "WebSocketHandler",
    "json_response",
    "status_of",
]

_STATUS = {
    Code.WRONG_PASSWORD: 403,
    Code.BAD_TOKEN: 403,
    Code.BANNED: 403,
    Code.NEW_NAME: 404,
    Code.NO_SUCH_FILE: 404,
    Code.TAKEN: 409,
    Code.TOO_LONG: 413,
    Code.TOO_MANY: 429,
    Code.TROUBLE: 500,
    Code.BUSY: 503,
    Code.NOT_SAVED: 503,
    Code.UNKNOWN: 503,
    Code.DISK_FULL: 507,
    Code.QUOTA: 507,
}


class Client(NamedTuple):
    """Who has sent a request: *network* (see `network_of`), *address* for the log.

    *secure* is true if the client has used TLS, up to us or up to a trusted proxy; *exposed* if the
    request came to us over a network without TLS, and not by way of a trusted proxy.
    """

    network: str
    address: str
    secure: bool
    exposed: bool


@dataclass(frozen=True)
class Request:
    """The head of a request. The names of *headers* are in lower case; *size* is of the body.

    *size* is in bytes, None if it is not known before.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    client: Client
    size: int | None = 0

    def cookie(self, name: str) -> str:
        """Return the cookie *name*, empty if there is none (RFC 6265, 4.2)."""
        for pair in self.headers.get("cookie", "").split(";"):
            key, _, value = pair.strip().partition("=")
            if key == name:
                return value
        return ""


@dataclass(frozen=True)
class Response:
    """An answer: *status* (RFC 9110, 15), *body* in bytes, and its own *headers*."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    type: str = "text/plain; charset=utf-8"


class HttpError(Exception):
    """A request is refused with *status* and a line that says why."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.response = Response(status, f"{sentence}\n".encode(), names)


Receive: TypeAlias = "Callable[[Request, bytes], Coroutine[Deferred[Any], Any, Response]]"


class Handler(NamedTuple):
    """Answers a request once its body of at most *max_body* bytes has come."""

    receive: Receive
    max_body: int = 0


class WebSocketHandler(NamedTuple):
    """Answers a request by opening a WebSocket, for a page or, without an Origin, a program."""

    is_page: bool
    token: str
    """The session token of the cookie; empty if there is none."""


class Http(Protocol):
    """What a transfer uses of the connection that it has."""

    @property
    def connection(self) -> IConnection:
        """Return the transport."""

    def respond(self, response: Response, last: bool = False) -> None:
        """Send *response*; if it is the *last* one, close the connection."""


def json_response(status: int, fields: Mapping[str, object], **headers: str) -> Response:
    """Return *fields* as a JSON object."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, msgspec.json.encode(fields), names, "application/json")


def status_of(refused: Refused) -> int:
    """Return the status of the answer to a request that was *refused*."""
    return _STATUS.get(refused.code, 400)

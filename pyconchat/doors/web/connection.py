"""HttpConnection: one connection of a browser or another HTTP client (RFC 9112).

One request after another is read, handed to the site, and answered; what comes meanwhile waits in
the kernel. A WebSocket takes over the connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import h11
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, INegotiated, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.domain.decisions import MoveCursor
from pyconchat.domain.errors import Refused
from pyconchat.doors.connection_limits import TooManyConnections
from pyconchat.doors.input_budget import (
    BYTE_COST,
    CONNECTION_COST,
    REQUEST_COST,
    SECURE_CONNECTION_COST,
    UPGRADE_COST,
    InputBudget,
)
from pyconchat.doors.interfaces import IDoor
from pyconchat.doors.web.exchange import (
    Client,
    Handler,
    HttpError,
    Request,
    Response,
    WebSocketHandler,
)
from pyconchat.doors.web.head import request_of
from pyconchat.doors.web.reader import Body, RequestReader
from pyconchat.doors.web.responses import response_head, response_to
from pyconchat.doors.web.site import WebSite
from pyconchat.doors.web.transfers import Transfer
from pyconchat.doors.web.upgrade import open_socket
from pyconchat.net.connection import IConnection, Lifecycle, keep_alive, set_read_size

__all__ = ["HttpConnection"]

REQUEST_RATE = 33 * REQUEST_COST
"""Seconds of work a second for the requests of one connection."""

READ_SIZE = 16 * 1024
"""Maximum bytes that are read in a turn, but for uploads."""

MAX_REQUESTS = 100
"""Maximum requests on one connection."""

MAX_HEAD_SECONDS = 10.0
"""Maximum seconds from the first byte of a request to the end of its body, if it is a short one."""

MAX_IDLE = 15.0
"""Maximum seconds before the next request."""

MAX_STALL = 30.0
"""Maximum seconds in which a client reads nothing of a response."""

MAX_LINGER = 2.0
"""Maximum seconds in which a last response may arrive while the client is still sending."""


@implementer(IDoor, IPushProducer)
class HttpConnection(Protocol):
    """One connection to *site*, from *peer* (an address)."""

    login_seconds = 0.0
    opened_by_input = False
    rests_until = 0.0

    def __init__(self, site: WebSite, peer: Any, network: str) -> None:
        self.network = network
        self._site = site
        self._context = site.context
        self._counted = site.context.connection_limits.connection(network)
        self._budget = InputBudget(site.context.input_turns, self._turn_has_come, REQUEST_RATE)
        self._peer = peer
        self._life = Lifecycle.OPEN
        self._door: IDoor | None = None  # the WebSocket's
        self._reader = RequestReader()
        self._request: Request | None = None
        self._handler: Handler | Transfer | WebSocketHandler | None = None
        self._body = Body(0)
        self._rest = b""  # what came after the last request
        self._requests = 0
        self._answered = False  # the rest of the request is discarded
        self._full = False  # the client does not read the response
        self._since = 0.0  # when the present state began, in seconds of the reactor's clock
        self._timer: IDelayedCall | None = None

    @property
    def connection(self) -> IConnection:
        """Return the transport."""
        return cast(IConnection, self.transport)

    @property
    def unsent(self) -> int:
        """Return the bytes that the peer's kernel has not taken."""
        return 0 if self._door is None else self._door.unsent

    # What the transport calls.

    def connectionMade(self) -> None:
        limits = self._context.limits
        keep_alive(self.connection, limits.ping_seconds, limits.silence_seconds)
        set_read_size(self.connection, READ_SIZE)
        self._since = self._context.now()
        self._context.open_doors.add(self)
        self.connection.registerProducer(self, True)
        secure = INegotiated.providedBy(self.connection)
        if self._budget.pay_in_turn(SECURE_CONNECTION_COST if secure else CONNECTION_COST):
            self.connection.pauseProducing()

    def dataReceived(self, data: bytes) -> None:
        if self._door is not None:
            self._door.dataReceived(data)
            return
        data, self._rest = self._rest + data, b""
        if self._life is not Lifecycle.OPEN or not data:
            return
        if self._answered:
            self._budget.pay(BYTE_COST * len(data), True)
            self.connection.pauseProducing()  # until it may discard more
            return
        try:
            self._take(data)
        except HttpError as refused:
            self.respond(refused.response, last=True)
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint or 400
            self.respond(Response(status, b"The request is not valid.\n"), last=True)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._life = Lifecycle.GONE
        self._budget.close()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._door is not None:
            # Break the reference cycle here: the cyclic GC runs rarely.
            door, self._door = self._door, None
            door.connectionLost(reason)
        else:
            self._context.open_doors.remove(self)
            self._counted.closed(self._context.now())
        if isinstance(self._handler, Transfer):
            self._handler.cut()
        self._handler = None
        self._site.limits.closed(self.network)

    def readConnectionLost(self) -> None:
        """The client has ended its input; whatever was asked is answered."""
        if self._door is not None:
            self._door.readConnectionLost()
        elif self._request is None or (self._reader.has_head and not self._reader.has_body):
            self.connection.loseConnection()

    def writeConnectionLost(self) -> None:
        """Ignored: the server never closes only its own direction."""

    def pauseProducing(self) -> None:
        """The client does not read as fast as it asks: no further request is taken."""
        self._full, self._since = True, self._context.now()

    def resumeProducing(self) -> None:
        """The client has read everything."""
        self._full, self._since = False, self._context.now()
        if self._request is None and self._door is None and self._life is Lifecycle.OPEN:
            self._go_on()

    def _turn_has_come(self) -> None:
        if self._answered and self._life is Lifecycle.OPEN:
            self.connection.resumeProducing()
        elif self._request is None and self._door is None and self._life is Lifecycle.OPEN:
            self._since = self._context.now()
            self._go_on()

    def _go_on(self) -> None:
        """Take the next request, whose beginning may have come already, if there is room for it."""
        if self._full or self._budget.waiting:
            return
        self.connection.resumeProducing()
        self.dataReceived(b"")

    def stopProducing(self) -> None:
        """The connection is lost."""

    # What `OpenDoors` calls.

    def check(self, now: float) -> list[MoveCursor]:
        """Close a connection that has nothing to say, or is too slow in it."""
        waited = now - self._since
        if self._life is not Lifecycle.OPEN or isinstance(self._handler, Transfer):
            return []
        if self._full:
            if waited >= MAX_STALL:
                self.connection.abortConnection()
        elif self._reader.has_begun:
            if waited >= MAX_HEAD_SECONDS and not self._reader.has_body:
                self.respond(Response(408, b"The request took too long.\n"), last=True)
        elif waited >= MAX_IDLE:
            self.connection.loseConnection()
        return []

    def shut_down(self) -> None:
        self.connection.abortConnection()

    def turn_away(self, refused: Refused) -> None:
        self.connection.abortConnection()

    def release(self, last: bytes = b"") -> None:
        raise AssertionError("only a WebSocket takes the connection over, and by itself")

    # Requests.

    def _take(self, data: bytes) -> None:
        """Read the next part of a request. Raises `HttpError` or `h11.RemoteProtocolError`."""
        if not self._reader.has_begun:
            self._since = self._context.now()
        for event in self._reader.read(data):
            match event:
                case h11.Request():
                    self._begin(event)
                case h11.Data():
                    body = self._handler if isinstance(self._handler, Transfer) else self._body
                    body.received(bytes(event.data))
                case h11.EndOfMessage():
                    self._complete()
            if self._life is not Lifecycle.OPEN or self._answered:
                return

    def _begin(self, event: h11.Request) -> None:
        request = self._request = request_of(event, self._client_of)
        self._site.limits.note_request(request.client.network, self._context.now())
        self._handler = self._site.handler(request)
        if isinstance(self._handler, Transfer):
            self._handler.begin(self)
        else:
            most = self._handler.max_body if isinstance(self._handler, Handler) else 0
            self._body = Body(most, request.size or 0)
        if go_on := self._reader.go_on():
            self.connection.write(go_on)

    def _client_of(self, headers: Mapping[str, str]) -> Client:
        return self._site.hosts.client(
            self._peer, headers, tls=INegotiated.providedBy(self.connection)
        )

    def _complete(self) -> None:
        handler, request = self._handler, self._request
        assert request is not None, "a body follows its head"
        if isinstance(handler, Transfer):
            handler.input_ended()
        elif isinstance(handler, WebSocketHandler):
            self._open_socket(request, handler)
        elif handler is not None:
            self.connection.pauseProducing()  # what follows waits
            answering = Deferred.fromCoroutine(handler.receive(request, self._body.data))
            answering.addCallbacks(self.respond, self._failed)

    def _failed(self, failure: Failure) -> None:
        response = response_to(failure)
        if response is not None:
            self.respond(response)

    # Responses.

    def respond(self, response: Response, last: bool = False) -> None:
        """Send *response*; if it is the *last* one, close the connection."""
        if self._life is not Lifecycle.OPEN or self._answered:
            return
        self._requests += 1
        sent_all = self._reader.has_all
        last = last or not sent_all or self._requests >= MAX_REQUESTS or self._wants_close()
        head = response_head(self._request, response, len(response.body), close=last)
        self.connection.write(head)
        if response.body and not (self._request is not None and self._request.method == "HEAD"):
            self.connection.write(response.body)
        self._site.log.answered(self._request, response.status)
        self._budget.pay(REQUEST_COST, True)
        if last:
            self.end(sent_all)
        else:
            self._next()

    def end(self, everything_came: bool) -> None:
        """Close the connection, once the client has the response.

        While it is still sending, a full close would make the kernel discard the response.
        """
        self._answered = True
        self._since = self._context.now()
        if everything_came:
            self._life = Lifecycle.CLOSING
            self.connection.loseConnection()
        else:
            self.connection.resumeProducing()  # what comes is discarded
        self._timer = self._context.reactor.callLater(MAX_LINGER, self.connection.abortConnection)

    def _next(self) -> None:
        """Wait for the next request."""
        self._rest = self._reader.next()
        self._request, self._handler = None, None
        self._since = self._context.now()
        self.connection.pauseProducing()  # until it is the turn of this connection

    def _wants_close(self) -> bool:
        return self._request is None or "close" in self._request.headers.get("connection", "")

    # The WebSocket.

    def _open_socket(self, request: Request, handler: WebSocketHandler) -> None:
        try:
            head, door = open_socket(self._site, request, handler)
        except TooManyConnections as refused:
            raise HttpError(503, refused.sentence, Retry_After="60") from None
        rest = self._reader.rest
        self.connection.unregisterProducer()
        self.connection.write(head)
        self._door = door
        self._counted.closed(self._context.now())  # the door counts it
        self._context.open_doors.replace(self, door)
        self._budget.pay(UPGRADE_COST, False)
        door.makeConnection(self.connection)
        self._site.log.answered(request, 101)
        # Free what only HTTP uses: a WebSocket may be open for weeks.
        self._request, self._handler = None, None
        del self._reader, self._body
        if rest:
            door.dataReceived(rest)

"""HttpConnection: one connection of a browser or another HTTP client (RFC 9112).

One request after another is read, handed to the site, and answered; later input waits in
the kernel. A WebSocket takes over the connection.
"""

from __future__ import annotations

from typing import Any, cast

import h11
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, INegotiated, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.domain.decisions import MoveCursor
from pyconchat.domain.errors import Refused
from pyconchat.doors.input_budget import (
    BYTE_COST,
    CONNECTION_COST,
    REQUEST_COST,
    SECURE_CONNECTION_COST,
    UPGRADE_COST,
    InputBudget,
)
from pyconchat.doors.interfaces import IDoor
from pyconchat.doors.web.deadlines import MAX_LINGER, Deadlines, Late
from pyconchat.doors.web.exchange import Handler, HttpError, Request, Response, WebSocketHandler
from pyconchat.doors.web.incoming import Incoming
from pyconchat.doors.web.responses import response_head, response_to
from pyconchat.doors.web.site import WebSite
from pyconchat.doors.web.upgrade import open_socket
from pyconchat.net.connection import IConnection, Lifecycle, keep_alive, set_read_size
from pyconchat.net.teardown import take_all

__all__ = ["HttpConnection"]

REQUEST_RATE = 33 * REQUEST_COST
"""Seconds of work a second for the requests of one connection."""

READ_SIZE = 16 * 1024
"""Maximum bytes that are read in a turn, but for uploads."""

MAX_REQUESTS = 100
"""Maximum requests on one connection."""


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
        self._deadlines = Deadlines()
        self._rest = b""  # input after the last request
        self._requests = 0
        self._begun = False  # the first request was paid for
        self._answered = False  # the rest of the request is discarded
        self._timer: IDelayedCall | None = None
        self._upgrade: tuple[Request, WebSocketHandler] | None = None  # waits for its turn

    @property
    def connection(self) -> IConnection:
        """Return the transport."""
        return cast(IConnection, self.transport)

    @property
    def unsent(self) -> int:
        """Return the bytes that the peer's kernel has not taken."""
        return 0 if self._door is None else self._door.unsent

    # Called by the transport.

    def connectionMade(self) -> None:
        limits = self._context.limits
        keep_alive(self.connection, limits.ping_seconds, limits.silence_seconds)
        set_read_size(self.connection, READ_SIZE)
        self._deadlines.restart(self._context.now())
        self._context.open_doors.add(self)
        self.connection.registerProducer(self, True)
        secure = INegotiated.providedBy(self.connection)
        self._incoming = Incoming(self._site, self._peer, secure)
        if self._budget.pay_in_turn(SECURE_CONNECTION_COST if secure else CONNECTION_COST):
            self.connection.pauseProducing()

    def dataReceived(self, data: bytes) -> None:
        if self._door is not None:
            self._door.dataReceived(data)
            return
        data, self._rest = self._rest + data, b""
        if self._life is not Lifecycle.OPEN or not data:
            return
        if not self._begun:
            self._begun = True
            if self._budget.pay_in_turn(REQUEST_COST):
                self._rest = data
                self.connection.pauseProducing()
                return
        if self._answered:
            self._budget.pay(BYTE_COST * len(data), True)
            self.connection.pauseProducing()  # until it may discard more
            return
        try:
            self._take(data)
        except HttpError as refused:
            self._refuse(refused.response)
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint or 400
            self._refuse(Response(status, b"The request is not valid.\n"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._life = Lifecycle.GONE
        self._upgrade = None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        door, self._door = self._door, None  # a reference cycle: the cyclic GC runs rarely
        take_all(
            self._budget.close,
            self._end_requests if door is None else lambda: door.connectionLost(reason),
            lambda: self._site.limits.closed(self.network),
        )

    def _end_requests(self) -> None:
        transfer, self._incoming.handler = self._incoming.transfer, None  # a cycle, of a transfer
        take_all(
            lambda: self._context.open_doors.remove(self),
            lambda: self._counted.closed(self._context.now()),
            *([] if transfer is None else [transfer.cut]),
        )

    def readConnectionLost(self) -> None:
        """The client has ended its input; whatever was asked is answered."""
        if self._door is not None:
            self._door.readConnectionLost()
            return
        reader = self._incoming.reader
        if self._incoming.request is None or (reader.has_head and not reader.has_body):
            self.connection.loseConnection()

    def writeConnectionLost(self) -> None:
        """Ignored: the server never closes only its own direction."""

    def pauseProducing(self) -> None:
        """The client does not read as fast as it asks: no further request is taken."""
        self._deadlines.fill(True, self._context.now())

    def resumeProducing(self) -> None:
        """The client has read everything."""
        self._deadlines.fill(False, self._context.now())
        if self._awaits_request():
            self._go_on()

    def _turn_has_come(self) -> None:
        if self._upgrade is not None:
            self.connection.resumeProducing()
            try:
                self._open_socket(*self._upgrade)
            except HttpError as refused:
                self.respond(refused.response, last=True)
        elif self._answered and self._life is Lifecycle.OPEN:
            self.connection.resumeProducing()
        elif self._awaits_request():
            self._deadlines.restart(self._context.now())
            self._go_on()

    def _awaits_request(self) -> bool:
        if self._door is not None or self._life is not Lifecycle.OPEN:
            return False
        return self._incoming.request is None

    def _go_on(self) -> None:
        """Take the next request, whose beginning may have come already, if there is room for it."""
        if self._deadlines.full or self._budget.waiting:
            return
        self.connection.resumeProducing()
        self.dataReceived(b"")

    def stopProducing(self) -> None:
        """The connection is lost."""

    # Called by `OpenDoors`.

    def check(self, now: float) -> list[MoveCursor]:
        """Close a connection that has nothing to say, or is too slow in it."""
        if self._life is not Lifecycle.OPEN or self._incoming.transfer is not None:
            return []
        match self._deadlines.passed(now, self._incoming.reader):
            case Late.RECEIVE:
                self.connection.abortConnection()
            case Late.SEND:
                self.respond(Response(408, b"The request took too long.\n"), last=True)
            case Late.ASK:
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
        now = self._context.now()
        if not self._incoming.reader.has_begun:
            self._deadlines.restart(now)
        for event in self._incoming.read(data, now):
            match event:
                case h11.Request():
                    self._begin()
                case h11.EndOfMessage():
                    self._complete()
            if self._life is not Lifecycle.OPEN or self._answered:
                return

    def _begin(self) -> None:
        if self._incoming.transfer is not None:
            self._incoming.transfer.begin(self)
        if go_on := self._incoming.reader.go_on():
            self.connection.write(go_on)

    def _complete(self) -> None:
        incoming = self._incoming
        assert incoming.request is not None, "a body follows its head"
        if incoming.transfer is not None:
            incoming.transfer.input_ended()
        elif isinstance(incoming.handler, WebSocketHandler):
            if self._budget.pay_in_turn(UPGRADE_COST):
                self._upgrade = incoming.request, incoming.handler
                self.connection.pauseProducing()
            else:
                self._open_socket(incoming.request, incoming.handler)
        elif isinstance(incoming.handler, Handler):
            self.connection.pauseProducing()  # what follows waits
            answering = Deferred.fromCoroutine(
                incoming.handler.receive(incoming.request, incoming.body)
            )
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
        incoming = self._incoming
        if incoming.transfer is not None:
            set_read_size(self.connection, READ_SIZE)
        request, sent_all = incoming.request, incoming.reader.has_all
        last |= not sent_all or self._requests >= MAX_REQUESTS or incoming.ends_the_connection
        head = response_head(request, response, len(response.body), close=last)
        self.connection.write(head)
        if response.body and not (request is not None and request.method == "HEAD"):
            self.connection.write(response.body)
        self._site.log.answered(request, response.status)
        self._budget.pay(REQUEST_COST, True)
        if last:
            self.end(sent_all)
        else:
            self._next()

    def _refuse(self, response: Response) -> None:
        """Send the last *response*: the rest of the input cannot be read."""
        if self._incoming.transfer is not None:
            self._incoming.transfer.unreadable(response)
        else:
            self.respond(response, last=True)

    def end(self, everything_came: bool) -> None:
        """Close the connection, once the client has the response.

        While it is still sending, a full close would make the kernel discard the response.
        """
        self._answered = True
        self._deadlines.restart(self._context.now())
        if everything_came:
            self._life = Lifecycle.CLOSING
            self.connection.loseConnection()
        else:
            self.connection.resumeProducing()  # later input is discarded
        self._timer = self._context.reactor.callLater(MAX_LINGER, self.connection.abortConnection)

    def _next(self) -> None:
        """Wait for the next request."""
        self._rest = self._incoming.next()
        self._deadlines.restart(self._context.now())
        self.connection.pauseProducing()  # until it is the turn of this connection

    # The WebSocket.

    def _open_socket(self, request: Request, handler: WebSocketHandler) -> None:
        """Let a WebSocket take over the connection. Raises `HttpError`."""
        self._upgrade = None
        head, door = open_socket(self._site, request, handler)
        rest = self._incoming.reader.rest
        self.connection.unregisterProducer()
        self.connection.write(head)
        self._door = door
        self._counted.closed(self._context.now())  # the door counts it
        self._context.open_doors.replace(self, door)
        door.makeConnection(self.connection)
        self._site.log.answered(request, 101)
        # Free what only HTTP uses: a WebSocket may be open for weeks.
        del self._incoming, self._deadlines
        if rest:
            door.dataReceived(rest)

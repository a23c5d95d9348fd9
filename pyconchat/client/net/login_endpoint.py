"""LoginEndpoint: connects, and logs in before the connection is used."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import cast

from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.client.interfaces import GaveUp
from pyconchat.client.net.json_protocol import JsonProtocol
from pyconchat.domain.text import safe_line
from pyconchat.net.connection import IConnection

__all__ = ["LoginEndpoint", "problem_of"]


@implementer(IStreamClientEndpoint)
class LoginEndpoint:
    """Connects through *endpoint*; *log_in* logs in over the new connection.

    *failed* is called with a failure, *gave_up* with the reason of a final one.

    A `ClientService` could log in by its ``prepareConnection``, but does not notice a connection
    that is lost then.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: IStreamClientEndpoint,
        log_in: Callable[[JsonProtocol], Awaitable[None]],
        failed: Callable[[Exception], None],
        gave_up: Callable[[str], None],
    ) -> None:
        self._reactor = reactor
        self._endpoint = endpoint
        self._log_in = log_in
        self._failed = failed
        self._gave_up = gave_up

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:  # noqa: N803
        return Deferred.fromCoroutine(self._report(protocolFactory))

    async def _report(self, factory: IProtocolFactory) -> IProtocol:
        try:
            return await self._connect(factory)
        except GaveUp as gave_up:
            self._gave_up(str(gave_up))
            raise
        except Exception as problem:
            self._failed(problem)
            raise

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        json_factory = Factory.forProtocol(lambda: JsonProtocol(self._reactor))
        json = await self._endpoint.connect(json_factory)
        assert isinstance(json, JsonProtocol)
        try:
            await self._log_in(json)
        except BaseException:
            json.abort()
            raise
        # The service gets a protocol of its own factory, to which the end is reported as well.
        transport = cast(IConnection, json.transport)
        protocol = factory.buildProtocol(transport.getPeer())
        assert protocol is not None
        protocol.makeConnection(transport)
        report_lost = json.lost

        def lost(reason: Failure) -> None:
            report_lost(reason)
            protocol.connectionLost(reason)

        json.lost = lost
        return protocol


def problem_of(failure: Exception) -> str:
    """Return the reason of a failure to connect, in one line without a full stop."""
    if isinstance(failure, error.DNSLookupError):
        return "the host name does not resolve"
    if isinstance(failure, error.ConnectionRefusedError):
        return "nothing listens there: the server is stopped, or has another port"
    if isinstance(failure, error.TimeoutError | error.TCPTimedOutError):
        return "the server does not answer"
    if isinstance(failure, error.ConnectError) and failure.osError:
        return os.strerror(failure.osError)
    text = str(failure) or type(failure).__name__
    return safe_line(text.splitlines()[0]).rstrip(".")

"""TLS doors whose certificate can be renewed while they listen.

Twisted's endpoints read key and certificate once. `TlsDoor` parses its description again at each
`renew`, and new connections get what came of it; those that are open keep what they have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IOpenSSLContextFactory,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

__all__ = ["KINDS", "TlsDoor"]

KINDS = frozenset({"ssl", "tls", "selfsigned"})
"""The kinds of endpoints that people reach by TLS."""


class TlsDoor:
    """The door that *description*, a server endpoint string, says.

    Raises what the endpoint's parser raises.
    """

    def __init__(self, reactor: Any, description: str) -> None:
        self._description = description
        self._context = _Context()
        self._reactor = _Listening(reactor, self._context)
        self._endpoint: IStreamServerEndpoint = serverFromString(self._reactor, description)

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen. Fails with what the endpoint fails with."""
        self._factory = factory
        return self._endpoint.listen(factory)

    async def renew(self) -> None:
        """Read key and certificate again. Raises what is wrong with them: then nothing changes."""
        await serverFromString(self._reactor, self._description).listen(self._factory)


@implementer(IOpenSSLContextFactory)
class _Context:
    """A context factory, in Twisted's words, in the place of one that changes."""

    def __init__(self) -> None:
        self._get: Callable[[], Any] | None = None

    def use(self, factory: Any) -> None:
        """Use *factory* from now on, if it is of use. Raises what it raises otherwise."""
        factory.getContext()  # checks that the key is the certificate's, and keeps what it made
        self._get = factory.getContext

    def getContext(self) -> Any:
        assert self._get is not None, "nothing listens before there is a certificate"
        return self._get()


class _TlsFactory(TLSMemoryBIOFactory):
    """Wraps what another factory builds; what that does not want to build is not wrapped."""

    def buildProtocol(self, addr: IAddress | None) -> TLSMemoryBIOProtocol | None:  # type: ignore[override]
        inner = self.wrappedFactory.buildProtocol(addr)
        return None if inner is None else TLSMemoryBIOProtocol(self, inner)


class _Listening:
    """A reactor that listens once by TLS, and then only changes the certificate."""

    def __init__(self, reactor: Any, context: _Context) -> None:
        self._reactor = reactor
        self._context = context
        self._port: Any = None

    def listenSSL(
        self,
        port: int,
        factory: IProtocolFactory,
        contextFactory: object,  # noqa: N803 - IReactorSSL's name
        backlog: int = 50,
        interface: str = "",
    ) -> Any:
        self._context.use(contextFactory)
        if self._port is None:
            wrapped = _TlsFactory(self._context, False, factory)
            self._port = self._reactor.listenTCP(port, wrapped, backlog, interface)
        return self._port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

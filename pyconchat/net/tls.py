"""A TLS server endpoint whose certificate can be reloaded while it listens.

Twisted's endpoints read the key and the certificate once. `ReloadableTlsEndpoint` parses its
description again at each reload. New connections use the new certificate, open connections keep
theirs.
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

from pyconchat.net.fingerprint import fingerprint

__all__ = ["TLS_KINDS", "ReloadableTlsEndpoint"]

TLS_KINDS = frozenset({"ssl", "tls", "selfsigned"})
"""The endpoint types, first words of endpoint strings, that use TLS."""

MAX_PIECE = 16_384
"""Maximum bytes that OpenSSL gets at once: as many as it sends at once, a record of TLS."""


@implementer(IStreamServerEndpoint)
class ReloadableTlsEndpoint:
    """The TLS endpoint of *description*, a server endpoint string.

    *before_tls* wraps the factory that reads the bytes before they are decrypted. The constructor
    raises the exceptions of the endpoint's parser.
    """

    def __init__(
        self,
        reactor: Any,
        description: str,
        before_tls: Callable[[IProtocolFactory], IProtocolFactory] = lambda factory: factory,
    ) -> None:
        self._description = description
        self._context = _ReplaceableContextFactory()
        self._reactor = _ListenOnceReactor(reactor, self._context, before_tls)
        self._endpoint: IStreamServerEndpoint = serverFromString(self._reactor, description)

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen. Fails as the endpoint does."""
        self._factory = factory
        return self._endpoint.listen(factory)

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the certificate in use, once this endpoint listens."""
        from cryptography.hazmat.primitives.serialization import Encoding
        from OpenSSL.SSL import Connection

        certificate = Connection(self._context.getContext()).get_certificate(as_cryptography=True)
        assert certificate is not None, "nothing listens before there is a certificate"
        return fingerprint(certificate.public_bytes(Encoding.DER))

    async def reload_certificate(self) -> None:
        """Read the key and the certificate again.

        Raises the exceptions of the parser and of OpenSSL; the old certificate then stays in use.
        """
        # The reactor does not listen a second time: it only replaces the context factory.
        await serverFromString(self._reactor, self._description).listen(self._factory)


@implementer(IOpenSSLContextFactory)
class _ReplaceableContextFactory:
    """A context factory that delegates to another one, which can be replaced."""

    def __init__(self) -> None:
        self._get: Callable[[], Any] | None = None

    def replace(self, factory: Any) -> None:
        """Use *factory* from now on. Raises its exceptions if it cannot create a context."""
        factory.getContext()  # checks that key and certificate match, and caches the context
        self._get = factory.getContext

    def getContext(self) -> Any:
        assert self._get is not None, "nothing listens before there is a certificate"
        return self._get()


class _TlsProtocol(TLSMemoryBIOProtocol):
    """TLS that passes its input to OpenSSL in pieces.

    OpenSSL's buffer of encrypted input grows to the largest piece, and keeps that size as long as
    the connection is open: 64 KiB in one piece would cost an idle session 77 KiB from then on.
    """

    def dataReceived(self, data: bytes) -> None:
        for first in range(0, len(data), MAX_PIECE):
            if self._lostTLSConnection or self._aborted:
                return
            super().dataReceived(data[first : first + MAX_PIECE])


class _TlsFactory(TLSMemoryBIOFactory):
    """A TLS factory whose wrapped factory may refuse a connection by building no protocol."""

    def buildProtocol(self, addr: IAddress | None) -> TLSMemoryBIOProtocol | None:  # type: ignore[override]
        inner = self.wrappedFactory.buildProtocol(addr)
        return None if inner is None else _TlsProtocol(self, inner)


class _ListenOnceReactor:
    """A reactor whose first `listenSSL` listens; each further one only replaces the certificate."""

    def __init__(
        self,
        reactor: Any,
        context: _ReplaceableContextFactory,
        before_tls: Callable[[IProtocolFactory], IProtocolFactory],
    ) -> None:
        self._reactor = reactor
        self._before_tls = before_tls
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
        self._context.replace(contextFactory)
        if self._port is None:
            wrapped = self._before_tls(_TlsFactory(self._context, False, factory))
            self._port = self._reactor.listenTCP(port, wrapped, backlog, interface)
        return self._port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

"""VerifiedTLSEndpoint: TLS to a server whose certificate this system trusts, or that is pinned.

A certificate of this system's authorities is trusted, as in a browser, unless another one is
pinned. For any other, the caller displays the fingerprint to a person, pins it in `KnownHosts`,
and connects again. The library for TLS is an extra, so it is imported only when the first endpoint
is created.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import NoProtocol
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer, providedBy

from pyconchat.client.net.known_hosts import (
    ChangedCertificate,
    KnownHosts,
    ReplacedCertificate,
    UnknownCertificate,
    host_and_port,
    normalized,
)
from pyconchat.net.fingerprint import fingerprint

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from OpenSSL.crypto import X509
    from OpenSSL.SSL import Connection

__all__ = ["HandshakeFailed", "VerifiedTLSEndpoint"]

MAX_HANDSHAKE = 30.0
"""Maximum seconds for the TLS handshake."""

MAX_CLOSING = 3.0
"""Maximum seconds for the server to confirm the end of a TLS connection."""


class HandshakeFailed(Exception):
    """The server does not use TLS, or refused our TLS; the message is one line.

    *final* is True if the server answered: then another attempt would fail as well.
    """

    def __init__(self, sentence: str, final: bool) -> None:
        super().__init__(sentence)
        self.final = final


@implementer(IStreamClientEndpoint)
class VerifiedTLSEndpoint:
    """TLS 1.2 or later (Twisted's default) over *plain* to the server at *host* and *port*.

    Nothing is sent, and the application's protocol is not built, before the handshake is complete
    and the certificate is trusted. Raises `ImportError` if Twisted's TLS is not installed, and
    `ValueError` for an impossible *host*.
    """

    def __init__(
        self, reactor: Any, plain: IStreamClientEndpoint, host: str, port: int, known: KnownHosts
    ) -> None:
        from twisted.internet.ssl import optionsForClientTLS

        self.reactor = reactor
        self.host = normalized(host)
        self.port = port
        self.known = known
        self._plain = plain
        self.options = optionsForClientTLS(self.host)

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect. Cancelling ends a handshake that hangs.

        Fails as *plain* does, or with `HandshakeFailed`, `UnknownCertificate`,
        `ChangedCertificate`, `ReplacedCertificate`, Twisted's `TimeoutError`, or the `OSError` of
        an unreadable file of known hosts; then the connection is closed.
        """
        from twisted.internet.endpoints import wrapClientTLS

        verifying = _VerifyingFactory(self, factory)
        connected = wrapClientTLS(verifying, self._plain, self.reactor).connect(verifying)
        return connected.addCallback(
            lambda connection: cast(_VerifiedConnection, connection).verified.addTimeout(
                MAX_HANDSHAKE, self.reactor
            )
        )

    def check(self, certificate: Certificate, chain_problem: str | None) -> None:
        """Return if the server with *certificate* is trusted; raise if it is not."""
        from cryptography.hazmat.primitives.serialization import Encoding

        why = chain_problem or _name_problem(certificate, self.host)
        found = fingerprint(certificate.public_bytes(Encoding.DER))
        known = self.known.get(self.host, self.port)
        if known == found or (known is None and why is None):
            return
        if known is None:
            raise UnknownCertificate(self.host, self.port, found, str(why))
        if why is None:  # a certificate of an authority alone must not replace it
            raise ReplacedCertificate(self.host, self.port, known, found)
        raise ChangedCertificate(self.host, self.port, known, found, self.known.path)


@implementer(IProtocolFactory, IOpenSSLClientConnectionCreator)
class _VerifyingFactory:
    """Builds connections that are verified before *factory* builds the application's protocol."""

    def __init__(self, endpoint: VerifiedTLSEndpoint, factory: IProtocolFactory) -> None:
        self._endpoint = endpoint
        self._factory = factory

    def doStart(self) -> None:
        self._factory.doStart()

    def doStop(self) -> None:
        self._factory.doStop()

    def buildProtocol(self, addr: IAddress) -> IProtocol:
        connection = _VerifiedConnection(self._endpoint, lambda: self._factory.buildProtocol(addr))
        return cast(IProtocol, connection)

    def clientConnectionForTLS(self, tls: Any) -> Connection:
        from OpenSSL.SSL import VERIFY_PEER

        connection: Connection = self._endpoint.options.clientConnectionForTLS(tls)
        # Twisted's own verification would end the handshake with a server that may be pinned.
        connection.set_verify(VERIFY_PEER, tls.wrappedProtocol.certificate_seen)
        return connection


@implementer(IHandshakeListener)
class _VerifiedConnection(ProtocolWrapper):
    """The application's transport, once the certificate is verified.

    *verified* fires with the application's protocol.
    """

    wrappedProtocol: Any
    transport: Any

    def __init__(
        self, endpoint: VerifiedTLSEndpoint, build: Callable[[], IProtocol | None]
    ) -> None:
        self.wrappedProtocol = None
        self.verified: Deferred[IProtocol] = Deferred(lambda _: self.transport.abortConnection())
        self._endpoint = endpoint
        self._build = build
        # OpenSSL's first error for the chain, 0 if it found none; None: it saw no certificate.
        self._error: int | None = None
        self._closing_timeout: IDelayedCall | None = None

    def makeConnection(self, transport: ITransport) -> None:
        directlyProvides(self, providedBy(transport))
        self.transport = transport
        self.connected = 1

    def certificate_seen(
        self, _: Connection, certificate: X509, error: int, depth: int, ok: int
    ) -> bool:
        """Record OpenSSL's *error* for one certificate of the chain; return whether to continue."""
        self._error = self._error or (0 if ok else error)
        # The certificates of a later renegotiation would not be verified.
        return not self.verified.called

    def handshakeCompleted(self) -> None:
        try:
            certificate = self.transport.getHandle().get_peer_certificate(as_cryptography=True)
            self._endpoint.check(certificate, _chain_problem(self._error))
            application = self._build()
            if application is None:
                raise NoProtocol
        except Exception as problem:  # after any exception, nothing may be sent
            self.verified.errback(problem)
            self.transport.abortConnection()
        else:
            self.wrappedProtocol = application
            application.makeConnection(cast(ITransport, self))
            self.verified.callback(application)

    def loseConnection(self) -> None:
        # TLS would wait without a limit for the server's confirmation.
        if self.connected and self._closing_timeout is None:
            abort = self.transport.abortConnection
            self._closing_timeout = self._endpoint.reactor.callLater(MAX_CLOSING, abort)
        self.disconnecting = 1
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connected = 0
        if self._closing_timeout is not None and self._closing_timeout.active():
            self._closing_timeout.cancel()
        if self.wrappedProtocol is not None:
            self.wrappedProtocol.connectionLost(reason)
        elif not self.verified.called:
            server = host_and_port(self._endpoint.host, self._endpoint.port)
            why, final = _handshake_problem(reason)
            sentence = f"No TLS connection with {server}: {why}"
            self.verified.errback(HandshakeFailed(sentence, final))


def _chain_problem(error: int | None) -> str | None:
    """Return OpenSSL's *error* for a chain of certificates as a phrase; None for no error."""
    from OpenSSL.SSL import X509VerificationCodes as Codes

    if error == Codes.OK:
        return None
    unknown_issuer = "this system does not trust its issuer"
    phrases = {
        None: "it was not verified",
        Codes.ERR_CERT_HAS_EXPIRED: "it has expired",
        Codes.ERR_CERT_NOT_YET_VALID: "it is not valid yet",
        Codes.ERR_DEPTH_ZERO_SELF_SIGNED_CERT: "it is self-signed",
        Codes.ERR_INVALID_PURPOSE: "it is not meant for a server",
        Codes.ERR_SELF_SIGNED_CERT_IN_CHAIN: unknown_issuer,
        Codes.ERR_UNABLE_TO_GET_ISSUER_CERT: unknown_issuer,
        Codes.ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknown_issuer,
        Codes.ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknown_issuer,
    }
    return phrases.get(error, f"this system does not trust it (OpenSSL's error {error})")


def _name_problem(certificate: Certificate, host: str) -> str | None:
    """Return a phrase if *certificate* is not for *host* (RFC 9525); None if it is."""
    from service_identity import CertificateError, VerificationError
    from service_identity.cryptography import (
        verify_certificate_hostname,
        verify_certificate_ip_address,
    )

    is_ip = isIPAddress(host) or isIPv6Address(host)
    verify = verify_certificate_ip_address if is_ip else verify_certificate_hostname
    try:
        verify(certificate, host)
    except (VerificationError, CertificateError, ValueError):
        return "it is for another host"
    return None


def _handshake_problem(reason: Failure) -> tuple[str, bool]:
    """Return why a handshake failed, and whether OpenSSL gave the reason: then it is final."""
    from OpenSSL.SSL import Error

    match reason.value:
        case Error(args=[[*_, (_library, _function, why)]]):
            return f"{why}. The port may be without TLS", True
        case problem:
            return str(problem), False

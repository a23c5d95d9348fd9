"""Trust: whether a TLS server is the one that a person means.

A certificate that this system's authorities vouch for is trusted, as in a browser. Any other is
known by its fingerprint or not at all, as a host of ssh: whoever uses `TrustEndpoint` shows an
unknown one to a person, pins it with `KnownHosts`, and connects again. The library for TLS is
imported when the first endpoint is made: it is an extra.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
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

from pyconchat.disk import temporary_file
from pyconchat.net.fingerprint import fingerprint

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from OpenSSL.crypto import X509
    from OpenSSL.SSL import Connection

__all__ = [
    "ChangedCertificate",
    "HandshakeFailed",
    "KnownHosts",
    "TrustEndpoint",
    "UnknownCertificate",
]

HANDSHAKE = 30.0
"""Seconds that a server has for the TLS handshake."""

CLOSING = 3.0
"""Seconds that a server has to agree to the end of a connection."""

FINGERPRINT = r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){31}"
ENTRY = re.compile(rf"[ \t]*([^#\s]\S*)[ \t]+SHA256[ \t]+({FINGERPRINT})[ \t\r]*")


class HandshakeFailed(Exception):
    """The server does not speak TLS, or not with us; the message is one line."""


class UnknownCertificate(Exception):
    """Neither this system nor *known hosts* vouches for the server: a person has to say.

    *why* is a phrase that says why the system does not.
    """

    def __init__(self, host: str, port: int, fingerprint: str, why: str) -> None:
        self.host = host
        self.port = port
        self.fingerprint = fingerprint
        self.why = why
        super().__init__(
            f"The certificate of {_address(host, port)} is not known, and {why}."
            f" Its fingerprint: SHA256 {fingerprint}"
        )


class ChangedCertificate(Exception):
    """The server has another certificate than the one that *path* has pinned for it."""

    def __init__(self, host: str, port: int, known: str, fingerprint: str, path: Path) -> None:
        self.host = host
        self.port = port
        self.known = known
        self.fingerprint = fingerprint
        self.path = path
        address = _address(host, port)
        super().__init__(
            f"The certificate of {address} has changed, from SHA256 {known} to SHA256"
            f" {fingerprint}: somebody may be reading along, or the server was set up anew.\n"
            f"If whoever runs the server confirms the change, remove the line of {address}"
            f" from {path} and connect again."
        )


class KnownHosts:
    """The file of servers whose certificates a person has accepted.

    A line is ``HOST:PORT SHA256 FINGERPRINT``; all that does not look like that is a comment,
    and is kept. Of several lines for one server the first counts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, host: str, port: int) -> str | None:
        """Return the fingerprint that is pinned for the server, if one is. Raises `OSError`."""
        address = _address(host, port)
        found = (_fingerprint_of(address, line) for line in self._lines())
        return next(filter(None, found), None)

    def pin(self, host: str, port: int, fingerprint: str) -> None:
        """Know the server by *fingerprint* from now on, and by no other.

        The file is replaced as a whole, so that a crash leaves the old one or the new one.
        Raises `OSError`, and `ValueError` for what would not be found again.
        """
        address = _address(host, port)
        line = f"{address} SHA256 {fingerprint.upper()}"
        if ENTRY.fullmatch(line) is None:
            raise ValueError(f"not a host and a fingerprint: {line!r}")
        lines = [each for each in self._lines() if _fingerprint_of(address, each) is None]
        self._write("".join(f"{each}\n" for each in (*lines, line)))

    def _lines(self) -> list[str]:
        try:
            # Not str.splitlines: it also splits in the middle of what is a line for an editor.
            lines = self.path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
        except FileNotFoundError:
            return []
        return lines if lines[-1] else lines[:-1]

    def _write(self, text: str) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with temporary_file(self.path, text.encode("utf-8", "surrogateescape")) as new:
            os.replace(new, self.path)


def _fingerprint_of(address: str, line: str) -> str | None:
    """Return the fingerprint that *line* pins for *address*, if it is an entry for that."""
    entry = ENTRY.fullmatch(line)
    return entry[2].upper() if entry is not None and entry[1].lower() == address else None


def _spelling(host: str) -> str:
    """Return the one spelling of *host*: a name in lower case, an IP address at its shortest."""
    if isIPv6Address(host):
        return str(ip_address(host))
    return host.lower().removesuffix(".")


def _address(host: str, port: int) -> str:
    host = _spelling(host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@implementer(IStreamClientEndpoint)
class TrustEndpoint:
    """TLS, by Twisted's defaults 1.2 or later, over *plain*, to the server at *host* and *port*.

    Nothing of the application is sent, nor is its protocol even built, before the handshake is
    done and the server is trusted. Raises `ImportError` where Twisted's TLS is not installed, and
    `ValueError` for a *host* that cannot be one.
    """

    def __init__(
        self, reactor: Any, plain: IStreamClientEndpoint, host: str, port: int, known: KnownHosts
    ) -> None:
        from twisted.internet.ssl import optionsForClientTLS

        self.reactor = reactor
        self.host = _spelling(host)
        self.port = port
        self.known = known
        self._plain = plain
        self.options = optionsForClientTLS(self.host)

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect. Cancelling ends a handshake that hangs.

        Fails as *plain* does, or with `HandshakeFailed`, `UnknownCertificate`,
        `ChangedCertificate`, Twisted's `TimeoutError`, or the `OSError` of a file of known hosts
        that cannot be read; the connection is closed then.
        """
        from twisted.internet.endpoints import wrapClientTLS

        throttle = _Guard(self, factory)
        connected = wrapClientTLS(throttle, self._plain, self.reactor).connect(throttle)
        return connected.addCallback(
            lambda connection: cast(_Connection, connection).checked.addTimeout(
                HANDSHAKE, self.reactor
            )
        )

    def check(self, certificate: Certificate, chain_problem: str | None) -> None:
        """Return if the server with *certificate* is trusted; raise if it is not."""
        from cryptography.hazmat.primitives.serialization import Encoding

        why = chain_problem or _name_problem(certificate, self.host)
        if why is None:
            return
        found = fingerprint(certificate.public_bytes(Encoding.DER))
        known = self.known.get(self.host, self.port)
        if known is None:
            raise UnknownCertificate(self.host, self.port, found, why)
        if known != found:
            raise ChangedCertificate(self.host, self.port, known, found, self.known.path)


@implementer(IProtocolFactory, IOpenSSLClientConnectionCreator)
class _Guard:
    """Stands before the application's *factory*: what is built is a connection to be checked."""

    def __init__(self, endpoint: TrustEndpoint, factory: IProtocolFactory) -> None:
        self._endpoint = endpoint
        self._factory = factory

    def doStart(self) -> None:
        self._factory.doStart()

    def doStop(self) -> None:
        self._factory.doStop()

    def buildProtocol(self, addr: IAddress) -> IProtocol:
        connection = _Connection(self._endpoint, lambda: self._factory.buildProtocol(addr))
        return cast(IProtocol, connection)

    def clientConnectionForTLS(self, tls: Any) -> Connection:
        from OpenSSL.SSL import VERIFY_PEER

        connection: Connection = self._endpoint.options.clientConnectionForTLS(tls)
        # Twisted's own verification would end the handshake of a server that may yet be known.
        connection.set_verify(VERIFY_PEER, tls.wrappedProtocol.verified)
        return connection


@implementer(IHandshakeListener)
class _Connection(ProtocolWrapper):
    """One connection: nobody's until it is checked, then the application's transport."""

    wrappedProtocol: Any
    transport: Any

    def __init__(self, endpoint: TrustEndpoint, build: Callable[[], IProtocol | None]) -> None:
        self.wrappedProtocol = None
        self.checked: Deferred[IProtocol] = Deferred(lambda _: self.transport.abortConnection())
        self._endpoint = endpoint
        self._build = build
        self._error: int | None = None  # OpenSSL's first, 0 for none; None: it saw no certificate
        self._deadline: IDelayedCall | None = None

    def makeConnection(self, transport: ITransport) -> None:
        directlyProvides(self, providedBy(transport))
        self.transport = transport
        self.connected = 1

    def verified(self, _: Connection, certificate: X509, error: int, depth: int, ok: int) -> bool:
        """Note OpenSSL's verdict on one certificate of the chain; say whether to go on."""
        self._error = self._error or (0 if ok else error)
        # What a renegotiation may show later, nobody would check.
        return not self.checked.called

    def handshakeCompleted(self) -> None:
        try:
            certificate = self.transport.getHandle().get_peer_certificate(as_cryptography=True)
            self._endpoint.check(certificate, _chain_problem(self._error))
            application = self._build()
            if application is None:
                raise NoProtocol
        except Exception as problem:  # whatever it is, nothing may be sent
            self.checked.errback(problem)
            self.transport.abortConnection()
        else:
            self.wrappedProtocol = application
            application.makeConnection(cast(ITransport, self))
            self.checked.callback(application)

    def loseConnection(self) -> None:
        # TLS would wait for ever until the server agrees.
        if self.connected and self._deadline is None:
            abort = self.transport.abortConnection
            self._deadline = self._endpoint.reactor.callLater(CLOSING, abort)
        self.disconnecting = 1
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connected = 0
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        if self.wrappedProtocol is not None:
            self.wrappedProtocol.connectionLost(reason)
        elif not self.checked.called:
            address = _address(self._endpoint.host, self._endpoint.port)
            why = _handshake_problem(reason)
            self.checked.errback(HandshakeFailed(f"No TLS connection with {address}: {why}"))


def _chain_problem(error: int | None) -> str | None:
    """Return as a phrase what OpenSSL's *error* says of a chain of certificates."""
    from OpenSSL.SSL import X509VerificationCodes as Codes

    if error == Codes.OK:
        return None
    phrases = {
        None: "it was not verified",
        Codes.ERR_CERT_HAS_EXPIRED: "it has expired",
        Codes.ERR_CERT_NOT_YET_VALID: "it is not valid yet",
        Codes.ERR_DEPTH_ZERO_SELF_SIGNED_CERT: "nobody but the server itself has signed it",
        Codes.ERR_INVALID_PURPOSE: "it is not meant for a server",
        Codes.ERR_SELF_SIGNED_CERT_IN_CHAIN: "this system does not trust who signed it",
        Codes.ERR_UNABLE_TO_GET_ISSUER_CERT: "this system does not trust who signed it",
        Codes.ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "this system does not trust who signed it",
        Codes.ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: "this system does not trust who signed it",
    }
    return phrases.get(error, f"this system does not trust it (OpenSSL's error {error})")


def _name_problem(certificate: Certificate, host: str) -> str | None:
    """Return as a phrase that *certificate* is not for *host*, if so (RFC 9525)."""
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


def _handshake_problem(reason: Failure) -> str:
    from OpenSSL.SSL import Error

    match reason.value:
        case Error(args=[[*_, (_library, _function, why)]]):
            return str(why)
        case problem:
            return str(problem)

"""``selfsigned:PORT``: a TLS server endpoint that creates its certificate at the first start.

No authority signs this certificate: a client displays its fingerprint to the user once, and pins
it. Twisted imports this module whenever any program parses an endpoint that a plugin may define.
Expensive imports are therefore inside the functions.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
    IStreamServerEndpointStringParser,
)
from twisted.plugin import IPlugin
from zope.interface import implementer

from pyconchat.disk import create_private_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

__all__ = [
    "CERTIFICATE_FILE",
    "KEY_FILE",
    "BadCertificate",
    "SelfSignedEndpoint",
    "SelfSignedParser",
    "new_certificate",
    "new_key",
    "private_pem",
]

KEY_FILE = "tls-key.pem"
CERTIFICATE_FILE = "tls-certificate.pem"

LIFETIME = timedelta(days=3650)

MAX_CLOCK_SKEW = timedelta(days=1)
"""How far a client's clock may be behind when the certificate is new."""


class BadCertificate(Exception):
    """The stored key or certificate cannot be used; the message is one line that names the file."""


@implementer(IPlugin, IStreamServerEndpointStringParser)
class SelfSignedParser:
    """Parses ``selfsigned:PORT``, optionally with ``interface=``, ``backlog=`` and ``folder=``.

    The default folder of the key and the certificate is the default state folder. Raises
    `ImportError` if Twisted's TLS is not installed.
    """

    prefix = "selfsigned"

    def parseStreamServer(self, reactor: Any, *args: Any, **kwargs: Any) -> IStreamServerEndpoint:
        return _parse(reactor, *args, **kwargs)


def _parse(
    reactor: Any, port: str, interface: str = "", folder: str = "", backlog: str = "50"
) -> IStreamServerEndpoint:
    # Imported here so that the parser, not `listen`, fails when TLS is not installed.
    import twisted.internet.ssl  # noqa: F401

    from pyconchat.config import default_state

    path = Path(folder or default_state())
    return SelfSignedEndpoint(reactor, int(port), int(backlog), interface, path)


@implementer(IStreamServerEndpoint)
class SelfSignedEndpoint:
    """TLS over TCP, with the key and the certificate in *folder*.

    Versions and ciphers are Twisted's defaults: TLS 1.2 or later. A new certificate is valid from
    the time that *now* returns.
    """

    def __init__(
        self,
        reactor: Any,
        port: int,
        backlog: int,
        interface: str,
        folder: Path,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._now = now
        self._reactor = reactor
        self._port = port
        self._backlog = backlog
        self._interface = interface
        self._folder = folder

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen. Also fails with `BadCertificate`."""
        return Deferred.fromCoroutine(self._listen(factory))

    async def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        from twisted.internet.ssl import CertificateOptions

        key, certificate = _load_or_create(self._folder, self._now)
        options = CertificateOptions(
            # Twisted's annotations still require the types that pyOpenSSL has deprecated.
            privateKey=key,  # type: ignore[arg-type]
            certificate=certificate,  # type: ignore[arg-type]
        )
        port: IListeningPort = self._reactor.listenSSL(
            self._port, factory, options, self._backlog, self._interface
        )
        return port


def _load_or_create(
    folder: Path, now: Callable[[], datetime]
) -> tuple[EllipticCurvePrivateKey, Certificate]:
    """Return the key and the certificate of *folder*; create those that are missing.

    The key is created first. A crash between the two leaves a key without a certificate, and the
    next call creates a certificate for that key. Raises `BadCertificate`.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    key_file, certificate_file = folder / KEY_FILE, folder / CERTIFICATE_FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not key_file.exists():
            if certificate_file.exists():
                raise BadCertificate(
                    f"{key_file} is missing: restore it, or also remove {certificate_file}"
                    " to create new ones"
                )
            create_private_file(key_file, private_pem(new_key()))
        key = _read_key(key_file)
        if not certificate_file.exists():
            certificate = new_certificate(key, _host_name(), now())
            create_private_file(certificate_file, certificate.public_bytes(Encoding.PEM))
        certificate = _read_certificate(certificate_file)
    except OSError as problem:
        raise BadCertificate(f"{problem.filename or folder}: {problem.strerror}") from None
    if certificate.public_key() != key.public_key():
        raise BadCertificate(
            f"{certificate_file} does not belong to {key_file}: restore the right one,"
            " or remove both to create new ones"
        )
    return key, certificate


def _read_key(path: Path) -> EllipticCurvePrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a password
        raise BadCertificate(f"{path} is not a PEM private key without a password") from None
    if not isinstance(key, EllipticCurvePrivateKey):
        raise BadCertificate(f"{path} is not an elliptic curve key")
    return key


def _read_certificate(path: Path) -> Certificate:
    from cryptography.x509 import load_pem_x509_certificate

    try:
        return load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        raise BadCertificate(f"{path} is not a PEM certificate") from None


def _host_name() -> str:
    """Return the name of this machine, or ``localhost`` if a certificate cannot contain it."""
    name = socket.gethostname()
    # A common name has at most 64 characters (RFC 5280, appendix A.1).
    return name if re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) else "localhost"


def new_key() -> EllipticCurvePrivateKey:
    """Return a new private key, on the curve P-256."""
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def private_pem(key: EllipticCurvePrivateKey) -> bytes:
    """Return *key* in PEM, without a password."""
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def new_certificate(key: EllipticCurvePrivateKey, host: str, now: datetime) -> Certificate:
    """Return a self-signed certificate of *key* for *host* and all loopback names.

    It is valid for `LIFETIME` from *now* on.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    alternatives: list[x509.GeneralName] = [
        *(x509.DNSName(each) for each in dict.fromkeys((host, "localhost"))),
        *(x509.IPAddress(each) for each in (IPv4Address("127.0.0.1"), IPv6Address("::1"))),
    ]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - MAX_CLOCK_SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )

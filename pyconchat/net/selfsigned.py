"""``selfsigned:PORT``: a server endpoint with TLS whose certificate is made at the first start.

Nobody vouches for such a certificate: clients show its fingerprint to a person once, and know it
from then on. Twisted imports this module to parse any endpoint of a plugin, also in programs that
want none of this; hence the costly imports are inside of the functions.
"""

from __future__ import annotations

import os
import re
import socket
import tempfile
from contextlib import suppress
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
from twisted.logger import Logger
from twisted.plugin import IPlugin
from zope.interface import implementer

from pyconchat.net.fingerprint import fingerprint

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

__all__ = ["BadCertificate", "SelfSignedEndpoint", "SelfSignedParser"]

KEY = "tls-key.pem"
CERTIFICATE = "tls-certificate.pem"

VALID = timedelta(days=3650)
SLOW_CLOCK = timedelta(days=1)
"""How far a client's clock may be behind when the certificate is new."""


class BadCertificate(Exception):
    """The kept key or certificate cannot be used; the message is one line that names the file."""


@implementer(IPlugin, IStreamServerEndpointStringParser)
class SelfSignedParser:
    """Parses ``selfsigned:PORT``, with ``interface=``, ``backlog=`` and ``folder=`` if wanted.

    Without a folder the certificate is kept in the default state folder. Raises `ImportError`
    where Twisted's TLS is not installed.
    """

    prefix = "selfsigned"

    def parseStreamServer(self, reactor: Any, *args: Any, **kwargs: Any) -> IStreamServerEndpoint:
        return _parse(reactor, *args, **kwargs)


def _parse(
    reactor: Any, port: str, interface: str = "", folder: str = "", backlog: str = "50"
) -> IStreamServerEndpoint:
    # Imported already now: where it is missing, the description is what cannot be used.
    import twisted.internet.ssl  # noqa: F401

    from pyconchat.config import default_state

    kept = Path(folder or default_state())
    return SelfSignedEndpoint(reactor, int(port), int(backlog), interface, kept)


@implementer(IStreamServerEndpoint)
class SelfSignedEndpoint:
    """TLS over TCP, with the key and the certificate that *folder* keeps.

    Versions and ciphers are Twisted's defaults: TLS 1.2 or later.
    """

    _log = Logger(namespace="pyconchat")

    def __init__(self, reactor: Any, port: int, backlog: int, interface: str, folder: Path) -> None:
        self._reactor = reactor
        self._port = port
        self._backlog = backlog
        self._interface = interface
        self._folder = folder

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen, and log the fingerprint. Fails with `BadCertificate` too."""
        return Deferred.fromCoroutine(self._listen(factory))

    async def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        from cryptography.hazmat.primitives.serialization import Encoding
        from twisted.internet.ssl import CertificateOptions

        key, certificate = _kept_in(self._folder)
        options = CertificateOptions(
            # Twisted's annotations still ask for what pyOpenSSL has deprecated.
            privateKey=key,  # type: ignore[arg-type]
            certificate=certificate,  # type: ignore[arg-type]
        )
        port: IListeningPort = self._reactor.listenSSL(
            self._port, factory, options, self._backlog, self._interface
        )
        self._log.info(
            "certificate of {address}: SHA256 {fingerprint}",
            address=_spelled(port.getHost()),
            fingerprint=fingerprint(certificate.public_bytes(Encoding.DER)),
        )
        return port


def _spelled(address: Any) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


def _kept_in(folder: Path) -> tuple[EllipticCurvePrivateKey, Certificate]:
    """Return the key and the certificate of *folder*; make what is not there yet.

    The key comes first: after a crash between the two there is a key without a certificate, and
    one is made for it. Raises `BadCertificate`.
    """
    key_file, certificate_file = folder / KEY, folder / CERTIFICATE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not key_file.exists():
            if certificate_file.exists():
                raise BadCertificate(
                    f"{key_file} is missing: restore it, or remove {certificate_file} too,"
                    " to have both made anew"
                )
            _keep(key_file, _new_key())
        key = _read_key(key_file)
        if not certificate_file.exists():
            _keep(certificate_file, _new_certificate(key, _host_name()))
        certificate = _read_certificate(certificate_file)
    except OSError as problem:
        raise BadCertificate(f"{problem.filename or folder}: {problem.strerror}") from None
    if certificate.public_key() != key.public_key():
        raise BadCertificate(
            f"{certificate_file} does not belong to {key_file}: restore the right one,"
            " or remove both to have them made anew"
        )
    return key, certificate


def _keep(path: Path, pem: bytes) -> None:
    """Write *pem* to *path*, whole or not at all, for the owner alone.

    What is there already stays: another server that starts at this moment may have made it.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # 0600
    try:
        if os.geteuid() == 0:  # which serves the folder's owner (twistd --uid)
            owner = path.parent.stat()
            os.chown(temporary, owner.st_uid, owner.st_gid)
        with open(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            os.link(temporary, path)  # a rename that replaces nothing
    finally:
        os.unlink(temporary)


def _read_key(path: Path) -> EllipticCurvePrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a password
        raise BadCertificate(f"{path} is not a private key in PEM without a password") from None
    if not isinstance(key, EllipticCurvePrivateKey):
        raise BadCertificate(f"{path} is not a key of an elliptic curve")
    return key


def _read_certificate(path: Path) -> Certificate:
    from cryptography.x509 import load_pem_x509_certificate

    try:
        return load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        raise BadCertificate(f"{path} is not a certificate in PEM") from None


def _new_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _host_name() -> str:
    """Return the name of this machine, if it is one that a certificate can have."""
    name = socket.gethostname()
    # 64 characters are the most for a common name (RFC 5280, appendix A.1).
    return name if re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) else "localhost"


def _new_certificate(key: EllipticCurvePrivateKey, host: str) -> bytes:
    """Return a certificate in PEM for *key*, signed with it, for *host* and this machine."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    names: list[x509.GeneralName] = [
        *(x509.DNSName(each) for each in dict.fromkeys((host, "localhost"))),
        *(x509.IPAddress(each) for each in (IPv4Address("127.0.0.1"), IPv6Address("::1"))),
    ]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SLOW_CLOCK)
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM)

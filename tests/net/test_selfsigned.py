"""``selfsigned:`` endpoints: the server creates its certificate at the first start."""

from __future__ import annotations

import os
import ssl
import stat
import subprocess
import sys
import warnings
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.protocols.wire import Echo

from pyconchat.net.fingerprint import fingerprint
from pyconchat.net.selfsigned import BadCertificate, SelfSignedEndpoint
from pyconchat.net.tls import ReloadableTlsEndpoint
from tests.support.skips import require_program


class MemoryTlsReactor(MemoryReactorClock):
    """A memory reactor whose TLS ports have addresses, like its TCP ports."""

    def listenSSL(self, port, factory, contextFactory, backlog=50, interface=""):  # noqa: N803
        super().listenSSL(port, factory, contextFactory, backlog, interface)
        return self.listenTCP(port, factory, backlog, interface)


def listen(folder: Path, more: str = "") -> MemoryTlsReactor:
    """Listen with the certificate in *folder*, and return the reactor. Raises on failure."""
    reactor = MemoryTlsReactor()
    endpoint = serverFromString(reactor, f"selfsigned:8443:folder={folder}{more}")
    failures: list[BaseException] = []
    endpoint.listen(Factory.forProtocol(Echo)).addErrback(lambda why: failures.append(why.value))
    for problem in failures:
        raise problem
    return reactor


def fails(folder: Path) -> str:
    """Check that listening fails with a message of one line, and return it."""
    with pytest.raises(BadCertificate) as caught:
        listen(folder)
    line = str(caught.value)
    assert line
    assert "\n" not in line
    return line


def certificate_in(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "tls-certificate.pem").read_bytes())


class Client:
    """A TLS client that trusts only the certificate in *folder*."""

    def __init__(self, reactor: MemoryTlsReactor, folder: Path, host: str) -> None:
        self.context = ssl.create_default_context(cafile=folder / "tls-certificate.pem")
        self.context.verify_flags |= ssl.VERIFY_X509_STRICT
        self._reactor = reactor
        self._host = host

    def exchange(self, data: bytes) -> bytes:
        """Connect, send *data*, and return the answer. Raises `ssl.SSLError`."""
        transport = StringTransport()
        _, factory, context, _, _ = self._reactor.sslServers[0]
        tls_factory = TLSMemoryBIOFactory(context, False, factory, clock=self._reactor)
        server: IProtocol = tls_factory.buildProtocol(transport.getPeer())
        server.makeConnection(transport)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context.wrap_bio(incoming, outgoing, server_hostname=self._host)
        sent = False
        while True:
            try:
                if not sent:
                    tls.do_handshake()
                    tls.write(data)
                    sent = True
                return tls.read()
            except ssl.SSLWantReadError:
                server.dataReceived(outgoing.read())
                self._reactor.advance(0)
                incoming.write(transport.value())
                transport.clear()


# The endpoint.


def test_options_of_the_endpoint(tmp_path: Path) -> None:
    """Port, interface and backlog mean the same as for ``tcp:``."""
    reactor = listen(tmp_path, ":interface=127.0.0.1:backlog=1024")
    ((port, _, _, backlog, interface),) = reactor.sslServers
    assert (port, backlog, interface) == (8443, 1024, "127.0.0.1")
    ((_, _, _, backlog, interface),) = listen(tmp_path).sslServers
    assert (backlog, interface) == (50, "")


@pytest.mark.parametrize(
    "description",
    ["selfsigned", "selfsigned:port", "selfsigned:1:colour=red", "selfsigned:1:2:3:4:5"],
)
def test_invalid_descriptions(description: str) -> None:
    """The parser refuses them."""
    with pytest.raises((TypeError, ValueError)):
        serverFromString(MemoryTlsReactor(), description)


def test_the_default_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ``folder=``, the certificate is in the default state folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    endpoint = serverFromString(MemoryTlsReactor(), "selfsigned:8443")
    assert list(tmp_path.iterdir()) == [], "parsing creates nothing"
    endpoint.listen(Factory.forProtocol(Echo))
    assert {file.name for file in (tmp_path / "pyconchat").iterdir()} == {
        "tls-certificate.pem",
        "tls-key.pem",
    }


def test_the_fingerprint_of_the_certificate_in_use(tmp_path: Path) -> None:
    """It is that of the file when it was read last."""
    endpoint = ReloadableTlsEndpoint(MemoryTlsReactor(), f"selfsigned:8443:folder={tmp_path}")
    seen = []
    for _ in range(2):
        endpoint.listen(Factory.forProtocol(Echo))
        der = certificate_in(tmp_path).public_bytes(Encoding.DER)
        assert endpoint.fingerprint == fingerprint(der)
        seen.append(endpoint.fingerprint)
        (tmp_path / "tls-certificate.pem").unlink()
    assert seen[0] != seen[1]


def test_the_fingerprint_has_the_format_of_openssl(tmp_path: Path) -> None:
    """Users compare the two by eye."""
    listen(tmp_path)
    certificate = tmp_path / "tls-certificate.pem"
    command = [require_program("openssl"), "x509", "-fingerprint", "-sha256", "-noout"]
    output = subprocess.run(
        [*command, "-in", str(certificate)], capture_output=True, text=True, check=True
    ).stdout
    der = certificate_in(tmp_path).public_bytes(Encoding.DER)
    assert output.strip().partition("=")[2] == fingerprint(der)


def test_the_fingerprint_is_a_sha256() -> None:
    """In 32 pairs of upper-case hexadecimal digits."""
    assert fingerprint(b"certificate").replace(":", "") == (
        sha256(b"certificate").hexdigest().upper()
    )
    assert [len(pair) for pair in fingerprint(b"").split(":")] == [2] * 32


# The certificate.


def test_the_contents_of_the_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A P-256 key, the names of this host, and a lifetime of ten years."""
    monkeypatch.setattr("socket.gethostname", lambda: "chat.example.org")
    listen(tmp_path)
    certificate = certificate_in(tmp_path)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "chat.example.org"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["chat.example.org", "localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [
        IPv4Address("127.0.0.1"),
        IPv6Address("::1"),
    ]
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert timedelta(days=3650) <= lifetime <= timedelta(days=3652)


def test_when_the_certificate_is_valid(tmp_path: Path) -> None:
    """From a day before it is created, for clients whose clocks are behind, for ten years."""
    now = datetime(2027, 3, 1, 23, 59, 50, tzinfo=UTC)
    endpoint = SelfSignedEndpoint(MemoryTlsReactor(), 8443, 50, "", tmp_path, now=lambda: now)
    endpoint.listen(Factory.forProtocol(Echo))
    certificate = certificate_in(tmp_path)
    assert certificate.not_valid_before_utc == now - timedelta(days=1)
    assert certificate.not_valid_after_utc == now + timedelta(days=3650)


@pytest.mark.parametrize("name", ["", "bücher", "a" * 65, "two words", "localhost"])
def test_host_names_that_are_invalid_in_certificates(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate is for ``localhost`` instead, named once."""
    monkeypatch.setattr("socket.gethostname", lambda: name)
    listen(tmp_path)
    names = certificate_in(tmp_path).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_client_that_trusts_the_certificate(host: str, tmp_path: Path) -> None:
    """Even a strict TLS client accepts the certificate, once it trusts the file."""
    assert Client(listen(tmp_path), tmp_path, host).exchange(b"hello") == b"hello"


def test_old_versions_of_tls_are_refused(tmp_path: Path) -> None:
    """The handshake fails below TLS 1.2."""
    client = Client(listen(tmp_path), tmp_path, "localhost")
    client.context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):
        client.context.minimum_version = ssl.TLSVersion.TLSv1
        client.context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        client.exchange(b"hello")


# The files.


def test_the_certificate_is_created_once(tmp_path: Path) -> None:
    """A restart uses the same one; another folder has another key and serial number."""
    listen(tmp_path / "one")
    before = {file: file.read_bytes() for file in (tmp_path / "one").iterdir()}
    listen(tmp_path / "one")
    assert {file: file.read_bytes() for file in (tmp_path / "one").iterdir()} == before
    listen(tmp_path / "two")
    one, two = certificate_in(tmp_path / "one"), certificate_in(tmp_path / "two")
    assert one.public_key() != two.public_key()
    assert one.serial_number != two.serial_number


def test_only_the_owner_can_read_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folder 0700 and files 0600 from their creation on, whatever the umask."""
    modes = []
    link = os.link

    def watched(new: str, path: Path) -> None:
        modes.append(stat.S_IMODE(os.stat(new).st_mode))
        link(new, path)

    monkeypatch.setattr(os, "link", watched)
    folder = tmp_path / "state"
    before = os.umask(0)
    try:
        listen(folder)
    finally:
        os.umask(before)
    assert modes == [0o600, 0o600]
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("step", range(4))
def test_a_crash_during_the_creation(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any step: no file is half written, and the next start succeeds."""
    steps = iter(range(4))

    def die(real: object) -> object:
        def call(*args: object) -> None:
            if next(steps) == step:
                raise OSError(28, "No space left on device")
            real(*args)  # type: ignore[operator]

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", die(os.fsync))
        patch.setattr(os, "link", die(os.link))
        assert fails(tmp_path).endswith("No space left on device")
    left = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert set(left) == ({"tls-key.pem"} if step > 1 else set())
    assert Client(listen(tmp_path), tmp_path, "localhost").exchange(b"hello") == b"hello"
    for name, data in left.items():
        assert (tmp_path / name).read_bytes() == data


def test_two_servers_that_start_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither replaces the other's new files: both use the same certificate."""
    link = os.link

    def overtaken(new: str, path: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        listen(tmp_path)
        link(new, path)

    monkeypatch.setattr(os, "link", overtaken)
    reactor = listen(tmp_path)
    assert Client(reactor, tmp_path, "localhost").exchange(b"hello") == b"hello"
    assert len(list(tmp_path.iterdir())) == 2


# Files that cannot be used: one line names the file.


def test_a_key_of_another_certificate(tmp_path: Path) -> None:
    """Nothing is replaced: the key may come from the wrong backup."""
    listen(tmp_path / "one")
    listen(tmp_path / "two")
    other = (tmp_path / "two" / "tls-key.pem").read_bytes()
    (tmp_path / "one" / "tls-key.pem").write_bytes(other)
    line = fails(tmp_path / "one")
    assert "tls-key.pem" in line
    assert "does not belong" in line
    assert (tmp_path / "one" / "tls-key.pem").read_bytes() == other


def test_a_certificate_without_its_key(tmp_path: Path) -> None:
    """No new key is created: clients would take a new certificate for an attack."""
    listen(tmp_path)
    (tmp_path / "tls-key.pem").unlink()
    line = fails(tmp_path)
    assert "tls-key.pem is missing" in line
    assert [file.name for file in tmp_path.iterdir()] == ["tls-certificate.pem"]


@pytest.mark.parametrize("name", ["tls-key.pem", "tls-certificate.pem"])
@pytest.mark.parametrize("data", [b"", b"\0\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_files_that_are_not_pem(name: str, data: bytes, tmp_path: Path) -> None:
    """The line names the file."""
    listen(tmp_path)
    (tmp_path / name).write_bytes(data)
    assert f"{tmp_path / name} is not a" in fails(tmp_path)


@pytest.mark.parametrize("name", ["tls-key.pem", "tls-certificate.pem"])
def test_files_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    """The line says why."""
    listen(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    assert fails(tmp_path) == f"{tmp_path / name}: Is a directory"


def test_unsupported_keys(tmp_path: Path) -> None:
    """A key with a password, which nobody could type at the start, and an RSA key."""
    listen(tmp_path)
    file = tmp_path / "tls-key.pem"
    ours = load_pem_private_key(file.read_bytes(), None)
    for key, protection in (
        (ours, BestAvailableEncryption(b"secret")),
        (rsa.generate_private_key(65537, 2048), NoEncryption()),
    ):
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection))
        assert str(file) in fails(tmp_path)


def test_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    """The line names the file that is in the way."""
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "state"):
        assert str(tmp_path / "file") in fails(folder)


# Imports.


def run(program: str) -> str:
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.stderr == ""
    return ended.stdout


def test_importing_the_plugin_is_cheap() -> None:
    """Twisted imports this module to parse any endpoint: it imports no large library."""
    program = (
        "import sys, pyconchat.net.selfsigned as _; print({'OpenSSL', 'msgspec'} & {*sys.modules})"
    )
    assert run(program) == "set()\n"


def test_without_pyopenssl() -> None:
    """The parser raises `ImportError`, as for ``ssl:``."""
    program = (
        "import sys; sys.modules['OpenSSL'] = None\n"
        "from twisted.internet.endpoints import serverFromString\n"
        "try: serverFromString(None, 'selfsigned:8443')\n"
        "except ImportError as problem: print('OpenSSL' in str(problem))"
    )
    assert run(program) == "True\n"

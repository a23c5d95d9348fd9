"""``selfsigned:``: a server's certificate that makes itself, once."""

from __future__ import annotations

import os
import ssl
import stat
import subprocess
import sys
import warnings
from datetime import timedelta
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
from twisted.logger import capturedLogs
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.protocols.wire import Echo

from pyconchat.net.fingerprint import fingerprint
from pyconchat.net.selfsigned import BadCertificate
from tests.support.skips import require_program


class Memory(MemoryReactorClock):
    """A reactor whose ports by TLS have the addresses that those of TCP have."""

    def listenSSL(self, port, factory, contextFactory, backlog=50, interface=""):  # noqa: N803
        super().listenSSL(port, factory, contextFactory, backlog, interface)
        return self.listenTCP(port, factory, backlog, interface)


def listen(folder: Path, more: str = "") -> Memory:
    """Listen with what *folder* keeps; return the reactor. Raises what listening fails with."""
    reactor = Memory()
    endpoint = serverFromString(reactor, f"selfsigned:8443:folder={folder}{more}")
    failures: list[BaseException] = []
    endpoint.listen(Factory.forProtocol(Echo)).addErrback(lambda why: failures.append(why.value))
    for problem in failures:
        raise problem
    return reactor


def fails(folder: Path) -> str:
    """Check that listening fails in one line, and return it."""
    with pytest.raises(BadCertificate) as caught:
        listen(folder)
    line = str(caught.value)
    assert line
    assert "\n" not in line
    return line


def certificate_in(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "tls-certificate.pem").read_bytes())


class Client:
    """Somebody who speaks TLS, and trusts only the certificate in *folder*."""

    def __init__(self, reactor: Memory, folder: Path, host: str) -> None:
        self.context = ssl.create_default_context(cafile=folder / "tls-certificate.pem")
        self.context.verify_flags |= ssl.VERIFY_X509_STRICT
        self._reactor = reactor
        self._host = host

    def says(self, words: bytes) -> bytes:
        """Connect, send *words*, and return the answer. Raises `ssl.SSLError`."""
        transport = StringTransport()
        _, factory, context, _, _ = self._reactor.sslServers[0]
        tls_factory = TLSMemoryBIOFactory(context, False, factory, clock=self._reactor)
        server: IProtocol = tls_factory.buildProtocol(transport.getPeer())
        server.makeConnection(transport)
        coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context.wrap_bio(coming, going, server_hostname=self._host)
        sent = False
        while True:
            try:
                if not sent:
                    tls.do_handshake()
                    tls.write(words)
                    sent = True
                return tls.read()
            except ssl.SSLWantReadError:
                server.dataReceived(going.read())
                self._reactor.advance(0)
                coming.write(transport.value())
                transport.clear()


# What it says, and where.


def test_it_is_an_endpoint_as_others(tmp_path: Path) -> None:
    """Port, interface and backlog are those of ``tcp:``."""
    reactor = listen(tmp_path, ":interface=127.0.0.1:backlog=1024")
    ((port, _, _, backlog, interface),) = reactor.sslServers
    assert (port, backlog, interface) == (8443, 1024, "127.0.0.1")
    ((_, _, _, backlog, interface),) = listen(tmp_path).sslServers
    assert (backlog, interface) == (50, "")


@pytest.mark.parametrize(
    "description",
    ["selfsigned", "selfsigned:port", "selfsigned:1:colour=red", "selfsigned:1:2:3:4:5"],
)
def test_descriptions_that_cannot_be_used(description: str) -> None:
    """They are refused, before anything is made."""
    with pytest.raises((TypeError, ValueError)):
        serverFromString(Memory(), description)


def test_the_default_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one, the certificate is in the state folder of somebody who named none."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    endpoint = serverFromString(Memory(), "selfsigned:8443")
    assert list(tmp_path.iterdir()) == [], "parsing makes nothing"
    endpoint.listen(Factory.forProtocol(Echo))
    assert {file.name for file in (tmp_path / "pyconchat").iterdir()} == {
        "tls-certificate.pem",
        "tls-key.pem",
    }


@pytest.mark.parametrize(("interface", "address"), [("", "0.0.0.0:8443"), (r"\:\:1", "[::1]:8443")])
def test_the_fingerprint_is_logged_once(interface: str, address: str, tmp_path: Path) -> None:
    """When it listens, with the address."""
    with capturedLogs() as logged:
        listen(tmp_path, f":interface={interface}")
    lines = [
        event["log_format"].format(**event)
        for event in logged
        if "certificate" in (event.get("log_format") or "")
    ]
    der = certificate_in(tmp_path).public_bytes(Encoding.DER)
    assert lines == [f"certificate of {address}: SHA256 {fingerprint(der)}"]


def test_a_fingerprint_is_that_of_openssl(tmp_path: Path) -> None:
    """People compare the two by eye."""
    listen(tmp_path)
    certificate = tmp_path / "tls-certificate.pem"
    command = [require_program("openssl"), "x509", "-fingerprint", "-sha256", "-noout"]
    output = subprocess.run(
        [*command, "-in", str(certificate)], capture_output=True, text=True, check=True
    ).stdout
    der = certificate_in(tmp_path).public_bytes(Encoding.DER)
    assert output.strip().partition("=")[2] == fingerprint(der)


def test_a_fingerprint() -> None:
    """SHA-256, in 32 pairs of capital digits."""
    assert fingerprint(b"certificate").replace(":", "") == (
        sha256(b"certificate").hexdigest().upper()
    )
    assert [len(pair) for pair in fingerprint(b"").split(":")] == [2] * 32


# The certificate.


def test_what_the_certificate_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P-256, for this host by all of its names, for ten years."""
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
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert timedelta(days=3650) <= life <= timedelta(days=3652)


@pytest.mark.parametrize("name", ["", "bücher", "a" * 65, "two words", "localhost"])
def test_host_names_that_no_certificate_can_have(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do not stop the server: it is ``localhost`` then, once."""
    monkeypatch.setattr("socket.gethostname", lambda: name)
    listen(tmp_path)
    names = certificate_in(tmp_path).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_client_that_has_the_certificate_is_content(host: str, tmp_path: Path) -> None:
    """Any TLS client, also one that is strict, can be given the file to trust."""
    assert Client(listen(tmp_path), tmp_path, host).says(b"hello") == b"hello"


def test_old_versions_of_tls_are_refused(tmp_path: Path) -> None:
    """Below 1.2 there is no handshake."""
    client = Client(listen(tmp_path), tmp_path, "localhost")
    client.context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):
        client.context.minimum_version = ssl.TLSVersion.TLSv1
        client.context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        client.says(b"hello")


# What is kept.


def test_it_is_made_once(tmp_path: Path) -> None:
    """A restart shows the same certificate; another folder has another, with another number."""
    listen(tmp_path / "one")
    before = {file: file.read_bytes() for file in (tmp_path / "one").iterdir()}
    listen(tmp_path / "one")
    assert {file: file.read_bytes() for file in (tmp_path / "one").iterdir()} == before
    listen(tmp_path / "two")
    one, two = certificate_in(tmp_path / "one"), certificate_in(tmp_path / "two")
    assert one.public_key() != two.public_key()
    assert one.serial_number != two.serial_number


def test_files_are_for_their_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folder 0700 and files 0600, however careless the umask, and before they have their names."""
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
def test_a_crash_while_it_is_made(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whatever step, no file is half written, and the next start has a certificate."""
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
    assert Client(listen(tmp_path), tmp_path, "localhost").says(b"hello") == b"hello"
    for name, data in left.items():
        assert (tmp_path / name).read_bytes() == data


def test_two_servers_that_start_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither replaces what the other has just made: both show one certificate."""
    link = os.link

    def overtaken(new: str, path: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        listen(tmp_path)
        link(new, path)

    monkeypatch.setattr(os, "link", overtaken)
    reactor = listen(tmp_path)
    assert Client(reactor, tmp_path, "localhost").says(b"hello") == b"hello"
    assert len(list(tmp_path.iterdir())) == 2


# What cannot be used: one line that names the file.


def test_a_key_of_another_certificate(tmp_path: Path) -> None:
    """Nothing is replaced: it may be the wrong one of two backups."""
    listen(tmp_path / "one")
    listen(tmp_path / "two")
    other = (tmp_path / "two" / "tls-key.pem").read_bytes()
    (tmp_path / "one" / "tls-key.pem").write_bytes(other)
    line = fails(tmp_path / "one")
    assert "tls-key.pem" in line
    assert "does not belong" in line
    assert (tmp_path / "one" / "tls-key.pem").read_bytes() == other


def test_a_certificate_without_its_key(tmp_path: Path) -> None:
    """A new key would need a new certificate, which clients would take for an attack."""
    listen(tmp_path)
    (tmp_path / "tls-key.pem").unlink()
    line = fails(tmp_path)
    assert "tls-key.pem is missing" in line
    assert [file.name for file in tmp_path.iterdir()] == ["tls-certificate.pem"]


@pytest.mark.parametrize("name", ["tls-key.pem", "tls-certificate.pem"])
@pytest.mark.parametrize("data", [b"", b"\0\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_files_that_are_no_pem(name: str, data: bytes, tmp_path: Path) -> None:
    """The line names the one that is none."""
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


def test_keys_that_are_not_ours(tmp_path: Path) -> None:
    """One with a password could not be read at a start; and RSA is none that we make."""
    listen(tmp_path)
    file = tmp_path / "tls-key.pem"
    ours = load_pem_private_key(file.read_bytes(), None)
    for key, protection in (
        (ours, BestAvailableEncryption(b"secret")),
        (rsa.generate_private_key(65537, 2048), NoEncryption()),
    ):
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection))
        assert str(file) in fails(tmp_path)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """The line names it."""
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "state"):
        assert str(tmp_path / "file") in fails(folder)


# Where TLS is not installed.


def run(program: str) -> str:
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.stderr == ""
    return ended.stdout


def test_parsing_other_endpoints_stays_cheap() -> None:
    """Twisted loads this module for any plugin of endpoints: it brings no library along."""
    program = (
        "import sys, pyconchat.net.selfsigned as _; print({'OpenSSL', 'msgspec'} & {*sys.modules})"
    )
    assert run(program) == "set()\n"


def test_without_the_extra() -> None:
    """The description is what cannot be used, as with ``ssl:``."""
    program = (
        "import sys; sys.modules['OpenSSL'] = None\n"
        "from twisted.internet.endpoints import serverFromString\n"
        "try: serverFromString(None, 'selfsigned:8443')\n"
        "except ImportError as problem: print('OpenSSL' in str(problem))"
    )
    assert run(program) == "True\n"

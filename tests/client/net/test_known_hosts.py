"""Trust: which servers a client talks to, and that it tells the others nothing."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import wraps
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from twisted.internet import defer, error
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    serverFromString,
    wrapServerTLS,
)
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from pyconchat.client.net import known_hosts as trust
from pyconchat.client.net.known_hosts import (
    ChangedCertificate,
    HandshakeFailed,
    KnownHosts,
    TrustEndpoint,
    UnknownCertificate,
)
from tests.support.people import PATIENCE

# Not the reactor of the process: that cannot be run again, and belongs to nobody here.
REACTOR = SelectReactor()
OWN = {*REACTOR.getReaders()}

ONE = ":".join(["1A"] * 32)
OTHER = ":".join(["2B"] * 32)


def on_the_reactor(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test on a reactor."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        ended: list[object] = []

        def begin() -> None:
            result = Deferred.fromCoroutine(test(*args, **kwargs))
            result.addTimeout(PATIENCE, REACTOR)
            result.addBoth(ended.append)
            result.addBoth(lambda _: REACTOR.crash())

        REACTOR.callLater(0, begin)
        REACTOR.run(installSignalHandlers=False)
        if isinstance(ended[0], Failure):
            ended[0].raiseException()

    return run


def open_sockets() -> set[Any]:
    """Return what the reactor still looks after, apart from its own."""
    return {*REACTOR.getReaders(), *REACTOR.getWriters()} - OWN


# Certificates.


class Identity(NamedTuple):
    """A certificate and its key."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def fingerprint(self) -> str:
        """Return what `openssl x509 -fingerprint -sha256` would print."""
        digest = sha256(self.certificate.public_bytes(Encoding.DER)).hexdigest().upper()
        return ":".join(digest[at : at + 2] for at in range(0, 64, 2))


def issue(*names: str, by: Identity | None = None, starts: int = -1, ends: int = 1) -> Identity:
    """Make a certificate for *names*, signed *by* a CA or by itself; *starts*, *ends* in days."""
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    common = names[0] if names else f"authority {serial}"[:64]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now + timedelta(days=starts))
        .not_valid_after(now + timedelta(days=ends))
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
    )
    if names:
        alternatives = [
            x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
            for name in names
        ]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return Identity(key, builder.sign(by.key if by else key, hashes.SHA256()))


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Identity:
    """A CA, the only one that this system trusts."""
    authority = issue()
    bundle = tmp_path / "authorities.pem"
    bundle.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    return authority


# Servers.


class Line(Protocol):
    """A server's end of a connection, or a client's: keeps all that comes."""

    def __init__(self, greeting: bytes = b"", server: Server | None = None) -> None:
        self.greeting = greeting
        self.server = server
        self.received = b""
        self.lost: Deferred[None] = Deferred()
        self._wanted = 0
        self._enough: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        if self.greeting:
            self.transport.write(self.greeting)

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._look()
        if self.server is not None and not self.server.began.called:
            self.server.began.callback(self)

    def connectionLost(self, reason: Failure) -> None:
        self.lost.callback(None)

    async def hears(self, data: bytes) -> None:
        """Wait until *data* is all that has come."""
        self._wanted = len(data)
        self._look()
        await self._enough
        assert self.received == data

    def _look(self) -> None:
        if self._wanted and len(self.received) >= self._wanted and not self._enough.called:
            self._enough.callback(None)


class Server(Factory):
    """A server on loopback; *lines* are the connections that it has had.

    *began* fires with the first of which something came: without TLS, the begin of a handshake.
    """

    noisy = False

    def __init__(self, greeting: bytes = b"") -> None:
        self.greeting = greeting
        self.lines: list[Line] = []
        self.port = 0
        self.began: Deferred[Line] = Deferred()

    def buildProtocol(self, addr: object) -> Line:
        self.lines.append(Line(self.greeting, self))
        return self.lines[-1]


@pytest.fixture
def serve() -> Iterator[Callable[..., Awaitable[Server]]]:
    """Start a server that shows *identity*, or speaks no TLS; or one on another endpoint."""
    ports: list[IListeningPort] = []

    async def start(
        identity: Identity | None = None,
        greeting: bytes = b"",
        endpoint: IStreamServerEndpoint | None = None,
        newest: Any = None,
    ) -> Server:
        server = Server(greeting)
        if endpoint is None:
            endpoint = TCP4ServerEndpoint(REACTOR, 0, interface="127.0.0.1")
        if identity is not None:
            options = CertificateOptions(
                privateKey=identity.key,
                certificate=identity.certificate,
                lowerMaximumSecurityTo=newest,
            )
            endpoint = wrapServerTLS(options, endpoint, REACTOR)
        ports.append(await endpoint.listen(server))
        server.port = ports[-1].getHost().port
        return server

    yield start

    @on_the_reactor
    async def stop() -> None:
        for port in ports:
            await port.stopListening()
        for connection in open_sockets():
            connection.abortConnection()
        while open_sockets():
            await deferLater(REACTOR, 0)

    stop()


@pytest.fixture
def known(tmp_path: Path) -> KnownHosts:
    return KnownHosts(tmp_path / "client" / "known_hosts")


Serve = Callable[..., Awaitable[Server]]


class Client(Factory):
    """What an application would be: says *words* as soon as it may."""

    noisy = False

    def __init__(self, words: bytes = b"secret") -> None:
        self.words = words
        self.built = 0

    def buildProtocol(self, addr: object) -> Line:
        self.built += 1
        return Line(self.words)


class Nothing(Client):
    """An application that has changed its mind."""

    def buildProtocol(self, addr: object) -> None:
        return None


def endpoint(server: Server, known: KnownHosts, host: str = "127.0.0.1") -> TrustEndpoint:
    """Return an endpoint for *server*, which is on loopback, by whatever name."""
    plain = TCP4ClientEndpoint(REACTOR, "127.0.0.1", server.port)
    return TrustEndpoint(REACTOR, plain, host, server.port, known)


async def connect(server: Server, known: KnownHosts, host: str = "127.0.0.1") -> Line:
    """Connect to *server*, and check that both then hear each other."""
    line = await endpoint(server, known, host).connect(Client())
    await server.lines[-1].hears(b"secret")
    assert isinstance(line, Line)
    return line


async def part(line: Line, server: Server) -> None:
    """Close *line*, and wait until both ends have noticed, and nothing is left to do."""
    before = REACTOR.getDelayedCalls()
    line.transport.loseConnection()
    await line.lost
    await server.lines[-1].lost
    assert set(REACTOR.getDelayedCalls()) <= set(before)


async def is_told_nothing(server: Server, known: KnownHosts, host: str = "127.0.0.1") -> Exception:
    """Check that connecting fails before anything is sent, and return why."""
    client = Client()
    try:
        await endpoint(server, known, host).connect(client)
    except Exception as problem:
        await server.lines[-1].lost
        assert server.lines[-1].received == b""
        assert client.built == 0
        return problem
    raise AssertionError("it was trusted")


# Whom the system trusts.


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1"])
@on_the_reactor
async def test_the_system_vouches(
    host: str, authority: Identity, serve: Serve, known: KnownHosts
) -> None:
    """A certificate by an authority of this system, for this name or address, is trusted."""
    server = await serve(issue("localhost", "127.0.0.1", by=authority))
    await part(await connect(server, known, host), server)
    assert not known.path.exists()


@on_the_reactor
async def test_the_system_comes_first(authority: Identity, serve: Serve, known: KnownHosts) -> None:
    """A renewed certificate of an authority is fine, whatever was pinned before."""
    server = await serve(issue("localhost", by=authority))
    known.pin("localhost", server.port, OTHER)
    await part(await connect(server, known, "localhost"), server)


@on_the_reactor
async def test_the_server_is_told_which_host_is_meant(
    authority: Identity, serve: Serve, known: KnownHosts
) -> None:
    """By name (SNI, RFC 6066); an address is not a name, and is not sent."""
    server = await serve(issue("localhost", "127.0.0.1", by=authority))
    for host, sent in (("localhost", b"localhost"), ("127.0.0.1", None)):
        line = await connect(server, known, host)
        assert server.lines[-1].transport.getHandle().get_servername() == sent
        await part(line, server)


@pytest.mark.parametrize("host", ["127.0.0.1", "chat.example.org"])
@on_the_reactor
async def test_a_certificate_of_somebody_else(
    host: str, authority: Identity, serve: Serve, known: KnownHosts
) -> None:
    """A valid chain is not enough: the certificate has to be for the host."""
    server = await serve(issue("localhost", "evil.example.org", by=authority))
    problem = await is_told_nothing(server, known, host)
    assert isinstance(problem, UnknownCertificate)
    assert problem.why == "it is for another host"


@on_the_reactor
async def test_a_certificate_without_names(
    authority: Identity, serve: Serve, known: KnownHosts
) -> None:
    """It is for nobody, whatever its common name says."""
    nameless = issue(by=authority)
    problem = await is_told_nothing(await serve(nameless), known, "authority")
    assert isinstance(problem, UnknownCertificate)
    assert problem.why == "it is for another host"


@pytest.mark.parametrize(
    ("dates", "by_us", "why"),
    [
        ({"starts": -3, "ends": -1}, True, "it has expired"),
        ({"starts": 1, "ends": 3}, True, "it is not valid yet"),
        ({}, False, "this system does not trust who signed it"),
    ],
    ids=["expired", "not yet valid", "another authority"],
)
@on_the_reactor
async def test_what_is_wrong_is_said(
    dates: dict[str, int],
    by_us: bool,
    why: str,
    authority: Identity,
    serve: Serve,
    known: KnownHosts,
) -> None:
    """In one phrase, for the person who decides."""
    server = await serve(issue("localhost", by=authority if by_us else issue(), **dates))
    problem = await is_told_nothing(server, known, "localhost")
    assert isinstance(problem, UnknownCertificate)
    assert problem.why == why
    assert why in str(problem)
    assert "\n" not in str(problem)


# Whom a person trusts.


@on_the_reactor
async def test_an_unknown_server_is_told_nothing(serve: Serve, known: KnownHosts) -> None:
    """The failure has all that a person is asked about."""
    identity = issue("localhost")
    server = await serve(identity)
    problem = await is_told_nothing(server, known, "localhost")
    assert isinstance(problem, UnknownCertificate)
    assert (problem.host, problem.port) == ("localhost", server.port)
    assert problem.fingerprint == identity.fingerprint
    assert problem.why == "nobody but the server itself has signed it"
    assert problem.fingerprint in str(problem)
    assert not known.path.exists()


@on_the_reactor
async def test_a_pinned_server_is_trusted(serve: Serve, known: KnownHosts) -> None:
    """By its fingerprint alone, also when its certificate is for other names and has expired."""
    server = await serve(issue("elsewhere", starts=-3, ends=-1))
    problem = await is_told_nothing(server, known)
    assert isinstance(problem, UnknownCertificate)
    known.pin(problem.host, problem.port, problem.fingerprint)
    for _ in range(2):
        await part(await connect(server, known), server)


@on_the_reactor
async def test_a_changed_certificate_is_told_nothing(serve: Serve, known: KnownHosts) -> None:
    """The failure says what it can mean, and which line of which file to remove if it is fine."""
    identity = issue("localhost")
    server = await serve(identity)
    known.pin("127.0.0.1", server.port, OTHER)
    problem = await is_told_nothing(server, known)
    assert isinstance(problem, ChangedCertificate)
    assert (problem.known, problem.fingerprint) == (OTHER, identity.fingerprint)
    for part_of_it in (f"127.0.0.1:{server.port}", OTHER, identity.fingerprint, str(known.path)):
        assert part_of_it in str(problem)
    assert len(str(problem).splitlines()) == 2
    assert known.get("127.0.0.1", server.port) == OTHER


@on_the_reactor
async def test_a_file_that_cannot_be_read_trusts_nobody(serve: Serve, known: KnownHosts) -> None:
    """Its error is what connecting fails with."""
    known.path.mkdir(parents=True)
    problem = await is_told_nothing(await serve(issue("localhost")), known)
    assert isinstance(problem, IsADirectoryError)


@on_the_reactor
async def test_a_server_that_makes_its_own_certificate(
    serve: Serve, known: KnownHosts, tmp_path: Path
) -> None:
    """With ``selfsigned:``: unknown, then pinned and trusted, and when made anew changed."""
    folder = tmp_path / "state"
    description = f"selfsigned:0:interface=127.0.0.1:folder={folder}"
    server = await serve(endpoint=serverFromString(REACTOR, description))
    problem = await is_told_nothing(server, known)
    assert isinstance(problem, UnknownCertificate)
    known.pin(problem.host, problem.port, problem.fingerprint)
    await part(await connect(server, known), server)
    for file in folder.iterdir():
        file.unlink()
    anew = await serve(endpoint=serverFromString(REACTOR, description))
    known.pin("127.0.0.1", anew.port, problem.fingerprint)
    assert isinstance(await is_told_nothing(anew, known), ChangedCertificate)


# The connection.


@on_the_reactor
async def test_what_the_server_says_first_is_heard(serve: Serve, known: KnownHosts) -> None:
    """Nothing that follows the handshake at once is lost, be it longer than a TLS record."""
    identity, greeting = issue("localhost"), b"Welcome! " * 20_000
    server = await serve(identity, greeting)
    known.pin("127.0.0.1", server.port, identity.fingerprint)
    line = await connect(server, known)
    await line.hears(greeting)
    await part(line, server)


@on_the_reactor
async def test_the_protocol_has_a_whole_transport(serve: Serve, known: KnownHosts) -> None:
    """Addresses, producers and abortConnection are there as for any connection."""
    identity = issue("localhost")
    server = await serve(identity)
    known.pin("127.0.0.1", server.port, identity.fingerprint)
    line = await connect(server, known)
    assert line.transport.getPeer().port == server.port
    line.transport.registerProducer(line, True)
    line.transport.unregisterProducer()
    line.transport.abortConnection()
    await line.lost


@on_the_reactor
async def test_a_server_that_does_not_agree_to_the_end(
    serve: Serve, known: KnownHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is closed is gone soon, also when the server has stopped to listen."""
    monkeypatch.setattr(trust, "CLOSING", 0.01)
    identity = issue("localhost")
    server = await serve(identity)
    known.pin("127.0.0.1", server.port, identity.fingerprint)
    line = await connect(server, known)
    server.lines[-1].transport.pauseProducing()
    line.transport.loseConnection()
    line.transport.loseConnection()
    await line.lost
    server.lines[-1].transport.abortConnection()


@on_the_reactor
async def test_a_server_that_goes_away(serve: Serve, known: KnownHosts) -> None:
    """The protocol learns of it, as of any connection; closing it then does nothing."""
    identity = issue("localhost")
    server = await serve(identity)
    known.pin("127.0.0.1", server.port, identity.fingerprint)
    line = await connect(server, known)
    server.lines[-1].transport.loseConnection()
    await line.lost
    before = REACTOR.getDelayedCalls()
    line.transport.loseConnection()
    assert REACTOR.getDelayedCalls() == before


@on_the_reactor
async def test_a_server_that_renegotiates(serve: Serve, known: KnownHosts) -> None:
    """It could show another certificate then, which nobody would check: the connection ends."""
    identity = issue("localhost")
    server = await serve(identity, newest=TLSVersion.TLSv1_2)
    known.pin("127.0.0.1", server.port, identity.fingerprint)
    line = await connect(server, known)
    assert server.lines[-1].transport.getHandle().renegotiate()
    server.lines[-1].transport.write(b"again")
    await line.lost


@on_the_reactor
async def test_a_factory_that_builds_nothing(serve: Serve, known: KnownHosts) -> None:
    """That fails as with Twisted's endpoints, and the connection is closed."""
    identity = issue("localhost")
    server = await serve(identity)
    known.pin("127.0.0.1", server.port, identity.fingerprint)
    with pytest.raises(error.NoProtocol):
        await endpoint(server, known).connect(Nothing())
    await server.lines[-1].lost


# Handshakes that come to nothing.


@on_the_reactor
async def test_a_server_without_tls(serve: Serve, known: KnownHosts) -> None:
    """It is not TLS: that is one line, and no pile of OpenSSL's."""
    server = await serve(greeting=b"Username: ")
    with pytest.raises(HandshakeFailed) as caught:
        await endpoint(server, known).connect(Client())
    assert str(caught.value) == (
        f"No TLS connection with 127.0.0.1:{server.port}: wrong version number"
    )
    await server.lines[-1].lost
    assert b"secret" not in server.lines[-1].received


@on_the_reactor
async def test_a_server_that_hangs_up(serve: Serve, known: KnownHosts) -> None:
    """One that ends the connection during the handshake fails it, in a line too."""
    server = await serve()
    connecting = endpoint(server, known).connect(Client())
    (await server.began).transport.loseConnection()
    with pytest.raises(HandshakeFailed, match=r"^No TLS connection with .*lost"):
        await connecting


@on_the_reactor
async def test_a_handshake_can_be_cancelled(serve: Serve, known: KnownHosts) -> None:
    """A server that says nothing is left when the caller wants."""
    server = await serve()
    connecting = endpoint(server, known).connect(Client())
    line = await server.began
    connecting.cancel()
    with pytest.raises(CancelledError):
        await connecting
    await line.lost


@on_the_reactor
async def test_a_handshake_takes_no_time_without_end(
    serve: Serve, known: KnownHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else somebody who reconnects would wait for ever for a server that says nothing."""
    monkeypatch.setattr(trust, "HANDSHAKE", 0.01)
    server = await serve()
    with pytest.raises(defer.TimeoutError):
        await endpoint(server, known).connect(Client())
    await (await server.began).lost


@on_the_reactor
async def test_nobody_listens(serve: Serve, known: KnownHosts) -> None:
    """What the plain endpoint fails with is passed on."""
    plain = TCP4ClientEndpoint(REACTOR, "127.0.0.1", 1)
    with pytest.raises(error.ConnectionRefusedError):
        await TrustEndpoint(REACTOR, plain, "127.0.0.1", 1, known).connect(Client())


@pytest.mark.parametrize("host", ["", "two words", "a" * 64 + ".example.org", "line\nbreak"])
def test_a_host_that_cannot_be_one(host: str, known: KnownHosts) -> None:
    """It is refused at once."""
    plain = TCP4ClientEndpoint(REACTOR, "127.0.0.1", 1)
    with pytest.raises(ValueError):  # noqa: PT011  # each library has its own words
        TrustEndpoint(REACTOR, plain, host, 8443, known)


def test_who_does_not_use_tls_does_not_load_it() -> None:
    """Without the extra the client still starts, and knows of the failures by name."""
    program = "import sys, pyconchat.client.net.known_hosts; print('OpenSSL' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("False\n", "")


# The file.


def test_nobody_is_known_at_first(known: KnownHosts) -> None:
    """Looking somebody up makes no file."""
    assert known.get("localhost", 8443) is None
    assert not known.path.parent.exists()


def test_what_is_pinned_is_known(known: KnownHosts) -> None:
    """A server is a host and a port; pinned again, it is known by the new fingerprint alone."""
    known.pin("localhost", 8443, OTHER)
    known.pin("localhost", 8444, ONE)
    known.pin("localhost", 8443, ONE)
    assert known.get("localhost", 8443) == ONE
    assert known.get("localhost", 84) is None
    assert known.get("host", 8443) is None
    text = known.path.read_text()
    assert text == f"localhost:8444 SHA256 {ONE}\nlocalhost:8443 SHA256 {ONE}\n"


@pytest.mark.parametrize(
    ("host", "same", "written"),
    [
        ("Chat.Example.ORG", "chat.example.org.", "chat.example.org:8443"),
        ("::1", "0:0:0:0:0:0:0:1", "[::1]:8443"),
        ("FE80::A%eth0", "fe80::a%eth0", "[fe80::a%eth0]:8443"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1:8443"),
    ],
)
def test_spellings_of_one_host(host: str, same: str, written: str, known: KnownHosts) -> None:
    """Case, a last dot and zeros make no difference."""
    known.pin(host, 8443, ONE)
    assert known.get(same, 8443) == ONE
    assert known.path.read_text() == f"{written} SHA256 {ONE}\n"


def test_the_file_is_its_owners_alone(known: KnownHosts) -> None:
    """File 0600 and folder 0700, however careless the umask; and after every change."""
    before = os.umask(0)
    try:
        for port in (1, 2):
            known.pin("localhost", port, ONE)
            assert stat.S_IMODE(known.path.stat().st_mode) == 0o600
            assert stat.S_IMODE(known.path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_a_file_is_replaced_as_a_whole(known: KnownHosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the new one is complete the old one is there; a failure leaves nothing behind."""
    known.pin("localhost", 1, ONE)
    before = known.path.read_text()

    def fail(new: str, old: Path) -> None:
        assert Path(new).read_text() == before + f"localhost:2 SHA256 {ONE}\n"
        assert old.read_text() == before
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        known.pin("localhost", 2, ONE)
    assert list(known.path.parent.iterdir()) == [known.path]
    assert known.path.read_text() == before


def test_what_people_write_into_the_file(known: KnownHosts) -> None:
    """Comments and blank lines are kept; small letters, tabs and CRLF are understood."""
    known.path.parent.mkdir()
    text = f"# ours\n\n  Tea.example.org:8443\tSHA256 {ONE.lower()} \r\n#tea2:8443 SHA256 {ONE}"
    known.path.write_text(text, newline="")
    assert known.get("tea.example.org", 8443) == ONE
    assert known.get("tea2", 8443) is None
    known.pin("new", 1, OTHER)
    assert known.path.read_bytes().decode() == f"{text}\nnew:1 SHA256 {OTHER}\n"


def test_the_first_of_several_lines_counts(known: KnownHosts) -> None:
    """And pinning leaves one."""
    known.path.parent.mkdir()
    known.path.write_text(f"tea:1 SHA256 {ONE}\ntea:1 SHA256 {OTHER}\n")
    assert known.get("tea", 1) == ONE
    known.pin("tea", 1, OTHER)
    assert known.path.read_text() == f"tea:1 SHA256 {OTHER}\n"


@pytest.mark.parametrize(
    "line",
    [
        b"tea:1 SHA256",
        b"tea:1 SHA256 " + ONE[:-1].encode(),
        b"tea:1 SHA256 " + ONE.encode() + b":1A",
        b"tea:1 MD5 " + ONE.encode(),
        b"tea:1 SHA256 " + ONE.replace(":", "").encode(),
        b"tea:1 SHA256 " + "\N{ARABIC-INDIC DIGIT ONE}".encode() + ONE[1:].encode(),
        b"# comment\x0btea:1 SHA256 " + ONE.encode(),
        "# comment\N{LINE SEPARATOR}tea:1 SHA256 ".encode() + ONE.encode(),
        b"\xff\xfe\0tea:1 SHA256 " + ONE.encode(),
        b"tea:1 SHA256 " + b"1A:" * 100_000,
        b"\x1b]0;title\x07",
        bytes(range(10)) + bytes(range(11, 256)),
    ],
    ids=lambda line: repr(line[:40]),
)
def test_what_is_no_entry_vouches_for_nobody(line: bytes, known: KnownHosts) -> None:
    """It is kept as it is, byte for byte, whatever it is."""
    known.path.parent.mkdir()
    known.path.write_bytes(line + b"\n")
    assert known.get("tea", 1) is None
    known.pin("tea", 1, OTHER)
    assert known.path.read_bytes() == line + f"\ntea:1 SHA256 {OTHER}\n".encode()
    assert known.get("tea", 1) == OTHER


@pytest.mark.parametrize(
    ("host", "fingerprint"),
    [
        ("two words", ONE),
        (f"x:1 SHA256 {ONE}\ntea", ONE),
        ("#tea", ONE),
        ("tea", ONE[:-3]),
        ("tea", f"{ONE}\nx:1 SHA256 {ONE}"),
        ("tea", ""),
    ],
)
def test_what_cannot_be_pinned(host: str, fingerprint: str, known: KnownHosts) -> None:
    """What would not be found again, or would be more than one line, is refused."""
    with pytest.raises(ValueError, match="not a host and a fingerprint"):
        known.pin(host, 1, fingerprint)
    assert not known.path.exists()

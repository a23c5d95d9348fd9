"""VerifiedTLSEndpoint: it sends nothing to a server whose certificate is not trusted."""

from __future__ import annotations

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

from pyconchat.client.net import tls_endpoint
from pyconchat.client.net.known_hosts import (
    ChangedCertificate,
    KnownHosts,
    ReplacedCertificate,
    UnknownCertificate,
)
from pyconchat.client.net.tls_endpoint import HandshakeFailed, VerifiedTLSEndpoint
from tests.support.servers import PATIENCE

# A reactor of its own: that of the process cannot be run again after it was stopped.
REACTOR = SelectReactor()
OWN = {*REACTOR.getReaders()}

OTHER = ":".join(["2B"] * 32)


def on_the_reactor(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test on the reactor."""

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
    """Return what the reactor watches, except its own."""
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
    """Create a certificate for *names*, signed *by* a CA or by itself; *starts*, *ends* in days."""
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
    """One end of a connection; it records what it receives."""

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
        self._check()
        if self.server is not None and not self.server.began.called:
            self.server.began.callback(self)

    def connectionLost(self, reason: Failure) -> None:
        self.lost.callback(None)

    async def receives(self, data: bytes) -> None:
        """Wait until *data*, and nothing else, was received."""
        self._wanted = len(data)
        self._check()
        await self._enough
        assert self.received == data

    def _check(self) -> None:
        if self._wanted and len(self.received) >= self._wanted and not self._enough.called:
            self._enough.callback(None)


class Server(Factory):
    """A server on loopback; *lines* are its connections.

    *began* fires with the first connection that has received something: without TLS, the
    beginning of a handshake.
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
    """Start a server with the certificate of *identity*, or without TLS, or on another endpoint."""
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
    """An application's factory, whose protocol sends *words* when it is connected."""

    noisy = False

    def __init__(self, words: bytes = b"secret") -> None:
        self.words = words
        self.built = 0

    def buildProtocol(self, addr: object) -> Line:
        self.built += 1
        return Line(self.words)


class NoClient(Client):
    """An application's factory that builds no protocol."""

    def buildProtocol(self, addr: object) -> None:
        return None


def endpoint(server: Server, known: KnownHosts, host: str = "127.0.0.1") -> VerifiedTLSEndpoint:
    """Return an endpoint for *server*, which is on loopback, under any name."""
    plain = TCP4ClientEndpoint(REACTOR, "127.0.0.1", server.port)
    return VerifiedTLSEndpoint(REACTOR, plain, host, server.port, known)


async def connect(server: Server, known: KnownHosts, host: str = "127.0.0.1") -> Line:
    """Connect to *server*, and check that bytes arrive in both directions."""
    line = await endpoint(server, known, host).connect(Client())
    await server.lines[-1].receives(b"secret")
    assert isinstance(line, Line)
    return line


async def close(line: Line, server: Server) -> None:
    """Close *line*, and check that both ends notice, and that no timer is left."""
    before = REACTOR.getDelayedCalls()
    line.transport.loseConnection()
    await line.lost
    await server.lines[-1].lost
    assert set(REACTOR.getDelayedCalls()) <= set(before)


async def fails_to_connect(server: Server, known: KnownHosts, host: str = "127.0.0.1") -> Exception:
    """Check that connecting fails before anything is sent, and return the exception."""
    client = Client()
    try:
        await endpoint(server, known, host).connect(client)
    except Exception as problem:
        await server.lines[-1].lost
        assert server.lines[-1].received == b""
        assert client.built == 0
        return problem
    raise AssertionError("it has connected")


# Certificates of authorities.


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1"])
@on_the_reactor
async def test_a_certificate_of_an_authority(
    host: str, authority: Identity, serve: Serve, known: KnownHosts
) -> None:
    """It is trusted, if it is for this name or address."""
    server = await serve(issue("localhost", "127.0.0.1", by=authority))
    await close(await connect(server, known, host), server)
    assert not known.path.exists()


@on_the_reactor
async def test_a_renewed_certificate_of_an_authority(
    authority: Identity, serve: Serve, known: KnownHosts
) -> None:
    """It never replaces a pinned one without a question."""
    server = await serve(issue("localhost", by=authority))
    known.pin("localhost", server.port, OTHER)
    with pytest.raises(ReplacedCertificate, match=OTHER):
        await endpoint(server, known, "localhost").connect(Client())
    known.forget("localhost", server.port)
    await close(await connect(server, known, "localhost"), server)


@on_the_reactor
async def test_the_server_name(authority: Identity, serve: Serve, known: KnownHosts) -> None:
    """It is sent (SNI, RFC 6066), unless the host is an address."""
    server = await serve(issue("localhost", "127.0.0.1", by=authority))
    for host, sent in (("localhost", b"localhost"), ("127.0.0.1", None)):
        line = await connect(server, known, host)
        assert server.lines[-1].transport.getHandle().get_servername() == sent
        await close(line, server)


@pytest.mark.parametrize("host", ["127.0.0.1", "chat.example.org"])
@on_the_reactor
async def test_a_certificate_for_another_host(
    host: str, authority: Identity, serve: Serve, known: KnownHosts
) -> None:
    """A valid chain is not enough."""
    server = await serve(issue("localhost", "evil.example.org", by=authority))
    problem = await fails_to_connect(server, known, host)
    assert isinstance(problem, UnknownCertificate)
    assert problem.why == "it is for another host"


@on_the_reactor
async def test_a_certificate_without_names(
    authority: Identity, serve: Serve, known: KnownHosts
) -> None:
    """It is for no host, whatever its common name is."""
    nameless = issue(by=authority)
    problem = await fails_to_connect(await serve(nameless), known, "authority")
    assert isinstance(problem, UnknownCertificate)
    assert problem.why == "it is for another host"


@pytest.mark.parametrize(
    ("dates", "by_us", "why"),
    [
        ({"starts": -3, "ends": -1}, True, "it has expired"),
        ({"starts": 1, "ends": 3}, True, "it is not valid yet"),
        ({}, False, "this system does not trust its issuer"),
    ],
    ids=["expired", "not yet valid", "another authority"],
)
@on_the_reactor
async def test_reasons(
    dates: dict[str, int],
    by_us: bool,
    why: str,
    authority: Identity,
    serve: Serve,
    known: KnownHosts,
) -> None:
    """One phrase says why the certificate is not trusted."""
    server = await serve(issue("localhost", by=authority if by_us else issue(), **dates))
    problem = await fails_to_connect(server, known, "localhost")
    assert isinstance(problem, UnknownCertificate)
    assert problem.why == why
    assert why in str(problem)
    assert "\n" not in str(problem)


# Pinned certificates.


@on_the_reactor
async def test_an_unknown_certificate(serve: Serve, known: KnownHosts) -> None:
    """Nothing is sent, and the exception has everything that a person needs to decide."""
    identity = issue("localhost")
    server = await serve(identity)
    problem = await fails_to_connect(server, known, "localhost")
    assert isinstance(problem, UnknownCertificate)
    assert (problem.host, problem.port) == ("localhost", server.port)
    assert problem.fingerprint == identity.fingerprint
    assert problem.why == "it is self-signed"
    assert problem.fingerprint in str(problem)
    assert not known.path.exists()


@on_the_reactor
async def test_a_pinned_certificate(serve: Serve, known: KnownHosts) -> None:
    """It is trusted, also for other names and after it has expired."""
    server = await serve(issue("elsewhere", starts=-3, ends=-1))
    problem = await fails_to_connect(server, known)
    assert isinstance(problem, UnknownCertificate)
    known.pin(problem.host, problem.port, problem.fingerprint)
    for _ in range(2):
        await close(await connect(server, known), server)


@on_the_reactor
async def test_a_changed_certificate(serve: Serve, known: KnownHosts) -> None:
    """Nothing is sent; the exception says what that may mean and which line to remove."""
    identity = issue("localhost")
    server = await serve(identity)
    known.pin("127.0.0.1", server.port, OTHER)
    problem = await fails_to_connect(server, known)
    assert isinstance(problem, ChangedCertificate)
    assert (problem.known, problem.fingerprint) == (OTHER, identity.fingerprint)
    for text in (f"127.0.0.1:{server.port}", OTHER, identity.fingerprint, str(known.path)):
        assert text in str(problem)
    assert len(str(problem).splitlines()) == 2
    assert known.get("127.0.0.1", server.port) == OTHER


@on_the_reactor
async def test_an_unreadable_file(serve: Serve, known: KnownHosts) -> None:
    """Connecting fails with its error."""
    known.path.mkdir(parents=True)
    problem = await fails_to_connect(await serve(issue("localhost")), known)
    assert isinstance(problem, IsADirectoryError)


@on_the_reactor
async def test_a_selfsigned_server(serve: Serve, known: KnownHosts, tmp_path: Path) -> None:
    """Unknown, then pinned and trusted; after a new certificate it is refused."""
    folder = tmp_path / "state"
    description = f"selfsigned:0:interface=127.0.0.1:folder={folder}"
    server = await serve(endpoint=serverFromString(REACTOR, description))
    problem = await fails_to_connect(server, known)
    assert isinstance(problem, UnknownCertificate)
    known.pin(problem.host, problem.port, problem.fingerprint)
    await close(await connect(server, known), server)
    for file in folder.iterdir():
        file.unlink()
    renewed = await serve(endpoint=serverFromString(REACTOR, description))
    known.pin("127.0.0.1", renewed.port, problem.fingerprint)
    assert isinstance(await fails_to_connect(renewed, known), ChangedCertificate)


# The connection.


@on_the_reactor
async def test_bytes_that_follow_the_handshake(serve: Serve, known: KnownHosts) -> None:
    """They are received, even more than fit into a TLS record."""
    identity, greeting = issue("localhost"), b"Welcome! " * 20_000
    server = await serve(identity, greeting)
    known.pin("127.0.0.1", server.port, identity.fingerprint)
    line = await connect(server, known)
    await line.receives(greeting)
    await close(line, server)


@on_the_reactor
async def test_the_transport(serve: Serve, known: KnownHosts) -> None:
    """It has addresses, producers and abortConnection, like any other."""
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
async def test_closing_without_the_server(
    serve: Serve, known: KnownHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is closed after a timeout if the server does not confirm."""
    monkeypatch.setattr(tls_endpoint, "MAX_CLOSING", 0.01)
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
async def test_a_connection_that_the_server_closes(serve: Serve, known: KnownHosts) -> None:
    """Its protocol gets connectionLost; closing it then does nothing."""
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
    """The connection ends, because a new certificate would not be verified."""
    identity = issue("localhost")
    server = await serve(identity, newest=TLSVersion.TLSv1_2)
    known.pin("127.0.0.1", server.port, identity.fingerprint)
    line = await connect(server, known)
    assert server.lines[-1].transport.getHandle().renegotiate()
    server.lines[-1].transport.write(b"again")
    await line.lost


@on_the_reactor
async def test_a_factory_that_builds_nothing(serve: Serve, known: KnownHosts) -> None:
    """Connecting fails as with Twisted's endpoints, and the connection is closed."""
    identity = issue("localhost")
    server = await serve(identity)
    known.pin("127.0.0.1", server.port, identity.fingerprint)
    with pytest.raises(error.NoProtocol):
        await endpoint(server, known).connect(NoClient())
    await server.lines[-1].lost


# Handshakes that fail.


@on_the_reactor
async def test_a_server_without_tls(serve: Serve, known: KnownHosts) -> None:
    """Connecting fails with one line instead of OpenSSL's list of errors."""
    server = await serve(greeting=b"Username: ")
    with pytest.raises(HandshakeFailed) as caught:
        await endpoint(server, known).connect(Client())
    assert str(caught.value) == (
        f"No TLS connection with 127.0.0.1:{server.port}: wrong version number."
        " The port may be without TLS"
    )
    assert caught.value.final
    await server.lines[-1].lost
    assert b"secret" not in server.lines[-1].received


@on_the_reactor
async def test_a_connection_lost_during_the_handshake(serve: Serve, known: KnownHosts) -> None:
    """Connecting fails with one line."""
    server = await serve()
    connecting = endpoint(server, known).connect(Client())
    (await server.began).transport.loseConnection()
    with pytest.raises(HandshakeFailed, match=r"^No TLS connection with .*lost"):
        await connecting


@on_the_reactor
async def test_a_handshake_can_be_cancelled(serve: Serve, known: KnownHosts) -> None:
    """Then the connection is closed."""
    server = await serve()
    connecting = endpoint(server, known).connect(Client())
    line = await server.began
    connecting.cancel()
    with pytest.raises(CancelledError):
        await connecting
    await line.lost


@on_the_reactor
async def test_a_handshake_that_hangs(
    serve: Serve, known: KnownHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It times out."""
    monkeypatch.setattr(tls_endpoint, "MAX_HANDSHAKE", 0.01)
    server = await serve()
    with pytest.raises(defer.TimeoutError):
        await endpoint(server, known).connect(Client())
    await (await server.began).lost


@on_the_reactor
async def test_a_refused_connection(serve: Serve, known: KnownHosts) -> None:
    """Connecting fails as with the plain endpoint."""
    plain = TCP4ClientEndpoint(REACTOR, "127.0.0.1", 1)
    with pytest.raises(error.ConnectionRefusedError):
        await VerifiedTLSEndpoint(REACTOR, plain, "127.0.0.1", 1, known).connect(Client())


@pytest.mark.parametrize("host", ["", "two words", "a" * 64 + ".example.org", "line\nbreak"])
def test_an_impossible_host(host: str, known: KnownHosts) -> None:
    """It is refused at once."""
    plain = TCP4ClientEndpoint(REACTOR, "127.0.0.1", 1)
    with pytest.raises(ValueError):  # noqa: PT011  # each library has its own words
        VerifiedTLSEndpoint(REACTOR, plain, host, 8443, known)


def test_tls_is_loaded_only_when_it_is_used() -> None:
    """The module can be imported without the extra."""
    program = "import sys, pyconchat.client.net.tls_endpoint; print('OpenSSL' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("False\n", "")

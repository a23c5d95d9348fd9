"""TLS connections: what OpenSSL gets, and what comes out of it."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from OpenSSL import SSL
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport

from pyconchat.net.tls import MAX_PIECE, ReloadableTlsEndpoint


class Collecting(Protocol):
    """Collects its input; aborts the connection when it has *most* bytes."""

    def __init__(self, most: int) -> None:
        self.received = b""
        self._most = most

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if len(self.received) >= self._most:
            self.transport.abortConnection()  # type: ignore[union-attr]


class Connection:
    """A TLS connection in memory, after its handshake."""

    def __init__(self, folder: Path, most: int) -> None:
        reactor = MemoryReactorClock()
        factory = Factory.forProtocol(lambda: Collecting(most))  # type: ignore[arg-type]
        ReloadableTlsEndpoint(reactor, f"selfsigned:8443:folder={folder}").listen(factory)
        self.wire = StringTransport()
        self.server = reactor.tcpServers[0][1].buildProtocol(self.wire.getPeer())
        self.server.makeConnection(self.wire)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.client = context.wrap_bio(self._incoming, self._outgoing)
        for _ in range(3):
            with suppress(ssl.SSLWantReadError):
                self.client.do_handshake()
            self.server.dataReceived(self._outgoing.read())
            self._incoming.write(self.wire.value())
            self.wire.clear()

    def encrypted(self, data: bytes) -> bytes:
        """Return what the client sends for *data*."""
        self.client.write(data)
        return self._outgoing.read()


def test_openssl_gets_input_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its buffer never grows beyond a piece, whatever is read at once; the input is complete."""
    connection = Connection(tmp_path, most=10**9)
    sizes: list[int] = []
    write = SSL.Connection.bio_write
    monkeypatch.setattr(
        SSL.Connection, "bio_write", lambda self, data: sizes.append(len(data)) or write(self, data)
    )
    data = bytes(range(256)) * 400
    encrypted = connection.encrypted(data)
    connection.server.dataReceived(encrypted)
    assert connection.server.wrappedProtocol.received == data
    assert sum(sizes) == len(encrypted)
    assert max(sizes) <= MAX_PIECE


def test_nothing_is_decrypted_after_an_abort(tmp_path: Path) -> None:
    """A protocol that aborts the connection in the middle of what was read gets no more of it."""
    connection = Connection(tmp_path, most=10_000)
    connection.server.dataReceived(connection.encrypted(bytes(100_000)))
    assert connection.wire.disconnected
    assert 10_000 <= len(connection.server.wrappedProtocol.received) <= 2 * MAX_PIECE

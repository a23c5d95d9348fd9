"""A server behind a proxy that speaks the PROXY protocol."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.support.servers import PATIENCE, Server, running

HEADER = b"PROXY TCP4 203.0.113.5 198.51.100.1 4000 8023\r\n"
TALK = b"\n\nden\n/send a.txt\n/who\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that trusts a proxy at 127.0.0.1, with a TLS port and a Unix socket."""
    folder = tmp_path_factory.mktemp("server")
    server = Server(folder, toml='trusted_proxies = ["127.0.0.1"]', tls=True)
    server.start("--line", f"unix:{folder / 'socket'}")
    yield server
    server.stop()
    assert server.tracebacks() == []


def answers(peer: socket.socket, data: bytes, half_close: bool = True) -> str:
    """Send *data*, end the input, and return everything that is received."""
    with closing(peer):
        peer.settimeout(PATIENCE)
        received = b""
        with suppress(OSError):  # it may be disconnected at once
            peer.sendall(data)
            if half_close:
                peer.shutdown(socket.SHUT_WR)
            while half_close or b"Online" not in received:
                more = peer.recv(65536)
                if not more:
                    break
                received += more
    return received.decode(errors="replace")  # telnet options, after the CRLF of a header


def connect(port: int, host: str = "127.0.0.1") -> socket.socket:
    """Connect from *host*."""
    return socket.create_connection(("127.0.0.1", port), PATIENCE, (host, 0))


def test_a_client_behind_a_proxy(server: Server) -> None:
    """Its address is logged, its half-close is kept, and commands name where it has connected."""
    seen = answers(connect(server.port), HEADER + b"ann" + TALK)
    assert "Online" in seen
    assert "| nc 198.51.100.1 8023" in seen
    server.says(r"ann.*203\.0\.113\.5|203\.0\.113\.5.*ann")


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"])
def test_a_client_without_an_address(server: Server, header: bytes) -> None:
    """The proxy's own connections are served as well."""
    assert "Online" in answers(connect(server.port), header + b"bea" + TALK)


def test_tls_behind_a_proxy(server: Server) -> None:
    """The header precedes the handshake."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = connect(server.tls_port)
    plain.sendall(HEADER)
    seen = answers(context.wrap_socket(plain), b"cleo" + TALK, half_close=False)
    assert "openssl s_client -quiet -connect 198.51.100.1:8023" in seen
    server.says(r"cleo.*203\.0\.113\.5|203\.0\.113\.5.*cleo")


def test_a_header_of_a_stranger(server: Server) -> None:
    """It is taken for a name, which is refused."""
    seen = answers(connect(server.port, "127.0.0.2"), HEADER)
    assert "A name has" in seen


def test_no_header_from_a_proxy(server: Server) -> None:
    """The connection is closed, with one line in the log."""
    for _ in range(3):
        assert answers(connect(server.port), b"dora" + TALK) == ""
    line = "no PROXY header from the proxy 127.0.0.1"
    assert server.whole_log().count(line) == 1


def test_a_unix_socket(server: Server, tmp_path: Path) -> None:
    """Commands name its path."""
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(PATIENCE)
    peer.connect(str(server.folder / "socket"))
    assert f"| nc -U {server.folder / 'socket'}" in answers(peer, b"eli" + TALK)


def test_the_public_address(tmp_path: Path) -> None:
    """Commands name the address in the configuration, as behind a port forward."""
    server = Server(tmp_path, toml='public_host = "chat.example.org:8023"')
    with running(server):
        seen = answers(connect(server.port), b"fay" + TALK)
        assert "| nc chat.example.org 8023" in seen

"""Peers that speak another protocol get one answer in it, and their input is discarded."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from pyconchat.config import DoorsConfig
from pyconchat.store import SqlStore
from tests.support.connections import Connect, TestConnection
from tests.support.irc import IrcServer

LOGIN = b"mallory\n\ntea\nbuy cheap tea\n"
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]


@pytest.mark.parametrize("method", METHODS)
def test_an_http_request_logs_nobody_in(connect: Connect, method: str) -> None:
    """Its body, which a web page chooses, is never read as lines."""
    watcher = connect().logs_in("alice")
    head = f"{method} / HTTP/1.1\r\nHost: chat:8000\r\nContent-Length: {len(LOGIN)}\r\n\r\n"
    browser = connect()
    browser.sends(head.encode() + LOGIN)
    assert browser.receives().startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert not browser.wire.connected
    names = {each.account.name for each in watcher.factory.services.presence.everybody()}
    assert names == {"alice"}


@pytest.mark.parametrize("pause", [0.0, 1.0])
def test_an_http_request_in_pieces(connect: Connect, pause: float) -> None:
    """However its first line arrives: byte by byte, or after the peer was greeted."""
    browser = connect()
    browser.waits(pause)
    browser.receives()
    if pause:
        browser.sends(b"POST / HTTP/1.1\r\n" + LOGIN)
    else:
        for byte in b"POST / HTTP/1.1\r\n" + LOGIN:
            browser.door.dataReceived(bytes([byte]))
        browser.tick()
    assert b"HTTP/1.1 400 Bad Request\r\n" in browser.receives()
    assert not browser.wire.connected


def test_a_tls_handshake_is_answered_by_an_alert(connect: Connect) -> None:
    """A TLS client then says that the port has no TLS, instead of waiting."""
    client = connect()
    client.sends(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500))
    assert client.receives() == b"\x15\x03\x01\x00\x02\x02\x0a"
    assert not client.wire.connected


@pytest.mark.parametrize("name", ["GET", "Post", "g", "PRI", "putter", "head.ache", "SSH-2.0"])
def test_names_like_methods_are_names(connect: Connect, name: str) -> None:
    """Only a method and a space are an HTTP request."""
    connect().logs_in(name)


@pytest.mark.parametrize("opening", ["CAP LS 302", "NICK bob", "PASS x", "USER b 0 * :b"])
def test_an_irc_client_is_told_the_irc_port(store: SqlStore, clock: Clock, opening: str) -> None:
    """Its lines are read as no login, and it does not wait for one."""
    irc = IrcServer(store, clock, doors=DoorsConfig(irc=("selfsigned:6697",)))
    client = TestConnection(irc.lines, clock)
    irc.stop()
    client.sends(f"{opening}\r\nmore\r\n".encode())
    ports = "telnet, nc and pyconchat. IRC clients connect to port 6697, with TLS."
    assert client.receives() == f"ERROR :This port is for {ports}\r\n".encode()
    assert not client.wire.connected


@pytest.mark.parametrize(
    ("doors", "port"),
    [
        (DoorsConfig(ssh=("tcp:2222",)), b"ssh connects to port 2222."),
        (DoorsConfig(), b"There is no SSH port."),
    ],
)
def test_an_ssh_client_is_told_the_ssh_port(
    store: SqlStore, clock: Clock, doors: DoorsConfig, port: bytes
) -> None:
    """Its program shows the reason of a DISCONNECT, and its first line is read as no name."""
    irc = IrcServer(store, clock, doors=doors)
    client = TestConnection(irc.lines, clock)
    irc.stop()
    client.sends(b"SSH-2.0-OpenSSH_9.9\r\n")
    version, packet = client.receives().split(b"\r\n", 1)
    assert version == b"SSH-2.0-PyconChat"
    length, padding, message = int.from_bytes(packet[:4], "big"), packet[4], packet[5]
    assert length + 4 == len(packet)
    assert len(packet) % 8 == 0
    assert 4 <= padding < 256
    assert message == 1
    reason = packet[14 : 14 + int.from_bytes(packet[10:14], "big")]
    assert reason == b"This port is for telnet, nc and pyconchat. " + port
    assert len(packet) == 14 + len(reason) + 4 + padding
    assert not client.wire.connected


def test_there_may_be_no_irc_port(connect: Connect) -> None:
    """Then the refusal says that."""
    client = connect()
    client.sends(b"CAP LS 302\r\n")
    assert client.receives().endswith(b" There is no IRC port.\r\n")


@pytest.mark.parametrize(
    ("opening", "answer"),
    [
        ('{"hello": 1, "name": "bob"}\n', "ERROR :This port is for IRC clients. telnet, nc and"),
        ("upload abc 1\n", "ERROR :This port is for IRC clients. telnet, nc and pyconchat connect"),
        ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01", "\x15\x03\x01\x00\x02\x02\n"),
    ],
)
def test_other_protocols_at_an_irc_port(
    store: SqlStore, clock: Clock, opening: str, answer: str
) -> None:
    """They end at once, with a reason that their programs show."""
    irc = IrcServer(store, clock)
    client = irc.connects()
    client.door.dataReceived(opening.encode("latin-1"))
    client.tick()
    assert client.wire.value().startswith(answer.encode("latin-1"))
    assert not client.wire.connected
    irc.stop()


def test_refused_protocols_leave_no_count(connect: Connect) -> None:
    """Such connections do not remain in the counts."""
    for _ in range(3):
        connect().sends(b"GET / HTTP/1.0\r\n\r\n")
    factory = connect().factory
    assert factory.connection_limits.open == 1
    assert len(factory.open_doors) == 1

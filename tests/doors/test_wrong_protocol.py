"""Peers that speak another protocol get one answer in it, and their input is discarded."""

from __future__ import annotations

import pytest

from tests.support.connections import Connect

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


@pytest.mark.parametrize("name", ["GET", "Post", "g", "PRI", "putter", "head.ache"])
def test_names_like_methods_are_names(connect: Connect, name: str) -> None:
    """Only a method and a space are an HTTP request."""
    connect().logs_in(name)


def test_refused_protocols_leave_no_count(connect: Connect) -> None:
    """Such connections do not remain in the counts."""
    for _ in range(3):
        connect().sends(b"GET / HTTP/1.0\r\n\r\n")
    factory = connect().factory
    assert factory.connection_limits.open == 1
    assert len(factory.open_doors) == 1

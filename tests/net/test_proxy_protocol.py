"""The PROXY protocol: headers of both versions, in any pieces, from trusted proxies only."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.logger import LogEvent, globalLogPublisher
from zope.interface import implementer

from pyconchat.net.proxy_protocol import (
    HEADER_SECONDS,
    BadHeader,
    ForwardedAddress,
    ProxyProtocolFactory,
    parse_header,
)

PROXY, STRANGER = IPv4Address("TCP", "10.0.0.5", 4000), IPv4Address("TCP", "192.0.2.77", 4000)
CLIENT = ForwardedAddress("203.0.113.5", 4000, ("192.0.2.1", 8000))
CLIENT6 = ForwardedAddress("2001:db8::5", 4000, ("2001:db8::1", 8000))


def v2(command: int, kind: int, body: bytes) -> bytes:
    """Return a header of version 2."""
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x20 | command, kind, len(body)) + body


def v2_of(client: ForwardedAddress, extra: bytes = b"") -> bytes:
    """Return the header of version 2 for *client*."""
    source, destination = (ip_address(each) for each in (client.host, client.reached[0]))
    ports = struct.pack("!HH", client.port, client.reached[1])
    kind = 0x11 if source.version == 4 else 0x21
    return v2(1, kind, source.packed + destination.packed + ports + extra)


LONGEST = b"PROXY UNKNOWN " + b"f" * 91 + b"\r\n"
HEADERS: dict[str, tuple[bytes, ForwardedAddress | None]] = {
    "v1": (b"PROXY TCP4 203.0.113.5 192.0.2.1 4000 8000\r\n", CLIENT),
    "v1 IPv6": (b"PROXY TCP6 2001:db8::5 2001:db8::1 4000 8000\r\n", CLIENT6),
    "v1 unknown": (b"PROXY UNKNOWN\r\n", None),
    "v1 unknown, longest": (LONGEST, None),
    "v2": (v2_of(CLIENT), CLIENT),
    "v2 IPv6": (v2_of(CLIENT6), CLIENT6),
    "v2 with more fields": (v2_of(CLIENT, b"\x04\x01\x00" + b"\0" * 256), CLIENT),
    "v2 local": (v2(0, 0, b""), None),
    "v2 local with addresses": (v2(0, 0x11, b"\1" * 12), None),
    "v2 unspecified": (v2(1, 0, b""), None),
    "v2 Unix socket": (v2(1, 0x31, b"\0" * 216), None),
}
BAD = {
    "none": b"alice\n",
    "lower case": b"proxy TCP4 203.0.113.5 192.0.2.1 4000 8000\r\n",
    "JSON": b'{"hello": 1}\n',
    "too long": b"PROXY UNKNOWN " + b"f" * 200,
    "too few words": b"PROXY TCP4 203.0.113.5 192.0.2.1 4000\r\n",
    "no address": b"PROXY TCP4 203.0.113.256 192.0.2.1 4000 8000\r\n",
    "another family": b"PROXY TCP4 2001:db8::5 2001:db8::1 4000 8000\r\n",
    "no port": b"PROXY TCP4 203.0.113.5 192.0.2.1 4000 80000\r\n",
    "signed port": b"PROXY TCP4 203.0.113.5 192.0.2.1 +400 8000\r\n",
    "v2 without addresses": v2(1, 0x11, b"1234"),
    "v2 of version 3": v2(0x11, 0x11, b"1" * 12),
    "v2 with an unknown command": v2(2, 0x11, b"1" * 12),
    "v2 endless": v2(1, 0x11, b"1" * 60_000)[:16],
}


@implementer(IHalfCloseableProtocol)
class Inner(Protocol):
    """Records the received bytes."""

    def __init__(self, address: Any) -> None:
        self.address = address
        self.received = b""
        self.input_ended = False

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def readConnectionLost(self) -> None:
        self.input_ended = True

    def writeConnectionLost(self) -> None:
        """Never: it does not close its own direction."""


class InnerFactory(Factory):
    """Makes `Inner` protocols."""

    def buildProtocol(self, addr: Any) -> Inner:
        return Inner(addr)


class Peer:
    """A connection from *address*."""

    def __init__(self, factory: ProxyProtocolFactory, address: Any = PROXY) -> None:
        self.transport = StringTransportWithDisconnection()
        self.transport.protocol = factory.buildProtocol(address)
        self.transport.protocol.makeConnection(self.transport)

    def sends(self, data: bytes) -> None:
        """Send *data*, as a transport passes it on."""
        if self.transport.connected:
            self.transport.protocol.dataReceived(data)

    @property
    def inner(self) -> Inner:
        """Return the protocol behind the header."""
        protocol = self.transport.protocol
        assert isinstance(protocol, Inner)
        return protocol


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def factory(clock: Clock) -> ProxyProtocolFactory:
    """A factory that trusts one network."""
    return ProxyProtocolFactory(InnerFactory(), ["10.0.0.0/24", "2001:db8:f::/48"], clock)


@pytest.fixture
def logged() -> Iterator[list[LogEvent]]:
    """The events that are logged."""
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)


@pytest.mark.parametrize("name", HEADERS)
def test_headers(factory: ProxyProtocolFactory, name: str) -> None:
    """The protocol behind it gets the client's address and all bytes that follow."""
    header, client = HEADERS[name]
    for whole in (True, False):
        peer = Peer(factory)
        for piece in (
            [header + b"hello"] if whole else [bytes([each]) for each in header + b"hello"]
        ):
            peer.sends(piece)
        assert peer.inner.address == client
        assert peer.inner.received == b"hello"
        assert peer.inner.transport is peer.transport
        peer.inner.readConnectionLost()
        assert peer.inner.input_ended


@pytest.mark.parametrize("name", BAD)
def test_bad_headers(factory: ProxyProtocolFactory, logged: list[LogEvent], name: str) -> None:
    """The connection is closed, and no bytes are passed on; at most one log line a minute."""
    for _ in range(3):
        peer = Peer(factory)
        peer.sends(BAD[name])
        peer.sends(b"hello")
        assert not peer.transport.connected
    assert [event["proxy"] for event in logged] == ["10.0.0.5"]


@given(st.binary(max_size=300), st.sampled_from(["", *HEADERS]))
def test_any_bytes(data: bytes, name: str) -> None:
    """Any bytes raise only `BadHeader`, and no header is larger than the input."""
    data = HEADERS[name][0][: len(data)] + data if name else data
    try:
        header = parse_header(data)
    except BadHeader:
        return
    assert header is None or 0 < header.size <= len(data)


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_of_a_stranger_is_no_header(factory: ProxyProtocolFactory, name: str) -> None:
    """It is passed on as any other bytes, under the address of the connection."""
    peer = Peer(factory, STRANGER)
    peer.sends(HEADERS[name][0])
    assert (peer.inner.address, peer.inner.received) == (STRANGER, HEADERS[name][0])


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        (IPv4Address("TCP", "10.0.0.255", 1), True),
        (IPv4Address("TCP", "10.0.1.0", 1), False),
        (IPv6Address("TCP", "::ffff:10.0.0.5", 1), True),
        (IPv6Address("TCP", "2001:db8:f::1", 1), True),
        (IPv6Address("TCP", "2001:db8:e::1", 1), False),
        (IPv6Address("TCP", "fe80::1%eth0", 1), False),
        (None, False),
    ],
)
def test_who_is_trusted(factory: ProxyProtocolFactory, address: Any, trusted: bool) -> None:
    """Networks hold for IPv4 at a port for both versions too."""
    assert isinstance(Peer(factory, address).transport.protocol, Inner) is not trusted


def test_unix_sockets(clock: Clock) -> None:
    """They are trusted by the word unix."""
    peer = Peer(ProxyProtocolFactory(InnerFactory(), ["unix"], clock), None)
    peer.sends(HEADERS["v1"][0])
    assert peer.inner.address == CLIENT


def test_a_proxy_without_a_header(
    factory: ProxyProtocolFactory, clock: Clock, logged: list[LogEvent]
) -> None:
    """After a time the connection is closed, with one line."""
    peer = Peer(factory)
    clock.advance(HEADER_SECONDS - 1)
    assert peer.transport.connected
    clock.advance(1)
    assert not peer.transport.connected
    assert len(logged) == 1
    assert clock.getDelayedCalls() == []


def test_a_check_whether_the_port_is_open(
    factory: ProxyProtocolFactory, clock: Clock, logged: list[LogEvent]
) -> None:
    """A connection without a byte ends without a line, an incomplete header with one."""
    peer = Peer(factory)
    peer.transport.protocol.readConnectionLost()
    assert (peer.transport.connected, logged) == (False, [])
    peer = Peer(factory)
    peer.sends(b"PROXY TCP4")
    peer.transport.protocol.readConnectionLost()
    assert (peer.transport.connected, len(logged)) == (False, 1)
    assert clock.getDelayedCalls() == []

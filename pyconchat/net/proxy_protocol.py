"""The PROXY protocol, versions 1 and 2: the addresses of clients behind a proxy.

A trusted proxy sends a header before the client's bytes. `ProxyProtocolFactory` reads it and then
hands the transport to the wrapped factory's protocol: no wrapper remains, so that half-close and
direct writes to the socket work as without a proxy. Twisted's own wrapper trusts any peer, does not
pass on a half-close, and reads no header that arrives in pieces.

https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple, cast

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableProtocol,
    IProtocol,
    IReactorTime,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.net.connection import IConnection

__all__ = ["BadHeader", "ForwardedAddress", "ProxyProtocolFactory", "networks", "parse_header"]

MAX_V1_BYTES = 107
"""Maximum bytes of a header of version 1 (section 2.1)."""

MAX_V2_BYTES = 536
"""Maximum bytes of a header of version 2, with its additional fields (TLVs), which are ignored."""

HEADER_SECONDS = 5.0
"""Maximum seconds until the header is complete. A proxy sends it at once (section 2)."""

LOG_SECONDS = 60.0
"""Minimum seconds between two log lines about bad headers of the same proxy."""

_V1 = b"PROXY "
_V2 = b"\r\n\r\n\0\r\nQUIT\n"
_V2_FIXED = struct.Struct("!12sBBH")
_V2_ADDRESSES = {0x11: struct.Struct("!4s4sHH"), 0x21: struct.Struct("!16s16sHH")}
_UNIX = ("unix",)

Network = IPv4Network | IPv6Network


class BadHeader(Exception):
    """A trusted proxy has sent an invalid header; the message is the reason."""


@implementer(IAddress)
class ForwardedAddress(NamedTuple):
    """The address of a client behind a proxy, and the one to which it has connected."""

    host: str
    port: int
    reached: tuple[str, int]


class Header(NamedTuple):
    """A header: the *client*, None if the proxy sends none; and the *size* in bytes."""

    client: ForwardedAddress | None
    size: int


def networks(listed: Sequence[str]) -> list[Network]:
    """Return the networks of *listed*, addresses or networks. Raises `ValueError`."""
    return [ip_network(each) for each in listed]


def parse_header(data: bytes) -> Header | None:
    """Return the header at the start of *data*; None if more bytes are needed.

    Raises `BadHeader`.
    """
    if data.startswith(_V1) or _V1.startswith(data):
        return _parse_v1(data)
    if data.startswith(_V2) or _V2.startswith(data):
        return _parse_v2(data)
    raise BadHeader("no PROXY header")


def _parse_v1(data: bytes) -> Header | None:
    line, end, _ = data[:MAX_V1_BYTES].partition(b"\r\n")
    if not end:
        if len(data) >= MAX_V1_BYTES:
            raise BadHeader("a PROXY header without an end")
        return None
    size = len(line) + len(end)
    words = line.decode("ascii", "replace").split(" ")
    if words[1] == "UNKNOWN":  # anything may follow
        return Header(None, size)
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise BadHeader("a malformed PROXY header")
    source, destination = (_address(word, words[1]) for word in words[2:4])
    source_port, destination_port = (_port(word) for word in words[4:])
    return Header(ForwardedAddress(source, source_port, (destination, destination_port)), size)


def _address(word: str, family: str) -> str:
    try:
        address = ip_address(word)
    except ValueError:
        raise BadHeader("a PROXY header with a bad address") from None
    if isinstance(address, IPv6Address) != (family == "TCP6"):
        raise BadHeader("a PROXY header with an address of another family")
    return str(address)


def _port(word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) <= 5 and int(word) < 65536):
        raise BadHeader("a PROXY header with a bad port")
    return int(word)


def _parse_v2(data: bytes) -> Header | None:
    if len(data) < _V2_FIXED.size:
        return None
    _, version_and_command, kind, length = _V2_FIXED.unpack_from(data)
    size = _V2_FIXED.size + length
    if version_and_command not in (0x20, 0x21) or size > MAX_V2_BYTES:
        raise BadHeader("a malformed PROXY header")
    if len(data) < size:
        return None
    addresses = _V2_ADDRESSES.get(kind)
    if version_and_command == 0x20 or addresses is None:  # LOCAL, or neither TCP/IPv4 nor /IPv6
        return Header(None, size)
    if length < addresses.size:
        raise BadHeader("a malformed PROXY header")
    source, destination, *ports = addresses.unpack_from(data, _V2_FIXED.size)
    reached = str(ip_address(destination)), ports[1]
    return Header(ForwardedAddress(str(ip_address(source)), ports[0], reached), size)


class ProxyProtocolFactory(Factory):
    """Gives *wrapped* the connections, those of *trusted* proxies after their header.

    A connection without a client, such as a proxy's check whether the server is alive, gets None as
    its address: it is counted under no address. *trusted* may have "unix", for Unix sockets.
    """

    noisy = False
    _log = Logger(namespace="pyconchat")

    def __init__(self, wrapped: Any, trusted: Sequence[str], reactor: IReactorTime) -> None:
        self.reactor = reactor
        self._wrapped = wrapped
        self._unix = "unix" in trusted
        self._trusted = networks([each for each in trusted if each not in _UNIX])
        self._logged: dict[str, float] = {}  # by proxy, when its bad header was logged

    def doStart(self) -> None:
        self._wrapped.doStart()

    def doStop(self) -> None:
        self._wrapped.doStop()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        if self._trusts(addr):
            proxy = str(getattr(addr, "host", "a Unix socket"))
            return _HeaderReader(self, proxy, self._wrapped.buildProtocol)
        return self._wrapped.buildProtocol(addr)

    def log_bad(self, problem: str, proxy: str) -> None:
        """Log that *proxy* has sent no valid header, once a minute."""
        now = self.reactor.seconds()
        if now - self._logged.get(proxy, -LOG_SECONDS) >= LOG_SECONDS:
            self._logged[proxy] = now
            self._log.warn(
                "connection refused: {problem} from the proxy {proxy}", problem=problem, proxy=proxy
            )

    def _trusts(self, addr: IAddress | None) -> bool:
        host = getattr(addr, "host", None)
        if host is None:
            return self._unix
        address = ip_address(host.partition("%")[0])
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return any((mapped or address) in network for network in self._trusted)


@implementer(IHalfCloseableProtocol)
class _HeaderReader(Protocol):
    """Reads the header of *proxy*, and then hands the transport to the protocol of *build*."""

    def __init__(
        self,
        factory: ProxyProtocolFactory,
        proxy: str,
        build: Callable[[IAddress | None], IProtocol | None],
    ) -> None:
        self._proxies = factory
        self._proxy = proxy
        self._build = build
        self._data = b""
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._timer = self._proxies.reactor.callLater(HEADER_SECONDS, self._timed_out)

    def dataReceived(self, data: bytes) -> None:
        if self._timer is None:
            return  # it is closing
        self._data += data
        try:
            header = parse_header(self._data)
        except BadHeader as problem:
            self._refuse(str(problem))
            return
        if header is not None:
            self._hand_over(header)

    def readConnectionLost(self) -> None:
        """The input has ended before the header was complete."""
        if self._timer is None:
            return
        if self._data:
            self._refuse("an incomplete PROXY header")
        else:  # a check whether the port is open
            cast(IConnection, self.transport).abortConnection()

    def writeConnectionLost(self) -> None:
        """Ignored: nothing is written."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._cancel_timer()

    def _hand_over(self, header: Header) -> None:
        self._cancel_timer()
        transport = cast(IConnection, self.transport)
        protocol = self._build(header.client)
        if protocol is None:
            transport.abortConnection()
            return
        transport.protocol = protocol  # type: ignore[attr-defined]
        protocol.makeConnection(transport)
        rest = self._data[header.size :]
        if rest:
            protocol.dataReceived(rest)

    def _timed_out(self) -> None:
        self._timer = None
        self._refuse("no PROXY header")

    def _refuse(self, problem: str) -> None:
        self._cancel_timer()
        self._proxies.log_bad(problem, self._proxy)
        cast(IConnection, self.transport).abortConnection()

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

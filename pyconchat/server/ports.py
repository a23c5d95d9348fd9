"""Ports: the server's ports, how to reach them, and their certificates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import quoteStringArgument, serverFromString
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from pyconchat.net.tls import KINDS, TlsDoor
from pyconchat.server.options import stop

__all__ = ["Ports"]

BACKLOG = 1024
"""Connections that may wait to be accepted."""

METRICS = "metrics"
"""In the place of a kind of endpoint: what listens there is for Prometheus."""

OPENSSL = "openssl s_client -quiet -connect"


class Ports:
    """What listens, for a server whose state is in *folder*."""

    _log = Logger(namespace="pyconchat")

    def __init__(self, reactor: Any, folder: Path) -> None:
        self._reactor = reactor
        self._folder = folder
        self._ports: list[tuple[str, Deferred[Any]]] = []  # with what kind of endpoint each is
        self._tls: list[tuple[str, TlsDoor]] = []

    def open_line(self, description: str, factory: Any) -> None:
        """Listen for people and programs. Exits with one line if that cannot be."""
        self._open("doors.line", description, factory, description.partition(":")[0])

    def open_metrics(self, description: str, site: Any) -> None:
        """Listen for Prometheus. Exits with one line if that cannot be."""
        self._open("doors.metrics", description, site, METRICS)

    def close(self) -> Deferred[Any]:
        """Listen no longer; fires when that is so."""
        return DeferredList(
            [port.addCallback(lambda each: each.stopListening()) for _, port in self._ports]
        )

    async def renew(self) -> None:
        """Read the certificates again. One that cannot be used is logged, and changes nothing."""
        for description, door in self._tls:
            try:
                await door.renew()
            except Exception as problem:  # what OpenSSL and the parsers raise
                self._log.error(
                    "the certificate of {description} stays as it is, for the new one cannot be"
                    " used: {problem}",
                    description=description,
                    problem=problem,
                )
            else:
                self._log.info("read the certificate of {description}", description=description)

    def tell(self) -> None:
        """Log how to connect."""
        for kind, listening in self._ports:
            listening.addCallback(self._tell_address, kind)

    def _open(self, key: str, description: str, factory: Any, kind: str) -> None:
        completed = self._completed(description)
        endpoint: Any
        try:
            if description.partition(":")[0] in KINDS:
                endpoint = TlsDoor(self._reactor, completed)
                self._tls.append((description, endpoint))
            else:
                endpoint = serverFromString(self._reactor, completed)
        except ImportError as problem:
            stop(f"{key}: {description}: {problem}")
        except Exception as problem:  # what the parser of each kind of endpoint raises
            stop(f"{key}: {description!r} is not a server endpoint: {problem}")
        listening = endpoint.listen(factory)
        failures: list[Any] = []
        listening.addErrback(failures.append)
        if failures:
            cause = failures[0].value
            if isinstance(cause, CannotListenError):
                why = getattr(cause.socketError, "strerror", None) or cause.socketError
                stop(f"cannot listen on {description}: {why}")
            stop(f"cannot listen on {description}: {cause}")
        self._ports.append((kind, listening))

    def _completed(self, description: str) -> str:
        """Return an endpoint's *description* with what this server knows better than Twisted."""
        kind = description.partition(":")[0]
        if kind in ("tcp", "ssl", "selfsigned") and ":backlog=" not in description:
            # With Twisted's 50, many who come back at once after a restart would wait seconds.
            description += f":backlog={BACKLOG}"
        if kind == "selfsigned" and ":folder=" not in description:
            description += f":folder={quoteStringArgument(str(self._folder))}"
        return description

    def _tell_address(self, port: Any, kind: str) -> Any:
        address = port.getHost()
        if kind == METRICS:
            self._log.info(
                "figures at http://{host}:{port}/metrics",
                host=_spoken(address.host),
                port=address.port,
            )
        elif isinstance(address, IPv4Address | IPv6Address):
            host = _spoken(address.host)
            self._log.info(
                "connect with: pyconchat {tls}{host} {port}   or: {other} {host}{colon}{port}",
                tls="--tls " if kind in KINDS else "",
                other=OPENSSL if kind in KINDS else "telnet",
                host=host,
                colon=":" if kind in KINDS else " ",
                port=address.port,
            )
        else:
            self._log.info("listening on {address}", address=address)
        return port


def _spoken(host: str) -> str:
    return "localhost" if host in ("0.0.0.0", "::", "127.0.0.1") else host

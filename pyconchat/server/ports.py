"""The server's listening ports, how to connect to them, and their certificates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import quoteStringArgument, serverFromString
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from pyconchat.net.tls import TLS_KINDS, ReloadableTlsEndpoint
from pyconchat.server.options import stop

__all__ = ["Ports"]

MAX_BACKLOG = 1024
"""Maximum connections that wait to be accepted.

With Twisted's default of 50, many clients that reconnect after a restart would wait for seconds.
"""

METRICS = "metrics"
"""The kind of the port for Prometheus; all other kinds are the first words of endpoint strings."""

OPENSSL = "openssl s_client -quiet -connect"


class Ports:
    """The listening ports of a server whose state folder is *folder*."""

    _log = Logger(namespace="pyconchat")

    def __init__(self, reactor: Any, folder: Path) -> None:
        self._reactor = reactor
        self._folder = folder
        self._ports: list[tuple[str, Deferred[Any]]] = []  # kind and port
        self._tls: list[tuple[str, ReloadableTlsEndpoint]] = []  # description and endpoint

    def open_line(self, description: str, factory: Any) -> None:
        """Listen for people and programs. Exits with one line on failure."""
        self._open("doors.line", description, factory, _kind(description))

    def open_metrics(self, description: str, site: Any) -> None:
        """Listen for Prometheus. Exits with one line on failure."""
        self._open("doors.metrics", description, site, METRICS)

    def close(self) -> Deferred[Any]:
        """Stop listening; fires when all ports are closed."""
        return DeferredList(
            [port.addCallback(lambda each: each.stopListening()) for _, port in self._ports]
        )

    async def reload_certificates(self) -> None:
        """Read the certificates again. If one cannot be used, log it and keep the old one."""
        for description, endpoint in self._tls:
            try:
                await endpoint.reload_certificate()
            except Exception as problem:  # whatever OpenSSL or a parser raises
                self._log.error(
                    "keeping the old certificate of {description}, because the new one cannot be"
                    " used: {problem}",
                    description=description,
                    problem=problem,
                )
            else:
                self._log.info("reloaded the certificate of {description}", description=description)

    def log_addresses(self) -> None:
        """Log how to connect to each port."""
        for kind, port in self._ports:
            port.addCallback(self._log_address, kind)

    def _open(self, key: str, description: str, factory: Any, kind: str) -> None:
        completed = self._with_defaults(description)
        endpoint: Any
        try:
            if _kind(description) in TLS_KINDS:
                endpoint = ReloadableTlsEndpoint(self._reactor, completed)
                self._tls.append((description, endpoint))
            else:
                endpoint = serverFromString(self._reactor, completed)
        except ImportError as problem:
            stop(f"{key}: {description}: {problem}")
        except Exception as problem:  # whatever the parser of the endpoint raises
            stop(f"{key}: {description!r} is not a server endpoint: {problem}")
        port = endpoint.listen(factory)
        failures: list[Any] = []
        port.addErrback(failures.append)
        if failures:
            cause = failures[0].value
            if isinstance(cause, CannotListenError):
                why = getattr(cause.socketError, "strerror", None) or cause.socketError
                stop(f"cannot listen on {description}: {why}")
            stop(f"cannot listen on {description}: {cause}")
        self._ports.append((kind, port))

    def _with_defaults(self, description: str) -> str:
        """Return an endpoint's *description* with our defaults for the backlog and the folder."""
        kind = _kind(description)
        if kind in ("tcp", "ssl", "selfsigned") and ":backlog=" not in description:
            description += f":backlog={MAX_BACKLOG}"
        if kind == "selfsigned" and ":folder=" not in description:
            description += f":folder={quoteStringArgument(str(self._folder))}"
        return description

    def _log_address(self, port: Any, kind: str) -> Any:
        address = port.getHost()
        if kind == METRICS:
            self._log.info(
                "metrics at http://{host}:{port}/metrics",
                host=_reachable_host(address.host),
                port=address.port,
            )
        elif isinstance(address, IPv4Address | IPv6Address):
            tls = kind in TLS_KINDS
            self._log.info(
                "connect with: pyconchat {tls}{host} {port}   or: {other} {host}{colon}{port}",
                tls="--tls " if tls else "",
                other=OPENSSL if tls else "telnet",
                host=_reachable_host(address.host),
                colon=":" if tls else " ",
                port=address.port,
            )
        else:
            self._log.info("listening on {address}", address=address)
        return port


def _kind(description: str) -> str:
    return description.partition(":")[0]


def _reachable_host(host: str) -> str:
    """Return the name under which this machine reaches a port that listens on *host*."""
    return "localhost" if host in ("0.0.0.0", "::", "127.0.0.1") else host

"""The server's listening ports, how to connect to them, and their certificates."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import quoteStringArgument, serverFromString
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from pyconchat.net.proxy_protocol import ProxyProtocolFactory
from pyconchat.net.tls import TLS_KINDS, ReloadableTlsEndpoint
from pyconchat.server.options import stop
from pyconchat.server.start_lines import (
    Programs,
    irc_line,
    metrics_line,
    port_line,
    port_name,
    ssh_line,
    web_line,
)

__all__ = ["Ports"]

MAX_BACKLOG = 1024
"""Maximum connections that wait to be accepted.

With Twisted's default of 50, many clients that reconnect after a restart would wait for seconds.
"""

HAPROXY = "haproxy"
"""A prefix of endpoint strings, with which Twisted would trust headers of any peer."""

LOOPBACK = ("127.0.0.0/8", "::1")
"""The trusted proxies at a port with that prefix, if none are configured."""

IRC = "irc"
"""The kind of the ports for IRC clients."""

SSH = "ssh"
"""The kind of the ports for SSH clients."""

WEB = "web"
"""The kind of the ports for browsers."""

METRICS = "metrics"
"""The kind of the port for Prometheus; all other kinds are the first words of endpoint strings."""


class _Port(NamedTuple):
    """A port that listens: its endpoint's *description*, and *tls* if that has a certificate.

    *for_proxy* is true if local connections must begin with a header of the PROXY protocol.
    """

    description: str
    kind: str
    port: Deferred[Any]
    tls: ReloadableTlsEndpoint | None
    for_proxy: bool


class Ports:
    """The listening ports of a server with the state folder *folder*.

    Connections of *trusted_proxies* begin with a header of the PROXY protocol. *url* is the public
    URL of the web door, if it is set.
    """

    _log = Logger(namespace="pyconchat")

    def __init__(
        self, reactor: Any, folder: Path, trusted_proxies: Sequence[str] = (), url: str = ""
    ) -> None:
        self._reactor = reactor
        self._url = url
        self._proxies = trusted_proxies
        self._folder = folder
        self._ports: list[_Port] = []

    def open_line(self, description: str, factory: Any) -> None:
        """Listen for people and programs. Exits with one line on failure."""
        self._open_door("doors.line", description, factory)

    def open_irc(self, description: str, factory: Any) -> None:
        """Listen for IRC clients. Exits with one line on failure."""
        self._open_door("doors.irc", description, factory, IRC)

    def open_ssh(self, description: str, factory: Any) -> None:
        """Listen for SSH clients. Exits with one line on failure."""
        self._open_door("doors.ssh", description, factory, SSH)

    def _open_door(self, key: str, description: str, factory: Any, kind: str = "") -> None:
        """Listen for users, of trusted proxies with the PROXY protocol."""
        proxies = self._proxies
        if _kind(description) == HAPROXY:
            description = description.partition(":")[2]
            proxies = proxies or LOOPBACK
        self._open(key, description, factory, kind or _kind(description), proxies)

    def open_web(self, description: str, factory: Any) -> None:
        """Listen for browsers. Exits with one line on failure."""
        self._open("doors.web", description, factory, WEB)

    def open_metrics(self, description: str, site: Any) -> None:
        """Listen for Prometheus. Exits with one line on failure."""
        self._open("doors.metrics", description, site, METRICS)

    def close_doors(self) -> Deferred[Any]:
        """Stop listening for users; fires when those ports are closed."""
        return self._close([each for each in self._ports if each.kind != METRICS])

    def close(self) -> Deferred[Any]:
        """Stop listening; fires when all ports are closed."""
        return self._close(self._ports)

    def _close(self, ports: Sequence[_Port]) -> Deferred[Any]:
        self._ports = [each for each in self._ports if each not in ports]
        return DeferredList(
            [each.port.addCallback(lambda port: port.stopListening()) for each in ports],
            consumeErrors=True,
        )

    async def reload_certificates(self) -> None:
        """Read the certificates again. If one cannot be used, log it and keep the old one."""
        for each in self._ports:
            if each.tls is None:
                continue
            try:
                await each.tls.reload_certificate()
            except Exception as problem:  # any exception of OpenSSL or a parser
                self._log.error(
                    "keeping the old certificate of {description}, because the new one cannot be"
                    " used: {problem}",
                    description=each.description,
                    problem=problem,
                )
            else:
                self._log.info(
                    "reloaded the certificate of {description}: SHA256 {fingerprint}",
                    description=each.description,
                    fingerprint=each.tls.fingerprint,
                )

    def log_addresses(self) -> None:
        """Log how to connect to each port."""
        programs = Programs.installed()
        for each in self._ports:
            each.port.addCallback(self._log_address, each, programs)

    def _open(
        self, key: str, description: str, factory: Any, kind: str, proxies: Sequence[str] = ()
    ) -> None:
        completed = self._with_defaults(description)
        endpoint: Any
        tls = None

        def proxied(factory: Any) -> Any:
            return ProxyProtocolFactory(factory, proxies, self._reactor) if proxies else factory

        try:
            if _kind(description) in TLS_KINDS:
                endpoint = tls = ReloadableTlsEndpoint(self._reactor, completed, proxied)
            else:
                endpoint = serverFromString(self._reactor, completed)
        except ImportError as problem:
            stop(f"{key}: {description}: {problem}")
        except Exception as problem:  # any exception of the endpoint's parser
            stop(f"{key}: {description!r} is not a server endpoint: {problem}")
        port = endpoint.listen(factory if tls is not None else proxied(factory))
        failures: list[Any] = []
        port.addErrback(failures.append)
        if failures:
            cause = failures[0].value
            if isinstance(cause, CannotListenError):
                why = getattr(cause.socketError, "strerror", None) or cause.socketError
                if getattr(cause.socketError, "errno", 0) == errno.EADDRINUSE:
                    why = f"{why}: another server still runs there, or another program (ss -ltnp)"
                stop(f"cannot listen on {description}: {why}")
            stop(f"cannot listen on {description}: {cause}")
        for_proxy = _trusts_local(proxies, unix=_kind(description) == "unix")
        self._ports.append(_Port(description, kind, port, tls, for_proxy))

    def _with_defaults(self, description: str) -> str:
        """Return an endpoint's *description* with our defaults for the backlog and the folder."""
        kind = _kind(description)
        if kind in ("tcp", "ssl", "selfsigned") and ":backlog=" not in description:
            description += f":backlog={MAX_BACKLOG}"
        if kind == "selfsigned" and ":folder=" not in description:
            description += f":folder={quoteStringArgument(str(self._folder))}"
        return description

    def _log_address(self, port: Any, opened: _Port, programs: Programs) -> Any:
        address = port.getHost()
        if opened.kind == METRICS:
            self._log.info("{line}", line=metrics_line(address))
            return port
        if opened.kind == SSH:
            self._log.info("{line}", line=ssh_line(address))
        elif opened.kind == WEB:
            self._log.info("{line}", line=web_line(address, opened.tls is not None, self._url))
        elif opened.kind == IRC:
            self._log.info("{line}", line=irc_line(address, opened.tls is not None))
        else:
            programs = Programs() if opened.for_proxy else programs
            line = port_line(address, opened.tls is not None, programs)
            line += "; for a proxy that sends the PROXY protocol" if opened.for_proxy else ""
            self._log.info("{line}", line=line)
        if opened.tls is not None:
            self._log.info(
                "certificate of {port}: SHA256 {fingerprint}",
                port=port_name(address),
                fingerprint=opened.tls.fingerprint,
            )
        return port


def _trusts_local(proxies: Sequence[str], unix: bool) -> bool:
    """Return whether a client on this machine, at a *unix* socket or not, is one of *proxies*."""
    if unix:
        return "unix" in proxies
    loopback = ip_address("127.0.0.1")
    return any(loopback in ip_network(each) for each in proxies if each != "unix")


def _kind(description: str) -> str:
    return description.partition(":")[0]

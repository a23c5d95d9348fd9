"""The lines of a start about the state, the database, and how to connect to each port."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from pyconchat.config import Config
from pyconchat.domain.accounts import RESERVED

__all__ = [
    "Programs",
    "database_line",
    "irc_line",
    "metrics_line",
    "node_line",
    "port_line",
    "port_name",
    "reserved_lines",
    "ssh_line",
    "web_line",
]

_EVERY_ADDRESS = ("", "0.0.0.0", "::")


@dataclass(frozen=True)
class Programs:
    """The programs on this machine that can connect to the server; empty for none."""

    client: str = ""
    plain: str = ""
    tls: str = ""
    unix: str = ""

    @classmethod
    def installed(
        cls,
        which: Callable[[str], str | None] = shutil.which,
        beside: Path = Path(sys.executable),
        folder: Path | None = None,
    ) -> Programs:
        """Return the programs that can be run from the current *folder*.

        The client may be installed only beside the Python program *beside*, outside the PATH.
        """
        plain = next((each for each in ("telnet", "nc", "ncat") if which(each)), "")
        return cls(
            client="pyconchat" if which("pyconchat") else _path(beside, folder or Path.cwd()),
            plain=plain,
            tls="openssl s_client -quiet -connect" if which("openssl") else "",
            unix=next((f"{each} -U" for each in ("nc", "ncat") if which(each)), ""),
        )


def _path(beside: Path, folder: Path) -> str:
    client = beside.with_name("pyconchat")
    if not os.access(client, os.X_OK):
        return ""
    if client.is_relative_to(folder):
        relative = str(client.relative_to(folder))
        return shlex.quote(relative if "/" in relative else f"./{relative}")
    return shlex.quote(str(client))


def database_line(config: Config) -> str:
    """Return the location of the database, without the password in its URL."""
    url = urlsplit(config.store_url)
    if url.scheme.startswith("sqlite"):
        return f"database: {config.store_url.partition(':///')[2]}"
    host = url.hostname or "this machine"
    return f"database: PostgreSQL, {url.path.removeprefix('/')} on {host}"


def node_line(config: Config) -> str:
    """Return the name of the node, and its bus, without the password in its URL."""
    bus = urlsplit(config.bus.url)
    by = f"{bus.hostname}, port {bus.port or 6379}" if bus.hostname else "PostgreSQL's NOTIFY"
    return f"node {config.node_name}, one of several on this database; bus: {by}"


def port_line(address: Any, tls: bool, programs: Programs) -> str:
    """Return who can reach the port at *address*, and the commands that connect to it."""
    if isinstance(address, UNIXAddress):
        path = (address.name or b"").decode(errors="replace")
        how = f"; connect with: {programs.unix} {shlex.quote(path)}" if programs.unix else ""
        return f"listening on the Unix socket {path} (this machine only){how}"
    if not isinstance(address, IPv4Address | IPv6Address):
        return f"listening on {address}"
    crypt = "with TLS" if tls else "without encryption"
    commands = "   or: ".join(_commands(address, tls, programs))
    how = f"; connect with: {commands}{_from_elsewhere(address.host)}" if commands else ""
    return f"listening on {port_name(address)} ({_reach(address.host)}, {crypt}){how}"


def reserved_lines(names: Iterable[str]) -> list[str]:
    """Return a line for each account of *names* that has the name of a service at IRC."""
    return [
        f"the account {name} has the name of a service: nobody at IRC can write to it;"
        f" pyconchat-admin delete-account {name} frees the name"
        for name in names
        if name.lower() in RESERVED
    ]


def irc_line(address: Any, tls: bool) -> str:
    """Return who can reach the IRC port at *address*, and the command by which clients connect."""
    if not isinstance(address, IPv4Address | IPv6Address):
        return f"listening for IRC on {address}"
    crypt = "with TLS" if tls else "without encryption"
    option = "-tls " if tls else ""
    host = _reachable_host(address.host)
    return (
        f"listening for IRC on {port_name(address)} ({_reach(address.host)}, {crypt}); in a client:"
        f" /connect {option}{host} {address.port}{_from_elsewhere(address.host)}"
    )


def ssh_line(address: Any) -> str:
    """Return who can reach the SSH port at *address*, and the command that connects to it."""
    if not isinstance(address, IPv4Address | IPv6Address):
        return f"listening for SSH on {address}"
    host = _reachable_host(address.host)
    return (
        f"listening for SSH on {port_name(address)} ({_reach(address.host)}); connect with:"
        f" ssh -p {address.port} NAME@{host}{_from_elsewhere(address.host)}"
    )


def web_line(address: Any, tls: bool, url: str) -> str:
    """Return the address to open in a browser, and who can reach it."""
    if not isinstance(address, IPv4Address | IPv6Address):
        return f"web page on {address}" + (f": open {url}/" if url else "")
    host = _reachable_host(address.host)
    brackets = f"[{host}]" if ":" in host else host
    here = f"http{'s' if tls else ''}://{brackets}:{address.port}/{_from_elsewhere(address.host)}"
    page = f"{url}/" if url else here
    return f"web page on {port_name(address)} ({_reach(address.host)}): open {page}"


def metrics_line(address: Any) -> str:
    """Return the URL of the metrics for Prometheus, and who else can reach it."""
    if not isinstance(address, IPv4Address | IPv6Address):
        return f"metrics on {address}"
    host = _reachable_host(address.host)
    brackets = f"[{host}]" if ":" in host else host
    return f"metrics at http://{brackets}:{address.port}/metrics ({_reach(address.host)})"


def port_name(address: Any) -> str:
    """Return the name of a TCP port: its number, and the host if it is only one."""
    host = getattr(address, "host", "")
    return f"port {address.port}" + ("" if host in _EVERY_ADDRESS else f" of {host}")


def _commands(address: IPv4Address | IPv6Address, tls: bool, programs: Programs) -> list[str]:
    host, port = _reachable_host(address.host), address.port
    brackets = shlex.quote(f"[{host}]:{port}") if ":" in host else ""
    commands = []
    if programs.client:
        option = " --tls" if tls else ""
        commands.append(f"{programs.client}{option} {brackets or f'{host} {port}'}")
    if tls and programs.tls:
        commands.append(f"{programs.tls} {brackets or f'{host}:{port}'}")
    if not tls and programs.plain:
        commands.append(f"{programs.plain} {host} {port}")
    return commands


def _reach(host: str) -> str:
    """Return who can reach a port that listens on *host*."""
    local = host not in _EVERY_ADDRESS and ip_address(host.partition("%")[0]).is_loopback
    return "this machine only" if local else "open to the network"


def _from_elsewhere(host: str) -> str:
    """Return the addition to a command with localhost, if other machines reach the port, too."""
    every = host in _EVERY_ADDRESS
    return "   (from elsewhere: the name of this machine, not localhost)" if every else ""


def _reachable_host(host: str) -> str:
    """Return the name under which this machine reaches a port that listens on *host*."""
    return "localhost" if host in (*_EVERY_ADDRESS, "127.0.0.1") else host

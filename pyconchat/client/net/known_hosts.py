"""KnownHosts: the certificates that a person has accepted, each pinned to one server.

The file is like ssh's: it is for certificates that this system does not trust.
"""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from pathlib import Path

from twisted.internet.abstract import isIPv6Address

from pyconchat.disk import temporary_file

__all__ = [
    "ChangedCertificate",
    "KnownHosts",
    "ReplacedCertificate",
    "UnknownCertificate",
    "host_and_port",
    "normalized",
]

FINGERPRINT = r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){31}"
ENTRY = re.compile(rf"[ \t]*([^#\s]\S*)[ \t]+SHA256[ \t]+({FINGERPRINT})[ \t\r]*")


class UnknownCertificate(Exception):
    """Neither this system nor the known hosts trust the server, so a person must decide.

    *why* is a phrase: the reason why this system does not.
    """

    def __init__(self, host: str, port: int, fingerprint: str, why: str) -> None:
        self.host = host
        self.port = port
        self.fingerprint = fingerprint
        self.why = why
        super().__init__(
            f"The certificate of {host_and_port(host, port)} is unknown, and {why}."
            f" Its fingerprint: SHA256 {fingerprint}"
        )


class ChangedCertificate(Exception):
    """The certificate of the server is not *known*, the pinned one in the file at *path*."""

    def __init__(self, host: str, port: int, known: str, fingerprint: str, path: Path) -> None:
        self.host = host
        self.port = port
        self.known = known
        self.fingerprint = fingerprint
        self.path = path
        server = host_and_port(host, port)
        super().__init__(
            f"The certificate of {server} has changed from SHA256 {known} to SHA256"
            f" {fingerprint}: somebody may be intercepting the connection, or the server has a"
            " new certificate.\n"
            f"If the server's operator confirms the change, remove the line of {server}"
            f" from {path} and connect again."
        )


class ReplacedCertificate(Exception):
    """The server's certificate is not the pinned one, *known*, but this system trusts it.

    A person must decide whether to accept it.
    """

    def __init__(self, host: str, port: int, known: str, fingerprint: str) -> None:
        self.host = host
        self.port = port
        super().__init__(
            f"The certificate of {host_and_port(host, port)} is not the pinned one any more"
            f" (SHA256 {known}), but one that this system trusts: SHA256 {fingerprint}"
        )


class KnownHosts:
    """The file at *path*. An entry is a line ``HOST:PORT SHA256 FINGERPRINT``.

    Any other line is a comment, and is kept. If a server has several entries, the first counts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, host: str, port: int) -> str | None:
        """Return the fingerprint that is pinned for the server, if any. Raises `OSError`."""
        server = host_and_port(host, port)
        found = (_fingerprint_of(server, line) for line in self._lines())
        return next(filter(None, found), None)

    def pin(self, host: str, port: int, fingerprint: str) -> None:
        """Accept only *fingerprint* for the server from now on.

        The file is replaced as a whole, so that a crash leaves the old one or the new one.
        Raises `OSError`, and `ValueError` for a host or fingerprint that `get` would not find.
        """
        server = host_and_port(host, port)
        line = f"{server} SHA256 {fingerprint.upper()}"
        if ENTRY.fullmatch(line) is None:
            raise ValueError(f"not a host and a fingerprint: {line!r}")
        self._write("".join(f"{each}\n" for each in (*self._without(server), line)))

    def forget(self, host: str, port: int) -> None:
        """Unpin the server's certificate. Raises `OSError`."""
        self._write("".join(f"{each}\n" for each in self._without(host_and_port(host, port))))

    def _without(self, server: str) -> list[str]:
        return [each for each in self._lines() if _fingerprint_of(server, each) is None]

    def _lines(self) -> list[str]:
        try:
            # Not str.splitlines, which splits at more characters than editors do.
            lines = self.path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
        except FileNotFoundError:
            return []
        return lines if lines[-1] else lines[:-1]

    def _write(self, text: str) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with temporary_file(self.path, text.encode("utf-8", "surrogateescape")) as new:
            os.replace(new, self.path)


def _fingerprint_of(server: str, line: str) -> str | None:
    """Return the fingerprint that *line* pins for *server*, if it is an entry of that server."""
    entry = ENTRY.fullmatch(line)
    return entry[2].upper() if entry is not None and entry[1].lower() == server else None


def normalized(host: str) -> str:
    """Return the one spelling of *host*: a name in lower case, or the shortest IP address."""
    if isIPv6Address(host):
        return str(ip_address(host))
    return host.lower().removesuffix(".")


def host_and_port(host: str, port: int) -> str:
    """Return ``HOST:PORT``, with an IPv6 address in brackets."""
    host = normalized(host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""Address: a server, and the name and the group that a person wants there."""

from __future__ import annotations

import re
from typing import NamedTuple

from twisted.internet.abstract import isIPAddress, isIPv6Address

from pyconchat.domain.errors import Refused
from pyconchat.domain.names import group_name, group_number, person_name

__all__ = ["Address", "BadAddress", "parse_address"]

DEFAULT_PORT, DEFAULT_TLS_PORT = 8000, 8443

_SCHEMES = {"pyconchat://": False, "pyconchats://": True}

FORM = "[NAME@]HOST[:PORT][/GROUP]"


MAX_HOST = 253
"""Maximum characters of a host name (RFC 1035, 2.3.4, without the length of the first label)."""

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
"""A label of a host name (RFC 1123, 2.1); local networks also have underscores."""


class BadAddress(Exception):
    """The text is not an address; the message is one line."""


class Address(NamedTuple):
    """A server at *host* and *port*. *name* and *group* are empty if none was given."""

    host: str
    port: int
    name: str = ""
    group: str = ""
    tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(text: str, port: str = "", tls: bool = False) -> Address:
    """Parse *text*; return the address. Raises `BadAddress`.

    *port* was given apart from it, as in ``HOST PORT``; *tls*: TLS, whatever the scheme is.
    """
    rest = text
    for scheme, secure in _SCHEMES.items():
        if rest.lower().startswith(scheme):
            rest, tls = rest[len(scheme) :], secure or tls
            break
    if "://" in rest:
        raise BadAddress(f"{text}: not an address; it is {FORM}.")
    rest, _, group = rest.partition("/")
    name, at, host = rest.rpartition("@")
    if host.startswith("["):  # an IPv6 address (RFC 3986, 3.2.2)
        host, bracket, after = host[1:].partition("]")
        colon, number = after[:1], after[1:]
        if not bracket or colon not in ("", ":"):
            raise BadAddress(f"{text}: an IPv6 address ends with ].")
    elif host.count(":") > 1:  # without brackets there is no port
        if not isIPv6Address(host):
            raise BadAddress(f"{text}: not an IPv6 address; with a port, it is [ADDRESS]:PORT.")
        colon, number = "", ""
    else:
        host, colon, number = host.partition(":")
    if colon and port:
        raise BadAddress(f"{text} {port}: two ports were given.")
    if not host or any(char.isspace() for char in host) or (at and not name):
        raise BadAddress(f"{text}: not an address; it is {FORM}.")
    return Address(
        host=_host(host, text),
        port=_port(number if colon else port, tls, text),
        name=_checked(name, person_name) if name else "",
        group=_group(group.rstrip("/")),
        tls=tls,
    )


def _host(host: str, text: str) -> str:
    """Return *host* in ASCII, for the resolver (RFC 5891). Raises `BadAddress`."""
    if isIPAddress(host) or isIPv6Address(host):
        return host
    name = host
    if not host.isascii() or "xn--" in host.lower():
        import idna  # slow to import, and rarely needed

        try:
            name = idna.encode(host, uts46=True).decode()
            idna.decode(name)
        except (idna.IDNAError, UnicodeError):
            raise BadAddress(f"{text}: {host} cannot be a host name.") from None
    labels = name.removesuffix(".").split(".")
    is_number = labels[-1].isdigit()  # an IPv4 address that is wrong (RFC 1123, 2.1)
    if len(name) > MAX_HOST or is_number or not all(map(_LABEL.fullmatch, labels)):
        raise BadAddress(f"{text}: {host} cannot be a host name.")
    return name


def _port(number: str, tls: bool, text: str) -> int:
    if not number:
        return DEFAULT_TLS_PORT if tls else DEFAULT_PORT
    if not (number.isascii() and number.isdigit() and len(number) <= 5 and 0 < int(number) < 65536):
        raise BadAddress(f"{text}: a port is a number from 1 to 65535.")
    return int(number)


def _group(group: str) -> str:
    if group.isascii() and group.isdigit():
        if group.startswith("0") or group_number(group) is None:
            raise BadAddress("A group's number has at most 9 digits, without leading zeros.")
        return group
    return _checked(group, group_name) if group else ""


def _checked(name: str, check: object) -> str:
    assert callable(check)
    try:
        return str(check(name))
    except Refused as refused:
        raise BadAddress(refused.sentence) from None

"""Tongues: what a crowd says to a server, and what it hears, by the server's protocol."""

from __future__ import annotations

from typing import NamedTuple, Protocol

__all__ = ["BARE", "GROUP", "IRC", "LINES", "PROMPT", "Login", "Tongue", "guest", "registered"]

GROUP = "bench"
"""The only group, where there is one."""

PROMPT = b"Username: "


class Login(NamedTuple):
    """What somebody waits for and then types, until they see *inside*."""

    name: str
    steps: tuple[tuple[bytes, str], ...]
    inside: bytes


class Tongue(Protocol):
    """One protocol of lines."""

    def login(self, name: str, group: str, first: bool) -> Login:
        """Return the login of *name* into *group*; who is the *first* there makes it."""

    def said(self, text: bytes, group: str) -> bytes:
        """Return what is sent to say *text* in *group*, without the end of the line."""

    def heard(self, line: bytes) -> tuple[bytes, bytes]:
        """Return who said what, of a *line* without its LF; empty names are nobody's."""


def guest(name: str, answer: str = "", inside: str = "You are in ") -> Login:
    """Return the login of a guest who gives *answer* when asked for a group."""
    return registered(name, "", answer, inside)


def registered(name: str, password: str, answer: str = "", inside: str = "You are in ") -> Login:
    """Return the login of somebody with a *password*."""
    steps = ((PROMPT, name), (b"Password: ", password), (b"Group: ", answer))
    return Login(name, steps, inside.encode())


class _Lines:
    """Our own, as people at `nc` speak it."""

    def login(self, name: str, group: str, first: bool) -> Login:
        return guest(name, f"/create {group} open" if first else group)

    def said(self, text: bytes, group: str) -> bytes:
        return text

    def heard(self, line: bytes) -> tuple[bytes, bytes]:
        name, _, text = line.partition(b": ")
        return name, text


class _Bare(_Lines):
    """What `benchmarks.bare` understands."""

    def login(self, name: str, group: str, first: bool) -> Login:
        return Login(name, ((b"", f"{name} {group}"),), b"in\n")


class _Irc:
    """IRC (RFC 2812), as far as a channel needs it."""

    def login(self, name: str, group: str, first: bool) -> Login:
        steps = (
            (b"", f"NICK {name}\r\nUSER {name} 0 * :{name}\r"),
            (b" 001 ", f"JOIN #{group}\r"),
        )
        return Login(name, steps, b" 366 ")  # the end of the list of names

    def said(self, text: bytes, group: str) -> bytes:
        return b"PRIVMSG #%s :%s\r" % (group.encode(), text)

    def heard(self, line: bytes) -> tuple[bytes, bytes]:
        who, _, what = line.partition(b" PRIVMSG ")
        return who.partition(b"!")[0].removeprefix(b":"), what.partition(b" :")[2][:-1]


LINES, BARE, IRC = _Lines(), _Bare(), _Irc()

"""The chat protocols that simulated users speak: ours, the baseline's, and IRC."""

from __future__ import annotations

from typing import NamedTuple, Protocol

__all__ = [
    "BASELINE_PROTOCOL",
    "GROUP",
    "IRC_PROTOCOL",
    "LINE_PROTOCOL",
    "OPENING",
    "PROMPT",
    "TAGS",
    "TAGS_PROTOCOL",
    "ChatProtocol",
    "IrcProtocol",
    "Login",
    "guest",
    "registered",
]

GROUP = "bench"
"""The name of the group in scenarios with only one."""

PROMPT = b"Username: "


class Login(NamedTuple):
    """A login dialogue: pairs of a prompt and its answer, then *done*, the text that ends it."""

    name: str
    steps: tuple[tuple[bytes, str], ...]
    done: bytes


class ChatProtocol(Protocol):
    """A line-based chat protocol, as a client speaks it."""

    def login(self, name: str, group: str, first: bool) -> Login:
        """Return the login of *name* into *group*; the *first* user creates the group."""

    def message(self, text: bytes, group: str) -> bytes:
        """Return what a client sends to say *text* in *group*, without the LF."""

    def parse(self, line: bytes) -> tuple[bytes, bytes]:
        """Return sender and text of a received *line* without its LF.

        The sender is empty, or nobody's name, if the line is not a message.
        """


def guest(name: str, group_answer: str = "", done: str = "You are in ") -> Login:
    """Return the login of a guest who answers the prompt for a group with *group_answer*."""
    return registered(name, "", group_answer, done)


def registered(
    name: str, password: str, group_answer: str = "", done: str = "You are in "
) -> Login:
    """Return the login of a user with a *password*."""
    steps = ((PROMPT, name), (b"Password: ", password), (b"Group: ", group_answer))
    return Login(name, steps, done.encode())


class _LineProtocol:
    """Our line protocol, as users of `nc` speak it."""

    def login(self, name: str, group: str, first: bool) -> Login:
        return guest(name, f"/create {group} open" if first else group)

    def message(self, text: bytes, group: str) -> bytes:
        return text

    def parse(self, line: bytes) -> tuple[bytes, bytes]:
        name, _, text = line.partition(b": ")
        return name, text


class _BaselineProtocol(_LineProtocol):
    """The protocol of `benchmarks.baseline`: ours with a shorter login."""

    def login(self, name: str, group: str, first: bool) -> Login:
        return Login(name, ((b"", f"{name} {group}"),), b"in\n")


class IrcProtocol:
    """The part of IRC (RFC 2812) that a channel needs, with the capabilities *caps* (IRCv3).

    Where new channels are closed, the first user sends *opening*, which opens the channel.
    """

    def __init__(self, caps: str = "", opening: str = "") -> None:
        self._caps = f"CAP REQ :{caps}\r\n" if caps else ""
        self._opening = opening

    def login(self, name: str, group: str, first: bool) -> Login:
        end = "CAP END\r\n" if self._caps else ""
        steps = [
            (b"", f"{self._caps}NICK {name}\r\nUSER {name} 0 * :{name}\r\n{end}".strip("\n")),
            (b" 001 ", f"JOIN #{group}\r"),
        ]
        done = b" 366 "  # the end of the list of names
        if first and self._opening:
            steps.append((done, self._opening.format(group=group)))
            done = b" MODE "
        return Login(name, tuple(steps), done)

    def message(self, text: bytes, group: str) -> bytes:
        return b"PRIVMSG #%s :%s\r" % (group.encode(), text)

    def parse(self, line: bytes) -> tuple[bytes, bytes]:
        who, _, what = line.partition(b" PRIVMSG ")
        who = who.rpartition(b" ")[2]  # without tags
        return who.partition(b"!")[0].removeprefix(b":"), what.partition(b" :")[2][:-1]


LINE_PROTOCOL = _LineProtocol()
BASELINE_PROTOCOL = _BaselineProtocol()
IRC_PROTOCOL = IrcProtocol()

TAGS = "message-tags server-time"
"""The capabilities of IRC clients that receive tags."""

TAGS_PROTOCOL = IrcProtocol(TAGS)

OPENING = "MODE #{group} -A\r"
"""The command that opens a new group at our IRC door."""

"""Hostile people: what they send, all the ways in which they can, and what nobody should get."""

from __future__ import annotations

import json
import re
import socket
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from itertools import dropwhile
from typing import NamedTuple

from tests.support.people import PATIENCE, Server, SocketUser
from tests.support.programs import Program

__all__ = [
    "BY_WAY",
    "EVIL",
    "NAMES",
    "OPTIONS",
    "OURS",
    "SENDERS",
    "TEXTS",
    "AtNc",
    "InJson",
    "attack",
    "problems",
    "unsafe",
]

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
C0 = "".join(map(chr, range(32))).replace("\n", "")
C1 = "".join(map(chr, range(0x80, 0xA0)))
EVIL = "".join(
    [
        "\x1b]0;owned\x1b\\\x1b]8;;u\x07\x9d0;u\x9c",  # OSC: titles and links
        "\x1b[2J\x1b[31m\x9b5n\x1bP$q\x9c",  # CSI and DCS
        *(C0, "\x7f", C1, BIDI, ZERO_WIDTH, "\u2028\u2029"),
        "a" + "\u0301" * 500,
        "b" + ("\u0301\u0301\u0301\u200d" * 20),  # joiners begin no new letter
    ]
)
EVIL_NAMES = ["e\x1b[2Jvil", "e\x9b5nvil", "e\u202evil", "e\u200bvil", "a" + "\u0301" * 200, "é"]

# The ways in. {} is what is hostile; {own} a group of which the sender is the admin, {victim} a
# member of it, who asks to be let into {den}.


class Way(NamedTuple):
    """What is typed, and in which group; before it, the victim types *victim* at the desk."""

    line: str
    place: str | None = None
    victim: str = ""


LOGIN = Way("", "login")  # the name that somebody logs in with

TEXTS = {
    "message.text": Way("{}", "{own}"),
    "action.text": Way("/me {}", "{own}"),
    "requested.note": Way("/join cups {}"),
    "rejected.reason": Way("/reject {victim} {}", "{den}", "/join {den}"),
    "kicked.reason": Way("/kick {victim} {}", "{own}", "/join {own}"),
    "banned.reason": Way("/ban {victim} {}", "{own}", "/join {own}"),
    "topic.topic": Way("/topic {}", "{own}"),
    "shared.file": Way("/send {}", "{own}"),
    "removed.file": Way("/remove 1", "{own}"),
    "server-kicked.reason": Way("/kick {victim} {}"),
    "server-banned.reason": Way("/ban troll-{own} {}"),
    "presence.reason": Way("/quit {}"),  # the last: who says it is gone
}

BY_WAY = {
    LOGIN: "message.sender action.sender requested.name withdrawn.name rejected.by invited.by"
    " uninvited.name created.by joined.by left.name kicked.by banned.by unbanned.by"
    " registered.name admin.by policy.by topic.by shared.by removed.by server-kicked.by"
    " server-banned.by server-unbanned.by operator.by",
    Way("/create {} open"): "created.name",
    Way("/approve {}", "{own}"): "joined.name",
    Way("/reject {}", "{own}"): "rejected.name",
    Way("/invite {}", "{own}"): "invited.name",
    Way("/kick {}", "{own}"): "kicked.name",
    Way("/ban {}", "{own}"): "banned.name",
    Way("/unban {}", "{own}"): "unbanned.name",
    Way("/transfer {}", "{own}"): "admin.name",
    Way("/kick {}"): "server-kicked.name",
    Way("/ban {}"): "server-banned.name",
    Way("/unban {}"): "server-unbanned.name",
    Way("/operator {}"): "operator.name",
}
NAMES = {place: way for way, places in BY_WAY.items() for place in places.split()}

# Strings of which the server makes what they hold.
OURS = {"created.password_hash", "policy.password_hash", "shared.sha256", "shared.id"}

# What leads to no event, but to answers, to refusals, or to what one person is told.
AT_DESK = ["{}", "/msg bob {}", "/msg {} hello", "/join {}", "/join cups{} {}", "/help {}"]
AT_DESK += ["/create vault-{own} password {}", "/ignore {}", "/claim {}"]
IN_GROUP = ["/{}", "/policy {}", "/policy password {}", "/policy open", "/search {}"]
IN_GROUP += ["/history {}", "/get {}"]
OTHERS = [Way(line) for line in AT_DESK] + [Way(line, "{own}") for line in IN_GROUP]


# Who sends.


class AtNc:
    """Somebody at nc who sends hostile things."""

    kind = "nc"

    def __init__(self, port: int, name: str) -> None:
        self.who = SocketUser(port)
        self.who.logs_in(name, f"secret of {name}")
        self._place: str | None = None

    def does(self, line: str, place: str | None) -> str:
        """Type *line* in *place*; return what is shown until all of it is done."""
        if place != self._place:
            self.who.types("/desk" if place is None else f"/join {place}")
            self.who.sees("at the front desk" if place is None else f"You are in {place}")
            self._place = place
        self.who.types(line, "/nosuchcommand")
        return self.who.sees("/nosuchcommand")

    def sends_bad_bytes(self, place: str) -> None:
        """Send C1 controls as bytes, and other things that are not UTF-8."""
        self.does("/who", place)
        self.who.sends(b"\x9b31mraw\n\xff\xfe\x80raw\n\xed\xa0\x80raw\n")
        self.does("/who", place)

    def quits(self, line: str) -> None:
        self.who.types(line)
        self.who.is_cut_off()

    def received(self) -> bytes:
        return self.who.everything()

    @staticmethod
    def tries_to_log_in(port: int, name: str) -> None:
        with closing(SocketUser(port)) as person:
            person.types(name, "exit")
            person.is_cut_off()
            assert unsafe(person.everything().decode()) == []


class InJson:
    """A program that sends hostile things."""

    kind = "json"

    def __init__(self, port: int, name: str) -> None:
        self.who = Program(port)
        self.who.logs_in(name, f"secret of {name}")

    def does(self, line: str, place: str | None) -> str:
        """Ask for *line* in *place*; return the answer."""
        return json.dumps(self.who.asks(line.replace(C0, C0 + "\n"), place), ensure_ascii=False)

    def sends_bad_bytes(self, place: str) -> None:
        """Send what is not UTF-8, half characters, and hostile fields."""
        for text in (b"\x9b31mraw", b"\xed\xa0\x80raw", rb"\ud800raw", rb"raw\udfff"):
            self.who.error_to(b'{"id": 1, "group": "%s", "text": "%s"}' % (place.encode(), text))
        for fields in ({"id": 1, EVIL: 1, "line": 2}, {"id": 1, "key": EVIL}):
            self.who.error_to(json.dumps(fields).encode())
        self.does("/who", place)

    def quits(self, line: str) -> None:
        self.who.does(line)
        self.who.is_cut_off()

    def received(self) -> bytes:
        return bytes(self.who.received)

    @staticmethod
    def tries_to_log_in(port: int, name: str) -> None:
        with closing(Program(port)) as program:
            assert not program.says_hello(name)["ok"]
            assert not program.says_hello("eve", since={name: "x"})["ok"]
            assert problems(program.received, None) == []


SENDERS = (AtNc, InJson)


def attack(server: Server, sender: AtNc | InJson, own: str) -> None:
    """Go all ways."""
    den = f"den-{own}"
    sender.does(f"/create {den} approval", None)
    with closing(Program(server.port)) as victim:
        victim.logs_in(f"victim-{own}")
        words = {"own": own, "den": den, "victim": f"victim-{own}"}

        def go(way: Way, evil: str) -> str:
            if way.victim:
                victim.does(way.victim.format(**words))
            place = None if way.place is None else way.place.format(**words)
            return sender.does(way.line.format(*[evil] * 2, **words), place)

        for field, way in TEXTS.items():
            if field == "presence.reason":
                continue
            shown = go(way, f"{EVIL}mark-{own}")
            if field == "shared.file":
                found = re.search(r"upload ([\w-]+) 0", shown)
                assert found is not None, shown
                upload(server.port, found.group(1))
        for way in OTHERS:
            go(way, f"{EVIL}mark-{own}")
        for way in BY_WAY:
            for evil in EVIL_NAMES:
                if way is LOGIN:
                    sender.tries_to_log_in(server.port, evil)
                else:
                    go(way, evil)
        sender.sends_bad_bytes(own)


def upload(port: int, ticket: str) -> None:
    """Send a small file."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as peer:
        peer.sendall(f"upload {ticket} 0 2\nhi".encode())
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(100).startswith(b"shared ")


# What nobody should get.

OPTIONS = re.compile(rb"\xff[\xfb-\xfe].", re.DOTALL)


def unsafe(text: str) -> list[str]:
    """Return what may not reach a terminal, of *text*; line ends may."""
    found = [
        f"U+{ord(char):04X}"
        for char in text
        if char != "\n" and (unicodedata.category(char) in ("Cc", "Cs") or char in BIDI)
    ]
    marks = 0
    for char in text:
        kind = unicodedata.category(char)
        if kind in ("Mn", "Me"):
            marks += 1
            if marks == 5:
                found.append("more than 4 combining marks")
        elif kind not in ("Mc", "Cf"):
            marks = 0
    return found


def strings(value: object) -> Iterator[str]:
    """Yield all strings in *value*, decoded JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings(each)


def problems(received: bytes, newline: str | None = "\n") -> list[str]:
    """Return what a peer has received that it should not have; *newline* is None for a program."""
    if newline == "\r\n":  # what the server itself sends to telnet: options, and erased prompts
        received = OPTIONS.sub(b"", received).replace(b"\r\x1b[K", b"").replace(b"\r\n", b"\n")
    found = unsafe(received.decode())
    if newline is None:
        lines = received.splitlines()
        # A busy machine may send the first object late: then the server has greeted a person.
        for line in dropwhile(lambda each: not each.startswith(b"{"), lines):
            for text in strings(json.loads(line)):
                found += unsafe(text) + ["a line end"] * ("\n" in text)
    return found

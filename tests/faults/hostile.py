"""Hostile users: what they send, and all the ways in which they can send it."""

from __future__ import annotations

import json
import re
import socket
from contextlib import closing
from typing import NamedTuple

from tests.support.programs import Program
from tests.support.safety import BIDI, problems
from tests.support.servers import PATIENCE, Server
from tests.support.users import ClientUser, SocketUser, UserOf

__all__ = [
    "BY_WAY",
    "EVIL",
    "NAMES",
    "OURS",
    "SENDERS",
    "TEXTS",
    "Hostile",
    "attack",
]

ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
C0 = "".join(map(chr, range(32))).replace("\n", "")
C1 = "".join(map(chr, range(0x80, 0xA0)))
EVIL = "".join(
    [
        "\x1b]0;owned\x1b\\\x1b]8;;u\x07\x9d0;u\x9c",  # OSC: titles and links
        "\x1b[2J\x1b[31m\x9b5n\x1bP$q\x9c",  # CSI and DCS
        *(C0, "\x7f", C1, "\x9c", BIDI, ZERO_WIDTH, "\u2028\u2029"),  # C1 opens an OSC
        "a" + "\u0301" * 500,
        "b" + ("\u0301\u0301\u0301\u200d" * 20),  # joiners begin no new letter
    ]
)
EVIL_NAMES = ["e\x1b[2Jvil", "e\x9b5nvil", "e\u202evil", "e\u200bvil", "a" + "\u0301" * 200]
EVIL_NAMES += ["p\u0430ypal"]  # of two scripts

# The ways in. {} is the hostile text; the sender is the admin of the groups {own} and {den};
# {victim} is a member of {own}, and asks to join {den}.


class Way(NamedTuple):
    """What is typed, and in which group. The victim types *victim* at the desk before."""

    line: str
    place: str | None = None
    victim: str = ""


LOGIN = Way("", "login")  # the name in a login

TEXTS = {
    "message.text": Way("{}", "{own}"),
    "action.text": Way("/me {}", "{own}"),
    "edit.text": Way("/edit corrected {}", "{own}"),
    "requested.note": Way("/join cups {}"),
    "rejected.reason": Way("/reject {victim} {}", "{den}", "/join {den}"),
    "kicked.reason": Way("/kick {victim} {}", "{own}", "/join {own}"),
    "banned.reason": Way("/ban {victim} {}", "{own}", "/join {own}"),
    "topic.topic": Way("/topic {}", "{own}"),
    "shared.file": Way("/send {}", "{own}"),
    "removed.file": Way("/remove 1", "{own}"),
    "server-kicked.reason": Way("/kick {victim} {}"),
    "server-banned.reason": Way("/ban troll-{own} {}"),
    "announced.text": Way("/announce {}"),
    "left.reason": Way("/quit {}"),  # of a guest
    "presence.reason": Way("/quit {}"),  # the last one: it disconnects
}

BY_WAY = {
    LOGIN: "message.mentions action.mentions edit.mentions message.sender action.sender"
    " tags.sender unsaid.sender unsaid.by edit.by unsay.sender unsay.by"
    " react.by pin.by unpin.by requested.name withdrawn.name rejected.by invited.by"
    " uninvited.name created.by joined.by left.name kicked.by banned.by unbanned.by"
    " registered.name admin.by admin.previous policy.by topic.by shared.by removed.by"
    " server-kicked.by server-banned.by server-unbanned.by operator.by announced.by"
    " operator-removed.by closed.by moderator.by"
    " unmoderator.by quieted.by unquieted.by slow.by code-made.by code-ended.by code-ended.maker"
    " hook-added.by hook-removed.by",
    Way("/create {} open"): "created.name",
    Way("/approve {}", "{own}"): "joined.name",
    Way("/reject {}", "{own}"): "rejected.name",
    Way("/invite {}", "{own}"): "invited.name",
    Way("/kick {}", "{own}"): "kicked.name",
    Way("/ban {}", "{own}"): "banned.name",
    Way("/unban {}", "{own}"): "unbanned.name",
    Way("/transfer {}", "{own}"): "admin.name",
    Way("/moderator {}", "{own}"): "moderator.name",
    Way("/moderator {} off", "{own}"): "unmoderator.name",
    Way("/quiet {}", "{own}"): "quieted.name",
    Way("/quiet {} off", "{own}"): "unquieted.name",
    Way("/hook add {}", "{own}"): "hook-added.name",
    Way("/hook remove {}", "{own}"): "hook-removed.name",
    Way("/kick {}"): "server-kicked.name",
    Way("/ban {}"): "server-banned.name",
    Way("/unban {}"): "server-unbanned.name",
    Way("/operator {}"): "operator.name",
    Way("/operator {} off"): "operator-removed.name",
}
NAMES = {place: way for way, places in BY_WAY.items() for place in places.split()}

# Strings that the server generates.
OURS = {"created.password_hash", "policy.password_hash", "shared.sha256", "shared.id"}
OURS |= {"shared.quota", "server-banned.networks", "code-made.digest", "hook-added.digest"}

# Commands that lead to no event, only to answers and refusals.
AT_DESK = ["{}", "/msg bob {}", "/msg {} hello", "/join {}", "/join cups{} {}", "/help {}"]
AT_DESK += ["/create vault-{own} password {}", "/ignore {}", "/claim {}"]
IN_GROUP = ["/{}", "/policy {}", "/policy password {}", "/policy open", "/search {}"]
IN_GROUP += ["/history {}", "/get {}", "/react 3 {}", "/react 3 👍{}", "/reply 3 {}", "/pin 3"]
IN_GROUP += ["/hook add ci", "/hook add ci{}", "/hook {}", "/hook"]
IN_GROUP += ["/slow {}", "/ban nobody {}", "/quiet nobody {}", "/invite code {}", "/invite code"]
OTHERS = [Way(line) for line in AT_DESK] + [Way(line, "{own}") for line in IN_GROUP]


# The senders.


class Hostile:
    """A user who sends hostile text with one kind of program."""

    bad_bytes = (b"\x9b31mraw", b"\xff\xfe\x80raw", b"\xed\xa0\x80raw")
    """Lines that are not UTF-8: nothing of them may reach anybody."""

    keys = "\r\x15"
    """Characters that are no text, because they end the line or erase it."""

    def __init__(self, server: Server, kind: str, user: UserOf) -> None:
        self.kind = kind
        self.name = f"mallory-{kind}"
        self.who = user(kind, self.name, f"secret of {self.name}")
        self._server = server
        self._user = user
        self._place: str | None = None

    def does(self, line: str, place: str | None) -> str:
        """Type *line* in *place*; return what is shown until it was carried out."""
        if place != self._place:
            self.who.types("/desk" if place is None else f"/join {place}")
            self.who.sees("at the front desk" if place is None else f"You are in {place}")
            self._place = place
        self.types(line)
        return self.who.sees_all()

    def types(self, line: str) -> None:
        """Type *line* without `keys`."""
        self.who.types(line.translate(dict.fromkeys(map(ord, self.keys))))

    def shares(self, name: str, place: str) -> None:
        """Share a small file."""
        shown = self.does(f"/send {name}", place)
        found = re.search(r"upload ([\w-]+) 0", shown)
        assert found is not None, shown
        upload(self._server.port, found.group(1))

    def sends_bad_bytes(self, place: str) -> None:
        """Send C1 controls as bytes, and other things that are not UTF-8."""
        self.does("/who", place)
        assert isinstance(self.who, SocketUser)
        for line in self.bad_bytes:
            self.who.sends(line + b"\n")
        self.who.sees_all()

    def tries_to_log_in(self, name: str) -> None:
        """Try to log in with a hostile *name*."""
        person = self._user(self.kind)
        person.cannot_log_in(name)
        assert problems(person.everything(), self.kind) == []


class HostileAtTelnet(Hostile):
    """At telnet, a line that begins with a telnet command is valid."""

    bad_bytes = (b"\x9b31mraw", b"\xed\xa0\x80raw")


class HostileProgram(Hostile):
    """A program can send line ends in strings, and more fields."""

    keys = ""

    def does(self, line: str, place: str | None) -> str:
        return super().does(line.replace(C0, C0 + "\n"), place)

    def sends_bad_bytes(self, place: str) -> None:
        """Send invalid UTF-8, lone surrogates, and hostile fields."""
        with closing(Program(self._server.port)) as program:
            program.logs_in(self.name, f"secret of {self.name}")
            for text in (b"\x9b31mraw", b"\xed\xa0\x80raw", rb"\ud800raw", rb"raw\udfff"):
                program.error_to(b'{"id": 1, "group": "%s", "text": "%s"}' % (place.encode(), text))
            for fields in ({"id": 1, EVIL: 1, "line": 2}, {"id": 1, "key": EVIL}):
                program.error_to(json.dumps(fields).encode())
            assert problems(program.received, "json") == []

    def tries_to_log_in(self, name: str) -> None:
        """Try to log in with a hostile *name*, and with a hostile conversation in ``since``."""
        with closing(Program(self._server.port)) as program:
            assert not program.says_hello(name)["ok"]
            assert not program.says_hello("eve", since={name: "x"})["ok"]
            assert problems(program.received, "json") == []


class HostileAtClient(Hostile):
    """The client shares existing files, whose names may be hostile."""

    keys = ""

    def shares(self, name: str, place: str) -> None:
        assert isinstance(self.who, ClientUser)
        evil = name.translate({0: None, ord("/"): None, 0x0301: None})[-100:].strip()
        (self.who.home / evil).write_text("hi")
        if "shared" not in self.does(f"/send {evil}", place):  # the upload is not a command
            self.who.sees("shared")

    def sends_bad_bytes(self, place: str) -> None:
        """Send nothing: the client sends only UTF-8."""


SENDERS: dict[str, type[Hostile]] = {
    "nc": Hostile,
    "telnet": HostileAtTelnet,
    "json": HostileProgram,
    "client": HostileAtClient,
}


def attack(server: Server, sender: Hostile, own: str) -> None:
    """Try all ways in."""
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
            if way.line.startswith("/quit"):
                continue
            if field == "shared.file":
                sender.shares(f"{EVIL}mark-{own}", own)
            else:
                go(way, f"{EVIL}mark-{own}")
        for way in OTHERS:
            go(way, f"{EVIL}mark-{own}")
        for way in BY_WAY:
            for evil in EVIL_NAMES:
                if way is LOGIN:
                    sender.tries_to_log_in(evil)
                else:
                    go(way, evil)
        sender.sends_bad_bytes(own)
    with closing(Program(server.port)) as guest:
        guest.logs_in(f"guest-{own}")
        guest.does(f"/join {own}")
        guest.requests(TEXTS["left.reason"].line.format(f"{EVIL}mark-{own}"))
        assert guest.is_disconnected()


def upload(port: int, ticket: str) -> None:
    """Send a small file."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as peer:
        peer.sendall(f"upload {ticket} 0 2\nhi".encode())
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(100).startswith(b"shared ")

"""A server in memory, for a client's link: the test says what it answers, line by line."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from twisted.internet import error
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport, StringTransportWithDisconnection
from zope.interface import implementer

from pyconchat.client.lines import Line, plain
from pyconchat.client.net.connection import Link, State
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.ui.colours import coloured

MAX_WAIT = 17.0
"""Seconds after which the client has tried again, jitter and all."""

# What may reach a terminal: text that it shows, and our own colours.
CLEAN = re.compile(
    r"(?:\x1b\[[0-9;]*m|[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069])*"
)


def is_clean(line: Line) -> bool:
    """Return whether *line*, as bytes for a terminal, has nothing in it that the terminal obeys."""
    written = coloured(line).encode().decode()
    return CLEAN.fullmatch(written) is not None and "\x1b" not in plain(line)


def said(seq: int, text: str, group: str = "tea", sender: str = "bob", **fields: Any) -> Object:
    """Return the event of a message."""
    at = "2026-11-21T09:30:00.123Z"
    base = {"type": "message", "group": group, "seq": seq, "at": at, "from": sender, "text": text}
    return {**base, **fields}


def private(seq: int, text: str, partner: str = "bob", **fields: Any) -> Object:
    """Return the event of a private message of *partner*."""
    event = said(seq, text, sender=partner, **fields)
    del event["group"]
    return {**event, "with": partner}


def member_of(*groups: str) -> list[Object]:
    """Return the groups of a hello."""
    return [
        {"group": name, "number": number, "policy": "open", "role": "member", "unread": 0}
        | {"head": 0, "topic": ""}
        for number, name in enumerate(groups, 1)
    ]


def command(name: str, *arguments: Object, also: Sequence[str] = (), menu: str = "") -> Object:
    """Return a command of the server's table."""
    return {
        "name": name,
        "usage": f"/{name}",
        "also": list(also),
        "summary": f"Does {name}.",
        "arguments": list(arguments),
        "menu": menu,
    }


def argument(kind: str, optional: bool = False, rest: bool = False, secret: bool = False) -> Object:
    """Return an argument of a command."""
    flags = {"optional": optional, "rest": rest, "secret": secret}
    return {"label": kind.upper(), "kind": kind, **flags}


COMMANDS = [
    command("join", argument("group"), argument("text", True, True, secret=True), menu="1"),
    command("leave", argument("group", True), also=["qqq"]),
    command("members", also=["allMembers", "4"]),
    command("kick", argument("name"), argument("text", True, True), also=["kickMember", "8"]),
    command("approve", argument("name", rest=True)),
    command("policy", argument("policy")),
    command("send", argument("file"), also=["fileTransfer", "9"]),
    command("msg", argument("name"), argument("text", rest=True)),
    command("claim", argument("word", secret=True)),
    command("help", argument("command", True)),
    command("password"),
    command("quit", argument("text", True, True), menu="3"),
]


class Call:
    """One connection, seen from the server."""

    def __init__(self, protocol: IProtocol) -> None:
        self.transport = StringTransportWithDisconnection()
        self.transport.protocol = protocol
        self._protocol: Any = protocol
        protocol.makeConnection(self.transport)

    @property
    def open(self) -> bool:
        """Return whether neither side has ended it."""
        return bool(self.transport.connected)

    def hears(self) -> list[Object]:
        """Return the objects that have come since the last time."""
        data = self.transport.value()
        self.transport.clear()
        return [json.loads(line) for line in data.splitlines()]

    def hears_one(self) -> Object:
        """Return the only object that has come since the last time."""
        (heard,) = self.hears()
        return heard

    def sends(self, data: bytes) -> None:
        """Send bytes."""
        self._protocol.dataReceived(data)

    def says(self, *objects: Any) -> None:
        """Send objects, in one packet."""
        self.sends(b"".join(json.dumps(each).encode() + b"\n" for each in objects))

    def welcomes(self, *missed: Object, live: bool = True, **fields: Any) -> None:
        """Answer a hello, and show what was missed."""
        hello = {
            "hello": 1,
            "ok": True,
            "name": "alice",
            "registered": True,
            "operator": False,
            "token": "token-1",
            "line_bytes": 4096,
            "version": "0.1.0",
            "motd": "",
            "groups": [],
            "commands": COMMANDS,
        }
        self.says({**hello, **fields}, *missed, *([{"type": "live"}] if live else []))

    def lets_in(self, *missed: Object, **fields: Any) -> Object:
        """Take the hello, answer it, and return it."""
        hello = self.hears_one()
        assert hello["hello"] == 1
        self.welcomes(*missed, **fields)
        return hello

    def refuses_hello(self, code: Any, error: Any = "No.") -> None:
        """Answer a hello with a refusal."""
        self.says({"hello": 1, "ok": False, "code": code, "error": error})

    def answers(self, request: Object, **fields: Any) -> None:
        """Answer *request*."""
        self.says({"re": request["id"], "ok": True, **fields})

    def refuses(self, request: Object, code: str = "not-admin", error: str = "No.") -> None:
        """Refuse *request*."""
        self.says({"re": request["id"], "ok": False, "code": code, "error": error})

    def asks(self, request: Object, question: str, secret: bool = False) -> None:
        """Ask for what *request* is missing."""
        missing = {"ok": False, "code": "missing-argument", "error": question.rstrip(": ")}
        self.says({"re": request["id"], **missing, "ask": question, "secret": secret})

    def cuts(self) -> None:
        """Cut the connection."""
        self.transport.loseConnection()


@implementer(IStreamClientEndpoint)
class FakeServer:
    """Where the client connects to. While it is *away*, nobody gets a connection."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.calls: list[Call] = []
        self.attempts: list[float] = []
        self.away = False
        self.slow = False  # connecting takes for ever

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        self.attempts.append(self.clock.seconds())
        if self.slow:
            return Deferred()
        if self.away:
            return fail(error.ConnectionRefusedError())
        protocol = factory.buildProtocol(StringTransport().getPeer())
        assert protocol is not None
        self.calls.append(Call(protocol))
        return succeed(protocol)

    @property
    def call(self) -> Call:
        """Return the newest connection."""
        return self.calls[-1]

    def meets_again(self) -> Call:
        """Wait until the client has come back, after a cut, and return the new connection."""
        before = len(self.calls)
        self.clock.advance(MAX_WAIT)
        assert len(self.calls) == before + 1
        return self.call


class Recorder:
    """A listener that takes note of everything."""

    def __init__(self) -> None:
        self.hellos: list[Object] = []
        self.events: list[Object] = []
        self.states: list[State] = []
        self.failures: list[str] = []
        self.doubts: list[str] = []
        self.ends: list[str] = []
        self.link: Link

    def said_hello(self, hello: Object) -> None:
        self.hellos.append(hello)

    def happened(self, event: Object) -> None:
        self.events.append(event)

    def changed(self, state: State) -> None:
        self.states.append(state)

    def failed(self, problem: str) -> None:
        self.failures.append(problem)

    def in_doubt(self, lines: Sequence[str]) -> None:
        self.doubts += lines

    def ended(self, why: str) -> None:
        self.ends.append(why)

    @property
    def texts(self) -> list[str]:
        """Return what was said."""
        return [event["text"] for event in self.events if event.get("type") == "message"]


class FakeScreen:
    """A screen that keeps what it is shown."""

    def __init__(self, keeps_typed: bool = False) -> None:
        self.keeps_typed = keeps_typed
        self.lines: list[Line] = []
        self.questions: list[tuple[str, bool, Deferred[str]]] = []
        self.refreshed = 0

    def show(self, lines: Sequence[Line]) -> None:
        self.lines += lines

    def ask(self, question: str, secret: bool) -> Deferred[str]:
        answer: Deferred[str] = Deferred()
        self.questions.append((question, secret, answer))
        return answer

    def refresh(self) -> None:
        self.refreshed += 1

    def sees(self) -> list[str]:
        """Return what was shown since the last time, which has to be clean."""
        lines, self.lines = self.lines, []
        for line in lines:
            assert is_clean(line), line
        return [plain(line) for line in lines]

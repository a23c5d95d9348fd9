"""A server, a screen and a listener in memory; the test decides what the server sends."""

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

from pyconchat.client.interfaces import ConnectionState
from pyconchat.client.lines import Line, plain_text
from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.ui.colours import coloured

MAX_WAIT = 17.0
"""Seconds after which the client has tried to reconnect, with all jitter."""

# Text that may reach a terminal: visible text, our own colours, and indented later lines.
SAFE = re.compile(
    r"(?:\x1b\[[0-9;]*m|\n    |[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069])*"
)


def is_safe(line: Line) -> bool:
    """Return whether *line*, as bytes for a terminal, has no codes except our own colours."""
    written = coloured(line).encode().decode()
    return SAFE.fullmatch(written) is not None and "\x1b" not in plain_text(line)


def message(seq: int, text: str, group: str = "tea", sender: str = "bob", **fields: Any) -> Object:
    """Return the event for a message in a group."""
    at = "2026-11-21T09:30:00.123Z"
    base = {"type": "message", "group": group, "seq": seq, "at": at, "from": sender, "text": text}
    return {**base, **fields}


def private_message(seq: int, text: str, partner: str = "bob", **fields: Any) -> Object:
    """Return the event for a private message from *partner*."""
    event = message(seq, text, sender=partner, **fields)
    del event["group"]
    return {**event, "with": partner}


def groups_in_hello(*groups: str) -> list[Object]:
    """Return the groups of the answer to a hello."""
    return [
        {"group": name, "number": number, "policy": "open", "role": "member", "unread": 0}
        | {"head": 0, "topic": ""}
        for number, name in enumerate(groups, 1)
    ]


def join_answer(group: str, **fields: Any) -> Object:
    """Return the fields of the answer to joining *group*."""
    base = {"type": "entered", "group": group, "number": 1, "admin": "bob", "topic": ""}
    return {**base, "members": 2, "online": 1, "policy": "open", "created": False, **fields}


def lines_of(requests: list[Object]) -> list[str]:
    """Return the typed lines in *requests*."""
    return [request.get("line", request.get("text")) for request in requests]


def without_ids(request: Object) -> Object:
    """Return *request* without its id and key."""
    return {name: value for name, value in request.items() if name not in ("id", "key")}


def command(name: str, *arguments: Object, also: Sequence[str] = (), menu: str = "") -> Object:
    """Return a command of the server's command table."""
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
    command("approve", argument("name", rest=True), argument("group", True)),
    command("policy", argument("policy")),
    command("send", argument("file"), also=["fileTransfer", "9"]),
    command("msg", argument("name"), argument("text", rest=True)),
    command("claim", argument("word", secret=True)),
    command("help", argument("command", True)),
    command("password"),
    command("quit", argument("text", True, True), menu="3"),
]


DESK_COMMANDS = [
    {"name": "quit", "also": ["exit"], "usage": "/quit", "summary": "Disconnect.", "menu": "3"},
    {"name": "msg", "also": ["message"], "usage": "/msg", "summary": "Send.", "menu": ""},
    {"name": "leave", "also": ["qqq"], "usage": "/leave", "summary": "Leave.", "menu": ""},
]


class FakeConnection:
    """The server's end of one connection."""

    def __init__(self, protocol: IProtocol) -> None:
        self.transport = StringTransportWithDisconnection()
        self.transport.protocol = protocol
        self._protocol: Any = protocol
        protocol.makeConnection(self.transport)

    @property
    def is_open(self) -> bool:
        """Return whether neither side has closed it."""
        return bool(self.transport.connected)

    def receives(self) -> list[Object]:
        """Return the objects received since the last call."""
        data = self.transport.value()
        self.transport.clear()
        return [json.loads(line) for line in data.splitlines()]

    def receives_one(self) -> Object:
        """Return the only object received since the last call."""
        (received,) = self.receives()
        return received

    def sends_bytes(self, data: bytes) -> None:
        """Send bytes."""
        self._protocol.dataReceived(data)

    def sends(self, *objects: Any) -> None:
        """Send objects, in one packet."""
        self.sends_bytes(b"".join(json.dumps(each).encode() + b"\n" for each in objects))

    def accepts_hello(self, *missed: Object, live: bool = True, **fields: Any) -> None:
        """Accept a hello, and send the events that were *missed*."""
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
        self.sends({**hello, **fields}, *missed, *([{"type": "live"}] if live else []))

    def accepts_login(self, *missed: Object, **fields: Any) -> Object:
        """Receive the hello, accept it, and return it."""
        hello = self.receives_one()
        assert hello["hello"] == 1
        self.accepts_hello(*missed, **fields)
        return hello

    def refuses_hello(self, code: Any, error: Any = "No.") -> None:
        """Refuse a hello."""
        self.sends({"hello": 1, "ok": False, "code": code, "error": error})

    def answers(self, request: Object, **fields: Any) -> None:
        """Answer *request*."""
        self.sends({"re": request["id"], "ok": True, **fields})

    def refuses(self, request: Object, code: str = "not-admin", error: str = "No.") -> None:
        """Refuse *request*."""
        self.sends({"re": request["id"], "ok": False, "code": code, "error": error})

    def asks(self, request: Object, question: str, secret: bool = False) -> None:
        """Ask for the argument that *request* lacks."""
        missing = {"ok": False, "code": "missing-argument", "error": question.rstrip(": ")}
        self.sends({"re": request["id"], **missing, "ask": question, "secret": secret})

    def disconnects(self) -> None:
        """Close the connection."""
        self.transport.loseConnection()


@implementer(IStreamClientEndpoint)
class FakeServer:
    """The endpoint that the client connects through.

    While *is_unreachable*, connecting fails; while *is_hanging*, it never ends.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.connections: list[FakeConnection] = []
        self.attempts: list[float] = []
        self.is_unreachable = False
        self.is_hanging = False

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        self.attempts.append(self.clock.seconds())
        if self.is_hanging:
            return Deferred()
        if self.is_unreachable:
            return fail(error.ConnectionRefusedError())
        protocol = factory.buildProtocol(StringTransport().getPeer())
        assert protocol is not None
        self.connections.append(FakeConnection(protocol))
        return succeed(protocol)

    @property
    def connection(self) -> FakeConnection:
        """Return the newest connection."""
        return self.connections[-1]

    def reconnects(self) -> FakeConnection:
        """Wait until the client has reconnected, and return the new connection."""
        before = len(self.connections)
        self.clock.advance(MAX_WAIT)
        assert len(self.connections) == before + 1
        return self.connection


class Recorder:
    """A listener that records all calls."""

    def __init__(self) -> None:
        self.hellos: list[Object] = []
        self.events: list[Object] = []
        self.states: list[ConnectionState] = []
        self.failures: list[str] = []
        self.lines: list[str] = []  # unconfirmed
        self.ends: list[str] = []
        self.connection: ServerConnection

    def logged_in(self, hello: Object) -> None:
        self.hellos.append(hello)

    def event_received(self, event: Object) -> None:
        self.events.append(event)

    def state_changed(self, state: ConnectionState) -> None:
        self.states.append(state)

    def connecting_failed(self, problem: str) -> None:
        self.failures.append(problem)

    def unconfirmed(self, lines: Sequence[str]) -> None:
        self.lines += lines

    def connection_ended(self, reason: str) -> None:
        self.ends.append(reason)

    @property
    def texts(self) -> list[str]:
        """Return the texts of the messages."""
        return [event["text"] for event in self.events if event.get("type") == "message"]


class FakeScreen:
    """A screen that records what it is shown."""

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
        """Return the lines shown since the last call, and check that they are safe."""
        lines, self.lines = self.lines, []
        for line in lines:
            assert is_safe(line), line
        return [plain_text(line) for line in lines]

"""HTTP clients and WebSockets at a web door in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet.address import IPv4Address
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock

from pyconchat.config import Config, DoorsConfig, LimitsConfig
from pyconchat.doors.factory import ChatFactory
from pyconchat.doors.web.factory import WebFactory
from pyconchat.files import FileSharing, Storage
from pyconchat.sessions.portal import login_portal
from pyconchat.store import SqlStore
from pyconchat.testing import make_chat, services_of
from tests.support.connections import Wire

__all__ = ["UPGRADE", "Answer", "HttpUser", "WebServer", "WebUsers", "masked"]

MASK = b"\x01\x02\x03\x04"

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
"""The fields of a handshake (RFC 6455, 1.3)."""


class Answer(NamedTuple):
    """A response; the names of *headers* are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def masked(payload: bytes, opcode: int = 0x1, final: bool = True) -> bytes:
    """Return *payload* as a frame of a client (RFC 6455, 5.2)."""
    size = len(payload)
    first = bytes([opcode | (0x80 if final else 0)])
    if size < 126:
        head = bytes([0x80 | size])
    elif size < 1 << 16:
        head = b"\xfe" + size.to_bytes(2, "big")
    else:
        head = b"\xff" + size.to_bytes(8, "big")
    return first + head + MASK + bytes(b ^ MASK[i % 4] for i, b in enumerate(payload))


class WebUsers:
    """A web door of the server of *lines*."""

    def __init__(self, lines: ChatFactory, clock: Clock) -> None:
        self.clock = clock
        self.web = WebFactory(lines, lambda: b"pyconchat_up 1\n")

    def connects(self, host: str = "127.0.0.1") -> HttpUser:
        """Return a connection from *host* that has sent nothing."""
        return HttpUser(self, host)


class WebServer(WebUsers):
    """A server in memory, with a web door, and files in *folder*, if that is given."""

    def __init__(
        self, store: SqlStore, clock: Clock, folder: Path | None = None, **settings: Any
    ) -> None:
        settings.setdefault("doors", DoorsConfig(web=("tcp:8080:interface=127.0.0.1",)))
        settings.setdefault("limits", LimitsConfig(messages_per_second=0))
        chat = make_chat(store, clock, Config(**settings))
        sharing = None if folder is None else FileSharing(chat, Storage(folder), maybeDeferred)
        self.services = services_of(chat, sharing)
        self.lines = ChatFactory(self.services, login_portal(self.services), clock)
        self.lines.open_doors.start()
        super().__init__(self.lines, clock)

    def stop(self) -> None:
        """Stop the checks of the connections."""
        self.lines.open_doors.stop()


class HttpUser:
    """One connection."""

    def __init__(self, server: WebUsers, host: str) -> None:
        self.clock = server.clock
        self.wire = Wire()
        self.wire.peerAddr = IPv4Address("TCP", host, 50_000)
        protocol = server.web.buildProtocol(self.wire.peerAddr)
        self.accepted = protocol is not None
        if protocol is not None:
            self.protocol = protocol
            self.wire.protocol = protocol
            protocol.makeConnection(self.wire)

    def sends(self, data: bytes) -> HttpUser:
        """Send *data* in one packet."""
        if self.wire.connected:
            self.protocol.dataReceived(data)
        self.waits(0)
        return self

    def waits(self, seconds: float) -> None:
        """Let time pass in steps of a second."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
        for _ in range(6):
            self.clock.advance(0)

    def receives(self) -> bytes:
        """Return the bytes that arrived since the last call."""
        self.waits(0)
        data: bytes = self.wire.value()
        self.wire.clear()
        return data

    def answer(self) -> Answer:
        """Return the response that has arrived."""
        head, _, body = self.receives().partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(each.split(": ", 1) for each in lines)
        return Answer(
            int(first.split(" ")[1]), {name.lower(): v for name, v in headers.items()}, body
        )

    def asks(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send a request, and return its response; ``_`` in a name is ``-``."""
        fields = {"Host": "localhost:8080", **{k.replace("_", "-"): v for k, v in headers.items()}}
        if body:
            fields["Content-Length"] = str(len(body))
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
        self.sends("\r\n".join([*lines, "", ""]).encode() + body)
        return self.answer()

    def logs_in(self, **fields: object) -> Answer:
        """Log in as the page does."""
        body = json.dumps(fields).encode()
        return self.asks("POST", "/session", body, Content_Type="application/json")

    def upgrades(self, **headers: str) -> Answer:
        """Open a WebSocket."""
        names = {name.replace("-", "_"): value for name, value in UPGRADE.items()}
        return self.asks("GET", "/ws", **{**names, **headers})

    def frames(self) -> list[tuple[int, bytes]]:
        """Return the frames that arrived since the last call, as opcode and payload."""
        data, found = self.receives(), []
        while data:
            assert data[0] & 0x80, "one frame a message"
            size, at = data[1], 2
            if size >= 126:
                at = 4 if size == 126 else 10
                size = int.from_bytes(data[2:at], "big")
            found.append((data[0] & 0xF, data[at : at + size]))
            data = data[at + size :]
        return found

    def objects(self) -> list[dict[str, Any]]:
        """Return the objects of the text frames that arrived since the last call."""
        texts = [payload for opcode, payload in self.frames() if opcode == 1]
        return [json.loads(line) for text in texts for line in text.splitlines()]

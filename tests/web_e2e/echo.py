"""A server that echoes each message of a WebSocket: ``python -m tests.web_e2e.echo`` for kosoku.

It has the handshake and the frames of the web door, without its limits and its chat.
"""

from __future__ import annotations

import sys
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from pyconchat.doors.web.exchange import Client, Request
from pyconchat.doors.web.frames import Binary, Close, Fragment, Frames, Ping, Pong, Text, Violation
from pyconchat.doors.web.socket import CLOSE, NORMAL, PONG
from pyconchat.doors.web.upgrade import accept_of
from pyconchat.net.connection import set_read_size
from pyconchat.render.frames import BYTES, frame

MOST = 1 << 25
"""Bytes of a message: Autobahn sends up to 16 MiB."""


class Echo(Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._head: bytes | None = b""
        self._frames = Frames(MOST, binary=True)
        self._closed = False

    def connectionMade(self) -> None:
        set_read_size(cast(Any, self.transport), 1 << 16)

    def dataReceived(self, data: bytes) -> None:
        if self._head is not None:
            head, end, data = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                return
            self._head = None
            self._accept(head.decode())
        if not self._closed:
            self._frames.receive(data)
        while not self._closed and (each := self._frames.next()) is not None:
            self._answer(each)

    def _accept(self, head: str) -> None:
        pairs = [line.partition(":") for line in head.split("\r\n")[1:]]
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        accept = accept_of(Request("GET", "/", "", headers, Client("", "", False, False)))
        self._write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )

    def _answer(self, event: object) -> None:
        match event:
            case Text(text=text):
                self._write(frame(text))
            case Binary(data=data):
                self._write(frame(data, BYTES))
            case Ping(payload=payload):
                self._write(frame(payload, PONG))
            case Close():
                self._close(NORMAL)
            case Violation(code=code):
                self._close(code)
            case Fragment() | Pong():
                pass

    def _close(self, code: int) -> None:
        self._closed = True
        self._write(frame(code.to_bytes(2, "big"), CLOSE))
        cast(Any, self.transport).loseConnection()

    def _write(self, data: bytes) -> None:
        cast(Any, self.transport).write(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._closed = True


if __name__ == "__main__":
    port = cast(Any, reactor).listenTCP(
        0, Factory.forProtocol(Echo), interface="127.0.0.1", backlog=500
    )
    print(port.getHost().port, flush=True)
    cast(Any, reactor).callLater(300, sys.exit)
    cast(Any, reactor).run()

"""Programs and users at the WebSocket of a real web door."""

from __future__ import annotations

import json
import socket
import time
from http.client import HTTPConnection

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Ping, Request, TextMessage

from tests.support.programs import Object, Program
from tests.support.servers import PATIENCE
from tests.support.users import JsonUser

__all__ = ["WebProgram", "WebUser"]


class WebProgram(Program):
    """A program that logs in as the page of the web door at *port* does.

    With a password it gets a cookie first, and opens a WebSocket with that; a guest needs none.
    """

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._port = port
        self._origin = f"http://127.0.0.1:{port}"
        self._sockets: WSConnection | None = None
        self._opened = False
        self._text = ""  # of a message that has not arrived completely

    def says_hello(self, name: str, password: str | None = None, **more: object) -> Object:
        """Log in, or register a new name; return the answer to the hello, or the refusal."""
        cookie = ""
        if password is not None:
            refused, cookie = self._begin_session(name, password)
            if refused:
                return refused
        if cookie or not self._opened:
            self._open(cookie)
        return super().says_hello(name, None, **more)

    def sends(self, data: bytes) -> None:
        assert self._sockets is not None, "nobody has logged in"
        self._socket.sendall(self._sockets.send(TextMessage(data.decode().rstrip("\n"))))

    def receives(self) -> bool:
        deadline, before = time.monotonic() + PATIENCE, (len(self.objects), self._opened)
        while super().receives():
            if before != (len(self.objects), self._opened):
                return True
            # The pings of the server end every wait of the socket.
            assert time.monotonic() < deadline, f"nothing but pings after {self.objects[-5:]}"
        return False

    def _begin_session(self, name: str, password: str) -> tuple[Object, str]:
        """Ask for a session; return the refusal, empty if there is none, and the cookie."""
        http = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        fields = json.dumps({"name": name, "password": password, "register": True})
        headers = {"Content-Type": "application/json", "Origin": self._origin}
        http.request("POST", "/session", fields, headers)
        answer = http.getresponse()
        found: Object = json.loads(answer.read())
        http.close()
        cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        return ({}, cookie) if answer.status == 200 else (found, "")

    def _open(self, cookie: str) -> None:
        """Open a WebSocket, in place of an earlier one."""
        if self._opened:
            self._socket.close()
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE)
        self._sockets, self._opened = WSConnection(ConnectionType.CLIENT), False
        headers = [(b"Origin", self._origin.encode())]
        if cookie:
            headers.append((b"Cookie", cookie.encode()))
        host = f"127.0.0.1:{self._port}"
        opening = Request(host=host, target="/ws", extra_headers=headers)
        self._socket.sendall(self._sockets.send(opening))
        while not self._opened:
            assert self.receives(), "the handshake was refused"

    def _takes(self, data: bytes) -> None:
        """Take the objects in the WebSocket's messages: each has a line for each object."""
        assert self._sockets is not None
        self._sockets.receive_data(data or None)
        for event in self._sockets.events():
            match event:
                case AcceptConnection():
                    self._opened = True
                case TextMessage(data=text, message_finished=whole):
                    self._text += text
                    if whole:
                        super()._takes(self._text.strip("\n").encode() + b"\n")
                        self._text = ""
                case Ping():
                    self._socket.sendall(self._sockets.send(event.response()))
                case CloseConnection():
                    pass  # the end of the connection follows
                case _:
                    raise AssertionError(event)


class WebUser(JsonUser):
    """A user of the page of the web door, who sees everything as the client displays it."""

    def _connect(self, port: int) -> Program:
        return WebProgram(port)

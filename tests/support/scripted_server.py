"""ScriptedServer: a real server that sends any object that a test wants, also invalid ones."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

from tests.support.servers import PATIENCE

__all__ = ["ScriptedServer"]

Object: TypeAlias = dict[str, Any]


class ScriptedServer:
    """A server in JSON mode that accepts every login, and sends the objects of a test.

    *hello* has fields of its answer to the hello, and *answers* returns the fields of an answer
    to a request. *greeting* is sent first, as servers do for people.
    """

    def __init__(
        self,
        hello: Object | None = None,
        answers: Callable[[Object], Object] = lambda _request: {"ok": True},
        greeting: bytes = b"",
    ) -> None:
        self._hello = {"hello": 1, "ok": True, "registered": True, **(hello or {})}
        self._answers = answers
        self._greeting = greeting
        self._ports = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._ports.getsockname()[1])
        self._connected = threading.Event()
        self._peer: socket.socket | None = None
        self._sending = threading.Lock()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def says(self, *objects: Object) -> None:
        """Send events, as soon as somebody is logged in."""
        assert self._connected.wait(PATIENCE)
        self._send(*objects)

    def close(self) -> None:
        """Close the connections, and stop."""
        for open_ in (self._ports, self._peer):
            if open_ is not None:
                with suppress(OSError):
                    open_.shutdown(socket.SHUT_RDWR)
                open_.close()
        self._thread.join(PATIENCE)

    def _send(self, *objects: Object) -> None:
        data = b"".join(json.dumps(each).encode() + b"\n" for each in objects)
        with self._sending:  # two threads send
            assert self._peer is not None
            self._peer.sendall(data)

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                self._peer, _ = self._ports.accept()
                self._peer.sendall(self._greeting)
                with self._peer, self._peer.makefile("rb") as lines:
                    for line in lines:
                        self._take(json.loads(line))

    def _take(self, fields: Object) -> None:
        if "hello" in fields:
            answer = {"name": fields["name"], **self._hello}
            more: list[Object] = [{"type": "live"}] if answer["ok"] else []
        else:
            answer, more = {"re": fields["id"], **self._answers(fields)}, []
        self._send(answer, *more)
        if "hello" in fields:
            self._connected.set()

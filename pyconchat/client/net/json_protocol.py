"""Wire: objects from and to the server, one a line; and nothing that a terminal would obey.

The server is not trusted: whatever it sends, every text in it is made safe here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

import msgspec
from twisted.internet.interfaces import IReactorTime, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from pyconchat.domain.text import safe_text
from pyconchat.net.connection import IConnection, Lifecycle
from pyconchat.net.lines import BoundedLineReceiver

__all__ = ["Object", "Wire", "safe"]

Object: TypeAlias = dict[str, Any]

DEEPEST = 16
"""Objects within objects; no answer has more than four."""


class Wire(BoundedLineReceiver):
    """One connection. *receive* is called with each object, *lost* with why it ended."""

    MAX_LENGTH = 16 * 1024 * 1024  # bytes: more than the longest answer of any honest server

    def __init__(self, clock: IReactorTime) -> None:
        super().__init__()
        self.clock = clock
        self.receive: Callable[[Object], None] = lambda _object: None
        self.lost: Callable[[Failure], None] = lambda _reason: None
        self.received = 0  # bytes: a sign of life
        self._lifecycle = Lifecycle.OPEN
        self._object_received = False

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)

    def dataReceived(self, data: bytes) -> None:
        self.received += len(data)
        super().dataReceived(data)

    def readyForLine(self) -> bool:
        return self._lifecycle is Lifecycle.OPEN

    def lineReceived(self, line: bytes) -> None:
        fields = _decoded(line)
        if fields is not None:
            self._object_received = True
            self.receive(fields)
        else:
            self.lineLengthExceeded(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Disconnect, unless the line is of the greeting for people, before the first object."""
        if self._object_received:
            self.abort()

    def readConnectionLost(self) -> None:
        """The server has closed its side: there will be no answers, so close ours."""
        self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lifecycle = Lifecycle.GONE
        self.discardLines()
        self.lost(reason)

    def send(self, fields: Mapping[str, object]) -> None:
        """Send an object."""
        cast(IConnection, self.transport).write(msgspec.json.encode(fields) + b"\n")

    def abort(self) -> None:
        """Cut the connection."""
        if self._lifecycle is Lifecycle.GONE:
            return
        self._lifecycle = Lifecycle.CLOSING
        self.discardLines()
        cast(IConnection, self.transport).abortConnection()


def _decoded(line: bytes) -> Object | None:
    try:
        fields = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    if isinstance(fields.get("motd"), str):  # the only text that may have several lines
        fields["motd"] = fields["motd"].split("\n") if fields["motd"] else []
    return cast(Object, safe(fields))


def safe(value: Any, depth: int = 0) -> Any:
    """Return *value*, from JSON, with all of its texts made safe; too deep a one is cut."""
    if isinstance(value, str):
        return safe_text(value)
    if depth > DEEPEST:
        return None
    if isinstance(value, dict):
        return {safe_text(key): safe(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        return [safe(each, depth + 1) for each in value]
    return value

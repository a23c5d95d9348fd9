"""JsonProtocol: JSON objects from and to the server, one a line.

The server is not trusted: every text that it sends is made safe for a terminal here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

import msgspec
from twisted.internet.interfaces import IReactorTime, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from pyconchat.domain.text import safe_line, safe_text
from pyconchat.net.connection import IConnection, Lifecycle
from pyconchat.net.lines import BoundedLineReceiver

__all__ = ["JsonProtocol", "Object", "objects_in", "safe"]

Object: TypeAlias = dict[str, Any]

MAX_DEPTH = 16
"""Maximum levels of nested objects and lists; no answer has more than four."""

MAX_NAME = 255
"""Maximum characters of a name of a person, a group or a file, more than a server allows."""

MAX_LINE = 4096
"""Maximum characters of any other text of one line."""

MAX_TEXT = 65_536
"""Maximum characters of a message."""

MAX_INT = 2**62
"""Maximum number, of bytes or of entries."""

MAX_OPENING = 2048
"""Maximum bytes that are kept of the input before the first object."""

_NAMES = frozenset({"name", "from", "with", "by", "group", "admin", "type", "code", "policy"})


class JsonProtocol(BoundedLineReceiver):
    """One connection. *receive* is called with each object, *lost* with the reason of its end.

    *opening* has the first bytes that were received before any object.
    """

    MAX_LENGTH = 16 * 1024 * 1024  # bytes; no answer of a server is that long

    def __init__(self, clock: IReactorTime) -> None:
        super().__init__()
        self.clock = clock
        self.receive: Callable[[Object], None] = lambda _object: None
        self.lost: Callable[[Failure], None] = lambda _reason: None
        self.received = 0  # bytes
        self.opening = b""
        self._object_received = False

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)

    def dataReceived(self, data: bytes) -> None:
        self.received += len(data)
        if not self._object_received and len(self.opening) < MAX_OPENING:
            self.opening += data[: MAX_OPENING - len(self.opening)]
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        fields = _decoded(line)
        if fields is not None:
            self._object_received = True
            self.receive(fields)
        else:
            self._invalid_line()

    def lineLengthExceeded(self, line: bytes) -> None:
        self._invalid_line()

    def _invalid_line(self) -> None:
        """Disconnect; but before the first object ignore the greeting, which is for people."""
        if self._object_received:
            self.abort()

    def readConnectionLost(self) -> None:
        """Disconnect: a server that has closed its side will not answer."""
        self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.stopLines(Lifecycle.GONE)
        self.lost(reason)

    def send(self, fields: Mapping[str, object]) -> None:
        """Send an object."""
        cast(IConnection, self.transport).write(msgspec.json.encode(fields) + b"\n")

    def abort(self) -> None:
        """Disconnect at once, and deliver nothing more."""
        if not self.ending:
            self.stopLines(Lifecycle.CLOSING)
            cast(IConnection, self.transport).abortConnection()


def _decoded(line: bytes) -> Object | None:
    """Return the object in *line*; None if there is none."""
    try:
        fields = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    if isinstance(fields.get("motd"), str):  # its lines are displayed one by one
        fields["motd"] = fields["motd"].split("\n") if fields["motd"] else []
    return cast(Object, safe(fields))


def safe(value: Any, depth: int = 0, lines: bool = False) -> Any:
    """Return *value*, from JSON, with all texts made safe and cut to their maximum length.

    A value that is nested too deeply, and a number that is too large, is None. Only the texts of
    messages (*lines*) may have several lines.
    """
    if isinstance(value, str):
        return safe_text(value[:MAX_TEXT]) if lines else safe_line(value[:MAX_LINE])
    if isinstance(value, int | float) and not -MAX_INT <= value <= MAX_INT:  # also NaN
        return None
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, dict):
        return {
            safe_line(key[:MAX_NAME]): safe(
                each[:MAX_NAME] if key in _NAMES and isinstance(each, str) else each,
                depth + 1,
                lines=key == "text",
            )
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [safe(each, depth + 1) for each in value]
    return value


def objects_in(value: object) -> list[Object]:
    """Return the objects in a list from JSON; none if *value* is not a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []

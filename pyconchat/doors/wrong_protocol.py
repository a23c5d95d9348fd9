"""Doors for peers that speak another protocol: one answer in it, and the connection is closed.

A web page must not be able to post to the chat: a browser sends any text as the body of a POST.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.domain.decisions import MoveCursor
from pyconchat.domain.errors import Refused
from pyconchat.doors.connection_limits import CountedConnection
from pyconchat.doors.context import DoorContext
from pyconchat.doors.interfaces import IDoor
from pyconchat.doors.json.door import recognizes_json
from pyconchat.doors.transfer.door import recognizes_transfer
from pyconchat.net.connection import IConnection
from pyconchat.net.teardown import take_all

__all__ = [
    "HttpRefusal",
    "IrcRefusal",
    "ProgramRefusal",
    "SshRefusal",
    "TlsRefusal",
    "recognizes_http",
    "recognizes_irc",
    "recognizes_program",
    "recognizes_ssh",
    "recognizes_tls",
]

PROGRAMS = "telnet, nc and pyconchat"
"""The programs that a line port is for."""

MAX_LINGER = 2.0
"""Maximum seconds in which the answer may arrive before the connection is closed."""

# The methods of RFC 9110, section 9, of RFC 5789, and the preface of HTTP/2 (RFC 9113, 3.4). No
# name has a space, so none of these begins a login.
_METHODS = (
    *(b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE "),
    *(b"CONNECT ", b"OPTIONS ", b"TRACE ", b"PATCH ", b"PRI "),
)

# The first commands of IRC clients; names have no space.
_IRC = (b"CAP LS", b"CAP REQ", b"NICK ", b"PASS ", b"USER ")

_SSH = (b"SSH-2.0-", b"SSH-1.99-", b"SSH-1.5-")
"""The first bytes of an SSH client's identification (RFC 4253, 4.2)."""

_SSH_DISCONNECT = b"\x01" + (11).to_bytes(4, "big")
"""The start of SSH_MSG_DISCONNECT with SSH_DISCONNECT_BY_APPLICATION (RFC 4253, 11.1)."""

_TLS_HANDSHAKE = b"\x16\x03"
"""The first bytes of a ClientHello: content type and major version (RFC 8446, 5.1)."""


def recognizes_http(opening: bytes) -> bool | None:
    """Return whether *opening* begins an HTTP request; None if that needs more bytes."""
    return _begins(opening, _METHODS)


def recognizes_irc(opening: bytes) -> bool | None:
    """Return whether *opening* is of an IRC client; None if that needs more bytes."""
    return _begins(opening, _IRC)


def recognizes_program(opening: bytes) -> bool | None:
    """Return whether *opening* is for a line port: JSON mode, or a transfer of a file."""
    return recognizes_json(opening) or recognizes_transfer(opening)


def recognizes_ssh(opening: bytes) -> bool | None:
    """Return whether *opening* is of an SSH client; None if that needs more bytes."""
    return _begins(opening, _SSH)


def recognizes_tls(opening: bytes) -> bool | None:
    """Return whether *opening* begins a TLS handshake; None if that needs more bytes."""
    return _begins(opening, (_TLS_HANDSHAKE,))


def _begins(opening: bytes, words: tuple[bytes, ...]) -> bool | None:
    """Return whether *opening* begins with one of *words*; None if that needs more bytes."""
    if opening.startswith(words):
        return True
    return None if any(word.startswith(opening) for word in words) else False


@implementer(IDoor)
class _Refusal(Protocol):
    """Sends `answer`, and closes."""

    answer = b""
    cause = ""
    login_seconds = 0.0
    opened_by_input = False
    unsent = 0
    rests_until = 0.0

    def __init__(self, context: DoorContext, counted: CountedConnection) -> None:
        self.network = counted.network
        self._counted = counted
        self._context = context
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        connection = cast(IConnection, self.transport)
        self._context.refused.note(self.cause, self._counted.address, self._context.now())
        if not self._counted.refused(self._context.now()):
            connection.abortConnection()
            return
        connection.write(self.answer)
        self._timer = self._context.reactor.callLater(MAX_LINGER, connection.abortConnection)
        connection.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        """Ignored: nothing that the peer sends is read."""

    def readConnectionLost(self) -> None:
        """Ignored: the connection is closing."""

    def writeConnectionLost(self) -> None:
        """Ignored: the connection is closing."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        take_all(
            lambda: self._context.open_doors.remove(self),
            lambda: self._counted.closed(self._context.now()),
        )

    def check(self, now: float) -> list[MoveCursor]:
        return []

    def shut_down(self) -> None:
        cast(IConnection, self.transport).abortConnection()

    def turn_away(self, refused: Refused) -> None:
        raise AssertionError("it is closing already")

    def release(self, last: bytes = b"") -> None:
        raise AssertionError("a refusal keeps its connection")


class HttpRefusal(_Refusal):
    """Refuses a web browser, or another HTTP client, at a port that is for *programs*."""

    cause = "http"

    def __init__(
        self,
        context: DoorContext,
        counted: CountedConnection,
        programs: str = PROGRAMS,
    ) -> None:
        super().__init__(context, counted)
        body = f"This port is for {programs}. It is not a web server.\n".encode()
        self.answer = (
            b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
        )


class TlsRefusal(_Refusal):
    """Refuses a TLS handshake on a port without TLS."""

    # A fatal alert, unexpected_message (RFC 8446, section 6).
    answer = b"\x15\x03\x01\x00\x02\x02\x0a"
    cause = "tls"


class IrcRefusal(_Refusal):
    """Refuses an IRC client at a port that is not for IRC, and names the one that is."""

    cause = "irc"

    def __init__(self, context: DoorContext, counted: CountedConnection) -> None:
        super().__init__(context, counted)
        port = context.services.config.doors.irc_port
        where = _port_of("IRC clients", port) or " There is no IRC port."
        self.answer = f"ERROR :This port is for {PROGRAMS}.{where}\r\n".encode()


class SshRefusal(_Refusal):
    """Refuses an SSH client at a port that is not for SSH, and names the one that is."""

    cause = "ssh"

    def __init__(self, context: DoorContext, counted: CountedConnection) -> None:
        super().__init__(context, counted)
        port = context.services.config.doors.ssh_port
        where = f"ssh connects to port {port}." if port else "There is no SSH port."
        sentence = f"This port is for {PROGRAMS}. {where}".encode()
        text = len(sentence).to_bytes(4, "big") + sentence
        payload = _SSH_DISCONNECT + text + bytes(4)  # and no language
        padding = 8 - (5 + len(payload)) % 8 + 8  # RFC 4253, 6: at least 4, to a multiple of 8
        length = (1 + len(payload) + padding).to_bytes(4, "big")
        packet = length + bytes([padding]) + payload + bytes(padding)
        self.answer = b"SSH-2.0-PyconChat\r\n" + packet


class ProgramRefusal(_Refusal):
    """Refuses a program of our own protocol at a port for IRC, and names the line port."""

    cause = "program"

    def __init__(self, context: DoorContext, counted: CountedConnection) -> None:
        super().__init__(context, counted)
        port = context.services.config.doors.line_port
        where = _port_of(PROGRAMS, port)
        self.answer = f"ERROR :This port is for IRC clients.{where}\r\n".encode()


def _port_of(programs: str, port: tuple[int, bool] | None) -> str:
    """Return the sentence that names the *port* for *programs*; empty if there is none."""
    if port is None:
        return ""
    number, has_tls = port
    return f" {programs} connect to port {number}{', with TLS' if has_tls else ''}."

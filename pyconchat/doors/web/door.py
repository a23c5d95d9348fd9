"""The doors at a WebSocket: JSON mode, for the page and for programs, and IRC.

Each message of JSON mode has one object, or more, a line each; so has each frame that is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pyconchat.chat.audience import Send
from pyconchat.domain.names import Name
from pyconchat.doors.connection_limits import CountedConnection
from pyconchat.doors.context import DoorContext
from pyconchat.doors.irc.door import IrcDoor
from pyconchat.doors.irc.monitors import Monitors
from pyconchat.doors.json.door import JsonDoor
from pyconchat.doors.json.mode import Answer
from pyconchat.doors.web.exchange import WebSocketHandler
from pyconchat.doors.web.sessions import WebSessions
from pyconchat.doors.web.socket import SocketDoor
from pyconchat.render.frames import BYTES, TEXT, FramedJson, frame

__all__ = ["IRC_BINARY", "IRC_TEXT", "IrcSocketDoor", "WebDoor"]

RENDERER = FramedJson()

IRC_TEXT, IRC_BINARY = "text.ircv3.net", "binary.ircv3.net"
"""Subprotocols: a line of IRC in each message, without CR and LF (IRCv3, WebSocket transport)."""


class WebDoor(SocketDoor, JsonDoor):
    """One WebSocket with JSON mode."""

    serves_files = False

    def __init__(
        self,
        context: DoorContext,
        sessions: WebSessions,
        counted: CountedConnection,
        handler: WebSocketHandler,
    ) -> None:
        JsonDoor.__init__(self, context, counted, RENDERER)
        self._sessions = sessions
        self._is_page = handler.is_page
        self._cookie = handler.token
        self.begin_frames(counted)

    # Left by `JsonDoor` to its subclasses.

    def _object(self, line: bytes) -> object:
        """Return the object in *line*; the page's hello with the token of its cookie."""
        fields = super()._object(line)
        if isinstance(fields, dict) and "hello" in fields and self._cookie:
            fields |= {} if fields.get("guest") or "password" in fields else {"token": self._cookie}
        return fields

    def _answer(self, answer: Answer) -> None:
        super()._answer(self._without_token(answer) if self._is_page else answer)

    def _without_token(self, answer: Mapping[str, object]) -> Answer:
        """Return *answer* for the page, whose script must not have a token."""
        token = answer.get("token")
        if token is None:
            return answer
        rest = {name: value for name, value in answer.items() if name != "token"}
        if "hello" not in answer and self.session is not None:  # after a new password
            name: Name = self.session.account.name
            self._cookie = str(token)
            rest["ticket"] = self._sessions.ticket_for(name, str(token))
        return rest


class IrcSocketDoor(SocketDoor, IrcDoor):
    """One WebSocket with IRC, in messages of text or, if *binary* is true, of bytes."""

    serves_files = False

    def __init__(
        self, context: DoorContext, counted: CountedConnection, monitors: Monitors, binary: bool
    ) -> None:
        IrcDoor.__init__(self, context, counted, monitors)
        self._opcode = BYTES if binary else TEXT
        self.begin_frames(counted, binary=True)

    def write_now(self, block: bytes) -> None:
        self.wake()
        self._written += len(block)
        lines = (each.rstrip(b"\r") for each in block.split(b"\n"))
        self._output.write(b"".join(frame(each, self._opcode) for each in lines if each))

    def direct_send(self, leave: Callable[[], None]) -> Send | None:
        return None  # each line has to be framed

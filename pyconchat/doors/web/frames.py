"""Frames: the input of a WebSocket, as whole messages of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from wsproto.connection import SERVER, Connection, ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Event, TextMessage
from wsproto.events import Ping as PingEvent
from wsproto.events import Pong as PongEvent

__all__ = ["Binary", "Close", "Fragment", "Frame", "Frames", "Ping", "Pong", "Text", "Violation"]

TOO_BIG, BINARY = 1009, 1003
"""Codes of a Close frame (RFC 6455, 7.4.1)."""


class Text(NamedTuple):
    """A message, as UTF-8."""

    text: bytes


class Binary(NamedTuple):
    """A message of bytes."""

    data: bytes


class Fragment(NamedTuple):
    """A part of a message that is not complete yet."""


class Ping(NamedTuple):
    """The client asks for a Pong with the same *payload*."""

    payload: bytes


class Pong(NamedTuple):
    """The client has answered a Ping, or says that it is there."""


class Close(NamedTuple):
    """The client has ended the conversation."""


class Violation(NamedTuple):
    """The client has broken a rule; *code* is for the Close frame."""

    code: int


Frame: TypeAlias = Text | Binary | Fragment | Ping | Pong | Close | Violation


class Frames:
    """The input of one client; a message may have *most* bytes, and be *binary* if that is true."""

    def __init__(self, most: int, binary: bool = False) -> None:
        self._most = most
        self._binary = binary
        self._protocol = Connection(SERVER)
        self._events: Iterator[Event] = iter(())
        self._pieces: list[bytes] = []  # of a message that is not complete
        self._size = 0

    def receive(self, data: bytes) -> None:
        """Take input; `next` has to be called until it returns None."""
        self._protocol.receive_data(data)

    def next(self) -> Frame | None:
        """Return the next frame, or part of one; None if more input is needed."""
        event = next(self._events, None)
        if event is None:
            self._events = self._protocol.events()
            event = next(self._events, None)
        return None if event is None else self._frame_of(event)

    def _frame_of(self, event: Event) -> Frame:
        match event:
            case TextMessage(data=text, message_finished=is_last):
                part = self._piece(text.encode(), is_last)
                return Text(self._whole()) if part is None else part
            case BytesMessage(data=data, message_finished=is_last):
                if not self._binary:
                    return Violation(BINARY)
                part = self._piece(bytes(data), is_last)
                return Binary(self._whole()) if part is None else part
            case PingEvent(payload=payload):
                return Ping(bytes(payload))
            case PongEvent():
                return Pong()
            case CloseConnection(code=code):
                # wsproto closes because of the client's input, or the client has.
                is_ours = self._protocol.state is ConnectionState.OPEN
                return Violation(int(code)) if is_ours else Close()
            case _:
                raise AssertionError("wsproto has no other events after the handshake")

    def _piece(self, piece: bytes, is_last: bool) -> Fragment | Violation | None:
        """Take a part of a message; return None if the message is complete."""
        self._size += len(piece)
        if self._size > self._most:
            return Violation(TOO_BIG)
        if piece:  # a client may send empty ones for ever
            self._pieces.append(piece)
        return None if is_last else Fragment()

    def _whole(self) -> bytes:
        """Return the complete message, and begin the next one."""
        whole = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        return whole

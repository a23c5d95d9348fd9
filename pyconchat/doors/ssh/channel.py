"""SessionChannel: the channel of a session. The client's requests choose its door."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, TypeAlias, cast

from twisted.conch.ssh.common import getNS

from pyconchat.doors.connection_limits import CountedConnection
from pyconchat.doors.context import DoorContext
from pyconchat.doors.ssh.channel_count import ChannelCount
from pyconchat.doors.ssh.data_channel import DataChannel
from pyconchat.doors.ssh.interfaces import ISshDoor
from pyconchat.doors.ssh.opening import Opening

__all__ = ["SessionChannel", "UnknownRequest"]

MakeDoor: TypeAlias = "Callable[[SessionChannel, ChannelCount, Opening], ISshDoor]"


class UnknownRequest(Exception):
    """No door serves the client's request; the message says why."""


class SessionChannel(DataChannel):
    """A session: first the requests of the client, then the door that *make_door* returns.

    *make_door* is called with the channel, its count and its opening. It raises
    `UnknownRequest`.
    """

    name = b"session"

    def __init__(
        self,
        context: DoorContext,
        counted: CountedConnection,
        make_door: MakeDoor,
        connection: Any,
        window: int,
        max_packet: int,
    ) -> None:
        super().__init__(context, connection, window, max_packet)
        self._counted = counted
        self._make_door = make_door
        self._opening: Opening | None = Opening()
        self._has_terminal = False

    @property
    def reached(self) -> tuple[str, int] | None:
        """Return the address that the client has reached, if a proxy has sent it."""
        return self._counted.reached

    # Requests of the client.

    def requestReceived(self, requestType: bytes, data: bytes) -> bool:  # noqa: N803
        opening = self._opening
        if requestType == b"window-change":
            self._resize(data)
            return True
        if opening is None:
            return False  # a door is open: eow@openssh.com, signals
        match requestType:
            case b"pty-req":
                self._has_terminal = opening.request_terminal(data)
                return self._has_terminal
            case b"env":
                return opening.set_variable(data)
            case b"shell":
                return self._open(opening)
            case b"exec":
                opening.command = getNS(data)[0]
                return self._open(opening)
            case b"subsystem":
                opening.subsystem = getNS(data)[0]
                return self._open(opening)
        return False

    def _open(self, opening: Opening) -> bool:
        self._opening = None
        try:
            door = self._make_door(self, self._count(), opening)
        except UnknownRequest as problem:
            self.exit_status = 2
            self.complain(str(problem))
            self._context.reactor.callLater(0, self.loseConnection)  # after the answer
            return True
        self._door = door
        door.login_seconds = self.conn.transport.login_seconds_left
        # After the answer to the request, which some clients need before any data.
        self._context.reactor.callLater(0, self._start)
        return True

    def _start(self) -> None:
        if self._door is not None and not self.localClosed:
            self._context.open_doors.add(self._door)
            self._door.makeConnection(cast(Any, self))
            self._deliver()

    def _count(self) -> ChannelCount:
        return ChannelCount(self._counted, self.conn.transport)

    def _resize(self, data: bytes) -> None:
        columns, rows = struct.unpack(">2L", data[:8])
        if self._opening is not None:
            self._opening.resize(columns, rows)
        resized = getattr(self._door, "resized", None)
        if resized is not None:
            resized(columns, rows)

    def complain(self, sentence: str) -> None:
        """Send *sentence* as a line of the standard error."""
        data = sentence.encode() + (b"\r\n" if self._has_terminal else b"\n")
        if not self.localClosed and len(data) <= self.remoteWindowLeft:
            self.remoteWindowLeft -= len(data)
            self.conn.sendExtendedData(self, 1, data)

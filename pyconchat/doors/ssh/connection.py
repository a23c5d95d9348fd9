"""SshConnection: the channels of one connection (RFC 4254), and nothing else.

Only sessions are opened, four at most; every kind of forwarding is refused.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import Any

from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.connection import (
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_OPEN_FAILURE,
    MSG_GLOBAL_REQUEST,
    OPEN_ADMINISTRATIVELY_PROHIBITED,
    OPEN_RESOURCE_SHORTAGE,
    OPEN_UNKNOWN_CHANNEL_TYPE,
    SSHConnection,
)

from pyconchat.doors.connection_limits import CountedConnection, TooManyConnections
from pyconchat.doors.context import DoorContext
from pyconchat.doors.ssh.channel import SessionChannel
from pyconchat.doors.ssh.data_channel import MIN_PACKET
from pyconchat.doors.ssh.packet_cost import MIN_DATA
from pyconchat.doors.ssh.quiet import NOBODY
from pyconchat.doors.ssh.sessions import make_session
from pyconchat.doors.ssh.visitor import Visitor

__all__ = ["MAX_CHANNELS", "SshConnection"]

MAX_CHANNELS = 4
"""Maximum open channels of a connection."""

MIN_REQUEST = 24
"""Minimum bytes of a packet whose request a door may pay for."""

_FORWARDINGS = frozenset(
    {
        b"direct-tcpip",
        b"direct-streamlocal@openssh.com",
        b"forwarded-tcpip",
        b"forwarded-streamlocal@openssh.com",
        b"tun@openssh.com",
        b"x11",
        b"auth-agent@openssh.com",
    }
)


class SshConnection(SSHConnection):
    """The channels of *visitor*'s connection."""

    _log = NOBODY
    transport: Any = None

    def __init__(self, context: DoorContext, counted: CountedConnection, visitor: Visitor) -> None:
        super().__init__()
        self._context = context
        self._counted = counted
        self._visitor = visitor

    def serviceStarted(self) -> None:
        """Ignored: channels are opened when the client asks."""

    def sending_changed(self) -> None:
        """The transport can send data again, or no longer."""
        for channel in list(self.channels.values()):
            channel.send()

    def close_unused(self) -> None:
        """Close the channels that have no door yet: nothing else ends them."""
        for channel in list(self.channels.values()):
            channel.close_unused()

    def ping(self) -> None:
        """Ask for a sign of life."""
        self.transport.sendPacket(MSG_GLOBAL_REQUEST, NS(b"keepalive@openssh.com") + b"\1")

    # Packets.

    def door_pays(self, kind: int, packet: bytes) -> bool:
        """Return whether *packet* is for a door that pays for its requests itself.

        Small ones are, too, while the door takes requests.
        """
        if kind != MSG_CHANNEL_DATA or len(packet) < MIN_REQUEST:
            return False
        channel = self.channels.get(int.from_bytes(packet[1:5], "big"))
        if channel is None or not channel.door_pays:
            return False
        return len(packet) >= MIN_DATA or bool(channel.takes_input)

    def gotGlobalRequest(self, requestType: bytes, data: bytes) -> int:  # noqa: N803
        """Refuse forwardings; the refusal of a keepalive is the sign of life."""
        return 0

    def ssh_REQUEST_SUCCESS(self, packet: bytes) -> None:
        """The answer to `ping`."""

    ssh_REQUEST_FAILURE = ssh_REQUEST_SUCCESS

    def ssh_CHANNEL_OPEN(self, packet: bytes) -> None:
        kind, rest = getNS(packet)
        sender, _window, most = struct.unpack(">3L", rest[:12])
        refusal = self._refusal(kind, most)
        if refusal is not None:
            reason, sentence = refusal
            self.transport.sendPacket(
                MSG_CHANNEL_OPEN_FAILURE,
                struct.pack(">2L", sender, reason) + NS(sentence) + NS(b""),
            )
            return
        super().ssh_CHANNEL_OPEN(packet)

    def _refusal(self, kind: bytes, most: int) -> tuple[int, bytes] | None:
        """Return why no channel of this *kind* is opened; None if one is."""
        if kind in _FORWARDINGS:
            return OPEN_ADMINISTRATIVELY_PROHIBITED, b"there is no forwarding here"
        if self.transport.shutting_down:
            return OPEN_ADMINISTRATIVELY_PROHIBITED, b"the server is stopping"
        if kind != b"session":
            return OPEN_UNKNOWN_CHANNEL_TYPE, b"there are only sessions here"
        if len(self.channels) >= MAX_CHANNELS:
            return OPEN_RESOURCE_SHORTAGE, b"too many sessions on this connection"
        if most < MIN_PACKET:
            return OPEN_ADMINISTRATIVELY_PROHIBITED, b"packets must not be so small"
        if self.channels:  # the first session is counted with the connection
            try:
                self._counted.require_session_room()
            except TooManyConnections as refused:
                return OPEN_RESOURCE_SHORTAGE, refused.sentence.encode()
        return None

    def getChannel(
        self,
        channelType: bytes,  # noqa: N803
        windowSize: int,  # noqa: N803
        maxPacket: int,  # noqa: N803
        data: bytes,
    ) -> SessionChannel:
        """Return a new session."""
        make_door = partial(make_session, self._context, self._visitor)
        return SessionChannel(self._context, self._counted, make_door, self, windowSize, maxPacket)

    def ssh_CHANNEL_DATA(self, packet: bytes) -> None:
        number, length = struct.unpack(">2L", packet[:8])
        self._take(number, packet[8:], length)

    def ssh_CHANNEL_EXTENDED_DATA(self, packet: bytes) -> None:
        """Discard it: a client has no second output."""
        number, _, length = struct.unpack(">3L", packet[:12])
        self._take(number, packet[12:], length, discard=True)

    def _take(self, number: int, data: bytes, length: int, discard: bool = False) -> None:
        channel = self.channels[number]
        if length != len(data) or length > channel.localWindowLeft:
            raise ValueError("more data than the window allows")
        channel.localWindowLeft -= length
        if channel.localClosed:
            return
        if discard:
            channel.take_back(length)
        else:
            channel.dataReceived(data)

    def channelClosed(self, channel: Any) -> None:
        super().channelClosed(channel)
        if not self.channels and self.transport is not None:
            self.transport.no_channels()

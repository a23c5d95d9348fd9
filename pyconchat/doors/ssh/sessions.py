"""Which door serves a session: by the command, and by whether there is a terminal."""

from __future__ import annotations

from pyconchat.doors.context import DoorContext
from pyconchat.doors.interfaces import IDoor
from pyconchat.doors.ssh.channel import ChannelCount, SessionChannel, UnknownRequest
from pyconchat.doors.ssh.opening import Opening
from pyconchat.doors.ssh.plain import PlainSession
from pyconchat.doors.ssh.visitor import Visitor

__all__ = ["make_session"]


def make_session(
    context: DoorContext,
    visitor: Visitor,
    channel: SessionChannel,
    counted: ChannelCount,
    opening: Opening,
    command: bytes | None,
) -> IDoor:
    """Return the door of *channel*, for *visitor*. Raises `UnknownRequest`."""
    if command is not None:
        raise UnknownRequest("There are no commands yet.")
    return PlainSession(context, counted, channel, visitor)

"""Which door serves a session: by the command, and by whether there is a terminal."""

from __future__ import annotations

from pyconchat.doors.context import DoorContext
from pyconchat.doors.ssh.channel import SessionChannel, UnknownRequest
from pyconchat.doors.ssh.channel_count import ChannelCount
from pyconchat.doors.ssh.interfaces import ISshDoor
from pyconchat.doors.ssh.json_session import JsonSession
from pyconchat.doors.ssh.one_shot import OneShot
from pyconchat.doors.ssh.opening import Opening
from pyconchat.doors.ssh.peer import Arrival
from pyconchat.doors.ssh.plain import PlainSession
from pyconchat.doors.ssh.sftp.door import SftpDoor
from pyconchat.doors.ssh.terminal import TerminalSession
from pyconchat.doors.ssh.visitor import Visitor
from pyconchat.doors.ssh.words import BadUsage, Chat, Json, parse
from pyconchat.render.zones import renderer_in_zone

__all__ = ["make_session"]


def make_session(
    context: DoorContext,
    visitor: Visitor,
    channel: SessionChannel,
    counted: ChannelCount,
    opening: Opening,
) -> ISshDoor:
    """Return the door of *channel*, for *visitor*. Raises `UnknownRequest`."""
    arrival = Arrival(context, counted, channel, visitor)
    if opening.subsystem is not None:
        files = context.services.files
        if opening.subsystem != b"sftp" or files is None:
            raise UnknownRequest("There is no such subsystem here.")
        return SftpDoor(arrival, files)
    try:
        work = Chat() if opening.command is None else parse(opening.command)
    except BadUsage as problem:
        raise UnknownRequest(str(problem)) from None
    if isinstance(work, Json):
        return JsonSession(arrival)
    door: TerminalSession | PlainSession | OneShot
    match work:
        case Chat(group=group) if opening.term not in ("", "dumb"):
            door = TerminalSession(arrival, opening, group)
        case Chat(group=group):
            door = PlainSession(arrival, group)
        case _:
            door = OneShot(arrival, work)
    door.renderer = renderer_in_zone(door.renderer, opening.variables.get("TZ", ""))
    return door

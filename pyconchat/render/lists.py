"""Lines for replies: rosters, lists, help."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import assert_never

from pyconchat.events import Policy
from pyconchat.group import Ban
from pyconchat.replies import (
    AdminIs,
    Asked,
    Bans,
    CommandHelp,
    Done,
    DownloadTicket,
    Ended,
    Entered,
    Files,
    FrontDesk,
    Groups,
    Help,
    Live,
    Matches,
    PasswordSet,
    PersonLine,
    PersonOnline,
    PresenceChanged,
    Replayed,
    Reply,
    Requests,
    Roster,
    Said,
    Sent,
    UploadTicket,
)
from pyconchat.text import in_bytes

__all__ = ["MENU", "reply_lines"]

MENU = "1 join a group   2 create a group   3 exit   (help lists the commands)"

_NEWCOMERS = {
    Policy.APPROVAL: "newcomers need your approval",
    Policy.PASSWORD: "newcomers need the password",
    Policy.OPEN: "everybody may come in",
    Policy.INVITE: "only those whom you invite may come in",
}


def reply_lines(reply: Reply) -> list[str]:
    """Return the lines of *reply*, without the mark of the server's lines."""
    match reply:
        case Done(text=text) | Ended(text=text) | PasswordSet(text=text):
            return [text]
        case Said() | Live():
            return []  # a person sees what they have said, and that they are there
        case Sent(other=other, online=True):
            return [f"Sent to {other}."]
        case Sent(other=other):
            return [f"{other} is offline and will read it at the next login."]
        case Asked(group=group, admin=admin):
            return [f"You asked to join {group}; its admin, {admin}, has to approve."]
        case Entered():
            return _entered(reply)
        case FrontDesk(left=None):
            return ["You are at the front desk.", MENU]
        case FrontDesk(left=left):
            return [f"You are at the front desk; you are still a member of {left}.", MENU]
        case Groups():
            return _groups(reply)
        case Requests():
            return _requests(reply)
        case Roster():
            return _roster(reply)
        case AdminIs(group=group, admin=admin, online=online):
            return [f"The admin of {group} is {admin}, who is {_whether(online)}."]
        case Bans(group=group, bans=bans):
            return _bans(group or "this server", bans)
        case Files():
            return _files(reply)
        case UploadTicket(name=name, group=group, command=command):
            return [f"To share {name} with {group}, say in another terminal:", command]
        case DownloadTicket(name=name, size=size, command=command):
            return [f"To fetch {name} ({in_bytes(size)}), say in another terminal:", command]
        case PersonOnline(people=people):
            return [f"Online: {len(people)}", *map(_person, people)]
        case Help():
            return _help(reply)
        case PresenceChanged(name=name, online=True):
            return [f"{name} is online."]
        case PresenceChanged(name=name, reason=reason):
            return [f"{name} has gone offline{f': {reason}' if reason else '.'}"]
        case Replayed() | Matches():
            raise AssertionError("entries are not the server's own lines")
        case _:
            assert_never(reply)


def _entered(reply: Entered) -> list[str]:
    if reply.created:
        newcomers = _NEWCOMERS[reply.policy]
        lines = [
            f"You are in {reply.group} (number {reply.number}), which is new:"
            f" you are its admin, and {newcomers}."
        ]
    else:
        lines = [
            f"You are in {reply.group} (number {reply.number}):"
            f" {_counted(reply.members, 'member')}, {reply.online} online;"
            f" the admin is {reply.admin}."
        ]
    if reply.topic:
        lines.append(f"Topic: {reply.topic}")
    return lines


def _groups(reply: Groups) -> list[str]:
    if not reply.groups:
        return ["There are no groups yet; /join NAME creates one."]
    header = ["No.", "Name", "Policy", "Members", "Online", "Unread", "Topic"]
    rows = [
        [
            str(line.number),
            line.name,
            line.policy.value,
            str(line.members),
            str(line.online),
            "-" if line.unread is None else str(line.unread),
            line.topic,
        ]
        for line in reply.groups
    ]
    return _table([header, *rows], right={0, 3, 4, 5})


def _requests(reply: Requests) -> list[str]:
    if not reply.requests:
        return [f"Nobody asks to join {reply.group}."]
    lines = [f"{len(reply.requests)} asking to join {reply.group} (/approve NAME, /reject NAME):"]
    for request in reply.requests:
        note = f': "{request.note}"' if request.note else ""
        lines.append(f"  {request.name}, for {_age(reply.now - request.at)}{note}")
    return lines


def _roster(reply: Roster) -> list[str]:
    what = _counted(len(reply.members), "member")
    lines = [f"{what} of {reply.group}{' online' if reply.online_only else ''}:"]
    for member in reply.members:
        notes = [
            *(["admin"] if member.admin else []),
            *(["guest"] if member.guest else []),
            *([] if reply.online_only else [_whether(member.online)]),
        ]
        lines.append(f"  {member.name}{_bracketed(', '.join(notes))}")
    return lines


def _bans(where: str, bans: Sequence[Ban]) -> list[str]:
    if not bans:
        return [f"Nobody is banned from {where}."]
    lines = [f"{len(bans)} banned from {where}:"]
    for ban in bans:
        reason = f": {ban.reason}" if ban.reason else ""
        lines.append(f"  {ban.name}, by {ban.by}{reason}")
    return lines


def _files(reply: Files) -> list[str]:
    if not reply.files:
        return [f"No file was shared with {reply.group}; /send FILE shares one."]
    rows = [["No.", "Name", "Size", "By", "When"]]
    for file in reply.files:
        at = time.localtime(file.at / 1000)
        when = f"{at.tm_year}-{at.tm_mon:02}-{at.tm_mday:02} {at.tm_hour:02}:{at.tm_min:02}"
        rows.append([str(file.number), file.name, in_bytes(file.size), file.by, when])
    return _table(rows, right={0, 2})


def _person(person: PersonLine) -> str:
    notes = [
        *(["operator"] if person.operator else []),
        *(["guest"] if person.guest else []),
        *([f"in {', '.join(person.groups)}"] if person.groups else []),
    ]
    return f"  {person.name}{_bracketed('; '.join(notes))}"


def _help(reply: Help) -> list[str]:
    if not reply.brief:
        return [line for command in reply.commands for line in _command(command)]
    lines = [MENU] if reply.desk else ["What you type is a message, except for these commands:"]
    if reply.desk:
        lines.append("Here each command also works without its slash.")
    rows = [
        [
            command.usage,
            command.summary + (f" Also {_slashed(command.also)}." if command.also else ""),
        ]
        for command in reply.commands
    ]
    lines += _table(rows, right=set())
    if not reply.desk:
        lines.append("//text sends a message that starts with a slash.")
    return lines


def _command(command: CommandHelp) -> list[str]:
    lines = [command.usage, f"  {command.summary}"]
    if command.also:
        lines.append(f"  Also {_slashed(command.also)}.")
    return lines


def _table(rows: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    """Return *rows* with their columns aligned; those in *right* to the right."""
    widths = [min(max(map(len, column)), 34) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _age(milliseconds: int) -> str:
    seconds = max(0, milliseconds // 1000)
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            return _counted(seconds // length, unit)
    return _counted(seconds, "second")


def _bracketed(notes: str) -> str:
    return f" ({notes})" if notes else ""


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _slashed(names: Sequence[str]) -> str:
    return ", ".join(f"/{name}" for name in names)


def _whether(online: bool) -> str:
    return "online" if online else "offline"

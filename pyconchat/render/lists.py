"""The lines of lists: groups, applicants, members, bans and files."""

from __future__ import annotations

from collections.abc import Sequence

from pyconchat.domain.replies import (
    Bans,
    Codes,
    Files,
    GroupLine,
    Groups,
    Hooks,
    KeyLine,
    KeyList,
    Requests,
    Roster,
)
from pyconchat.domain.text import columns, in_bytes
from pyconchat.domain.times import day, local_time, until_in_words
from pyconchat.render.words import (
    Hint,
    age,
    away_notes,
    bracketed,
    counted,
    more_lines,
    presence,
    with_part,
)

__all__ = [
    "ban_lines",
    "code_lines",
    "file_lines",
    "group_lines",
    "request_lines",
    "roster_lines",
]


def group_lines(reply: Groups) -> list[str]:
    """Return the table of groups."""
    if not reply.groups:
        if reply.part:
            return [Hint(f"No group has {reply.part} in its name; /join NAME creates one.")]
        return [Hint("There are no groups yet; /join NAME creates one.")]
    header = ["No.", "Name", "Policy", "Members", "Online", "Unread", "Topic"]
    rows = [
        [
            str(line.number),
            line.name,
            line.policy.value,
            str(line.members),
            str(line.online),
            _unread(line),
            line.topic,
        ]
        for line in reply.groups
    ]
    return [*_table([header, *rows], right={0, 3, 4, 5}), *more_lines(reply.more, reply.next)]


def _unread(line: GroupLine) -> str:
    if line.unread is None:
        return "-"
    yours = f", {line.mentions} for you" if line.mentions else ""
    return f"{line.unread}{yours}{', muted' if line.muted else ''}"


def request_lines(reply: Requests) -> list[str]:
    """Return the lines about the applicants of a group."""
    if not reply.requests:
        return [f"Nobody{with_part(reply.part)} asks to join {reply.group}."]
    number = len(reply.requests) + reply.more
    named = f" {reply.group}" if reply.named else ""
    several = f", /approve all{named}" if number > 1 else ""
    how = f"/approve NAME{named}{several}, /reject NAME{named}"
    lines: list[str] = [Hint(f"{number} asking to join {reply.group} ({how}):")]
    for request in reply.requests:
        note = f': "{request.note}"' if request.note else ""
        lines.append(f"  {request.name}, for {age(reply.now - request.at)}{note}")
    return lines + more_lines(reply.more, reply.next)


def roster_lines(reply: Roster) -> list[str]:
    """Return the lines about the members of a group."""
    what = counted(len(reply.members) + reply.more, "member")
    online = " online" if reply.online_only else ""
    end = ":" if reply.members else "."
    lines = [f"{what} of {reply.group}{online}{with_part(reply.part)}{end}"]
    for member in reply.members:
        notes = [
            *(["admin"] if member.admin else []),
            *(["moderator"] if member.moderator else []),
            *(["guest"] if member.guest else []),
            *(["quiet"] if member.quiet else []),
            *([] if reply.online_only else [presence(member.online)]),
            *away_notes(member.away),
        ]
        lines.append(f"  {member.name}{bracketed(', '.join(notes))}")
    return lines + more_lines(reply.more, reply.next)


def ban_lines(reply: Bans) -> list[str]:
    """Return the lines about the bans of a group, or of the server."""
    where = reply.group or "this server"
    if not reply.bans:
        return [f"Nobody{with_part(reply.part)} is banned from {where}."]
    lines = [f"{len(reply.bans) + reply.more} banned from {where}:"]
    for ban in reply.bans:
        reason = f": {ban.reason}" if ban.reason else ""
        lines.append(f"  {ban.name}, by {ban.by}{until_in_words(ban.until, reply.now)}{reason}")
    return lines + more_lines(reply.more, reply.next)


def code_lines(reply: Codes) -> list[str]:
    """Return the lines about the invite codes of a group."""
    if not reply.codes:
        return [Hint(f"{reply.group} has no invite codes; /invite code USES DAYS makes one.")]
    count = counted(len(reply.codes), "invite code")
    lines: list[str] = [Hint(f"{count} of {reply.group} (/invite code N off):")]
    for code in reply.codes:
        left = f"{code.uses - code.used} of {counted(code.uses, 'use')} left"
        lines.append(
            f"  {code.number}, by {code.by}: {left}{until_in_words(code.until, reply.now)}"
        )
    return lines


def hook_lines(reply: Hooks) -> list[str]:
    """Return the lines about the hooks of a group."""
    lines: list[str] = [Hint(f"{reply.group} has no hooks; /hook add NAME adds one.")]
    if reply.hooks:
        count = counted(len(reply.hooks), "hook")
        lines = [Hint(f"{count} of {reply.group} (/hook remove NAME):")]
    for hook in reply.hooks:
        at = local_time(hook.at / 1000)
        day = f"{at.tm_year}-{at.tm_mon:02}-{at.tm_mday:02}"
        lines.append(f"  {hook.name}, added by {hook.by} on {day}")
    if not reply.listens:
        lines.append("Hooks need the web door, which this server does not have (--web).")
    return lines


def file_lines(reply: Files) -> list[str]:
    """Return the table of files."""
    if not reply.files:
        place = reply.where.other or reply.where.group
        if reply.part:
            return [Hint(f"No file{with_part(reply.part)} was shared with {place}; see /files.")]
        return [Hint(f"No file was shared with {place}; /send FILE shares one.")]
    rows = [["No.", "Name", "Size", "By", "When"]]
    for file in reply.files:
        at = local_time(file.at / 1000)
        when = f"{at.tm_year}-{at.tm_mon:02}-{at.tm_mday:02} {at.tm_hour:02}:{at.tm_min:02}"
        rows.append([str(file.number), file.name, in_bytes(file.size), file.by, when])
    return [*_table(rows, right={0, 2}), *more_lines(reply.more, reply.next)]


def _table(rows: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    """Return *rows* with their columns aligned to the left, or right for those in *right*."""
    widths = [min(max(map(columns, column)), 34) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            _padded(cell, width, index in right)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _padded(cell: str, width: int, right: bool) -> str:
    spaces = " " * (width - columns(cell))
    return spaces + cell if right else cell + spaces


def key_lines(reply: KeyList) -> list[str]:
    """Return the lines of a list of keys."""
    if not reply.keys:
        return [Hint("You have no keys; /key add takes one.")]
    password = "Your password works, too." if reply.password else "You have no password."
    return ["Your keys:", *map(_key_line, reply.keys), password]


def _key_line(key: KeyLine) -> str:
    used = "never used" if key.used is None else f"used {day(key.used)}"
    comment = f" {key.comment}" if key.comment else ""
    return f"{key.number} {key.type} {key.fingerprint}{comment} (added {day(key.added)}, {used})"

"""The lines of replies: lists, help, statistics."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import assert_never

from msgspec.structs import asdict

from pyconchat.domain.events import Policy, Quote
from pyconchat.domain.replies import (
    AdminIs,
    Asked,
    Bans,
    CommandHelp,
    Done,
    DownloadTicket,
    Durations,
    Ended,
    Entered,
    Files,
    FrontDesk,
    GroupLine,
    Groups,
    Help,
    InPrivate,
    Live,
    Matches,
    Mentions,
    Missed,
    Muted,
    OwnGroups,
    PasswordSet,
    PeopleOnline,
    PersonIs,
    PersonLine,
    PinLine,
    Pins,
    PresenceChanged,
    ReadUpto,
    Replayed,
    Reply,
    Requests,
    Roster,
    Said,
    Sent,
    SettingsAre,
    Stats,
    UploadTicket,
)
from pyconchat.domain.settings import Settings
from pyconchat.domain.text import SafeText, columns, in_bytes
from pyconchat.domain.times import day, day_and_time, until_in_words
from pyconchat.render.events import quoted

__all__ = ["MENU", "older_line", "reply_lines"]

MENU = "1 join a group   2 create a group   3 exit   (help lists the commands)"

_TEMPORARY = (
    "It is temporary and ends with its last guest, because you are one: /password keeps it."
)
HEADING_WIDTH = 12
"""Columns of a heading in help."""

LINE_WIDTH = 78
"""Columns of a line in help: a terminal's 80, without the mark of the server's lines."""

SHOWN_IDLE = 60
"""Seconds without input after which somebody is shown as idle."""

_NEWCOMERS = {
    Policy.APPROVAL: "newcomers need your approval",
    Policy.PASSWORD: "newcomers need the password",
    Policy.OPEN: "everybody can join",
    Policy.INVITE: "only people whom you invite can join",
}


def reply_lines(reply: Reply) -> list[str]:
    """Return the lines of *reply*, without the ``* `` that marks the server's lines."""
    match reply:
        case Done(text=text) | Ended(text=text) | PasswordSet(text=text):
            return [text]
        case Said() | Live() | OwnGroups() | ReadUpto():
            return []  # only programs need these
        case Muted(group=group, muted=True):
            return [f"{group} is muted: while you are elsewhere, only what mentions you is shown."]
        case Muted(group=group):
            return [f"{group} is no longer muted."]
        case Missed():
            return _missed(reply)
        case Sent(other=other, online=True, away=away):
            return [f"Sent to {other}.", *([] if away is None else [f"{other} is away: {away}"])]
        case Sent(other=other):
            return [f"{other} is offline and will read it at the next login."]
        case SettingsAre(settings=settings):
            return [f"Your settings: {', '.join(_settings(settings))}."]
        case Asked(group=group, admin=None):
            return [f"You asked to join {group}; an operator of this server has to approve."]
        case Asked(group=group, admin=admin, online=True):
            return [f"You asked to join {group}; its admin, {admin}, has to approve."]
        case Asked(group=group, admin=admin):
            return [
                f"You asked to join {group}; its admin, {admin}, has to approve.",
                f"The admin of {group}, {admin}, is not online; you will hear when it is decided.",
            ]
        case Entered():
            return _entered(reply)
        case InPrivate(other=other):
            notes = [
                _whether(reply.online),
                *(["a guest"] if reply.guest else []),
                *_away(reply.away),
            ]
            said = ", ".join(notes)
            return [f"You are talking to {other} in private ({said}); /desk leaves."]
        case FrontDesk(left=None):
            return ["You are at the front desk.", MENU]
        case FrontDesk(left=left):
            still = f"you are still a member of {left} (/leave {left} gives it up)"
            return [f"You are at the front desk; {still}.", MENU]
        case Groups():
            return _groups(reply)
        case Requests():
            return _requests(reply)
        case Roster():
            return _roster(reply)
        case AdminIs(group=group, admin=None):
            return [f"{group} has no admin; the operators look after it.", *_moderators(reply)]
        case AdminIs(group=group, admin=admin, online=online):
            first = f"The admin of {group} is {admin}, who is {_whether(online)}."
            return [first, *_moderators(reply)]
        case Bans():
            return _bans(reply)
        case Pins(group=group, pins=pins):
            return [*map(_pin, pins)] or [f"Nothing is pinned in {group}."]
        case Files():
            return _files(reply)
        case UploadTicket(name=name, group=group, command=command):
            return [f"To share {name} with {group}, run this in another terminal:", command]
        case DownloadTicket(name=name, size=size, command=command):
            return [f"To fetch {name} ({in_bytes(size)}), run this in another terminal:", command]
        case PeopleOnline(people=people):
            return [
                f"Online{_with(reply.part)}: {len(people) + reply.more}",
                *map(_person, people),
                *_more(reply.more, reply.next),
            ]
        case PersonIs():
            return _person_is(reply)
        case Help():
            return _help(reply)
        case Stats():
            return _stats(reply)
        case PresenceChanged(name=name, online=True):
            return [f"{name} is online."]
        case PresenceChanged(name=name, reason=reason):
            return [f"{name} has gone offline{f': {reason}' if reason else '.'}"]
        case Replayed() | Matches() | Mentions():
            raise AssertionError("log entries are not lines of the server")
        case _:
            assert_never(reply)


def older_line(reply: Replayed | Mentions) -> str:
    """Return the line about the older entries left out of *reply*; empty if there are none."""
    return f"… {reply.more:,} older: {reply.next}" if reply.more else ""


def _missed(reply: Missed) -> list[str]:
    place = f"with {reply.other}" if reply.group is None else f"in {reply.group}"
    yours = f", {reply.mentions:,} for you," if reply.mentions else ""
    lines = [f"— {reply.count:,} new {place}{yours} since {day_and_time(reply.since, reply.now)} —"]
    if reply.older:
        name = f" @{reply.other}" if reply.group is None else ""
        lines.append(f"{reply.older:,} older: /history{name}")
    return lines


def _entered(reply: Entered) -> list[str]:
    if reply.created:
        newcomers = _NEWCOMERS[reply.policy]
        lines = [
            f"You are in {reply.group} (number {reply.number}), which is new:"
            + (f" you are its admin, and {newcomers}." if reply.admin else f" {newcomers}.")
        ]
        if reply.temporary:
            lines.append(_TEMPORARY)
    else:
        admin = f"the admin is {reply.admin}" if reply.admin else "the operators look after it"
        lines = [
            f"You are in {reply.group} (number {reply.number}):"
            f" {_counted(reply.members, 'member')}, {reply.online} online;"
            f" {admin}."
        ]
    if reply.topic:
        lines.append(f"Topic: {reply.topic}")
    return [*lines, *map(_pin, reply.pins)]


def _pin(line: PinLine) -> str:
    return f"Pinned #{line.seq}: {quoted(Quote(line.sender, line.text))}"


def _groups(reply: Groups) -> list[str]:
    if not reply.groups:
        if reply.part:
            return [f"No group has {reply.part} in its name; /join NAME creates one."]
        return ["There are no groups yet; /join NAME creates one."]
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
    return [*_table([header, *rows], right={0, 3, 4, 5}), *_more(reply.more, reply.next)]


def _unread(line: GroupLine) -> str:
    if line.unread is None:
        return "-"
    yours = f", {line.mentions} for you" if line.mentions else ""
    return f"{line.unread}{yours}{', muted' if line.muted else ''}"


def _requests(reply: Requests) -> list[str]:
    if not reply.requests:
        return [f"Nobody asks to join {reply.group}."]
    number = len(reply.requests) + reply.more
    named = f" {reply.group}" if reply.named else ""
    how = f"/approve NAME{named}, /reject NAME{named}"
    lines = [f"{number} asking to join {reply.group} ({how}):"]
    for request in reply.requests:
        note = f': "{request.note}"' if request.note else ""
        lines.append(f"  {request.name}, for {_age(reply.now - request.at)}{note}")
    return lines + _more(reply.more, reply.next)


def _roster(reply: Roster) -> list[str]:
    what = _counted(len(reply.members) + reply.more, "member")
    online = " online" if reply.online_only else ""
    lines = [f"{what} of {reply.group}{online}{_with(reply.part)}:"]
    for member in reply.members:
        notes = [
            *(["admin"] if member.admin else []),
            *(["moderator"] if member.moderator else []),
            *(["guest"] if member.guest else []),
            *(["quiet"] if member.quiet else []),
            *([] if reply.online_only else [_whether(member.online)]),
            *_away(member.away),
        ]
        lines.append(f"  {member.name}{_bracketed(', '.join(notes))}")
    return lines + _more(reply.more, reply.next)


def _moderators(reply: AdminIs) -> list[str]:
    """Return the line with the moderators; none if there are none."""
    names = [f"{each.name} ({_whether(each.online)})" for each in reply.moderators]
    return [f"Moderators: {', '.join(names)}."] if names else []


def _bans(reply: Bans) -> list[str]:
    where = reply.group or "this server"
    if not reply.bans:
        return [f"Nobody is banned from {where}."]
    lines = [f"{len(reply.bans) + reply.more} banned from {where}:"]
    for ban in reply.bans:
        reason = f": {ban.reason}" if ban.reason else ""
        lines.append(f"  {ban.name}, by {ban.by}{until_in_words(ban.until, reply.now)}{reason}")
    return lines + _more(reply.more, reply.next)


def _files(reply: Files) -> list[str]:
    if not reply.files:
        return [f"No file was shared with {reply.group}; /send FILE shares one."]
    rows = [["No.", "Name", "Size", "By", "When"]]
    for file in reply.files:
        at = time.localtime(file.at / 1000)
        when = f"{at.tm_year}-{at.tm_mon:02}-{at.tm_mday:02} {at.tm_hour:02}:{at.tm_min:02}"
        rows.append([str(file.number), file.name, in_bytes(file.size), file.by, when])
    return [*_table(rows, right={0, 2}), *_more(reply.more, reply.next)]


def _stats(stats: Stats) -> list[str]:
    lines = [
        f"PyconChat {stats.version}, up for {_age(int(stats.uptime * 1000))},"
        f" with {in_bytes(stats.memory)} of memory.",
        f"{_counted(stats.sessions, 'session')} of {_counted(stats.accounts, 'person', 'people')},"
        f" {_counted(stats.groups, 'group')}, {_counted(stats.connections, 'connection')},"
        f" {stats.strangers} of them not logged in.",
        f"{_counted(stats.messages, 'message')} delivered {_counted(stats.deliveries, 'time')};"
        f" {_counted(stats.entries, 'entry', 'entries')} stored, {stats.not_saved} not saved.",
        f"Waiting: {_counted(stats.waiting, 'decision')} to be stored,"
        f" {_counted(stats.hashing, 'password')} to be checked, {in_bytes(stats.unsent)} to be"
        " sent.",
        f"{_counted(stats.commits.count, 'commit')}: {_spread(stats.commits)}.",
        f"Reactor lag: {_spread(stats.lag)}.",
    ]
    for what, causes in (("Dropped", stats.dropped), ("Turned away", stats.turned_away)):
        if causes:
            lines.append(f"{what}: {', '.join(f'{each.count} {each.cause}' for each in causes)}.")
    return lines


def _spread(durations: Durations) -> str:
    return (
        f"p50 {_milliseconds(durations.p50)}, p99 {_milliseconds(durations.p99)},"
        f" longest {_milliseconds(durations.longest)}"
    )


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms"


def _person(person: PersonLine) -> str:
    notes = [
        *(["operator"] if person.operator else []),
        *(["guest"] if person.guest else []),
        *_away(person.away),
        *([f"in {', '.join(person.groups)}"] if person.groups else []),
    ]
    return f"  {person.name}{_bracketed('; '.join(notes))}"


def _person_is(person: PersonIs) -> list[str]:
    seen = "" if person.seen is None else f", last seen {day_and_time(person.seen, person.now)}"
    idle = person.idle or 0
    registered = "" if person.since is None else f" since {day(person.since)}"
    more = f" and {person.more:,} more" if person.more else ""
    said = [
        "online" if person.online else f"offline{seen}",
        *([f"idle for {_age(idle * 1000)}"] if idle >= SHOWN_IDLE else []),
        "a guest" if person.guest else f"registered{registered}",
        *(["an operator"] if person.operator else []),
        *([f"with you in {', '.join(person.groups)}{more}"] if person.groups else []),
    ]
    lines = [f"{person.name} is {', '.join(said)}."]
    if person.away is not None and person.away_since is not None:
        because = f": {person.away}" if person.away else "."
        since = day_and_time(person.away_since, person.now)
        lines.append(f"{person.name} is away since {since}{because}")
    return lines


def _away(text: SafeText | None) -> list[str]:
    """Return the note for the away text *text*; none if it is None."""
    if text is None:
        return []
    return [f"away: {text}" if text else "away"]


def _help(reply: Help) -> list[str]:
    if not reply.brief:
        return [line for command in reply.commands for line in _command(command)]
    lines = [MENU] if reply.desk else ["What you type is a message, except for these commands:"]
    if reply.desk:
        lines.append("Here each command also works without its slash. /help COMMAND explains one.")
    for subject, commands in groupby(reply.commands, lambda command: command.subject):
        lines += _in_columns(f"{subject or 'other'}:".capitalize(), map(_briefly, commands))
    if not reply.desk:
        lines.append("/help COMMAND explains one. //text sends a message that starts with a slash.")
    return lines


def _briefly(command: CommandHelp) -> str:
    """Return the usage of *command* without optional parts: all commands fit one screen."""
    needed = [each.label for each in command.arguments if not each.optional]
    return " ".join([f"/{command.name}", *needed])


def _in_columns(heading: str, usages: Iterable[str]) -> list[str]:
    """Return *usages* after *heading*, in as many lines as they need."""
    line, lines = heading.ljust(HEADING_WIDTH), []
    for usage in usages:
        if len(line) + len(usage) > LINE_WIDTH and line.strip():
            lines.append(line.rstrip())
            line = " " * HEADING_WIDTH
        line += f"{usage}  "
    return [*lines, line.rstrip()]


def _command(command: CommandHelp) -> list[str]:
    lines = [command.usage, f"  {command.summary}"]
    if command.also:
        lines.append(f"  Also {_slashed(command.also)}.")
    return lines


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


def _with(part: SafeText) -> str:
    return f", with {part} in the name" if part else ""


def _more(count: int, next: str) -> list[str]:
    return [f"… and {count:,} more: {next}"] if count else []


def _age(milliseconds: int) -> str:
    seconds = max(0, milliseconds // 1000)
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            return _counted(seconds // length, unit)
    return _counted(seconds, "second")


def _bracketed(notes: str) -> str:
    return f" ({notes})" if notes else ""


def _counted(count: int, thing: str, things: str = "") -> str:
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"


def _slashed(names: Sequence[str]) -> str:
    return ", ".join(f"/{name}" for name in names)


def _settings(settings: Settings) -> list[str]:
    return [f"{name} {'on' if on else 'off'}" for name, on in asdict(settings).items()]


def _whether(online: bool) -> str:
    return "online" if online else "offline"

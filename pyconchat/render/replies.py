"""The lines of replies. Those of lists, people, help and statistics have modules of their own."""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import asdict

from pyconchat.domain.events import Policy, Quote
from pyconchat.domain.replies import (
    AdminIs,
    Asked,
    Bans,
    CodeMade,
    Codes,
    Done,
    DownloadTicket,
    Ended,
    Entered,
    Files,
    FrontDesk,
    Groups,
    Help,
    HookMade,
    Hooks,
    InPrivate,
    KeyList,
    Live,
    Matches,
    Mentions,
    Missed,
    Muted,
    OwnGroups,
    PasswordSet,
    PeopleOnline,
    PersonIs,
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
from pyconchat.domain.text import in_bytes
from pyconchat.domain.times import day_and_time, until_in_words
from pyconchat.render.events import quoted
from pyconchat.render.help import MENU, help_lines
from pyconchat.render.lists import (
    ban_lines,
    code_lines,
    file_lines,
    group_lines,
    hook_lines,
    key_lines,
    request_lines,
    roster_lines,
)
from pyconchat.render.people import online_lines, person_lines
from pyconchat.render.statistics import stats_lines
from pyconchat.render.words import Hint, away_notes, counted, presence

__all__ = ["reply_lines"]

_TEMPORARY = Hint(
    "It is temporary and ends with its last guest, because you are one: /password keeps it."
)
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
        case KeyList():
            return key_lines(reply)
        case SettingsAre(settings=settings):
            return [f"Your settings: {', '.join(_settings(settings))}."]
        case Asked(group=group, admin=None):
            return [f"You asked to join {group}; an operator of this server has to approve."]
        case Asked(group=group, admin=admin, online=True):
            return [f"You asked to join {group}; its admin, {admin}, has to approve."]
        case Asked(group=group, admin=admin):
            return [
                f"You asked to join {group}; its admin, {admin}, has to approve.",
                f"The admin of {group}, {admin}, is not online; you will be notified.",
            ]
        case Entered():
            return _entered(reply)
        case InPrivate(other=other):
            notes = [
                presence(reply.online),
                *(["a guest"] if reply.guest else []),
                *away_notes(reply.away),
            ]
            said = ", ".join(notes)
            return [f"You are talking to {other} in private ({said}); /desk leaves."]
        case FrontDesk(left=None):
            return ["You are at the front desk.", MENU]
        case FrontDesk(left=left):
            still = f"you are still a member of {left} (/leave {left} gives it up)"
            return [Hint(f"You are at the front desk; {still}."), MENU]
        case Groups():
            return group_lines(reply)
        case Requests():
            return request_lines(reply)
        case Roster():
            return roster_lines(reply)
        case AdminIs(group=group, admin=None):
            return [f"{group} has no admin; the operators manage it.", *_moderators(reply)]
        case AdminIs(group=group, admin=admin, online=online):
            first = f"The admin of {group} is {admin}, who is {presence(online)}."
            return [first, *_moderators(reply)]
        case Bans():
            return ban_lines(reply)
        case CodeMade(group=group, code=code, uses=uses, until=until, now=now):
            ends = f"{counted(uses, 'use')}{until_in_words(until, now)}"
            return [Hint(f"The code, shown only now, for {ends}: /join {group} {code}")]
        case Codes():
            return code_lines(reply)
        case HookMade(name=name, address=address):
            return [f"The address of {name}, shown only now: {address}"]
        case Hooks():
            return hook_lines(reply)
        case Pins(group=group, pins=pins):
            return [*map(_pin, pins)] or [f"Nothing is pinned in {group}."]
        case Files():
            return file_lines(reply)
        case UploadTicket(where=where, name=name, command=command, link=link):
            return [
                f"To share {name} with {where.other or where.group}, run this in another terminal:",
                command,
                *([f"Or, with curl -T: {link}"] if link else []),
            ]
        case DownloadTicket(name=name, size=size, command=command, link=link):
            return [
                f"To fetch {name} ({in_bytes(size)}), run this in another terminal:",
                command,
                *([f"Or open {link}"] if link else []),
            ]
        case PeopleOnline():
            return online_lines(reply)
        case PersonIs():
            return person_lines(reply)
        case Help():
            return help_lines(reply)
        case Stats():
            return stats_lines(reply)
        case PresenceChanged(name=name, online=True):
            return [f"{name} is online."]
        case PresenceChanged(name=name, reason=reason):
            return [f"{name} has gone offline{f': {reason}' if reason else '.'}"]
        case Replayed() | Matches() | Mentions():
            raise AssertionError("log entries are not lines of the server")
        case _:
            assert_never(reply)


def _missed(reply: Missed) -> list[str]:
    place = f"with {reply.other}" if reply.group is None else f"in {reply.group}"
    yours = f", {reply.mentions:,} for you," if reply.mentions else ""
    lines = [f"— {reply.count:,} new {place}{yours} since {day_and_time(reply.since, reply.now)} —"]
    if reply.older:
        name = f" @{reply.other}" if reply.group is None else ""
        lines.append(Hint(f"{reply.older:,} older: /history{name}"))
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
        admin = f"the admin is {reply.admin}" if reply.admin else "the operators manage it"
        lines = [
            f"You are in {reply.group} (number {reply.number}):"
            f" {counted(reply.members, 'member')}, {reply.online} online;"
            f" {admin}."
        ]
    if reply.topic:
        lines.append(f"Topic: {reply.topic}")
    return [*lines, *map(_pin, reply.pins)]


def _pin(line: PinLine) -> str:
    return f"Pinned #{line.seq}: {quoted(Quote(line.sender, line.text))}"


def _moderators(reply: AdminIs) -> list[str]:
    """Return the line with the moderators; none if there are none."""
    names = [f"{each.name} ({presence(each.online)})" for each in reply.moderators]
    return [f"Moderators: {', '.join(names)}."] if names else []


def _settings(settings: Settings) -> list[str]:
    return [f"{name} {'on' if on else 'off'}" for name, on in asdict(settings).items()]

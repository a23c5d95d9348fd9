"""Replies of the server, of every kind; a log, which has entries, excepted."""

from __future__ import annotations

from pyconchat.domain.events import Policy
from pyconchat.domain.group_state import Ban, JoinRequest
from pyconchat.domain.names import Name
from pyconchat.domain.replies import (
    AdminIs,
    ArgumentHelp,
    Asked,
    Bans,
    CodeLine,
    CodeMade,
    Codes,
    CommandHelp,
    Done,
    DownloadTicket,
    Drop,
    Durations,
    Ended,
    EndWhy,
    Entered,
    FileLine,
    Files,
    FrontDesk,
    GroupLine,
    Groups,
    Help,
    HookLine,
    HookMade,
    Hooks,
    InPrivate,
    KeyLine,
    KeyList,
    Live,
    MemberLine,
    Missed,
    ModeratorLine,
    Muted,
    OwnGroup,
    OwnGroups,
    PasswordSet,
    PeopleOnline,
    PersonIs,
    PersonLine,
    PinLine,
    Pins,
    PresenceChanged,
    ReadUpto,
    Reply,
    Requests,
    Roster,
    Said,
    Sent,
    SettingsAre,
    Stats,
    UploadTicket,
    Where,
)
from pyconchat.domain.settings import Settings
from pyconchat.domain.text import SafeText
from tests.client.people import NOON

__all__ = ["REPLIES"]

TEA, ALICE, BOB = Name("tea"), Name("alice"), Name("bob")
TEXT = SafeText("some text")
NOW = int(NOON * 1000)
THEN = NOW - 3 * 24 * 3600 * 1000

_COMMAND = CommandHelp(
    "kick", "/kick NAME", ["8"], "Puts out.", [ArgumentHelp("NAME", "name", False, False)], "", "x"
)
_TIMES = Durations(3, 0.001, 0.002, 0.003)

REPLIES: list[Reply] = [
    Done(TEXT),
    Said(7),
    Sent(BOB, True, 7, TEXT),
    Sent(BOB, False, 7),
    SettingsAre(Settings(times=True, joins=False)),
    Ended(EndWhy.BYE, TEXT),
    OwnGroups([OwnGroup(TEA, 1, Policy.OPEN, "member", 3, 1, True, 9, TEXT)], 2),
    Live(),
    Missed(TEA, None, 12, 1200, THEN, NOW, 2),
    Missed(None, BOB, 12, 3, THEN, NOW),
    Muted(TEA, True),
    Muted(TEA, False),
    PasswordSet(TEXT, "token"),
    ReadUpto(TEA, None, 7),
    ReadUpto(None, BOB, 7),
    Entered(TEA, 1, ALICE, TEXT, 3, 2, Policy.OPEN, pins=[PinLine(7, BOB, TEXT)]),
    Entered(TEA, 1, None, TEXT, 1, 1, Policy.INVITE, created=True, temporary=True),
    InPrivate(BOB, True, True, TEXT),
    Pins(TEA, [PinLine(7, BOB, TEXT), PinLine(8, BOB, SafeText(""))]),
    Pins(TEA, []),
    Asked(TEA, ALICE, False),
    FrontDesk(),
    FrontDesk(TEA),
    Groups([GroupLine(1, TEA, Policy.OPEN, 3, 2, 5, TEXT, 1, True)], 2, TEXT, SafeText("te")),
    Requests(TEA, [JoinRequest(BOB, THEN, TEXT, False)], NOW, 2, TEXT),
    Roster(
        TEA,
        [
            MemberLine(name=ALICE, admin=True, guest=False, online=True),
            MemberLine(
                name=BOB, admin=False, moderator=True, guest=True, quiet=True, online=False,
                away=TEXT,
            ),
        ],
        False,
    ),
    AdminIs(TEA, ALICE, True, [ModeratorLine(BOB, False)]),
    Bans(TEA, [Ban(BOB, ALICE, THEN, TEXT, None), Ban(BOB, ALICE, THEN, TEXT, NOW + 9999)], NOW),
    Bans(None, [], NOW),
    CodeMade(TEA, 3, "inv-aaaa-bbbb-cccc-dddd", 5, NOW + 9999, NOW),
    Codes(TEA, [CodeLine(3, ALICE, THEN, 5, 2, NOW + 9999)], NOW),
    Codes(TEA, [], NOW),
    HookMade(TEA, Name("ci"), "https://chat.example.org/hook/AbC-_1"),
    Hooks(TEA, [HookLine(Name("ci"), ALICE, THEN)], True),
    Hooks(TEA, [], False),
    KeyList([KeyLine(1, "ssh-ed25519", "SHA256:abc", SafeText("alice@laptop"), THEN, None)], True),
    KeyList([KeyLine(2, "ssh-rsa", "SHA256:def", SafeText(""), THEN, THEN)], False),
    KeyList([], True),
    Files(Where(TEA), [FileLine(1, SafeText("a.txt"), 1500, "ab", BOB, THEN)], 2, TEXT),
    UploadTicket("ticket", Where(TEA), SafeText("a.txt"), 3, 4, TEXT),
    Files(Where(other=BOB), []),
    UploadTicket("ticket", Where(other=BOB), SafeText("a.txt"), 3, 4, TEXT),
    DownloadTicket("ticket", Where(TEA), 1, SafeText("a.txt"), 5, "ab", TEXT),
    PeopleOnline([PersonLine(BOB, True, True, [TEA], TEXT)], 2, TEXT, SafeText("b")),
    PersonIs(
        name=BOB, online=False, guest=False, operator=True, since=THEN, seen=THEN, away=TEXT,
        away_since=THEN, groups=[TEA], more=3, now=NOW,
    ),
    Help([_COMMAND], False, False),
    Help([_COMMAND, _COMMAND], False, True),
    Stats(
        version="1", uptime=90.5, memory=10**6, entries=5, messages=4, deliveries=12, not_saved=1,
        commits=_TIMES, lag=_TIMES, dropped=[Drop("late", 2)], turned_away=[Drop("full", 3)],
    ),
    PresenceChanged(BOB, True, SafeText("")),
    PresenceChanged(BOB, False, TEXT),
]  # fmt: skip

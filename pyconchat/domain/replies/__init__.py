"""Replies: the answers to commands. Events go to the group, replies to one session.

They are records, so that each renderer formats them in its own way.
"""

from __future__ import annotations

from typing import TypeAlias

from pyconchat.domain.replies.base import Done, Where
from pyconchat.domain.replies.files import DownloadTicket, FileLine, Files, UploadTicket
from pyconchat.domain.replies.groups import (
    AdminIs,
    Asked,
    Bans,
    CodeLine,
    CodeMade,
    Codes,
    Entered,
    FrontDesk,
    GroupLine,
    Groups,
    HookLine,
    HookMade,
    Hooks,
    MemberLine,
    ModeratorLine,
    PinLine,
    Pins,
    Requests,
    Roster,
)
from pyconchat.domain.replies.help import ArgumentHelp, CommandHelp, Help
from pyconchat.domain.replies.messages import (
    InPrivate,
    Matches,
    Mentioned,
    Mentions,
    Replayed,
    Said,
    Sent,
)
from pyconchat.domain.replies.people import PeopleOnline, PersonIs, PersonLine, PresenceChanged
from pyconchat.domain.replies.sessions import (
    Ended,
    EndWhy,
    KeyLine,
    KeyList,
    Live,
    Missed,
    Muted,
    OwnGroup,
    OwnGroups,
    PasswordSet,
    ReadUpto,
    SettingsAre,
)
from pyconchat.domain.replies.statistics import Drop, Durations, Stats

__all__ = [
    "AdminIs",
    "ArgumentHelp",
    "Asked",
    "Bans",
    "CodeLine",
    "CodeMade",
    "Codes",
    "CommandHelp",
    "Done",
    "DownloadTicket",
    "Drop",
    "Durations",
    "EndWhy",
    "Ended",
    "Entered",
    "FileLine",
    "Files",
    "FrontDesk",
    "GroupLine",
    "Groups",
    "Help",
    "HookLine",
    "HookMade",
    "Hooks",
    "InPrivate",
    "KeyLine",
    "KeyList",
    "Live",
    "Matches",
    "MemberLine",
    "Mentioned",
    "Mentions",
    "Missed",
    "ModeratorLine",
    "Muted",
    "OwnGroup",
    "OwnGroups",
    "PasswordSet",
    "PeopleOnline",
    "PersonIs",
    "PersonLine",
    "PinLine",
    "Pins",
    "PresenceChanged",
    "ReadUpto",
    "Replayed",
    "Reply",
    "Requests",
    "Roster",
    "Said",
    "Sent",
    "SettingsAre",
    "Stats",
    "UploadTicket",
    "Where",
]

Reply: TypeAlias = (
    Done
    | Said
    | Sent
    | SettingsAre
    | KeyList
    | Ended
    | OwnGroups
    | Live
    | Missed
    | Muted
    | PasswordSet
    | ReadUpto
    | Entered
    | InPrivate
    | Pins
    | Asked
    | FrontDesk
    | Groups
    | Requests
    | Roster
    | AdminIs
    | Bans
    | CodeMade
    | Codes
    | HookMade
    | Hooks
    | Files
    | UploadTicket
    | DownloadTicket
    | PeopleOnline
    | PersonIs
    | Replayed
    | Matches
    | Mentions
    | Help
    | Stats
    | PresenceChanged
)

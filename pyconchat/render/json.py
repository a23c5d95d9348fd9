"""JSON for programs: one object a line. docs/line-protocol.rst has the shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Self

import msgspec
from msgspec import structs
from zope.interface import implementer

from pyconchat.chat.interfaces import IRenderer
from pyconchat.domain.errors import BadField, MustAsk, Refused
from pyconchat.domain.events import (
    Action,
    AdminChanged,
    Announced,
    AnyEvent,
    Damaged,
    Edit,
    Entry,
    FileRemoved,
    FileShared,
    GroupClosed,
    GroupCreated,
    GroupRestored,
    HookAdded,
    HookRemoved,
    InvitationEnded,
    InviteCodeEnded,
    InviteCodeMade,
    JoinRejected,
    JoinRequested,
    MemberBanned,
    MemberInvited,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    MemberQuieted,
    MemberRegistered,
    MemberUnbanned,
    Message,
    MessageRemoved,
    ModeratorEnded,
    ModeratorMade,
    OperatorMade,
    OperatorRemoved,
    Pinned,
    PolicyChanged,
    QuietEnded,
    Quote,
    Reaction,
    RequestWithdrawn,
    ServerBanned,
    ServerKicked,
    ServerUnbanned,
    SlowChanged,
    TagsSent,
    TopicChanged,
    Unpinned,
    Unsay,
)
from pyconchat.domain.group_state import Ban, JoinRequest
from pyconchat.domain.names import Key
from pyconchat.domain.replies import (
    Bans,
    CodeLine,
    CodeMade,
    Codes,
    DownloadTicket,
    Entered,
    FileLine,
    Files,
    GroupLine,
    Groups,
    Help,
    HookLine,
    Hooks,
    InPrivate,
    Matches,
    Mentions,
    Missed,
    PersonIs,
    PinLine,
    Pins,
    ReadUpto,
    Replayed,
    Reply,
    Requests,
    Said,
    Sent,
    UploadTicket,
    Where,
)
from pyconchat.domain.settings import Settings
from pyconchat.render.events import event_sentence

__all__ = ["JsonRenderer", "event_object", "refusal_object", "reply_object", "timestamp"]

_encoder = msgspec.json.Encoder()

_DAY = 24 * 3600 * 1000  # milliseconds; a day of Unix time has no leap seconds

# The fields of an event that programs receive, in this order, after those of all entries. Fields
# that are not listed are never sent: a password's hash, a file's name on the server's disk.
_EVENT_FIELDS: Mapping[type[AnyEvent], Sequence[str]] = {
    TagsSent: ("sender", "tags"),
    MessageRemoved: ("sender", "by"),
    Edit: ("about", "by", "text"),
    Unsay: ("about", "sender", "by"),
    Reaction: ("about", "by", "emoji"),
    Pinned: ("about", "by"),
    Unpinned: ("about", "by"),
    GroupCreated: ("number", "name", "by", "policy", "guest", "lobby"),
    GroupClosed: ("by",),
    GroupRestored: ("number", "name", "by"),
    MemberJoined: ("name", "via", "by", "guest"),
    MemberLeft: ("name", "why", "reason"),
    MemberKicked: ("name", "by", "reason"),
    MemberBanned: ("name", "by", "reason", "until"),
    MemberUnbanned: ("name", "by"),
    MemberQuieted: ("name", "by", "until"),
    QuietEnded: ("name", "by"),
    SlowChanged: ("seconds", "by"),
    ModeratorMade: ("name", "by"),
    ModeratorEnded: ("name", "by"),
    MemberRegistered: ("name",),
    JoinRequested: ("name", "note", "guest"),
    RequestWithdrawn: ("name", "why"),
    JoinRejected: ("name", "by", "reason"),
    MemberInvited: ("name", "by", "guest"),
    InvitationEnded: ("name",),
    InviteCodeMade: ("number", "by", "uses", "until"),
    InviteCodeEnded: ("number", "by"),
    HookAdded: ("name", "by"),
    HookRemoved: ("name", "by"),
    AdminChanged: ("name", "why", "by"),
    PolicyChanged: ("policy", "by"),
    TopicChanged: ("topic", "by"),
    FileShared: ("number", "file", "by", "size", "sha256", "guest"),
    FileRemoved: ("number", "file", "by"),
    ServerKicked: ("name", "by", "reason"),
    ServerBanned: ("name", "by", "reason", "until"),
    ServerUnbanned: ("name", "by"),
    OperatorMade: ("name", "by"),
    OperatorRemoved: ("name", "by"),
    Announced: ("by", "text"),
    Damaged: (),
}
_REQUEST_FIELDS = ("name", "at", "note", "guest")
_BAN_FIELDS = ("name", "by", "at", "reason", "until")
_TIMES = frozenset({"at", "until"})


@implementer(IRenderer)
class JsonRenderer:
    """Objects for programs. They do not depend on the current group.

    If *words* is true, entries that are no messages have the sentence for people, for their reader.
    """

    def __init__(self, words: bool = False) -> None:
        self._words = words
        self._with_words: Self | None = None

    def with_words(self) -> Self:
        """Return the one renderer that adds sentences: its output is shared."""
        if self._with_words is None:
            self._with_words = type(self)(words=True)
        return self._with_words

    def talk(self, entries: Sequence[Entry], where: Where) -> list[str]:
        return [self._text(event_object(entry, where)) for entry in entries]

    def entry(self, entry: Entry, where: Where, reader: Key) -> str:
        return self._text(event_object(entry, where, reader if self._words else None))

    def replay(self, entries: Sequence[Entry], where: Where, reader: Key, heading: str) -> bytes:
        return _encoder.encode_lines(_events(entries, where, reader if self._words else None))

    def block(self, pieces: Iterable[str]) -> bytes:
        return "".join(pieces).encode()

    def reply(self, reply: Reply) -> bytes:
        return self.line(reply_object(reply))

    def refusal(self, refused: Refused) -> bytes:
        return self.line(refusal_object(refused))

    def styled(self, settings: Settings) -> Self:
        return self  # a program gets all events, and its user's settings in the hello

    def line(self, fields: Mapping[str, object]) -> bytes:
        """Return an object with these *fields* as a line."""
        return _encoder.encode(fields) + b"\n"

    def _text(self, fields: Mapping[str, object]) -> str:
        return _encoder.encode(fields).decode() + "\n"


def timestamp(at: int) -> str:
    """Return *at* (milliseconds since the epoch) in UTC, in the format of RFC 3339."""
    day, milliseconds = divmod(at, _DAY)
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{_date(day)}T{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}Z"


@lru_cache(maxsize=64)
def _date(day: int) -> str:
    """Return the date of a *day* since the epoch. Cached, because `strftime` is slow."""
    return f"{datetime.fromtimestamp(day * _DAY // 1000, UTC):%Y-%m-%d}"


def event_object(entry: Entry, where: Where, reader: Key | None = None) -> dict[str, object]:
    """Return *entry* as the object that programs get; with the sentence for *reader*, if given."""
    event = entry.event
    fields: dict[str, object] = {
        "type": event.__struct_config__.tag,
        **_place(where),
        "seq": entry.seq,
        "at": timestamp(entry.at),
    }
    if type(event) is Message or type(event) is Action:
        fields["from"] = event.sender
        fields["text"] = event.text
        if event.guest:
            fields["guest"] = True
        if event.mentions:
            fields["mentions"] = event.mentions
        if type(event) is Message and event.reply_to:
            fields["reply_to"] = event.reply_to
        if event.edited:
            fields["edited"] = event.edited
        if type(event) is Message and event.notice:  # a hook's message is one, too
            fields["notice"] = True
            if event.hook:
                fields["hook"] = True
        if event.tags:
            fields["tags"] = dict(event.tags)
    else:
        for name in _EVENT_FIELDS[type(event)]:
            fields["from" if name == "sender" else name] = _field(event, name)
        if type(event) is MemberJoined and event.code:
            fields["code"] = event.code
        elif type(event) is InviteCodeEnded and event.maker is not None:
            fields["maker"] = event.maker
        elif type(event) is Unsay and event.reason:
            fields["reason"] = event.reason
        elif type(event) is TagsSent:
            fields["tags"] = dict(event.tags)
            if event.guest:
                fields["guest"] = True
        if reader is not None:
            here = structs.replace(where, here=True)
            if words := event_sentence(event, here, reader, entry.at, entry.quote):
                fields["words"] = words
    if entry.quote is not None:
        fields["quote"] = quote_object(entry.quote)
    return fields


def quote_object(quote: Quote) -> dict[str, object]:
    """Return *quote* as a JSON object."""
    return {"from": quote.sender, "text": quote.text}


def _place(where: Where) -> dict[str, object]:
    return {"group": where.group} if where.other is None else {"with": where.other}


def reply_object(reply: Reply, reader: Key | None = None) -> dict[str, object]:
    """Return *reply* as the object that programs get; entries as in `event_object`."""
    fields: dict[str, object] = {"type": reply.__struct_config__.tag}
    match reply:
        case Said(seq=seq):
            return {"seq": seq}
        case Missed(group=group, other=other, count=count, older=older, since=since):
            fields |= {"group": group} if other is None else {"with": other}
            fields |= {"count": count, "older": older, "since": timestamp(since)}
            fields["mentions"] = reply.mentions
        case ReadUpto(group=group, other=other, seq=seq):
            fields |= {"group": group} if other is None else {"with": other}
            fields["seq"] = seq
        case Sent(other=other, online=online, seq=seq, away=away):
            fields |= {"with": other, "online": online, "seq": seq, "away": away}
        case PersonIs():
            times = ("since", "seen", "away_since")
            for name in reply.__struct_fields__:
                value = getattr(reply, name)
                fields[name] = value if value is None or name not in times else timestamp(value)
            del fields["now"]
        case InPrivate(other=other, online=online, guest=guest, away=away):
            fields |= {"with": other, "online": online, "guest": guest, "away": away}
        case Replayed(where=where, entries=entries, more=more, next=next):
            fields |= {**_place(where), "entries": _events(entries, where, reader)}
            fields |= {"more": more, "next": next, "before": reply.before}
        case Matches(where=where, words=words, entries=entries, more=more, next=next):
            fields |= {**_place(where), "words": words, "more": more, "next": next}
            fields["entries"] = _events(entries, where, reader)
        case Entered(pins=pins):
            fields |= {name: getattr(reply, name) for name in reply.__struct_fields__}
            fields["pins"] = [_pin(line) for line in pins]
        case Pins(group=group, pins=pins):
            fields |= {"group": group, "pins": [_pin(line) for line in pins]}
        case Mentions(mentions=mentions, more=more, next=next):
            fields["entries"] = [
                {**event_object(each.entry, each.where, reader), "unread": each.unread}
                for each in mentions
            ]
            fields |= {"more": more, "next": next}
        case Groups(groups=groups, more=more, next=next, part=part):
            fields["groups"] = [_named_group(each) for each in groups]
            fields |= {"more": more, "next": next, "part": part}
        case Requests(group=group, requests=requests, more=more, next=next, part=part):
            fields |= {"group": group, "requests": _timed(requests, _REQUEST_FIELDS)}
            fields |= {"more": more, "next": next, "part": part}
        case Bans(group=group, bans=bans, more=more, next=next, part=part):
            fields |= {"group": group, "bans": _timed(bans, _BAN_FIELDS)}  # `now` is for words
            fields |= {"more": more, "next": next, "part": part}
        case CodeMade(group=group, code=code):
            fields |= {"group": group, "code": code}
            fields |= {name: _field(reply, name) for name in ("number", "uses", "until")}
        case Codes(group=group, codes=codes):
            fields |= {"group": group, "codes": _timed(codes, CodeLine.__struct_fields__)}
        case Hooks(group=group, hooks=hooks, listens=listens):
            fields |= {"group": group, "hooks": _timed(hooks, HookLine.__struct_fields__)}
            fields["listens"] = listens
        case Files(where=where, files=files, more=more, next=next, part=part):
            fields |= {**_place(where), "files": _timed(files, FileLine.__struct_fields__)}
            fields |= {"more": more, "next": next, "part": part}
        case UploadTicket(where=where) | DownloadTicket(where=where):
            fields |= {**_place(where), **_others(reply, "where")}
        case Help(commands=commands):
            fields["commands"] = commands
        case _:
            fields |= {name: getattr(reply, name) for name in reply.__struct_fields__}
    return fields


def refusal_object(refused: Refused) -> dict[str, object]:
    """Return *refused* as the object that programs get."""
    fields: dict[str, object] = {"ok": False, "code": refused.code, "error": refused.sentence}
    if isinstance(refused, MustAsk):
        fields |= {"ask": refused.question, "secret": refused.secret}
    if isinstance(refused, BadField):
        fields["path"] = refused.path
    return fields


def _others(reply: Reply, left_out: str) -> dict[str, object]:
    """Return the fields of *reply* but *left_out*."""
    return {name: getattr(reply, name) for name in reply.__struct_fields__ if name != left_out}


def _pin(line: PinLine) -> dict[str, object]:
    return {"seq": line.seq, **quote_object(Quote(line.sender, line.text))}


def _named_group(line: GroupLine) -> dict[str, object]:
    fields = msgspec.structs.asdict(line)
    return {"group": fields.pop("name"), **fields}


def _timed(
    records: Iterable[JoinRequest | Ban | FileLine | CodeLine | HookLine], names: Sequence[str]
) -> list[dict[str, object]]:
    """Return the fields *names* of each record."""
    return [{name: _field(each, name) for name in names} for each in records]


def _field(record: object, name: str) -> object:
    """Return the field *name* of *record*; a time as a timestamp."""
    value = getattr(record, name)
    return timestamp(value) if name in _TIMES and value is not None else value


def _events(
    entries: Sequence[Entry], where: Where, reader: Key | None = None
) -> list[dict[str, object]]:
    return [event_object(entry, where, reader) for entry in entries]

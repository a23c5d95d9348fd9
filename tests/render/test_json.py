"""What programs see of the log: the objects of docs/line-protocol.rst, "Events"."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

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
    Policy,
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
    Talk,
    TopicChanged,
    Unpinned,
    Unsay,
    Via,
    Why,
)
from pyconchat.domain.names import Name, fold
from pyconchat.domain.replies import Where
from pyconchat.domain.text import Emoji, SafeText
from pyconchat.render.events import event_sentence
from pyconchat.render.json import JsonRenderer

PAGE = (Path(__file__).parents[2] / "docs" / "line-protocol.rst").read_text()

ALICE, BOB, OP, TEA = Name("alice"), Name("bob"), Name("op"), Name("tea")
HASH = "$argon2id$v=19$m=65536"

# An event of every kind, its tag, and its line after the fields that all entries have.
EXAMPLES: list[tuple[AnyEvent, str, str]] = [
    (
        Message(ALICE, SafeText("hi"), True, (BOB,), 5, 9, True, (("+x", SafeText("1")),), True),
        "message",
        '{"from":"alice","text":"hi","guest":true,"mentions":["bob"],"reply_to":5,"edited":9,'
        '"notice":true,"hook":true,"tags":{"+x":"1"}}',
    ),
    (
        Action(ALICE, SafeText("waves"), True, (BOB,), 9, (("+x", SafeText("1")),)),
        "action",
        '{"from":"alice","text":"waves","guest":true,"mentions":["bob"],"edited":9,'
        '"tags":{"+x":"1"}}',
    ),
    (
        GroupCreated(1, TEA, ALICE, Policy.PASSWORD, HASH, True),
        "created",
        '{"number":1,"name":"tea","by":"alice","policy":"password","guest":true,"lobby":false}',
    ),
    (
        TagsSent(ALICE, (("+x", SafeText("1")),), True),
        "tags",
        '{"from":"alice","tags":{"+x":"1"},"guest":true}',
    ),
    (MessageRemoved(BOB, ALICE), "unsaid", '{"from":"bob","by":"alice"}'),
    (Edit(5, BOB, SafeText("hi!")), "edit", '{"about":5,"by":"bob","text":"hi!"}'),
    (
        Unsay(5, BOB, ALICE, SafeText("spam")),
        "unsay",
        '{"about":5,"from":"bob","by":"alice","reason":"spam"}',
    ),
    (Reaction(5, BOB, Emoji("👍")), "react", '{"about":5,"by":"bob","emoji":"👍"}'),
    (Pinned(5, ALICE), "pin", '{"about":5,"by":"alice"}'),
    (Unpinned(5, ALICE), "unpin", '{"about":5,"by":"alice"}'),
    (GroupClosed(ALICE), "closed", '{"by":"alice"}'),
    (GroupRestored(7, TEA, ALICE), "restored", '{"number":7,"name":"tea","by":"alice"}'),
    (
        MemberJoined(BOB, Via.CODE, ALICE, True, 3),
        "joined",
        '{"name":"bob","via":"code","by":"alice","guest":true,"code":3}',
    ),
    (
        MemberLeft(BOB, Why.GUEST_GONE, SafeText("bye")),
        "left",
        '{"name":"bob","why":"guest-gone","reason":"bye"}',
    ),
    (
        MemberKicked(BOB, ALICE, SafeText("spam")),
        "kicked",
        '{"name":"bob","by":"alice","reason":"spam"}',
    ),
    (
        MemberBanned(BOB, ALICE, SafeText("spam")),
        "banned",
        '{"name":"bob","by":"alice","reason":"spam","until":null}',
    ),
    (
        MemberQuieted(BOB, ALICE, 0),
        "quieted",
        '{"name":"bob","by":"alice","until":"1970-01-01T00:00:00.000Z"}',
    ),
    (QuietEnded(BOB, ALICE), "unquieted", '{"name":"bob","by":"alice"}'),
    (SlowChanged(30, ALICE), "slow", '{"seconds":30,"by":"alice"}'),
    (ModeratorMade(BOB, ALICE), "moderator", '{"name":"bob","by":"alice"}'),
    (ModeratorEnded(BOB, ALICE), "unmoderator", '{"name":"bob","by":"alice"}'),
    (MemberUnbanned(BOB, ALICE), "unbanned", '{"name":"bob","by":"alice"}'),
    (MemberRegistered(BOB), "registered", '{"name":"bob"}'),
    (
        JoinRequested(BOB, SafeText("it's me"), True),
        "requested",
        '{"name":"bob","note":"it\'s me","guest":true}',
    ),
    (RequestWithdrawn(BOB, Why.LEFT), "withdrawn", '{"name":"bob","why":"left"}'),
    (
        JoinRejected(BOB, ALICE, SafeText("full")),
        "rejected",
        '{"name":"bob","by":"alice","reason":"full"}',
    ),
    (MemberInvited(BOB, ALICE, True), "invited", '{"name":"bob","by":"alice","guest":true}'),
    (
        InviteCodeMade(3, ALICE, 5, 0, HASH),
        "code-made",
        '{"number":3,"by":"alice","uses":5,"until":"1970-01-01T00:00:00.000Z"}',
    ),
    (InviteCodeEnded(3, None, BOB), "code-ended", '{"number":3,"by":null,"maker":"bob"}'),
    (HookAdded(Name("ci"), ALICE, HASH), "hook-added", '{"name":"ci","by":"alice"}'),
    (HookRemoved(Name("ci"), ALICE), "hook-removed", '{"name":"ci","by":"alice"}'),
    (InvitationEnded(BOB), "uninvited", '{"name":"bob"}'),
    (Damaged(), "damaged", "{}"),
    (
        AdminChanged(BOB, Why.TRANSFERRED, ALICE),
        "admin",
        '{"name":"bob","why":"transferred","by":"alice"}',
    ),
    (PolicyChanged(Policy.PASSWORD, ALICE, HASH), "policy", '{"policy":"password","by":"alice"}'),
    (TopicChanged(SafeText("cakes"), ALICE), "topic", '{"topic":"cakes","by":"alice"}'),
    (
        FileShared(3, SafeText("cake.txt"), ALICE, 12, "ab", "00ff", True),
        "shared",
        '{"number":3,"file":"cake.txt","by":"alice","size":12,"sha256":"ab","guest":true}',
    ),
    (
        FileRemoved(3, SafeText("cake.txt"), ALICE),
        "removed",
        '{"number":3,"file":"cake.txt","by":"alice"}',
    ),
    (
        ServerKicked(BOB, OP, SafeText("spam")),
        "server-kicked",
        '{"name":"bob","by":"op","reason":"spam"}',
    ),
    (
        ServerBanned(BOB, OP, SafeText("spam")),
        "server-banned",
        '{"name":"bob","by":"op","reason":"spam","until":null}',
    ),
    (ServerUnbanned(BOB, OP), "server-unbanned", '{"name":"bob","by":"op"}'),
    (OperatorMade(BOB), "operator", '{"name":"bob","by":null}'),
    (OperatorRemoved(BOB, ALICE), "operator-removed", '{"name":"bob","by":"alice"}'),
    (Announced(OP, SafeText("tea")), "announced", '{"by":"op","text":"tea"}'),
]


def line_of(event: AnyEvent, where: Where) -> str:
    """Return the line in which a program receives *event*."""
    return JsonRenderer().entry(Entry(2, 7, 1_000, event), where, fold(BOB))


@pytest.mark.parametrize(("event", "tag", "fields"), EXAMPLES, ids=[tag for _, tag, _ in EXAMPLES])
def test_the_line_of_an_event(event: AnyEvent, tag: str, fields: str) -> None:
    """Exactly these bytes; neither a password's hash nor a file's name on disk is among them."""
    head = f'{{"type":"{tag}","group":"tea","seq":7,"at":"1970-01-01T00:00:01.000Z"'
    tail = f",{fields[1:]}" if fields != "{}" else "}"
    assert line_of(event, Where(TEA)) == f"{head}{tail}\n"


def test_words() -> None:
    """With words, an entry has the sentence for its reader, in one renderer for all."""
    renderer = JsonRenderer()
    worded = renderer.with_words()
    assert worded is renderer.with_words()
    for event, _, _ in EXAMPLES:
        entry = Entry(2, 7, 1_000, event)
        fields = json.loads(worded.replay([entry], Where(TEA), fold(BOB), ""))
        if isinstance(event, Talk):
            assert "words" not in fields
        else:
            sentence = event_sentence(event, Where(TEA, here=True), fold(BOB), 1_000)
            assert fields.get("words", "") == sentence


def test_an_event_of_a_private_conversation() -> None:
    """The partner is named where a group would be."""
    fields = json.loads(line_of(Message(ALICE, SafeText("hi")), Where(other=ALICE)))
    assert list(fields) == ["type", "with", "seq", "at", "from", "text"]
    assert fields["with"] == "alice"


def test_what_is_only_sent_if_there_is_any() -> None:
    """Of an answer and of an edited message; a plain message has none of these fields."""
    plain = Entry(2, 7, 1_000, Message(ALICE, SafeText("yes")))
    assert list(json.loads(JsonRenderer().talk([plain], Where(TEA))[0]))[4:] == ["from", "text"]
    answer = Message(ALICE, SafeText("yes"), reply_to=5, edited=9)
    quoted = Entry(2, 7, 1_000, answer, Quote(BOB, SafeText("tea?")))
    fields = json.loads(JsonRenderer().talk([quoted], Where(TEA))[0])
    assert list(fields)[4:] == ["from", "text", "reply_to", "edited", "quote"]
    assert (fields["reply_to"], fields["edited"]) == (5, 9)
    assert fields["quote"] == {"from": "bob", "text": "tea?"}


def test_every_kind_of_event_has_an_example() -> None:
    """The list of examples has each kind once."""
    kinds = [type(event) for event, _, _ in EXAMPLES]
    assert len(kinds) == len(set(kinds))
    assert set(kinds) == set(get_args(AnyEvent))


def test_the_fields_are_the_documented_ones() -> None:
    """The table of docs/line-protocol.rst names each event's fields in the order of the line."""
    section = PAGE[PAGE.index("\nEvents\n~~~") : PAGE.index("These events are not entries")]
    documented = {
        tag: cell[1].split() if (cell := re.match(r"``([^`]+)``", rest)) else []
        for tag, rest in re.findall(r"(?m)^``([a-z-]+)`` +(.*)$", section)
    }
    del documented["type"]  # the head of the table
    assert documented == {tag: list(json.loads(fields)) for _, tag, fields in EXAMPLES}

"""A large group is shown things in pieces, and each member still sees them once, and in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyconchat.chat.chat import Chat
from pyconchat.chat.fanout import MAX_WRITES_PER_PIECE
from pyconchat.config import Config, LimitsConfig
from pyconchat.testing import TestUser, make_chat, make_store
from tests.support.turns import Turns

MEMBERS = 3 * MAX_WRITES_PER_PIECE


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Chat]:
    """A chat in whose turns happens no more than in a reactor's."""
    store = make_store(tmp_path)
    yield make_chat(store, Turns(), Config(limits=LimitsConfig(messages_per_second=0)))
    store.close()


@pytest.fixture
def members(chat: Chat) -> list[TestUser]:
    """The members of a group, in the order in which it is shown to them; all have an account."""
    first = TestUser(chat, "alice", "pw-alice")
    first.types("/create tea open")
    others = [TestUser(chat, f"m{number}", "password") for number in range(1, MEMBERS)]
    for other in others:
        other.session.line("/join tea")
    turns(chat, 1000)
    everybody = [first, *others]
    for one in everybody:
        one.peer.written = b""
    return everybody


def turns(chat: Chat, count: int) -> None:
    """Let *count* turns pass."""
    assert isinstance(chat.reactor, Turns)
    for _ in range(count):
        chat.reactor.advance(0)


def said(members: list[TestUser], text: str) -> int:
    """Have the first member say *text*; return how many see it in the turn that stores it."""
    members[0].session.line(text)
    for _ in range(10):
        turns(members[0].chat, 1)
        if seen := seeing(members, text):
            return seen
    raise AssertionError("nobody has seen it")


def seeing(members: list[TestUser], text: str) -> int:
    """Return how many of *members* have been shown *text*."""
    return sum(text.encode() in each.peer.written for each in members)


def test_in_pieces(members: list[TestUser]) -> None:
    """In one turn a part of the group is shown a message; its author sees it already."""
    assert said(members, "to all of you") == MAX_WRITES_PER_PIECE - 1
    turns(members[0].chat, 1)
    assert seeing(members, "to all of you") == 2 * MAX_WRITES_PER_PIECE - 1
    turns(members[0].chat, 1)
    assert seeing(members, "to all of you") == MEMBERS - 1


def test_in_order(members: list[TestUser]) -> None:
    """What is said while something is shown comes after it, for everybody."""
    said(members, "the first")
    members[1].session.line("the second")
    members[-1].session.line("/topic the third")
    members[-1].session.line("the fourth")
    turns(members[0].chat, 40)
    shown = [each.peer.written.decode() for each in members[2:-1]]
    for written in shown:
        order = [written.index(word) for word in ("the first", "the second", "the fourth")]
        assert order == sorted(order)
        assert [written.count(word) for word in ("the first", "the second")] == [1, 1]


def test_who_goes_before_their_piece(members: list[TestUser]) -> None:
    """They read it when they come back; who had it does not read it again."""
    chat = members[0].chat
    last, early = members[-1], members[1]
    said(members, "while I go")
    assert (seeing([early], "while I go"), seeing([last], "while I go")) == (1, 0)
    for one in (early, last):
        one.session.close()
    turns(chat, 40)
    back = [TestUser(chat, name, "password") for name in ("m1", f"m{MEMBERS - 1}")]
    turns(chat, 40)
    assert [b"while I go" in each.peer.written for each in back] == [False, True]
    assert last.peer.written == b""


def test_receipts_count_what_was_written(members: list[TestUser]) -> None:
    """A cursor that is stored in the middle does not speak of what is yet to come."""
    conversation = members[0].session.current
    assert conversation is not None
    for one in members:
        one.session.subscriptions.receipts()
    said(members, "not yet yours")
    [early], late = (
        members[1].session.subscriptions.receipts(),
        members[-1].session.subscriptions.receipts(),
    )
    assert (early.read, late) == (conversation.published, [])
    assert members[-1].session.subscriptions.unread(conversation) == 1
    turns(members[0].chat, 2)
    [late] = members[-1].session.subscriptions.receipts()
    assert late.read == conversation.published


def test_who_is_kicked_has_seen_what_was_before(members: list[TestUser]) -> None:
    """A kick is shown after what was said before it, and what comes after is not."""
    said(members, "the last you read")
    members[0].session.line(f"/kick m{MEMBERS - 1}")
    members[0].session.line("among us again")
    turns(members[0].chat, 40)
    written = members[-1].peer.written.decode()
    assert written.index("the last you read") < written.index("kicked")
    assert "among us again" not in written
    assert seeing(members[1:-1], "among us again") == MEMBERS - 2


def test_who_comes_in_the_middle(members: list[TestUser]) -> None:
    """A new login of a member sees everything once."""
    chat = members[0].chat
    said(members, "in the middle")
    device = TestUser(chat, "m9", "password")
    newcomer = TestUser(chat, "zoe")
    newcomer.session.line("/join tea")
    members[0].session.line("and afterwards")
    turns(chat, 40)
    for one in (device, newcomer):
        written = one.peer.written
        assert written.count(b"and afterwards") == 1
        assert written.count(b"in the middle") <= 1
    assert b"in the middle" in newcomer.peer.written, "the newcomer is shown what was before"


def test_history_in_the_middle(members: list[TestUser]) -> None:
    """What is being shown belongs to it."""
    said(members, "part of history")
    members[-1].session.line("/history")
    turns(members[0].chat, 40)
    written = members[-1].peer.written.decode()
    assert written.count("part of history") == 2, "once live, and once in the answer"

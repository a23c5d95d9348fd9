"""Delivery to a large group takes several turns; each member receives everything once, in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyconchat.chat.change_delivery import MAX_WRITES_PER_PIECE
from pyconchat.chat.chat import Chat
from pyconchat.config import Config, LimitsConfig
from pyconchat.testing import TestUser, make_chat
from tests.support.stores import quick_store
from tests.support.turns import Turns

MEMBERS = 3 * MAX_WRITES_PER_PIECE


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Chat]:
    """A chat with separate turns, as in a real reactor."""
    store = quick_store(tmp_path)
    yield make_chat(store, Turns(), Config(limits=LimitsConfig(messages_per_second=0)))
    store.close()


@pytest.fixture
def members(chat: Chat) -> list[TestUser]:
    """Registered members of a group, in the order of delivery."""
    first = TestUser(chat, "alice", "pw-alice")
    first.types("/create tea open")
    others = [TestUser(chat, f"m{number}", "password") for number in range(1, MEMBERS)]
    for other in others:
        other.session.line("/join tea")
    run_turns(chat, 1000)
    conversation = first.session.current
    assert conversation is not None
    order = list(conversation.sessions)  # as they have caught up
    everybody = sorted([first, *others], key=lambda each: order.index(each.session))
    assert everybody[0] is first
    for one in everybody:
        one.peer.written = b""
    return everybody


def run_turns(chat: Chat, count: int) -> None:
    """Let *count* turns pass."""
    assert isinstance(chat.reactor, Turns)
    for _ in range(count):
        chat.reactor.advance(0)


def post(members: list[TestUser], text: str) -> int:
    """Post *text* as the first member; return how many have received it in the first turn."""
    members[0].session.line(text)
    for _ in range(10):
        run_turns(members[0].chat, 1)
        if received := count_receivers(members, text):
            return received
    raise AssertionError("nobody has received it")


def count_receivers(members: list[TestUser], text: str) -> int:
    """Return how many of *members* have received *text*."""
    return sum(text.encode() in each.peer.written for each in members)


def test_delivery_in_several_turns(members: list[TestUser]) -> None:
    """In each turn a part of the group receives the message."""
    assert post(members, "to all of you") == MAX_WRITES_PER_PIECE
    run_turns(members[0].chat, 1)
    assert count_receivers(members, "to all of you") == 2 * MAX_WRITES_PER_PIECE
    run_turns(members[0].chat, 1)
    assert count_receivers(members, "to all of you") == MEMBERS - 1


def test_delivery_in_order(members: list[TestUser]) -> None:
    """A message that is posted during a delivery follows it, for all members."""
    post(members, "the first")
    members[1].session.line("the second")
    members[-1].session.line("/topic the third")
    members[-1].session.line("the fourth")
    run_turns(members[0].chat, 40)
    received = [each.peer.written.decode() for each in members[2:-1]]
    for written in received:
        order = [written.index(word) for word in ("the first", "the second", "the fourth")]
        assert order == sorted(order)
        assert [written.count(word) for word in ("the first", "the second")] == [1, 1]


def test_a_member_disconnects_during_the_delivery(members: list[TestUser]) -> None:
    """Those who have not received the message get it at their next login, the others do not."""
    chat = members[0].chat
    last, early = members[-1], members[1]
    post(members, "while I go")
    assert (count_receivers([early], "while I go"), count_receivers([last], "while I go")) == (1, 0)
    for one in (early, last):
        one.session.close()
    run_turns(chat, 40)
    back = [TestUser(chat, name, "password") for name in (early.account.name, last.account.name)]
    run_turns(chat, 40)
    assert [b"while I go" in each.peer.written for each in back] == [False, True]
    assert last.peer.written == b""


def test_receipts_during_the_delivery(members: list[TestUser]) -> None:
    """They include only what was written to the member."""
    conversation = members[0].session.current
    assert conversation is not None
    for one in members:
        one.session.subscriptions.receipts()
    post(members, "not yet yours")
    [early], late = (
        members[1].session.subscriptions.receipts(),
        members[-1].session.subscriptions.receipts(),
    )
    assert (early.read, late) == (conversation.published, [])
    assert members[-1].session.subscriptions.unread(conversation) == 1
    run_turns(members[0].chat, 2)
    [late] = members[-1].session.subscriptions.receipts()
    assert late.read == conversation.published


def test_a_kick_during_the_delivery(members: list[TestUser]) -> None:
    """The kicked member receives all entries up to the kick, and none after it."""
    post(members, "the last you read")
    members[0].session.line(f"/kick {members[-1].account.name}")
    members[0].session.line("among us again")
    run_turns(members[0].chat, 40)
    written = members[-1].peer.written.decode()
    assert written.index("the last you read") < written.index("kicked")
    assert "among us again" not in written
    assert count_receivers(members[1:-1], "among us again") == MEMBERS - 2


def test_a_login_and_a_join_during_the_delivery(members: list[TestUser]) -> None:
    """Each receives everything once."""
    chat = members[0].chat
    post(members, "in the middle")
    device = TestUser(chat, "m9", "password")
    newcomer = TestUser(chat, "zoe")
    newcomer.session.line("/join tea")
    members[0].session.line("and afterwards")
    run_turns(chat, 40)
    for one in (device, newcomer):
        written = one.peer.written
        assert written.count(b"and afterwards") == 1
        assert written.count(b"in the middle") <= 1
    assert b"in the middle" in newcomer.peer.written, "a new member receives earlier messages"


def test_history_during_the_delivery(members: list[TestUser]) -> None:
    """It includes the message that is being delivered."""
    post(members, "part of history")
    members[-1].session.line("/history")
    run_turns(members[0].chat, 40)
    written = members[-1].peer.written.decode()
    assert written.count("part of history") == 2, "once live, and once in the answer"


def test_many_newcomers_at_once(members: list[TestUser], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is shown the last messages before all the joins, with at most one read for that."""
    chat = members[0].chat
    for number in range(25):
        members[0].session.line(f"message {number}.")
    run_turns(chat, 20)
    reads = []
    for name in ("page", "entries"):
        read = getattr(chat.store, name)
        monkeypatch.setattr(
            chat.store,
            name,
            lambda *args, read=read, **more: (reads.append(read), read(*args, **more))[1],
        )
    newcomers = [TestUser(chat, f"new{number}", "password") for number in range(40)]
    run_turns(chat, 20)
    for each in newcomers:
        each.session.line("/join tea")
    run_turns(chat, 200)
    for each in newcomers:
        shown = [f"message {number}.".encode() in each.peer.written for number in range(25)]
        assert shown == [False] * 5 + [True] * 20
        for other in newcomers:
            own = other is each
            joined = f"{other.account.name} has joined".encode()
            assert each.peer.written.count(joined) <= (0 if own else 1)
        assert b"new39 has joined" in each.peer.written or each is newcomers[-1]
    assert len(reads) <= len(newcomers)

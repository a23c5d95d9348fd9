"""Correcting, removing, answering and reacting in private conversations."""

from __future__ import annotations

import re

import pytest

from pyconchat.chat.chat import Chat
from pyconchat.domain.amending import AMENDABLE
from pyconchat.testing import TestUser, make_chat
from tests.contracts.test_amendments import tables
from tests.support.groups import Tea, Visit


def numbers(user: TestUser) -> dict[str, int]:
    """Return the numbers of messages, as in `/history`."""
    found = (re.fullmatch(r"\[.* #(\d+)\] (.+)", line) for line in user.types("/history 500"))
    return {each[2]: int(each[1]) for each in found if each}


@pytest.fixture
def both(tea: Tea) -> tuple[TestUser, TestUser]:
    """Alice, who talks to bob in private; he is in the group."""
    tea.bob.types("/join tea")
    tea.alice.types("/query bob")
    return tea.alice, tea.bob


def test_an_edit_corrects_the_last_message(both: tuple[TestUser, TestUser]) -> None:
    """For both parties; history and search have only the new text, and nobody else sees it."""
    alice, bob = both
    alice.types("green tee")
    bob.sees()
    assert alice.types("/edit green tea") == ["* alice corrected: green tea"]
    assert bob.sees() == ["* [@alice] alice corrected: green tea"]
    assert bob.types("/query alice")[0].startswith("* You are talking to alice")
    assert [*numbers(bob)] == ["alice (private): green tea"]
    assert bob.types("/search tee") == ["* Nothing found for: tee"]
    assert len(bob.types("/search green")) == 2
    assert alice.types("/edit #1 red tea") == ["* alice corrected: red tea"]
    assert bob.sees() == ["* alice corrected: red tea"]


def test_unsay_leaves_no_text(both: tuple[TestUser, TestUser], chat: Chat) -> None:
    """In no table, and in no quote of an answer or a reaction."""
    alice, bob = both
    alice.types("xyzzysecret one", "/edit xyzzysecret two")
    bob.types("/query alice", "/reply 1 what?", "/react 1 👍")
    assert alice.types("/unsay") == ["* alice removed a message."]
    assert bob.sees()[-1] == "* alice removed a message."
    assert "xyzzysecret" not in tables(chat.store)  # type: ignore[arg-type]
    assert bob.types("/search xyzzysecret") == ["* Nothing found for: xyzzysecret"]
    assert [*numbers(alice)] == ["bob (private) ↪ alice: what?"]


def test_answers_and_reactions(both: tuple[TestUser, TestUser]) -> None:
    """They quote the message; one can react to one's own, and answer it."""
    alice, bob = both
    alice.types("the kettle is broken")
    bob.types("/query alice")
    assert bob.types("/reply 1 it is fixed") == ["* Sent to alice."]
    assert alice.sees()[-1] == 'bob (private) ↪ alice "the kettle is broken": it is fixed'
    assert bob.types("/react 1 👍") == ['* bob reacted 👍 to alice "the kettle is broken"']
    assert alice.sees() == ['* bob reacted 👍 to alice "the kettle is broken"']
    assert "already" in str(bob.types("/react 1 👍"))
    assert "alice reacted 🎉 to alice" in str(alice.types("/react 1 🎉"))


@pytest.mark.parametrize(
    ("typed", "refused"),
    [
        ("/edit 2 mine", "from bob"),
        ("/edit 99 mine", "no message #99"),
        ("/edit 3 mine", "says already"),
        ("/edit 1 mine", "a day old"),
        ("/unsay 1", "a day old"),
        ("/unsay 2", "In private, nobody can remove messages of others."),
        ("/unsay 99", "no message #99"),
        ("/reply 99 hi", "no message #99"),
        ("/react 2 good", "one emoji"),
        ("/react 4 👍", "is not a message"),
        ("/pin 2", "works in groups"),
    ],
)
def test_refusals(tea: Tea, olga: TestUser, chat: Chat, typed: str, refused: str) -> None:
    """Each is refused with the reason, and stores nothing; operators have no more rights."""
    olga.types("/query bob", "too old")
    olga.chat.reactor.advance(AMENDABLE / 1000)  # type: ignore[attr-defined]
    tea.bob.types("/query olga", "hello")
    olga.types("mine", "/react 2 👍")
    before = tables(chat.store)  # type: ignore[arg-type]
    assert refused in str(olga.types(typed))
    assert tables(chat.store) == before  # type: ignore[arg-type]


def test_where_nothing_was_said(tea: Tea) -> None:
    """There is nothing to change."""
    tea.alice.types("/query bob")
    assert "You have sent no message here" in str(tea.alice.types("/edit hi"))
    assert "You have sent no message here" in str(tea.alice.types("/unsay"))
    for line in ("/unsay 1", "/reply 1 hi", "/react 1 👍"):
        assert "There is no message #1" in str(tea.alice.types(line))


def test_a_missed_message_that_was_removed(tea: Tea, visit: Visit) -> None:
    """Is not shown at the next login; an edited one has the new text."""
    tea.bob.leaves()
    tea.alice.types("/query bob", "a secret", "/unsay", "green tee", "/edit green tea")
    shown = visit("bob", "password b").sees()
    assert "secret" not in str(shown)
    assert "tee" not in str(shown)
    assert any(line.endswith("alice (private): green tea") for line in shown)
    assert any(line.endswith("* [@alice] alice removed a message.") for line in shown)


def test_after_a_restart(tea: Tea, chat: Chat) -> None:
    """One's messages are still one's own."""
    tea.alice.types("/query bob", "one", "two")
    again = make_chat(chat.store)
    alice, bob = TestUser(again, "alice", "password a"), TestUser(again, "bob", "password b")
    bob.types("/query alice")
    assert alice.types("/query bob", "/edit 1 three")[-1] == "* alice corrected: three"
    assert alice.types("/unsay") == ["* alice removed a message."]
    assert [*numbers(bob)] == ["alice (private): three"]


def test_guests_own_what_they_said_themselves(visit: Visit) -> None:
    """Not what an earlier guest of the same name said, which is another conversation."""
    alice, gus = visit("alice", "password a"), visit("gus")
    gus.types("/query alice", "hello")
    assert gus.types("/edit hi") == ["* gus corrected: hi"]
    gus.leaves()
    other = visit("gus")
    assert "You have sent no message here" in str(other.types("/query alice", "/unsay"))
    assert [line for line in alice.sees() if "removed" in line] == []


def test_nobody_else_can(tea: Tea) -> None:
    """Carol has a conversation of her own with bob, with its own numbers."""
    tea.alice.types("/query bob", "one")
    tea.carol.types("/query bob", "two")
    assert "says already" in str(tea.carol.types("/edit 1 two"))
    tea.carol.types("/unsay 1")
    tea.bob.types("/query alice")
    assert [*numbers(tea.bob)] == ["alice (private): one"]


def test_the_partner_ignores_the_sender(both: tuple[TestUser, TestUser]) -> None:
    """Then none of it is shown to the partner."""
    alice, bob = both
    bob.types("/ignore alice")
    alice.types("one", "/edit two", "/react 1 👍", "/unsay")
    assert bob.sees() == []

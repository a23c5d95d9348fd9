"""The mentions of registered people in the store."""

from __future__ import annotations

import pytest

from pyconchat.domain.accounts import deleted_party
from pyconchat.domain.decisions import Decision, DeleteAccount, Ignore, MoveCursor, NewEntry
from pyconchat.domain.events import Action, Edit, Message, Quote, Unsay
from pyconchat.domain.group import Actor
from pyconchat.domain.mentions import names_reader
from pyconchat.domain.names import fold
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore, mentions
from tests.contracts.building import (
    ALICE,
    AT,
    BOB,
    CAROL,
    GUS,
    commit,
    create,
    register,
    store_events,
)

TEA = 2
bob = fold(BOB.name)


def mention(*whom: Actor, at: int = AT, kind: type[Message | Action] = Message) -> Decision:
    """Return the decision that alice mentions *whom* in tea."""
    event = kind(ALICE.name, SafeText("x"), mentions=tuple(each.name for each in whom))
    return Decision(at, [NewEntry(TEA, event)])


@pytest.fixture
def tea(store: SqlStore) -> SqlStore:
    """The store, with the group tea of alice and bob: entries 1 and 2."""
    register(store, ALICE, BOB, CAROL)
    group = create(store, TEA)
    store_events(store, group, group.join(BOB, AT))
    return store


def test_mentions(tea: SqlStore) -> None:
    """The newest first; of registered people only."""
    commit(tea, mention(BOB, CAROL, GUS), mention(), mention(BOB, kind=Action, at=AT + 1))
    assert tea.mentions(bob) == [(TEA, 5), (TEA, 3)]
    assert tea.mentions(fold(CAROL.name)) == [(TEA, 3)]
    assert tea.mentions(fold(GUS.name)) == tea.mentions(fold(ALICE.name)) == []
    [entry] = tea.numbered([(TEA, 99), (TEA, 5)])
    assert entry.seq == 5
    assert isinstance(entry.event, Action)
    assert entry.event.mentions == (BOB.name,)
    assert [each.seq for each in tea.numbered([(TEA, 5), (TEA, 3)])] == [5, 3]
    assert tea.numbered([]) == []


def test_a_mention_in_a_reply(tea: SqlStore) -> None:
    """It is read with the quote of what it answers, like every entry."""
    commit(tea, mention())
    event = Message(ALICE.name, SafeText("y"), mentions=(BOB.name,), reply_to=3)
    commit(tea, Decision(AT, [NewEntry(TEA, event)]))
    [entry] = tea.numbered(tea.mentions(bob))
    assert entry.quote == Quote(ALICE.name, SafeText("x"))
    assert [entry] == tea.entries(TEA, 3, 4, 10)


def test_an_ignored_person_mentions_nobody(tea: SqlStore) -> None:
    """From the moment on in which they are ignored."""
    commit(tea, Decision(AT, writes=[Ignore(bob, ALICE.name, True)]), mention(BOB, CAROL))
    assert tea.mentions(bob) == []
    assert tea.mentions(fold(CAROL.name)) == [(TEA, 3)]


def test_cursors_have_the_unread_mentions(tea: SqlStore) -> None:
    """Mentions after the shown entries."""
    commit(tea, mention(BOB), mention(BOB), mention(), mention(BOB))
    [cursor] = tea.cursors(bob)
    assert cursor.named == (3, 4, 6)
    commit(tea, Decision(AT, writes=[MoveCursor(bob, TEA, 4, shown=4)]))
    [cursor] = tea.cursors(bob)
    assert cursor.named == (6,)


def test_only_the_newest_are_kept(tea: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each account."""
    monkeypatch.setattr(mentions, "MAX_MENTIONS", 3)
    for number in range(5):
        commit(tea, mention(BOB, at=AT + number))
    commit(tea, mention(CAROL))
    assert tea.mentions(bob) == [(TEA, 7), (TEA, 6), (TEA, 5)]
    assert tea.mentions(fold(CAROL.name)) == [(TEA, 8)]


def test_amendments_move_mentions(tea: SqlStore) -> None:
    """The entry mentions whom its text names now: nobody, once it is removed."""
    commit(tea, mention(BOB), mention(BOB))
    corrected = Edit(3, ALICE.name, SafeText("y"), (CAROL.name, GUS.name))
    commit(tea, Decision(AT, [NewEntry(TEA, corrected)]))
    assert tea.mentions(bob) == [(TEA, 4)]
    assert tea.mentions(fold(CAROL.name)) == [(TEA, 3)]
    [entry] = tea.numbered([(TEA, 3)])
    assert names_reader(entry.event, fold(CAROL.name))
    assert not names_reader(entry.event, bob)
    for about in (3, 4):
        removed = Unsay(about, ALICE.name, ALICE.name)
        commit(tea, Decision(AT, [NewEntry(TEA, removed)]))
    assert tea.mentions(bob) == tea.mentions(fold(CAROL.name)) == []


def test_mentions_end_with_the_account(tea: SqlStore) -> None:
    """Others keep theirs."""
    commit(tea, mention(BOB, CAROL))
    commit(tea, Decision(AT, writes=[DeleteAccount(bob, deleted_party(bob))]))
    assert tea.mentions(bob) == []
    assert tea.mentions(fold(CAROL.name)) == [(TEA, 3)]

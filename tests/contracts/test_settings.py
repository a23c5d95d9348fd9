"""The settings of accounts in the store."""

from __future__ import annotations

from pyconchat.domain.accounts import deleted_party
from pyconchat.domain.decisions import Decision, DeleteAccount, Mute, SaveSetting
from pyconchat.domain.names import fold
from pyconchat.store import SqlStore
from tests.contracts.building import ALICE, AT, BOB, commit, register

KEYS = fold(ALICE.name), fold(BOB.name)


def test_settings(store: SqlStore) -> None:
    """Each has one row, with its newest value, and goes with its account."""
    alice, bob = KEYS
    register(store, ALICE, BOB)
    for write in (
        SaveSetting(alice, "times", True),
        SaveSetting(alice, "joins", False),
        SaveSetting(alice, "times", False),
        SaveSetting(bob, "times", True),
    ):
        commit(store, Decision(AT, writes=[write]))
    stored = [(alice, "joins", False), (alice, "times", False), (bob, "times", True)]
    assert sorted(store.load().server.settings) == stored
    commit(store, Decision(AT, writes=[DeleteAccount(alice, deleted_party(alice))]))
    assert store.load().server.settings == stored[-1:]


def test_mutes(store: SqlStore) -> None:
    """Each has one row, and goes with its account."""
    alice, bob = KEYS
    register(store, ALICE, BOB)
    for write in (Mute(alice, 2, True), Mute(alice, 2, True), Mute(alice, 3, True)):
        commit(store, Decision(AT, writes=[write]))
    commit(store, Decision(AT, writes=[Mute(bob, 3, True), Mute(alice, 3, False)]))
    assert sorted(store.load().server.mutes) == [(alice, 2), (bob, 3)]
    commit(store, Decision(AT, writes=[DeleteAccount(alice, deleted_party(alice))]))
    assert store.load().server.mutes == [(bob, 3)]

"""What a commit costs does not depend on how much the database has of other groups and people."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import get_args

from sqlalchemy import event

from pyconchat.domain.decisions import (
    Decision,
    DeleteAccount,
    Detach,
    EndDirect,
    EndToken,
    EndTokens,
    Ignore,
    MarkRead,
    MoveCursor,
    MoveKeys,
    Mute,
    NewEntry,
    NoteLogin,
    NoteSeen,
    OpenDirect,
    Register,
    RemoveKey,
    RequestKey,
    SaveKey,
    SaveSetting,
    SaveToken,
    SetPassword,
    UseKey,
    UseToken,
    Write,
)
from pyconchat.domain.events import Message
from pyconchat.domain.names import Key
from pyconchat.domain.public_keys import PublicKey
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore
from pyconchat.store.batch import Stored
from tests.contracts.building import ALICE, AT, BOB, CAROL, commit, create, register
from tests.contracts.test_fold import WHOLE_STORY, run

SMALL = {"server_bans", "settings", "asked"}
"""Tables that may be read as a whole: few rows for the server, and those of the batch itself."""

ALICES = Key("alice")
PRIVATE = 1000
WRITES: Sequence[Write] = (
    Register(CAROL.name, "hash"),
    SetPassword(ALICES, "new hash"),
    Ignore(ALICES, BOB.name, True),
    SaveSetting(ALICES, "bell", True),
    Mute(ALICES, 2, True),
    Detach(ALICES, 2, True),
    MarkRead(ALICES, "#tea", 7),
    OpenDirect(PRIVATE, ("alice", "gus~1"), (ALICES,)),
    MoveCursor(ALICES, PRIVATE, 0, shown=0),
    EndDirect(PRIVATE, 0),
    SaveToken(ALICES, "digest"),
    UseToken("digest"),
    MoveKeys("gus~1", "gus"),
    SaveKey(ALICE.name, PublicKey("ssh-ed25519", "AAAA")),
    UseKey(ALICES, "AAAA"),
    RemoveKey(ALICES, "AAAA"),
    NoteLogin(ALICES),
    NoteSeen(ALICES),
    EndToken("digest"),
    EndTokens(ALICES),
)


class TracedStore(SqlStore):
    """Notes the *statements* that `commit` executes, with their values."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.statements: dict[str, None] = {}
        self._committing = False
        event.listen(
            self._writing,
            "connect",
            lambda connection, _: connection.set_trace_callback(self._note),
        )

    def commit(self, batch: Sequence[Decision]) -> list[Stored]:
        self._committing = True
        try:
            return super().commit(batch)
        finally:
            self._committing = False

    def _note(self, statement: str) -> None:
        if self._committing and re.match("SELECT|INSERT|UPDATE|DELETE", statement):
            self.statements[statement] = None


def scans(database: Path, statements: Iterable[str]) -> list[str]:
    """Return those of *statements* for which SQLite would read a whole table."""
    found: list[str] = []
    with closing(sqlite3.connect(database)) as connection:
        for statement in statements:
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
            scanned = {name for row in plan for name in re.findall(r"^SCAN ([a-z]\w+)", row[3])}
            if scanned - SMALL:
                found.append(statement)
    return found


def test_no_decision_reads_a_whole_table(tmp_path: Path) -> None:
    """Neither the events of groups and mentions, nor the writes beside them.

    `DeleteAccount` may: administrators do that, and seldom.
    """
    assert {type(write) for write in WRITES} == set(get_args(Write)) - {DeleteAccount}
    store = TracedStore(f"sqlite:///{tmp_path / 'pyconchat.db'}")
    store.open()
    register(store, ALICE, BOB)
    run(store, WHOLE_STORY)
    create(store, 900, "named")
    hello = Message(BOB.name, SafeText("alice, hello"), mentions=(ALICE.name,))
    keys = RequestKey("bob", "1"), RequestKey("bob", "2")
    commit(store, *(Decision(AT, [NewEntry(900, hello)], key=key) for key in keys))
    commit(store, Decision(AT, (), WRITES))
    store.close()
    assert len(store.statements) > 100
    assert scans(tmp_path / "pyconchat.db", store.statements) == []

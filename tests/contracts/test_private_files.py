"""The files of private conversations in the store: loaded, numbered, and deleted with them."""

from __future__ import annotations

from pyconchat.domain.decisions import (
    Decision,
    DeleteAccount,
    EndDirect,
    NewEntry,
    OpenDirect,
    Write,
)
from pyconchat.domain.errors import Conflict
from pyconchat.domain.events import FileRemoved, FileShared, Message
from pyconchat.domain.names import Key
from pyconchat.domain.shared_files import SharedFile
from pyconchat.domain.stored import DirectFiles
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore
from tests.contracts.building import ALICE, AT, BOB, commit, create, register, store_events

ALICES, BOBS = Key("alice"), Key("bob")
NAME = SafeText("a.txt")


def shared(number: int) -> FileShared:
    return FileShared(number, NAME, ALICE.name, 3, "5a", f"{number:032x}")


def share(store: SqlStore, id: int, number: int, *writes: Write) -> None:
    """Store a file of alice as the *number* of the private conversation *id*."""
    commit(store, Decision(AT, [NewEntry(id, shared(number), number - 1)], writes))


def test_files_are_loaded(store: SqlStore) -> None:
    """With the highest number that there ever was; messages and removals do not change it."""
    register(store, ALICE, BOB)
    parties = ("alice", "bob")
    share(store, 5, 1, OpenDirect(5, parties, (ALICES, BOBS)))
    share(store, 5, 2)
    commit(store, Decision(AT, [NewEntry(5, Message(BOB.name, SafeText("hi")))]))
    commit(store, Decision(AT, [NewEntry(5, FileRemoved(2, NAME, ALICE.name))]))
    commit(store, Decision(AT, writes=[OpenDirect(6, ("alice", "carol"), (ALICES,))]))
    store_events(store, create(store, 2), [shared(1)])
    file = SharedFile(1, NAME, ALICE.name, 3, "5a", f"{1:032x}", AT)
    loaded = store.load()
    assert loaded.direct_files == {5: DirectFiles(parties, 2, [file])}
    assert loaded.closed_files == {}
    assert [each.state.last_file for each in loaded.groups.values()] == [1]


def test_no_number_is_given_twice(store: SqlStore) -> None:
    """Not even by two nodes at once: the second is refused."""
    share(store, 5, 1, OpenDirect(5, ("alice", "bob"), (ALICES, BOBS)))
    (result,) = store.commit([Decision(AT, [NewEntry(5, shared(1), 0)])])
    assert isinstance(result, Conflict)
    share(store, 5, 2)


def test_files_end_with_their_conversation(store: SqlStore) -> None:
    """When it ends, or one of its accounts is deleted; files elsewhere remain."""
    register(store, ALICE, BOB)
    people = {5: ("alice", "gus~1"), 6: ("alice", "bob"), 7: ("alice", "carol")}
    for id, parties in people.items():
        share(store, id, 1, OpenDirect(id, parties, (ALICES,)))
    store_events(store, create(store, 2), [shared(1)])
    commit(store, Decision(AT, writes=[EndDirect(5, 1)]))
    commit(store, Decision(AT, writes=[DeleteAccount(BOBS, "bob~0")]))
    assert [*store.load().direct_files] == [7]
    with store._reading.connect() as connection:
        rows = connection.exec_driver_sql("SELECT conversation FROM files ORDER BY 1").all()
    assert [id for (id,) in rows] == [2, 7]


def test_files_of_guests_are_not_loaded(store: SqlStore) -> None:
    """Their conversations have ended with the last run of the server."""
    share(store, 5, 1, OpenDirect(5, ("alice", "gus~1"), (ALICES,)))
    assert store.load().direct_files == {}

"""Names and numbers that two decisions need: the second one is a conflict, alone in its batch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, insert, make_url

from pyconchat.domain.decisions import Decision, DeleteAccount, NewEntry, Register, SetPassword
from pyconchat.domain.errors import Conflict
from pyconchat.domain.events import GroupClosed, GroupCreated, GroupRestored, Policy
from pyconchat.domain.names import Name, fold
from pyconchat.store import SqlStore, schema
from tests.contracts.building import ALICE, AT, BOB, CAROL, commit, create, decide, register, say
from tests.contracts.test_repeated_batches import PATIENCE, until_waiting


def creating(id: int, name: str, number: int) -> Decision:
    """Return the decision that bob creates a group."""
    event = GroupCreated(number, Name(name), BOB.name, Policy.OPEN)
    return Decision(AT, [NewEntry(id, event, 0)])


def kinds(store: SqlStore, *batch: Decision) -> list[type]:
    """Store *batch*; return the types of the results."""
    return [type(result) for result in store.commit(batch)]


def test_a_name_that_is_registered(store: SqlStore) -> None:
    """The account keeps its password, whatever the case of the letters; the others are stored."""
    create(store, 2)
    register(store, ALICE)
    taken = Decision(AT, writes=[Register(Name("ALICE"), "stolen")])
    free = Decision(AT, writes=[Register(BOB.name, "hash")])
    assert kinds(store, say(2, "before"), taken, free, say(2, "after")) == [
        *(list, Conflict, list, list)
    ]
    found = {each.name: each.password_hash for each in store.load().server.accounts}
    assert found == {"alice": "hash", "Bob": "hash"}


def test_a_name_that_is_registered_twice_in_a_batch(store: SqlStore) -> None:
    """The first one gets it."""
    both = [Decision(AT, writes=[Register(CAROL.name, hash)]) for hash in ("first", "second")]
    assert kinds(store, *both) == [list, Conflict]
    assert [each.password_hash for each in store.load().server.accounts] == ["first"]


def test_the_password_of_a_deleted_account(store: SqlStore) -> None:
    """It does not create the account again."""
    register(store, ALICE)
    commit(store, Decision(AT, writes=[DeleteAccount(fold(ALICE.name), "alice~0")]))
    assert kinds(store, Decision(AT, writes=[SetPassword(fold(ALICE.name), "new")])) == [Conflict]
    assert store.load().server.accounts == []


@pytest.mark.parametrize(("name", "number"), [("TEA", 3), ("coffee", 2)])
def test_the_name_or_number_of_an_open_group(store: SqlStore, name: str, number: int) -> None:
    """Nothing is created, and what is said in that group is a conflict, too."""
    create(store, 2, "tea", number=2)
    before = store.load()
    batch = [creating(3, name, number), say(3, "hello"), creating(4, "cups", 4), say(4, "hello")]
    assert kinds(store, *batch) == [Conflict, Conflict, list, list]
    after = store.load()
    assert set(after.groups) == {2, 4}
    assert after.groups[2] == before.groups[2]
    assert store.problems() == []
    assert kinds(store, creating(3, "pots", 3), say(3, "hello")) == [list, list]


def test_the_name_and_number_of_a_closed_group(store: SqlStore) -> None:
    """They are free, until it is restored under them."""
    group = create(store, 2, "tea", number=2)
    commit(store, decide(group, [GroupClosed(ALICE.name)]))
    assert kinds(store, creating(3, "tea", 2)) == [list]
    for name, number, result in (("Tea", 7, Conflict), ("cups", 2, Conflict), ("cups", 7, list)):
        event = GroupRestored(number, Name(name), ALICE.name)
        assert kinds(store, Decision(AT, [NewEntry(2, event, group.version)])) == [result]
    assert kinds(store, creating(4, "CUPS", 8)) == [Conflict]
    assert kinds(store, creating(4, "pots", 7)) == [Conflict]
    assert {each.state.name for each in store.load().groups.values()} == {"tea", "cups"}


@pytest.mark.parametrize("what", ["account", "name", "number"])
def test_what_another_node_is_just_taking(postgresql_url: str, what: str) -> None:
    """The commit waits for the other node's, then refuses only the decision that clashes."""
    store = SqlStore(postgresql_url)
    store.open()
    create(store, 2)
    row: dict[str, object] = {"conversation": 9, "policy": "open", "admin": "alice"}
    if what == "account":
        account = {"key": "bob", "name": "bob", "password_hash": "theirs", "created_at": AT}
        taking = insert(schema.accounts).values(account)
        clash = Decision(AT, writes=[Register(BOB.name, "ours")])
    else:
        clash = creating(3, "cups", 3)
        row |= {"name": "cups", "key": "cups", "number": 9} if what == "name" else {}
        row |= {"name": "pots", "key": "pots", "number": 3} if what == "number" else {}
        taking = insert(schema.groups).values(row)
    engine = create_engine(make_url(postgresql_url).set(drivername="postgresql+psycopg"))
    with ThreadPoolExecutor(1) as thread, engine.connect() as other:
        other.execute(taking)
        storing = thread.submit(kinds, store, say(2, "before"), clash, say(2, "after"))
        until_waiting(engine, 1)
        other.commit()
        assert storing.result(PATIENCE) == [list, Conflict, list]
    engine.dispose()
    assert [each.password_hash for each in store.load().server.accounts] == (
        ["theirs"] if what == "account" else []
    )
    store.close()

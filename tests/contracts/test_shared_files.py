"""`INodeStore`: tickets and files that are known at all nodes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from pyconchat.domain.decisions import (
    Decision,
    DeleteAccount,
    EndTokens,
    MoveKeys,
    NewEntry,
    OpenDirect,
    Register,
    SetPassword,
)
from pyconchat.domain.events import FileRemoved, FileShared, GroupClosed, ServerBanned, ServerKicked
from pyconchat.domain.names import Key
from pyconchat.domain.stored import DirectFiles, TicketRecord
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore, tickets
from tests.contracts.building import (
    ALICE,
    AT,
    BOB,
    GUS,
    commit,
    create,
    on_server,
    register,
    store_events,
)

ALICES = Key("alice")
HOUR = 3600.0


def ticket(digest: str = "d", party: str = "alice") -> TicketRecord:
    return TicketRecord(digest, party, "2", SafeText("a.txt"), 0, "")


def are_valid(store: SqlStore, *digests: str) -> list[bool]:
    return [store.nodes.ticket(digest) is not None for digest in digests]


def test_a_ticket_is_valid_at_all_nodes(one: SqlStore, two: SqlStore) -> None:
    """With all that it is for, until it was used."""
    private = TicketRecord("e", "gus~1", "@bob", SafeText("b.txt"), 7, "quota")
    for each in (ticket(), private):
        one.nodes.add_ticket(each, HOUR, 0)
        assert two.nodes.ticket(each.digest) == one.nodes.ticket(each.digest) == each
    two.nodes.end_ticket("d")
    assert are_valid(one, "d", "e", "f") == [False, True, False]


def test_tickets_expire(one: SqlStore, two: SqlStore) -> None:
    """They are deleted with the next one; some never expire."""
    one.nodes.add_ticket(ticket(), -1, 0)
    assert are_valid(two, "d") == [False]
    one.nodes.add_ticket(ticket("never"), 0, 0)
    assert are_valid(two, "never") == [True]
    with one._reading.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM tickets")) == 1


def test_maximum_tickets_of_an_account(one: SqlStore, two: SqlStore) -> None:
    """The first to expire are removed, whichever node has issued them."""
    for nth, store in enumerate((one, two, one, two)):
        store.nodes.add_ticket(ticket(f"{nth}"), HOUR + nth, 2)
    one.nodes.add_ticket(ticket("other", "bob"), HOUR, 2)
    assert are_valid(one, "0", "1", "2", "3", "other") == [False, False, True, True, True]


def test_maximum_tickets_of_all(one: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is checked from time to time."""
    monkeypatch.setattr(tickets, "MAX_TICKETS", 3)
    monkeypatch.setattr(tickets, "CHECK_EVERY", 2)
    for nth in range(6):
        one.nodes.add_ticket(ticket(f"{nth}"), HOUR + nth, 0)
    valid = are_valid(one, *(f"{nth}" for nth in range(6)))
    assert valid == [False, False, True, True, True, True]


@pytest.mark.parametrize(
    "decision",
    [
        Decision(AT, writes=[SetPassword(ALICES, "hash")]),
        Decision(AT, writes=[EndTokens(ALICES)]),
        Decision(AT, writes=[DeleteAccount(ALICES, "alice~0")]),
        on_server(ServerKicked(ALICE.name, BOB.name)),
        on_server(ServerBanned(ALICE.name, BOB.name)),
    ],
    ids=["password", "quit everywhere", "delete", "kick", "ban"],
)
def test_what_ends_the_tickets_of_an_account(
    one: SqlStore, two: SqlStore, decision: Decision
) -> None:
    """They are gone when it is stored, at whichever node."""
    register(one, ALICE, BOB)
    one.nodes.add_ticket(ticket(), HOUR, 0)
    one.nodes.add_ticket(ticket("e", "bob"), HOUR, 0)
    commit(two, decision)
    assert are_valid(one, "d", "e") == [False, True]


def test_a_guest_who_registers_keeps_the_tickets(one: SqlStore) -> None:
    """They are the account's then."""
    guests = ticket(party="gus~1")
    one.nodes.add_ticket(guests, HOUR, 0)
    commit(one, Decision(AT, writes=[Register(GUS.name, "hash"), MoveKeys("gus~1", "gus")]))
    assert one.nodes.ticket("d") == replace(guests, party="gus")


# Files.


def shared(number: int, guest: bool = False, quota: str = "", size: int = 3) -> FileShared:
    name, id = SafeText("a.txt"), f"{number:032x}"
    return FileShared(number, name, ALICE.name, size, "5a", id, guest=guest, quota=quota)


def test_files_of_a_private_conversation(one: SqlStore, two: SqlStore) -> None:
    """As they are now, with the highest number that there ever was; also those of a guest."""
    opening = OpenDirect(5, ("alice", "gus~1"), (ALICES,))
    commit(one, Decision(AT, [NewEntry(5, shared(1), 0)], [opening]))
    commit(one, Decision(AT, [NewEntry(5, shared(2), 1)]))
    commit(one, Decision(AT, [NewEntry(5, FileRemoved(1, SafeText("a.txt"), ALICE.name))]))
    found = two.nodes.private_files(5)
    assert found is not None
    assert found == DirectFiles(("alice", "gus~1"), 2, found.files)
    assert [file.number for file in found.files] == [2]
    assert two.nodes.known_files([f"{number:032x}" for number in range(4)]) == {f"{2:032x}"}
    create(one, 2)
    assert two.nodes.private_files(2) is None
    assert two.nodes.private_files(99) is None


def test_the_bytes_in_a_quota(one: SqlStore, two: SqlStore) -> None:
    """Those of all groups and private conversations, without those of an earlier account."""
    register(one, ALICE)
    tea = create(one, 2)
    store_events(one, tea, [shared(1), shared(2, guest=True, quota="q", size=10)])
    commit(one, Decision(AT, writes=[OpenDirect(5, ("alice", "bob"), (ALICES,))]))
    commit(one, Decision(AT + 5, [NewEntry(5, shared(1, size=100), 0)]))

    def left(name: str, since: int = 0, quota: str = "") -> int:
        return two.nodes.shared_bytes(type(ALICE.name)(name), since, quota)

    assert left("alice") == 103
    assert left("alice", AT + 1) == 100
    assert left("alice", AT + 6) == 0
    assert left("bob") == 0
    assert left("gus", quota="q") == 10
    store_events(one, tea, [GroupClosed(ALICE.name)])
    assert left("alice") == 103


# Wrong passwords.


def test_wrong_passwords_of_all_nodes(one: SqlStore, two: SqlStore) -> None:
    """The newest ones of each key."""
    one.nodes.add_wrong_passwords(["of alice", "from 192.0.2.1"], 60)
    two.nodes.add_wrong_passwords(["of alice"], 60)
    found = one.nodes.wrong_passwords(["of alice", "from 192.0.2.1", "of bob"], 60, 5)
    assert [len(ages) for ages in found.values()] == [2, 1, 0]
    ages = found["of alice"]
    assert 0 <= ages[0] <= ages[1] < 60
    assert len(two.nodes.wrong_passwords(["of alice"], 60, 1)["of alice"]) == 1


def test_old_wrong_passwords_are_forgotten(one: SqlStore) -> None:
    """They do not count, and the next one deletes them."""
    long = "x" * 500
    one.nodes.add_wrong_passwords([long], 60)
    assert len(one.nodes.wrong_passwords([long], 60, 5)[long]) == 1
    assert one.nodes.wrong_passwords([long], -1, 5) == {long: []}
    one.nodes.add_wrong_passwords(["of bob"], -1)
    with one._reading.connect() as connection:
        keys = connection.scalars(text("SELECT key FROM wrong_passwords")).all()
    assert keys == ["of bob"]

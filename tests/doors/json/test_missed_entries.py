"""JSON mode: which entries are delivered after a login, with and without *since*."""

from __future__ import annotations

import pytest

from tests.support.programs import (
    MemoryServer,
    WiredProgram,
    numbers,
)


def test_since_delivers_the_entries_after_it(server: MemoryServer, alice: WiredProgram) -> None:
    """Even if the server knows that they were received."""
    for text in "abcd":
        alice.does(text=text, group="tea")
    for since, expected in [(0, [1, 2, 3, 4, 5]), (3, [4, 5]), (5, []), (99, [])]:
        again = server.program("alice", "password a", since={"tea": since})
        assert numbers(again.events) == expected
        assert again.hello["groups"][0]["unread"] == len(expected)
        again.waits(3)  # the receipts are stored


def test_since_takes_names_in_any_case(server: MemoryServer, alice: WiredProgram) -> None:
    """Names do not depend on case."""
    assert numbers(server.program("alice", "password a", since={"TEA": 0}).events) == [1]


def test_new_entries_are_delivered_after_a_since_beyond_the_head(
    server: MemoryServer, alice: WiredProgram
) -> None:
    """No later entry is lost."""
    again = server.program("alice", "password a", since={"tea": 99})
    alice.does(text="hi", group="tea")
    again.receives()
    assert numbers(again.events)[-1] == 2


def test_unknown_names_in_since_are_ignored(server: MemoryServer, alice: WiredProgram) -> None:
    """Unknown groups and people, and groups of which the account is not a member."""
    server.program("bob", "password b")
    since = {"nosuch": 5, "tea": 0, "@nobody": 0, "@": 0, "": 0, "@bob": 0, "@alice": 3}
    bob = server.program("bob", "password b", since=since)
    assert bob.entries == []


def test_without_since_acknowledged_entries_are_not_repeated(
    server: MemoryServer, alice: WiredProgram
) -> None:
    """The peer's kernel has acknowledged them."""
    alice.does(text="a", group="tea")
    alice.waits(3)
    alice.cut()
    assert server.program("alice", "password a").entries == []


def test_without_since_entries_without_acknowledgement_are_repeated(
    server: MemoryServer, alice: WiredProgram
) -> None:
    """Entries that a cut connection did not acknowledge are delivered again."""
    alice.does(text="a", group="tea")
    alice.cut()
    assert numbers(server.program("alice", "password a").events) == [1, 2]


def test_since_for_one_group_does_not_affect_others(
    server: MemoryServer, alice: WiredProgram
) -> None:
    """The stored cursors apply to the other conversations."""
    alice.does("/create plan open")
    alice.waits(3)
    alice.does(text="a", group="plan")
    again = server.program("alice", "password a", since={"tea": 0})
    assert numbers(again.events, "tea") == [1]
    assert numbers(again.events, "plan") == []
    assert len(again.hello["groups"]) == 2


def test_a_member_kicked_while_offline_receives_entries_up_to_the_kick(
    server: MemoryServer, alice: WiredProgram
) -> None:
    """Later entries are not delivered."""
    bob = server.program("bob", "password b")
    bob.does("/join tea")
    last = max(numbers(bob.events))
    bob.cut()
    alice.does(text="before", group="tea")
    alice.does("/kick bob", group="tea")
    alice.does(text="after", group="tea")
    for since, expected in [(0, [last, last + 1, last + 2]), (last, [last + 1, last + 2])]:
        bob = server.program("bob", "password b", since={"tea": since})
        assert numbers(bob.events) == expected
        assert bob.hello["groups"] == []
        bob.cut()


def test_an_applicant_cannot_read_the_log(server: MemoryServer) -> None:
    """Neither before nor after the rejection, whatever *since* says."""
    alice = server.program("alice", "password a")
    alice.does("/create tea")
    alice.does(text="secret", group="tea")
    bob = server.program("bob", "password b")
    bob.does("/join tea please")
    bob.cut()
    waiting = server.program("bob", "password b", since={"tea": 0})
    assert {each["type"] for each in waiting.entries} <= {"requested"}
    waiting.cut()
    alice.does(text="secret", group="tea")
    alice.does("/reject bob", group="tea")
    alice.does(text="secret", group="tea")
    rejected = server.program("bob", "password b", since={"tea": 0})
    assert {each["type"] for each in rejected.entries} <= {"requested", "rejected"}
    assert "rejected" in str(rejected.entries)


@pytest.mark.parametrize("since", [None, 0, 1, 3])
def test_members_do_not_receive_join_requests(server: MemoryServer, since: int | None) -> None:
    """Requests are for the admin: not live, nor missed, nor in the history."""
    alice = server.program("alice", "password a")
    alice.does("/create tea")
    bob, carol = server.program("bob", "password b"), server.program("carol", "password c")
    bob.does("/join tea")
    alice.does("/approve bob", group="tea")
    carol.does("/join tea because")
    alice.does("/reject carol", group="tea")
    carol.does("/join tea because")
    carol.does("/leave tea")
    alice.does("/invite carol", group="tea")
    bob.receives()
    more = {} if since is None else {"since": {"tea": since}}
    bob.cut()
    again = server.program("bob", "password b", **more)
    history = again.does("/history 500", group="tea")["entries"]
    assert "carol" not in str([*bob.entries, *again.entries, *history])


def test_since_of_a_private_conversation(server: MemoryServer) -> None:
    """It is named by ``@`` and the person; acknowledged entries are delivered again."""
    alice, bob = server.program("alice", "password a"), server.program("bob", "password b")
    for text in "abc":
        alice.does(f"/msg bob {text}")
    for each in (alice, bob):
        each.waits(3)
        each.cut()
    for since, expected in [(0, [1, 2, 3]), (2, [3]), (3, []), (9, [])]:
        for name, partner in (("alice", "bob"), ("bob", "alice")):
            again = server.program(name, f"password {name[0]}", since={f"@{partner}": since})
            assert numbers(again.events, f"@{partner}") == expected
            again.cut()


def test_since_of_a_private_conversation_with_a_guest(server: MemoryServer) -> None:
    """Its entries can be delivered again while the guest is connected."""
    alice, gus = server.program("alice", "password a"), server.program("gus")
    gus.does("/msg alice hi")
    alice.waits(3)  # her kernel has it, but the program has not read it
    alice.cut()
    again = server.program("alice", "password a", since={"@gus": 0})
    assert numbers(again.events, "@gus") == [1]


def test_messages_of_a_later_guest_with_the_same_name(server: MemoryServer) -> None:
    """*since* of the former guest's conversation does not hide them."""
    alice, gus = server.program("alice", "password a"), server.program("gus")
    for _ in range(3):
        gus.does("/msg alice hi")
    gus.cut()
    alice.receives()
    since = alice.since()
    alice.waits(3)
    alice.cut()
    server.program("gus").does("/msg alice I am another")
    again = server.program("alice", "password a", since=since)
    assert "I am another" in str(again.entries)


@pytest.mark.parametrize("count", [1, 2])
def test_entries_of_a_later_group_with_the_same_name(
    server: MemoryServer, alice: WiredProgram, count: int
) -> None:
    """Numbers of a deleted group do not hide the entries of a new one."""
    for text in "abcd":
        alice.does(text=text, group="tea")
    since = alice.since()
    alice.waits(3)
    alice.cut()
    bob = server.program("bob", "password b")
    person = server.person("alice", "password a")
    person.types("/delete tea", "tea")
    bob.does("/create tea open")
    person.types("/join tea")
    person.wire.loseConnection()
    server.waits(3)
    new = [f"new {n}" for n in range(count)]
    for text in new:
        bob.does(text=text, group="tea")
    again = server.program("alice", "password a", since=since)
    assert [each["text"] for each in again.entries if each["type"] == "message"] == new


def test_a_new_member_receives_numbers_in_order(server: MemoryServer, alice: WiredProgram) -> None:
    """Earlier entries precede the one of the join, or are not delivered."""
    for text in "abc":
        alice.does(text=text, group="tea")
    bob = server.program("bob", "password b")
    bob.does("/join tea")
    seqs = numbers(bob.events)
    assert seqs == sorted(set(seqs)), seqs
    assert seqs[-1] == 5


def test_an_approved_applicant_receives_no_number_twice(server: MemoryServer) -> None:
    """The request was delivered when it was made, and is not repeated."""
    alice = server.program("alice", "password a")
    alice.does("/create tea")
    alice.does(text="a", group="tea")
    bob = server.program("bob", "password b")
    bob.does("/join tea please")
    alice.does("/approve bob", group="tea")
    bob.receives()
    seqs = numbers(bob.events)
    assert seqs == sorted(set(seqs)), seqs


def test_a_rejection_is_delivered_once_to_a_later_member(server: MemoryServer) -> None:
    """It comes before the entries of the membership."""
    alice = server.program("alice", "password a")
    alice.does("/create tea")
    bob = server.program("bob", "password b")
    bob.does("/join tea first")
    alice.does("/reject bob", group="tea")
    bob.does("/join tea second")
    alice.does("/approve bob", group="tea")
    bob.cut()
    again = server.program("bob", "password b", since={"tea": 2})  # the first request
    assert numbers(again.events) == [3, 4, 5]


def test_a_kick_is_delivered_once_to_a_returning_member(
    server: MemoryServer, alice: WiredProgram
) -> None:
    """Numbers come in order and without repeats over two memberships."""
    bob = server.program("bob", "password b")
    bob.does("/join tea")
    alice.does("/kick bob", group="tea")
    bob.does("/join tea")
    bob.cut()
    again = server.program("bob", "password b", since={"tea": 2})
    assert numbers(again.events) == [3, 4]


# At most so many.


def test_the_newest_missed_entries(server: MemoryServer, alice: WiredProgram) -> None:
    """With ``missed``: the newest, after an object with their number and that of the older ones."""
    for number in range(8):
        alice.does(text=str(number), group="tea")
    again = server.program("alice", "password a", since={"tea": 1}, missed=3)
    heading, *entries = [each for each in again.events if each["type"] != "live"]
    assert {**heading, "since": ""} == {
        "type": "missed",
        "group": "tea",
        "count": 3,
        "older": 5,
        "since": "",
        "mentions": 0,
    }
    assert heading["since"].endswith("Z")
    assert [each["text"] for each in entries] == ["5", "6", "7"]
    alice.does(text="live", group="tea")
    again.receives()
    assert again.entries[-1]["text"] == "live"


def test_nothing_missed(server: MemoryServer, alice: WiredProgram) -> None:
    """Then there is no such object."""
    again = server.program("alice", "password a", since={"tea": 1}, missed=3)
    assert [each["type"] for each in again.events] == ["live"]


def test_missed_private_messages(server: MemoryServer, alice: WiredProgram) -> None:
    """The object names the partner."""
    bob = server.program("bob", "password b")
    for text in "abc":
        bob.does(f"/msg alice {text}")
    again = server.program("alice", "password a", since={"@bob": 0}, missed=2)
    heading = next(each for each in again.events if each["type"] == "missed" and "with" in each)
    assert (heading["with"], heading["count"], heading["older"]) == ("bob", 2, 1)
    assert "group" not in heading

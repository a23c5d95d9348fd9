"""JSON mode: the events of messages, presence and the server."""

from __future__ import annotations

from tests.support.programs import (
    MemoryServer,
    WiredProgram,
)


def test_times_are_in_utc(server: MemoryServer, alice: WiredProgram) -> None:
    """With milliseconds, as in the example."""
    alice.does(group="tea", text="hi")
    assert alice.sees("message")["at"] == "2023-11-14T22:13:20.000Z"


def test_a_private_conversation_has_with_instead_of_group(server: MemoryServer) -> None:
    """Each of the two receives the other's name."""
    alice, bob = server.program("alice", "password a"), server.program("bob", "password b")
    alice.does("/msg bob hi")
    for program, partner in ((alice, "bob"), (bob, "alice")):
        event = program.sees("message", text="hi")
        assert event["with"] == partner
        assert "group" not in event


def test_server_events_have_no_group(server: MemoryServer, olga: WiredProgram) -> None:
    """``"group": null``, for everybody."""
    alice = server.program("alice", "password a")
    server.program("bob", "password b")
    olga.does("/kick bob enough")
    event = alice.sees("server-kicked", name="bob")
    assert event["group"] is None
    assert (event["by"], event["reason"]) == ("olga", "enough")


def test_presence_of_people_in_a_shared_group(server: MemoryServer, alice: WiredProgram) -> None:
    """Online and offline, with the reason, once for each account."""
    bob = server.program("bob", "password b")
    bob.does("/join tea")
    server.program("bob", "password b").cut()
    bob.requests("/quit for tea")
    alice.sees("presence", name="bob", online=False, reason="for tea")
    server.program("bob", "password b")
    alice.sees("presence", name="bob", online=True)
    assert len([each for each in alice.events if each["type"] == "presence"]) == 2


def test_people_and_programs_read_each_other(server: MemoryServer, alice: WiredProgram) -> None:
    """A message of a program is a line at nc, and the other way round."""
    person = server.person("bob")
    person.types("/join tea", "hello from nc")
    alice.sees("message", text="hello from nc", **{"from": "bob"})
    alice.does(group="tea", text="hello from a program")
    assert "alice: hello from a program\n" in person.sees()
    person.types("/msg alice psst")
    assert alice.sees("message", text="psst")["with"] == "bob"


def test_messages_reach_all_sessions_of_the_sender(
    server: MemoryServer, alice: WiredProgram
) -> None:
    """Of a person at nc and a program with the same account, once each."""
    person = server.person("alice", "password a")
    person.types("/join tea", "typed")
    alice.sees("message", text="typed")
    alice.does(group="tea", text="sent")
    assert person.sees().count("alice: sent") == 1


def test_settings_are_sent_to_all_sessions_of_the_account(
    server: MemoryServer, alice: WiredProgram
) -> None:
    """As the answer to the one that sets, as an event to the others, and in the hello.

    A program gets everything whatever they are.
    """
    person, other = server.person("alice", "password a"), server.program("alice", "password a")
    settings = {"times": True, "bell": False, "joins": True}
    person.types("/set times on")
    assert alice.sees("settings")["settings"] == other.sees("settings")["settings"] == settings
    settings["joins"] = False
    assert alice.does("/set joins off")["settings"] == settings
    assert other.sees("settings", settings=settings)
    assert server.program("alice", "password a").hello["settings"] == settings
    server.program("bob", "password b").does("/join tea")
    assert alice.sees("joined", name="bob")


def test_messages_of_ignored_people_are_not_delivered(
    server: MemoryServer, alice: WiredProgram
) -> None:
    """Neither live nor when they were missed."""
    bob = server.program("bob", "password b")
    bob.does("/join tea")
    alice.does("/ignore bob")
    bob.does(group="tea", text="hi")
    alice.receives()
    again = server.program("alice", "password a", since={"tea": 0})
    assert "hi" not in [each.get("text") for each in (*alice.events, *again.events)]


def test_mentions_are_counted_for_programs(server: MemoryServer, alice: WiredProgram) -> None:
    """In each event that has some, in the hello, among missed entries, and in ``/groups``."""
    bob = server.program("bob", "password b")
    bob.does("/join tea")
    alice.does("hello ALICE and bob", "tea")
    assert bob.sees("message")["mentions"] == ["bob"]
    alice.does("hello", "tea")
    assert "mentions" not in bob.sees("message", text="hello")
    has = bob.events[-1]["seq"]
    bob.cut()
    for text in ("bob", "nobody", "bob again"):
        alice.does(group="tea", text=text)
    again = server.program("bob", "password b", missed=2, since={"tea": has})
    [tea] = again.hello["groups"]
    assert (tea["unread"], tea["mentions"]) == (3, 2)
    assert again.sees("missed")["mentions"] == 2
    [line] = again.does("/groups")["groups"]
    assert (line["unread"], line["mentions"]) == (0, 0)
    assert [each["text"] for each in again.does("/mentions")["entries"]] == [
        "hello ALICE and bob",
        "bob",
        "bob again",
    ]


def test_programs_get_the_events_of_muted_groups(server: MemoryServer, alice: WiredProgram) -> None:
    """Programs get the mutes in the answer, as an event, in the hello, and in ``/groups``."""
    bob = server.program("bob", "password b")
    bob.does("/join tea")
    other = server.program("bob", "password b")
    assert bob.does("/mute tea")["muted"] is True
    assert other.sees("muted")["group"] == "tea"
    alice.does("hello", "tea")
    assert bob.sees("message", text="hello")
    [tea] = server.program("bob", "password b").hello["groups"]
    assert tea["muted"] is True
    assert [each["muted"] for each in bob.does("/groups")["groups"]] == [True]
    assert bob.does("/mute tea off")["muted"] is False

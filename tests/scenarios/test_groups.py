"""What people do in groups, told in what they type and see, over real sockets."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.people import Server, SocketUser

Talk = Callable[..., SocketUser]


def test_approval(talk: Talk) -> None:
    """A group asks its admin about newcomers; whom the admin approves is in."""
    alice, bob = talk("alice"), talk("bob")
    alice.types("/join tea")
    alice.sees("You are in tea (number 1), which is new: you are its admin")
    bob.types("/join tea let me in")
    bob.sees("its admin, alice, has to approve")
    alice.sees('bob asks to join tea: "let me in"')
    alice.types("/approve")
    bob.sees("You are in tea")
    alice.sees("bob has joined the chat!")
    bob.types("Hello team!")
    alice.sees("bob: Hello team!")


def test_what_was_missed_comes_once(talk: Talk, server: Server) -> None:
    """A member who was offline gets what they missed, once, in order, after any restarts."""
    alice, bob = talk("alice", "password a"), talk("bob", "password b")
    alice.types("/create tea open")
    alice.sees("You are in tea")
    bob.types("/join tea")
    bob.sees("You are in tea")
    bob.types("/quit")
    assert bob.is_cut_off()
    alice.sees("bob has gone offline")
    alice.types("one", "two", "/me three")
    alice.sees_nothing_of("bob")
    server.restart()
    bob = talk("bob", "password b", at_desk=False)
    bob.sees("While you were away, in tea:")
    bob.sees("alice (in tea): one\n")
    bob.sees("alice (in tea): two\n")
    bob.sees("~ alice (in tea) three\n")
    bob.sees("Group: ")
    bob.types("/quit")
    assert bob.is_cut_off()
    server.restart()
    bob = talk("bob", "password b")
    assert b"alice" not in bob.everything()


def test_a_second_device_begins_where_the_first_is(talk: Talk) -> None:
    """What one device has shown, another that logs in a moment later does not show again."""
    alice, laptop = talk("alice"), talk("bob", "password b")
    alice.types("/create tea open")
    alice.sees("You are in tea")
    laptop.types("/join tea")
    laptop.sees("You are in tea")
    for number in range(3):
        alice.types(f"line {number}")
        laptop.sees(f"line {number}")
        phone = talk("bob", "password b", at_desk=False)
        phone.sees("Group: ")
        assert b"line" not in phone.everything()
        phone.types("tea")
        phone.sees("You are in tea")
        alice.types("to both")
        for device in (laptop, phone):
            device.sees("to both")

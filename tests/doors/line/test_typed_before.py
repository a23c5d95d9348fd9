"""Lines that were typed before an approval or a kick."""

from __future__ import annotations

import pytest

from tests.support.connections import Connect, group_of_two


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_line_begun_in_a_group_is_no_command_of_the_front_desk(
    connect: Connect, newline: str
) -> None:
    """Somebody who is kicked while typing `exit strategy` is not disconnected."""
    alice, bob = group_of_two(connect, newline)
    bob.sends(b"exit stra")
    alice.types("/kick bob")
    assert "kicked" in bob.sees()
    bob.sends(b"tegy" + newline.encode())
    shown = bob.sees()
    assert "Bye" not in shown
    assert bob.wire.connected
    assert "* " in shown  # the refusal of a message to a group that one is not in
    assert "strategy" not in alice.sees()
    bob.types("exit", "exit")  # typed at the front desk; once it is doubtful
    assert "Bye." in bob.sees()


def test_a_line_begun_at_the_front_desk_is_no_message(connect: Connect) -> None:
    """A private line is not posted to the group after an approval."""
    alice, bob = connect().logs_in("alice"), connect().logs_in("bob")
    alice.types("/create tea approval")
    bob.types("/join tea")
    bob.sends(b"message alice p")
    alice.types("/approve bob")
    assert "You are in tea" in bob.sees()
    alice.sees()
    bob.sends(b"in\n")
    bob.sees()
    assert "bob: message" not in alice.sees()
    bob.types("hello")
    assert "bob: hello" in alice.sees()


def test_lines_after_a_command_are_meant_for_its_place(connect: Connect) -> None:
    """Lines sent together with one's own command are handled at its new place."""
    alice = connect().logs_in("alice")
    alice.types("/create tea open", "/desk")
    bob = connect().logs_in("bob")
    bob.sends(b"/join tea\nhello\n")
    alice.types("/join tea")
    assert "hello" in bob.sees() or "hello" in alice.sees()
    bob.sends(b"/desk\nwho\n")
    assert "Online" in bob.sees()

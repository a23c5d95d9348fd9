"""Lines that were sent before an approval or a kick arrived, at nc and telnet."""

from __future__ import annotations

import pytest

from tests.support.connections import Connect, TestConnection

NEWLINES = pytest.mark.parametrize("newline", ["\n", "\r\n"])


def applicant_of(connect: Connect, newline: str) -> tuple[TestConnection, TestConnection]:
    """Return alice, the admin of tea, and bob, who waits for her approval at the front desk."""
    alice, bob = connect().logs_in("alice"), connect(newline).logs_in("bob")
    alice.types("/create tea")
    bob.types("/join tea")
    return alice, bob


@NEWLINES
@pytest.mark.parametrize(
    "lines", [("message carol the pin is 9731",), ("message", "carol", "the pin is 9731")]
)
def test_a_private_line_is_not_said_in_the_group(
    connect: Connect, newline: str, lines: tuple[str, ...]
) -> None:
    """An approval during the typing: neither the command nor the lines after it are posted."""
    carol = connect().logs_in("carol")
    alice, bob = applicant_of(connect, newline)
    alice.types("/approve bob")
    alice.sees()
    bob.sends("".join(line + newline for line in lines).encode())
    assert "You are in tea now: send it again to say it there." in bob.sees()
    bob.types("Hello team!")
    seen = alice.sees()
    assert "bob: Hello team!" in seen
    assert "9731" not in seen
    assert "9731" not in carol.sees()


@NEWLINES
def test_who_is_kicked_while_typing_stays_connected(connect: Connect, newline: str) -> None:
    """Lines that were sent before the kick was shown are not executed."""
    alice, bob = applicant_of(connect, newline)
    alice.types("/approve bob", "/kick bob")
    bob.sends(f"exit strategy{newline}exit{newline}".encode())
    assert "You are at the front desk now" in bob.sees()
    bob.waits(3)
    assert bob.wire.connected
    bob.types("exit", "exit")
    bob.waits(3)
    assert not bob.wire.connected

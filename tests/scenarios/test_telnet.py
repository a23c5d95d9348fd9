"""The real `telnet`, at a pseudo-terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pexpect
import pytest

from tests.support.servers import PATIENCE, Server
from tests.support.skips import require_program
from tests.support.users import UserOf

Telnet = Callable[[], "pexpect.spawn[bytes]"]


@pytest.fixture
def telnet(server: Server) -> Iterator[Telnet]:
    """Start telnet, connected to the server."""
    program = require_program("telnet")
    children: list[pexpect.spawn[bytes]] = []

    def start() -> pexpect.spawn[bytes]:
        child = pexpect.spawn(program, ["127.0.0.1", str(server.port)], timeout=PATIENCE)
        children.append(child)
        child.expect_exact(b"Username: ")
        return child

    yield start
    for child in children:
        child.close(force=True)


def logs_in(child: pexpect.spawn[bytes], name: str, password: str) -> bytes:
    """Register *name* and go to the front desk; return what was shown before."""
    shown = b""
    child.sendline(name)
    for prompt in (b"Password: ", b"The same again: "):
        child.expect_exact(prompt)
        shown += child.before
        assert child.waitnoecho(PATIENCE)
        child.sendline(password)
    child.expect_exact(b"Group: ")
    shown += child.before
    child.sendline("")
    child.expect_exact(b"\r\n> ")
    return shown + child.before


def test_an_evening_at_telnet(telnet: Telnet, user: UserOf) -> None:
    """Register with hidden passwords, join, see the prompt, talk with a user at nc, and quit."""
    alice = telnet()
    shown = logs_in(alice, "alice", "secret word")
    assert b"secret" not in shown
    assert b"Hello alice." in shown
    assert b"You are at the front desk" in shown
    alice.sendline("/create tea open")
    alice.expect_exact(b"you are its admin")
    alice.expect_exact(b"\r\n[tea] ")

    bob = user("nc", "bob")
    bob.types("/join tea")
    bob.sees("You are in tea")
    alice.expect_exact(b"* bob has joined the chat!\r\n[tea] ")
    bob.types("Hello from nc")
    alice.expect_exact(b"\r\x1b[Kbob: Hello from nc\r\n[tea] ")
    alice.sendline("Hello from telnet: caf\u00e9")
    bob.sees("alice: Hello from telnet: caf\u00e9\n")
    assert b"\r" not in bob.everything()
    assert b"\xff" not in bob.everything()
    alice.expect_exact(b"[tea] ")

    alice.sendline("/quit good night")
    alice.expect_exact(b"* Bye.\r\n")
    alice.expect(pexpect.EOF)
    assert b"secret" not in alice.before
    bob.sees("alice has gone offline: good night")


def test_the_echo_around_passwords(telnet: Telnet) -> None:
    """What is typed before and after a password is echoed; the password is not."""
    alice = telnet()
    alice.sendline("alice")
    alice.expect_exact(b"alice\r\n")
    alice.expect_exact(b"Password: ")
    assert alice.waitnoecho(PATIENCE)
    alice.sendline("secret word")
    alice.expect_exact(b"The same again: ")
    assert b"secret" not in alice.before
    assert alice.waitnoecho(PATIENCE)
    alice.sendline("another word")
    alice.expect_exact(b"* The two passwords differ. Once more:\r\nPassword: ")
    assert b"another" not in alice.before
    assert alice.waitnoecho(PATIENCE)
    alice.sendline("")
    alice.expect_exact(b"Group: ")
    alice.sendline("tea")
    alice.expect_exact(b"tea\r\n")


def test_ctrl_c_does_not_end_the_output(telnet: Telnet, user: UserOf) -> None:
    """After Ctrl-C telnet drops output until the server answers, which it does."""
    alice = telnet()
    logs_in(alice, "alice", "secret word")
    alice.sendline("/create tea open")
    alice.expect_exact(b"\r\n[tea] ")
    bob = user("nc", "bob")
    bob.types("/join tea")
    alice.expect_exact(b"* bob has joined the chat!")
    for press in range(3):
        alice.sendintr()
        alice.sendline(f"still here {press}")
        bob.sees(f"alice: still here {press}\n")
        bob.types(f"so am I {press}")
        alice.expect_exact(b"bob: so am I %d\r\n" % press)
    alice.sendline("/members")
    alice.expect_exact(b"* 2 members of tea:\r\n")
    alice.expect_exact(b"[tea] ")

"""The real `nc`, at pipes, as a person or a script uses it."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.support.servers import PATIENCE, Server
from tests.support.skips import require_program
from tests.support.users import UserOf

Nc = Callable[..., bytes]

THANKS = "\u0441\u043f\u0430\u0441\u0438\u0431\u043e \U0001f375"


@pytest.fixture
def nc(server: Server) -> Nc:
    """Run nc with *lines* as its whole input, and return its output."""
    program = require_program("nc")

    def run(*lines: str) -> bytes:
        done = subprocess.run(
            [program, "-N", "127.0.0.1", str(server.port)],
            input="".join(f"{line}\n" for line in lines).encode(),
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
        assert b"\xff" not in done.stdout
        assert b"\r" not in done.stdout
        assert done.stderr == b""
        return done.stdout

    return run


class Piped:
    """nc as a person uses it: it stays connected, and prints lines as they arrive."""

    def __init__(self, program: str, port: int) -> None:
        self.process = subprocess.Popen(
            [program, "127.0.0.1", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.shown = b""
        self._seen = 0

    def types(self, *lines: str) -> None:
        """Type *lines*."""
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self.process.stdin.flush()

    def sees(self, text: str) -> str:
        """Wait for *text* after what was seen last, and return its line up to there."""
        wanted = text.encode()
        while (at := self.shown.find(wanted, self._seen)) < 0:
            assert self._reads(), f"did not see {text!r} but {self.shown[self._seen :]!r}"
        self._seen = at + len(wanted)
        return self.shown[: self._seen].rpartition(b"\n")[2].decode()

    def is_over(self) -> int:
        """Close nc's input, wait until it ends, and return its exit status.

        It ends only if the server has disconnected, too.
        """
        assert self.process.stdin is not None
        self.process.stdin.close()
        while self._reads():
            pass
        return self.process.wait(PATIENCE)

    def _reads(self) -> bool:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        assert ready, f"nothing received after {self.shown[self._seen :]!r}"
        data = os.read(self.process.stdout.fileno(), 65536)
        self.shown += data
        return bool(data)


@pytest.fixture
def at_nc(server: Server) -> Iterator[Callable[[], Piped]]:
    """Start nc, connected to the server."""
    program = require_program("nc")
    started: list[Piped] = []

    def start() -> Piped:
        started.append(Piped(program, server.port))
        return started[-1]

    yield start
    for piped in started:
        piped.process.kill()
        with piped.process:
            pass


def test_a_script_gets_all_of_its_answers(nc: Nc, user: UserOf) -> None:
    """All lines of a script whose input ends at once are carried out and answered."""
    bob = user("nc", "bob")
    bob.types("/create tea open")
    bob.sees("You are in tea")
    shown = nc("alice", "secret word", "tea", "Hello from a script", "/members", "/whoAdmin")
    assert b"Hello alice." in shown
    assert b"* You are in tea (number 1): 2 members" in shown
    assert b"* 2 members of tea:\n" in shown
    assert b"* The admin of tea is bob, who is online.\n" in shown
    bob.sees("alice: Hello from a script\n")
    bob.sees("alice has gone offline")

    # Registered, so the next script with the same password is still a member.
    bob.types("What did you say?")
    bob.does_not_see("alice")
    shown = nc("ALICE", "secret word", "tea", "/history 3", "/quit")
    missed, _, history = shown.partition(b"* You are in tea")
    assert b"bob (in tea): What did you say?\n" in missed
    assert b"alice: Hello from a script\n" in history
    assert shown.endswith(b"* Bye.\n")


def test_many_lines_at_once(nc: Nc, user: UserOf) -> None:
    """A thousand lines in one pipe arrive in order, and so does the last answer."""
    bob = user("nc", "bob")
    bob.types("/create tea open")
    bob.sees("You are in tea")
    lines = [f"line {number}" for number in range(1000)]
    shown = nc("alice", "", "tea", *lines, "/online")
    assert b"*   bob (admin, guest)\n*   alice (guest)\n" in shown
    bob.sees("alice: line 999\n")
    said = [line for line in bob.everything().decode().splitlines() if line.startswith("alice: ")]
    assert said == [f"alice: {line}" for line in lines]


def test_a_script_that_cannot_log_in(nc: Nc, user: UserOf) -> None:
    """A script with a wrong password is told so, and nc ends."""
    user("nc", "alice", "secret word")
    shown = nc("alice", "wrong word", "/who")
    assert b"* That is not the password of alice.\n" in shown
    assert b"Online" not in shown


def test_two_people_at_nc(at_nc: Callable[[], Piped]) -> None:
    """Two users talk; when one quits, the server ends the connection and nc exits."""
    alice, bob = at_nc(), at_nc()
    alice.types("alice", "secret of alice", "tea")
    alice.sees("which is new: you are its admin")
    bob.types("bob", "", "tea")
    alice.sees("* bob asks to join tea (/approve bob, /reject bob)")
    alice.types("/approve")
    bob.sees("You are in tea: alice approved your request.")
    bob.types(THANKS)
    assert alice.sees(THANKS) == f"bob: {THANKS}"
    alice.types("/transfer bob")
    alice.sees("bob is a guest: the admin of tea has to be registered, by /password.")
    alice.types("qqq")
    alice.sees("You are at the front desk; you are still a member of tea")
    for each in (alice, bob):
        each.types("exit" if each is alice else "/3")
        assert each.is_over() == 0
        assert each.shown.endswith(b"* Bye.\n")
        assert b"\xff" not in each.shown
        assert b"\r" not in each.shown

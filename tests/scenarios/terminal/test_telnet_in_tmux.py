"""The real `telnet` in tmux: text that arrives while one types leaves the typed line whole."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.servers import PATIENCE, Server
from tests.support.skips import require_program
from tests.support.users import UserOf

StartTmux = Callable[..., "Tmux"]


class Tmux:
    """One program in a terminal of tmux, with a server of its own."""

    def __init__(self, socket: Path, command: str, columns: int, rows: int) -> None:
        self._program = [require_program("tmux"), "-u", "-S", str(socket), "-f", os.devnull]
        size = ["-x", str(columns), "-y", str(rows)]
        self._tmux("new-session", "-d", *size, command)
        self._tmux("set-option", "window-size", "manual")

    def types(self, text: str) -> None:
        """Type *text*, as it is."""
        self._tmux("send-keys", "-l", "--", text)

    def presses(self, *keys: str) -> None:
        """Press *keys*, by their names in tmux."""
        self._tmux("send-keys", *keys)

    def resizes(self, columns: int) -> None:
        """Change the width, after which tmux wraps all lines again."""
        self._tmux("resize-window", "-x", str(columns))

    def screen(self) -> list[str]:
        """Return the rows on the screen, without the empty ones at its end."""
        return self._tmux("capture-pane", "-p").rstrip("\n").split("\n")

    def cursor(self) -> tuple[int, int]:
        """Return column and row of the cursor."""
        at = self._tmux("display-message", "-p", "#{cursor_x} #{cursor_y}").split()
        return int(at[0]), int(at[1])

    def shows(self, sought: Callable[[list[str]], bool], what: str) -> list[str]:
        """Wait until the screen is as *sought*, and return it."""
        deadline = time.monotonic() + PATIENCE
        while not sought(screen := self.screen()):
            assert time.monotonic() < deadline, f"did not see {what}:\n" + "\n".join(screen)
            time.sleep(0.05)
        return screen

    def sees(self, text: str) -> list[str]:
        """Wait until a row is *text*, and return the screen."""
        return self.shows(lambda rows: text in rows, repr(text))

    def ends(self, *rows: str) -> None:
        """Wait until the last rows, above the status line, are *rows*."""
        self.shows(lambda screen: screen[-1 - len(rows) : -1] == [*rows], repr(rows))

    def close(self) -> None:
        """End tmux, and what runs in it."""
        self._tmux("kill-server")

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._program, *arguments], capture_output=True, text=True, timeout=PATIENCE
        )
        return done.stdout


@pytest.fixture
def alice(server: Server, tmp_path: Path) -> Iterator[Tmux]:
    """A guest at telnet, in an open group, in a window of 40 columns."""
    command = f"TERM=screen {require_program('telnet')} 127.0.0.1 {server.port}"
    tmux = Tmux(tmp_path / "tmux", command, 40, 24)
    try:
        tmux.sees("Username:")
        tmux.types("alice\r")
        tmux.sees("Password:")
        tmux.types("\r")
        tmux.sees("Group:")
        tmux.types("\r")
        tmux.sees(">")
        tmux.types("/create tea open\r")
        tmux.ends("[tea]")
        yield tmux
    finally:
        tmux.close()


def wrapped(text: str, columns: int) -> list[str]:
    """Return *text*, of wide characters after a prompt of 6 cells, in rows."""
    first = (columns - 6) // 2
    rows = ["[tea] " + text[:first]]
    per_row = columns // 2
    return rows + [text[at : at + per_row] for at in range(first, len(text), per_row)]


def test_the_typed_line_stays_whole(alice: Tmux, user: UserOf) -> None:
    """Eighty columns of wide characters and combining marks are half typed when text arrives.

    The window is resized from 40 columns to 30 and to 60 meanwhile.
    """
    bob = user("nc", "bob", group="tea")
    alice.sees("* bob has joined the chat!")
    text = "三四" * 20
    alice.types(text)
    alice.ends(*wrapped(text, 40))
    bob.types("hello")
    alice.ends("bob: hello", *wrapped(text, 40))
    for columns in (30, 60):
        alice.resizes(columns)
        alice.ends("bob: hello", *wrapped(text, columns))
        bob.types(f"at {columns}")
        alice.ends(f"bob: at {columns}", *wrapped(text, columns))
        bob.types("hello")
        alice.ends("bob: hello", *wrapped(text, columns))
    screen = alice.screen()
    assert sum("bob: at 30" in row for row in screen) == 1
    assert sum("[tea] 三" in row for row in screen) == 1
    alice.presses("Home")
    alice.types("e\u0301: ")
    alice.presses("Enter")
    bob.sees(f"alice: \u00e9: {text}\n")
    alice.ends("[tea]")

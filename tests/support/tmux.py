"""Programs in terminals of tmux, which wraps lines again when its width changes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.servers import PATIENCE
from tests.support.skips import require_program

__all__ = ["Tmux", "wrapped"]


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
        """End tmux and its program."""
        self._tmux("kill-server")

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._program, *arguments], capture_output=True, text=True, timeout=PATIENCE
        )
        return done.stdout


def wrapped(text: str, columns: int) -> list[str]:
    """Return *text*, of wide characters after a prompt of 6 cells, in rows."""
    first = (columns - 6) // 2
    rows = ["[tea] " + text[:first]]
    per_row = columns // 2
    return rows + [text[at : at + per_row] for at in range(first, len(text), per_row)]

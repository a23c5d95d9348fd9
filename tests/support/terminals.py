"""Real terminals: programs on pseudo-terminals, and the content of their screens."""

from __future__ import annotations

import os
import pty
import signal
import sqlite3
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pexpect
import pyte
from pexpect.fdpexpect import fdspawn

from tests.support.processes import Client
from tests.support.servers import PATIENCE, Server

__all__ = [
    "CLIENT",
    "PASSWORD",
    "StartClient",
    "Terminal",
    "at_terminals",
    "environment",
    "settings_are_kept",
    "stored_messages",
]

Object: TypeAlias = dict[str, Any]

CLIENT = str(Path(sys.executable).with_name("pyconchat"))
"""The client's command."""

PASSWORD = "a long password"
"""The password of each registered user at a terminal."""

COLUMNS, ROWS = 110, 30
"""Wide enough that no line of these tests needs a second row."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment for a client with the home folder *home*."""
    kept = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "LC_CTYPE")
    kept += ("LD_PRELOAD", "FAKETIME", "FAKETIME_SHARED")  # the clock that faketime(1) sets
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "TERM": "xterm-256color",
        "TZ": "UTC",
        "PYTHONUTF8": "1",
        **more,
    }


def stored_messages(server: Server, group: str) -> list[str]:
    """Return the texts that *server* has stored of the messages in *group*, oldest first."""
    with closing(sqlite3.connect(server.state / "pyconchat.db")) as database:
        rows = database.execute(
            "SELECT json_extract(body, '$.text') FROM entries"
            " WHERE conversation IN (SELECT conversation FROM groups WHERE name = ?)"
            " AND json_extract(body, '$.type') = 'message' ORDER BY conversation, seq",
            (group,),
        ).fetchall()
    return [text for (text,) in rows]


class _Screen(pyte.Screen):  # type: ignore[misc]  # pyte has no annotations
    """A screen with a scrollback: it keeps the rows that leave it at the top."""

    def __init__(self, columns: int, rows: int) -> None:
        self.scrollback: list[str] = []
        self.bells = 0
        super().__init__(columns, rows)

    def row(self, number: int) -> str:
        cells = self.buffer[number]  # only those that were written to
        width = min(max(cells, default=-1) + 1, self.columns)
        return "".join(cells[column].data for column in range(width)).rstrip()

    def index(self) -> None:
        if self.cursor.y == self.lines - 1:
            self.scrollback.append(self.row(0))
        super().index()

    def bell(self, *_: object) -> None:
        self.bells += 1


class _ForkedClient(fdspawn):  # type: ignore[misc]
    """The client at a terminal, with the methods of `pexpect.spawn` that `Terminal` uses."""

    def __init__(
        self,
        arguments: Sequence[str],
        environ: dict[str, str],
        columns: int,
        rows: int,
        cwd: Path,
    ) -> None:
        master, terminal = pty.openpty()
        termios.tcsetwinsize(terminal, (rows, columns))
        self._client = Client(arguments, cwd, (terminal, terminal, terminal), environ)
        os.close(terminal)
        super().__init__(master, timeout=PATIENCE)

    def setwinsize(self, rows: int, columns: int) -> None:
        """Change the size of the window, of which the kernel informs the client."""
        termios.tcsetwinsize(self.child_fd, (rows, columns))

    def isalive(self) -> bool:
        """Return whether the client runs."""
        return self._client.poll() is None

    def kill(self, sent: int) -> None:
        """Send the client a signal."""
        self._client.send_signal(sent)

    def wait(self) -> None:
        """Wait until the client has ended."""
        status = self._client.wait(PATIENCE)
        self.exitstatus, self.signalstatus = (status, None) if status >= 0 else (None, -status)

    def close(self) -> None:
        """Close the terminal."""
        os.close(self.child_fd)


class Terminal:
    """A user at a terminal in which *command* runs: without one, the client."""

    def __init__(
        self,
        command: Sequence[str],
        arguments: Sequence[str],
        environ: dict[str, str],
        columns: int = COLUMNS,
        rows: int = ROWS,
        *,
        cwd: Path,
    ) -> None:
        self._screen = _Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._received = b""
        self._ended = False
        self.child = (
            _spawn([*command, *arguments], environ, columns, rows, cwd)
            if command
            else _ForkedClient(arguments, environ, columns, rows, cwd)
        )
        self.settings_at_first = self.settings()

    # Acts of the user.

    def types(self, *lines: str) -> None:
        """Type *lines*, each with Enter."""
        self.keys("".join(f"{line}\r" for line in lines))

    def keys(self, keys: str) -> None:
        """Press *keys*, given as the terminal sends them."""
        self.child.send(keys.encode())

    def pastes(self, text: str) -> None:
        """Paste *text*, as a terminal with bracketed paste does."""
        self.keys(f"\x1b[200~{text}\x1b[201~")

    def resizes(self, columns: int, rows: int) -> None:
        """Change the size of the window."""
        self._screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    # Output for the user.

    def sees(self, text: str) -> str:
        """Wait until a row of the screen or the scrollback has *text*; return the last one."""
        return self.waits(lambda: self._last(self.rows(), text), f"see {text!r}")

    def sees_now(self, text: str) -> str:
        """Wait until *text* is on the screen; return the last row that has it."""
        return self.waits(lambda: self._last(self.screen(), text), f"see {text!r} now")

    def sees_below(self, text: str) -> str:
        """Wait until the status line, the last of the screen, has *text*."""
        return self.waits(lambda: self._last([self.bottom()], text), f"see {text!r} below")

    def sees_typed(self, text: str) -> None:
        """Wait until the row with the cursor is *text*: the prompt and the typed text."""
        self.waits(lambda: self.line() == text, f"have typed {text!r}")

    def waits(
        self, sought: Callable[[], Any], what: str = "see it", patience: float = PATIENCE
    ) -> Any:
        """Wait until *sought* returns something true, and return that."""
        deadline = time.monotonic() + patience
        while True:
            found = sought()
            if found:
                return found
            if self._ended or time.monotonic() > deadline:
                raise AssertionError(f"did not {what}:\n" + "\n".join(self.rows()[-60:]))
            self.looks(0.05)

    def looks(self, seconds: float = 0.0) -> bool:
        """Process output for up to *seconds*; return whether there was any."""
        if self._ended:
            return False
        try:
            data = self.child.read_nonblocking(65536, seconds)
        except pexpect.TIMEOUT:
            return False
        except pexpect.EOF:
            self._ended = True
            return False
        self._received += data
        self._stream.feed(data)
        return True

    def screen(self) -> list[str]:
        """Return the rows of the screen, without the empty ones at its end."""
        rows = [self._screen.row(number) for number in range(self._screen.lines)]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def rows(self) -> list[str]:
        """Return the rows of the scrollback and the screen."""
        return self._screen.scrollback + self.screen()

    def bottom(self) -> str:
        """Return the last row that is not empty."""
        return next(iter(reversed(self.screen())), "")

    def line(self) -> str:
        """Return the row in which the cursor is."""
        return self._screen.row(self._screen.cursor.y)

    def cell(self, text: str) -> Any:
        """Return the first character of *text*, as on the screen, with its colours."""
        for number in range(self._screen.lines):
            column = self._screen.row(number).find(text)
            if column >= 0:
                return self._screen.buffer[number][column]
        raise AssertionError(f"{text!r} is not on the screen")

    def times_seen(self, text: str) -> int:
        """Return how many rows have *text*."""
        return sum(text in row for row in self.rows())

    @property
    def bells(self) -> int:
        """Return how often the bell has rung."""
        return self._screen.bells

    def everything(self) -> bytes:
        """Return all bytes of the output."""
        return self._received

    # The terminal and the program.

    def settings(self) -> list[Any]:
        """Return the settings of the terminal (termios(3))."""
        return termios.tcgetattr(self.child.child_fd)

    def echoes(self) -> bool:
        """Return whether the terminal echoes input."""
        return bool(self.settings()[3] & termios.ECHO)

    def ends(self) -> int:
        """Wait until the program has ended; return its status, or minus its signal."""
        self.waits_for_end()
        self.child.wait()
        if self.child.signalstatus is not None:
            return -int(self.child.signalstatus)
        assert self.child.exitstatus is not None
        return int(self.child.exitstatus)

    def waits_for_end(self, patience: float = PATIENCE) -> None:
        """Wait until no program has the terminal open."""
        deadline = time.monotonic() + patience
        while not self._ended:
            assert time.monotonic() < deadline, "\n".join(["it has not ended:", *self.rows()[-60:]])
            self.looks(0.05)

    def close(self) -> None:
        """Kill the program if it still runs, and close the terminal."""
        if self.child.isalive():
            self.child.kill(signal.SIGKILL)
            self.child.wait()
        self.child.close()

    @staticmethod
    def _last(rows: list[str], text: str) -> str | None:
        return next((row for row in reversed(rows) if text in row), None)


def _spawn(
    command: Sequence[str], environ: dict[str, str], columns: int, rows: int, cwd: Path
) -> pexpect.spawn[bytes]:
    child: pexpect.spawn[bytes] = pexpect.spawn(
        command[0],
        list(command[1:]),
        env=environ,  # type: ignore[arg-type]  # the stubs want os._Environ
        dimensions=(rows, columns),
        timeout=PATIENCE,
        cwd=cwd,
        echo=True,
    )
    child.delaybeforesend = None  # pexpect's pauses are for programs that are not ready
    child.ptyproc.delayafterclose = 0
    return child


StartClient: TypeAlias = Callable[..., Terminal]


@contextmanager
def at_terminals(folder: Path) -> Iterator[Callable[..., Terminal]]:
    """Yield a function that starts the client at a terminal; close all terminals at the end.

    ``start("alice", "HOST:PORT")``: the home folder of *alice* is in *folder*.
    """
    started: list[Terminal] = []

    def start(
        who: str,
        *arguments: str,
        command: Sequence[str] = (),
        columns: int = COLUMNS,
        rows: int = ROWS,
        **environ: str,
    ) -> Terminal:
        home = folder / who
        home.mkdir(exist_ok=True)
        started.append(
            Terminal(command, arguments, environment(home, **environ), columns, rows, cwd=home)
        )
        return started[-1]

    try:
        yield start
    finally:
        for terminal in started:
            terminal.close()


def settings_are_kept(terminal: Terminal) -> None:
    """Check that the terminal has its first settings, a visible cursor and no bracketed paste."""
    assert terminal.settings() == terminal.settings_at_first
    hidden, shown = (terminal.everything().rfind(b"\x1b[?25" + each) for each in (b"l", b"h"))
    assert shown >= hidden
    pasted, typed = (terminal.everything().rfind(b"\x1b[?2004" + each) for each in (b"h", b"l"))
    assert typed >= pasted

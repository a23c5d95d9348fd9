"""`client`: how soon the terminal client answers: at its start, and in the middle of a burst."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.cores import GENERATOR_CORE
from benchmarks.options import Failed, Options
from benchmarks.report import Result
from benchmarks.server import LOOPBACK, Server, running

__all__ = ["client"]

BURST = 5_000
PATIENCE = 30.0
KEY = b"q"
"""A key that nothing else on the screen has: the burst is of capitals and digits."""


def client(options: Options) -> list[Result]:
    """Measure the client's start, and its keys while a burst of lines comes in."""
    result = Result("client", f"client: a burst of {BURST:,} lines")
    for _ in range(options.runs):
        reactor = _seconds(sys.executable, "-c", "import twisted.internet.reactor")
        help = _seconds(_command(), "--help")
        result.note("--help more than the reactor", "ms", (help - reactor) * 1000, most=150)
        with running(options) as server:
            server.start()
            with _at_terminal(server, options.folder) as terminal:
                result.note("to a connected prompt", "ms", terminal.began * 1000, most=500)
                slowest, lines = _burst(server, terminal)
                result.note("slowest key in the burst", "ms", slowest * 1000, most=100)
                result.note("lines shown", "lines/s", lines)
    return [result]


def _seconds(*command: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _command() -> str:
    return str(Path(sys.executable).with_name("pyconchat"))


class _Terminal:
    """A client on a pseudo-terminal that is read as it writes; *began*: seconds to its prompt."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.seen = b""
        self.began = 0.0

    def sees(self, wanted: bytes, after: int) -> None:
        """Read until *wanted* is among what came after the first *after* bytes."""
        deadline = time.perf_counter() + PATIENCE
        while wanted not in self.seen[after:]:
            if time.perf_counter() > deadline or not self.reads():
                raise Failed(f"the client did not show {wanted!r} but {self.seen[-300:]!r}")

    def reads(self, timeout: float = PATIENCE) -> bool:
        """Read what is there; return whether anything came within *timeout* seconds."""
        if not select.select([self._master], [], [], timeout)[0]:
            return False
        self.seen += os.read(self._master, 65_536)
        return True

    def types(self, keys: bytes) -> None:
        """Press *keys*."""
        os.write(self._master, keys)


@contextlib.contextmanager
def _at_terminal(server: Server, folder: Path) -> Iterator[_Terminal]:
    with tempfile.TemporaryDirectory(prefix="client-", dir=folder) as state:
        environ = {**os.environ, "XDG_STATE_HOME": str(Path(state).resolve()), "TERM": "xterm"}
        environ.pop("NO_COLOR", None)
        environ["PYCONCHAT_PASSWORD"] = "benchmark"
        master, slave = pty.openpty()
        began = time.perf_counter()
        process = subprocess.Popen(
            [_command(), "--name", "reader", "--group", "GROUP", LOOPBACK, str(server.port)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {GENERATOR_CORE}),
        )
        os.close(slave)
        terminal = _Terminal(master)
        try:
            terminal.sees(b"[GROUP]", 0)
            terminal.began = time.perf_counter() - began
            yield terminal
        finally:
            process.kill()
            process.wait()
            os.close(master)


def _burst(server: Server, terminal: _Terminal) -> tuple[float, float]:
    """Send a burst; return the seconds that the slowest key took, and the lines a second."""
    terminal.types(b"/policy open\r")
    terminal.sees(b"policy to", 0)
    with socket.create_connection((LOOPBACK, server.port), PATIENCE) as speaker:
        speaker.sendall(b'{"hello":1,"name":"SPEAKER"}\n{"id":1,"line":"/join GROUP"}\n')
        terminal.sees(b"joined", 0)
        lines = [
            f'{{"id":{n},"group":"GROUP","text":"LINE {n:05} OF MANY"}}\n' for n in range(BURST)
        ]
        speaker.settimeout(None)
        began = time.perf_counter()
        speaker.sendall("".join(lines).encode())
        last = f"LINE {BURST - 1:05}".encode()
        slowest = 0.0
        while last not in terminal.seen[-200_000:]:
            slowest = max(slowest, _key(terminal))
        return slowest, BURST / (time.perf_counter() - began)


def _key(terminal: _Terminal) -> float:
    """Press a key; return the seconds until it is on the screen. Then take it back."""
    after = len(terminal.seen)
    pressed = time.perf_counter()
    terminal.types(KEY)
    terminal.sees(KEY, after)
    took = time.perf_counter() - pressed
    terminal.types(b"\x7f")
    while terminal.reads(0.02) and len(terminal.seen) - after < 20_000:
        pass
    return took

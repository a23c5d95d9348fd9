"""`client`: the response time of the terminal client, at its start and during a burst of lines."""

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
"""Lines that are sent at once."""

TIMEOUT = 30.0
"""Maximum seconds until an expected output of the client."""

KEY = b"q"
"""A key that appears nowhere else on the screen: the burst has capitals and digits only."""


def client(options: Options) -> list[Result]:
    """Measure the client's start, and the echo of keys during a burst of lines."""
    result = Result("client", f"client: a burst of {BURST:,} lines")
    for _ in range(options.runs):
        reactor = _seconds(sys.executable, "-c", "import twisted.internet.reactor")
        help = _seconds(_command(), "--help")
        result.add("--help minus import of reactor", "ms", (help - reactor) * 1000, maximum=150)
        with running(options) as server:
            server.start()
            with _running_client(server, options.folder) as terminal:
                result.add(
                    "to a connected prompt", "ms", terminal.start_seconds * 1000, maximum=500
                )
                slowest, lines = _burst(server, terminal)
                result.add("slowest key in the burst", "ms", slowest * 1000, maximum=100)
                result.add("lines displayed", "lines/s", lines)
    return [result]


def _seconds(*command: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _command() -> str:
    return str(Path(sys.executable).with_name("pyconchat"))


class _Terminal:
    """The pseudo-terminal of a client; *start_seconds* is the time to the client's prompt."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.output = b""
        self.start_seconds = 0.0

    def wait_for(self, text: bytes, after: int) -> None:
        """Read until the output after the first *after* bytes contains *text*. Raises `Failed`."""
        deadline = time.perf_counter() + TIMEOUT
        while text not in self.output[after:]:
            if time.perf_counter() > deadline or not self.read():
                raise Failed(f"the client displayed {self.output[-300:]!r}, not {text!r}")

    def read(self, timeout: float = TIMEOUT) -> bool:
        """Read once; return whether there was any output within *timeout* seconds."""
        if not select.select([self._master], [], [], timeout)[0]:
            return False
        self.output += os.read(self._master, 65_536)
        return True

    def type(self, keys: bytes) -> None:
        """Press *keys*."""
        os.write(self._master, keys)


@contextlib.contextmanager
def _running_client(server: Server, folder: Path) -> Iterator[_Terminal]:
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
            terminal.wait_for(b"[GROUP]", 0)
            terminal.start_seconds = time.perf_counter() - began
            yield terminal
        finally:
            process.kill()
            process.wait()
            os.close(master)


def _burst(server: Server, terminal: _Terminal) -> tuple[float, float]:
    """Send a burst; return the seconds of the slowest key, and the lines displayed per second."""
    terminal.type(b"/policy open\r")
    terminal.wait_for(b"policy to", 0)
    with socket.create_connection((LOOPBACK, server.port), TIMEOUT) as sender:
        sender.sendall(b'{"hello":1,"name":"SENDER"}\n{"id":1,"line":"/join GROUP"}\n')
        terminal.wait_for(b"joined", 0)
        lines = [
            f'{{"id":{n},"group":"GROUP","text":"LINE {n:05} OF MANY"}}\n' for n in range(BURST)
        ]
        sender.settimeout(None)
        began = time.perf_counter()
        sender.sendall("".join(lines).encode())
        last = f"LINE {BURST - 1:05}".encode()
        slowest = 0.0
        while last not in terminal.output[-200_000:]:
            slowest = max(slowest, _time_key(terminal))
        return slowest, BURST / (time.perf_counter() - began)


def _time_key(terminal: _Terminal) -> float:
    """Press a key; return the seconds until it is on the screen. Then delete it."""
    after = len(terminal.output)
    pressed = time.perf_counter()
    terminal.type(KEY)
    terminal.wait_for(KEY, after)
    seconds = time.perf_counter() - pressed
    terminal.type(b"\x7f")
    while terminal.read(0.02) and len(terminal.output) - after < 20_000:
        pass
    return seconds

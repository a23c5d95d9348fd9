"""A real `twistd pyconchat` for one run, pinned to its core, with its state on a real disk."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.cores import SERVER_CORE
from benchmarks.options import Failed, Options
from benchmarks.protocols import PROMPT

__all__ = ["LOOPBACK", "MAX_CONCURRENT_LOGINS", "TIMEOUT", "Server", "free_port", "running"]

LOOPBACK = "127.0.0.1"

MAX_CONCURRENT_LOGINS = 16
"""Fewer than the backlog of listen(2), so that no connection is refused."""

TIMEOUT = 60.0
"""Maximum seconds until a server shows its first prompt, and until it has stopped."""

# All users connect from one address, and send more than a person could. The other limits, for
# example of unsent bytes, have their defaults.
_CONFIG = """
state = "{state}"
[store]
durability = "{durability}"
[limits]
connections_per_ip = 0
connections_per_ip_10min = 0
sessions_per_ip = 0
unauthenticated = 0
login_seconds = 0
login_attempts_per_minute = 0
messages_per_second = 0
"""


class Server:
    """A server on *state*; its configuration and its log are in *folder*."""

    logins = MAX_CONCURRENT_LOGINS

    def __init__(self, folder: Path, state: Path, durability: str, settings: str = "") -> None:
        self.port = free_port()
        self._folder = folder
        self._log = folder / "server.log"
        self._config = folder / "pyconchat.toml"
        self._config.write_text(_CONFIG.format(state=state, durability=durability) + settings)
        self._process: subprocess.Popen[bytes] | None = None

    def use_store(self, url: str) -> None:
        """Have the server use the database at *url*."""
        text = self._config.read_text()
        self._config.write_text(text.replace("[store]\n", f'[store]\nurl = "{url}"\n'))

    def start(self) -> float:
        """Start the server; return the seconds until its first prompt. Raises `Failed`."""
        twistd = Path(sys.executable).with_name("twistd")
        settings = ["--nodaemon", "--pidfile=", "pyconchat", "--config", self._config.name]
        with self._log.open("wb") as log:
            began = time.perf_counter()
            self._process = subprocess.Popen(
                [twistd, *settings, LOOPBACK, str(self.port)],
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
            )
        while time.perf_counter() - began < TIMEOUT and self._process.poll() is None:
            try:
                with socket.create_connection((LOOPBACK, self.port), TIMEOUT) as connection:
                    _wait_for_prompt(connection)
                    return time.perf_counter() - began
            except ConnectionRefusedError:
                time.sleep(0.001)
        raise Failed("the server did not start")

    @property
    def pid(self) -> int:
        """Return the process id."""
        assert self._process is not None, "the server has not been started"
        return self._process.pid

    def last_lines(self) -> str:
        """Return the end of the log."""
        return self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""

    def stop(self) -> None:
        """Stop the server; kill it if that takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


@contextlib.contextmanager
def running(options: Options, state: Path | None = None, settings: str = "") -> Iterator[Server]:
    """Yield a server on *state*, or on a new state, which the caller starts; stop it at the end.

    *settings* is added to its configuration file. The server's last lines are added to a `Failed`
    raised in the block.
    """
    # Not in /tmp, which may be in memory: `durability = "full"` must wait for a disk.
    with tempfile.TemporaryDirectory(prefix="run-", dir=options.folder) as name:
        folder = Path(name).resolve()
        server = Server(folder, state or folder / "state", options.durability, settings)
        try:
            yield server
        except (Failed, OSError) as failed:
            raise Failed(f"{failed}\nthe server's last lines:\n{server.last_lines()}") from failed
        finally:
            server.stop()


def _wait_for_prompt(connection: socket.socket) -> None:
    connection.sendall(b"\n")  # a silent client would be prompted a moment later
    received = b""
    while PROMPT not in received:
        data = connection.recv(4096)
        if not data:
            raise Failed("the server closed its first connection")
        received += data


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])

"""A redis-server for the tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.support.folders import in_memory
from tests.support.servers import PATIENCE, free_port
from tests.support.skips import require_program

__all__ = ["RedisServer"]


class RedisServer:
    """A server with *options*, on a port of loopback; `start` it before use."""

    def __init__(self, *options: str, tls: bool = False) -> None:
        self._program = require_program("redis-server")
        self._options = options
        self._port_option = "--tls-port" if tls else "--port"
        self._folder = Path(tempfile.mkdtemp(prefix="pyconchat-redis-", dir=in_memory()))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()  # the same after each start
        self.socket = self._folder / "socket"

    def start(self) -> None:
        """Start it at its port, unless it is running."""
        if self._process is not None:
            return
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._program, "--bind", "127.0.0.1", "--unixsocket", str(self.socket)),
                    *("--save", "", "--appendonly", "no", "--port", "0"),
                    *(self._port_option, str(self.port), *self._options),
                ],
                cwd=self._folder,
                # Redis cannot run under faketime, and keeps the real time.
                env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait(self._process)
        except BaseException:
            self.kill()
            raise

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                break
            running = process.poll() is None and time.monotonic() < deadline
            assert running, (self._folder / "log").read_text()
            time.sleep(0.01)

    def kill(self) -> None:
        """Kill it, as ``kill -9`` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def freeze(self) -> None:
        """Stop its execution; its connections stay open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue its execution."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def command(self, *words: bytes) -> bytes:
        """Return the answer to a command."""
        return self.commands(words)

    def commands(self, *commands: Sequence[bytes]) -> bytes:
        """Return the answers to *commands*, on a connection of their own."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(str(self.socket))
            answers = b""
            for words in commands:
                parts = [b"*%d\r\n" % len(words)]
                parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
                connection.sendall(b"".join(parts))
                answers += connection.recv(65536)
            return answers

    def close(self) -> None:
        """Kill it, and remove its folder."""
        self.kill()
        shutil.rmtree(self._folder)

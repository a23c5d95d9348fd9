"""Real servers, each in a process of its own."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.processes import Twistd
from tests.support.stores import copy_empty

__all__ = ["PATIENCE", "UNLIMITED", "Server", "fails", "free_port", "running"]

PATIENCE = 30.0
"""Seconds after which a test fails because something did not happen: ten times what the slowest
takes on an idle machine, which others may keep busy."""

# Tests connect from one address and type faster than people.
UNLIMITED = """
[limits]
connections_per_ip = 0
connections_per_ip_10min = 0
sessions_per_ip = 0
login_attempts_per_minute = 0
messages_per_second = 0
groups_per_account = 100_000
"""


def free_port() -> int:
    """Return a TCP port of loopback that nobody listens on.

    It is below the ports that Linux gives to outgoing connections: one of those would be taken by a
    connection of another test before the server listens on it, or while the server restarts.
    """
    while True:
        port = 10_000 + secrets.randbelow(22_000)  # not random: tests set its seed
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Server:
    """A `twistd pyconchat` with its state in *folder*.

    *toml* is added to the configuration file; *limits* replaces its table of limits. With *tls* it
    has a second port, `tls_port`, with a self-signed certificate; with *ssh*, *irc* and *web*,
    `ssh_port`, `irc_port` and `web_port` of those doors. *constants* are values of the program that
    it has here, as in `Twistd`, and so is *real_hashes*.
    """

    def __init__(
        self,
        folder: Path,
        toml: str = "",
        limits: str = UNLIMITED,
        tls: bool = False,
        ssh: bool = False,
        irc: bool = False,
        web: bool = False,
        constants: Mapping[str, float] | None = None,
        real_hashes: bool = False,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.tls_port = free_port() if tls else 0
        self.ssh_port = free_port() if ssh else 0
        self.irc_port = free_port() if irc else 0
        self.web_port = free_port() if web else 0
        self.state = folder / "state"
        self._log = folder / "server.log"
        self._failures: list[str] = []  # logged before the last kill or restart
        self._toml = toml
        self._limits = limits
        self._constants = constants
        self._real_hashes = real_hashes
        self.process: Twistd | None = None

    def start(self, *options: str) -> None:
        """Start, and wait until it listens.

        The first start is with an empty database, which is quicker than to create one. That servers
        create theirs is checked by `tests/scenarios/test_service.py`.
        """
        if not self.state.exists():
            self.state.mkdir(mode=0o700)
            copy_empty(self.state)
        config = self.folder / "pyconchat.toml"
        config.write_text(f'state = "{self.state}"\n{self._toml}\n{self._limits}')
        if self.tls_port:
            options = ("--line", f"selfsigned:{self.tls_port}:interface=127.0.0.1", *options)
        for door in ("ssh", "irc", "web"):
            port = getattr(self, f"{door}_port")
            if port:
                options = (f"--{door}", f"tcp:{port}:interface=127.0.0.1", *options)
        address = ("127.0.0.1", str(self.port))
        self.process = Twistd(
            ["--nodaemon", "--pidfile=", "pyconchat", "--config", str(config), *options, *address],
            self.folder,
            self._log,
            constants=self._constants,
            real_hashes=self._real_hashes,
        )
        self.says(r"connect with: |PROXY protocol")

    def says(self, pattern: str, after: int = 0) -> re.Match[str]:
        """Wait until the log has *pattern* behind its first *after* characters; return the match.

        A thread writes the log, so that a line may come after all that the server does then. A line
        that is written in part does not count.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            log = self.log()
            found = re.search(pattern, log[after : log.rfind("\n") + 1])
            if found is not None:
                return found
            assert self.process is None or self.process.poll() is None, self.log()
            time.sleep(0.01)
        raise AssertionError(f"the server did not log {pattern!r}:\n{self.log()}")

    def log(self) -> str:
        """Return its output since the first start, or since the last kill or restart."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def whole_log(self) -> str:
        """Return the log with all lines until now: the line about a SIGHUP is written last."""
        self.hears_a_hangup()
        return self.log()

    def hears_a_hangup(self) -> str:
        """Send it a SIGHUP, and return what it logs until it has done all that it does then."""
        assert self.process is not None
        before = len(self.log())
        self.process.send_signal(signal.SIGHUP)
        self.says("read the accounts", before)
        return self.log()[before:]

    def tracebacks(self) -> list[str]:
        """Return the lines that report unexpected failures, of all logs since the first start."""
        bad = re.compile(r"Traceback|Unhandled|[+-]\d{4} error: ")
        return self._failures + [line for line in self.log().splitlines() if bad.search(line)]

    def stop(self) -> int:
        """Stop it as an administrator would; return the exit status."""
        if self.process is None:
            return 0
        process, self.process = self.process, None
        process.terminate()
        try:
            return process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def kill(self) -> None:
        """Kill it without warning."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)
        self.process = None
        self._begin_log()

    def restart(self) -> None:
        """Stop it and start it again, on the same state."""
        self.stop()
        self._begin_log()
        self.start()

    def _begin_log(self) -> None:
        """Empty the log, but keep the failures that it reports."""
        self._failures = self.tracebacks()
        self._log.write_text("")

    @contextmanager
    def is_unharmed(self, max_growth: int) -> Iterator[None]:
        """Check that it logs no traceback, and grows by less than *max_growth* bytes."""
        before = self.memory()
        yield
        assert self.tracebacks() == []
        assert self.memory() - before < max_growth

    def memory(self) -> int:
        """Return its resident memory, in bytes."""
        assert self.process is not None
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def running(server: Server, *options: str) -> Iterator[Server]:
    """Run *server*, and check that it logs no failure."""
    try:
        server.start(*options)
        yield server
    finally:
        server.stop()
    assert server.tracebacks() == []


def fails(*arguments: str, cwd: Path, constants: Mapping[str, float] | None = None) -> str:
    """Check that a server fails to start with one line on standard error, and return the line.

    *constants* are values of the program that it has here, as in `Twistd`.
    """
    log, errors = cwd / "failed.log", cwd / "failed.errors"
    for file in (log, errors):
        file.write_text("")
    line = ["--nodaemon", "--pidfile=", "pyconchat", *arguments]
    process = Twistd(line, cwd, log, errors, constants)
    status, output = process.wait(PATIENCE * 2), errors.read_text()
    assert status == 1, output
    assert "Traceback" not in log.read_text() + output, log.read_text() + output
    lines = output.splitlines()
    assert len(lines) == 1, output
    assert lines[0].startswith("pyconchat: ")
    return lines[0]

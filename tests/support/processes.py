"""Processes of twistd and of the client that start in a tenth of a second.

They are forked off a process that has imported everything, and run the command's own main
function. That the commands themselves start is checked by `tests/scenarios/test_service.py` and
`tests/scenarios/test_client_plain.py`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

from twisted.scripts import twistd

from pyconchat.client import main as client

__all__ = ["CLEAN", "TWISTD", "Client", "Twistd"]

CLEAN = (0, -signal.SIGTERM, -signal.SIGINT)
"""Exit statuses of an orderly stop: twistd stops by the signal that it was sent (signal(7))."""

TWISTD = str(Path(sys.executable).with_name("twistd"))

_forking = get_context("forkserver")
# pytest, because each process imports this process's main module.
_forking.set_forkserver_preload(
    [
        "pytest",
        "pyconchat.client.run",
        "pyconchat.client.ui.plain",
        "pyconchat.server.service",
        "pyconchat.store.sql",
        "alembic.command",
        "tests.support.processes",
    ]
)


class Forked:
    """A process forked by the fork server, with the methods of `subprocess.Popen`."""

    def __init__(self, args: list[str], target: Callable[..., None], *arguments: object) -> None:
        self.args = args
        self._process = _forking.Process(target=target, args=arguments, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raise `subprocess.TimeoutExpired` if that takes *timeout* seconds."""
        self._process.join(timeout)
        status = self._process.exitcode
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return status

    def send_signal(self, sent: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sent)

    def terminate(self) -> None:
        """Stop it as an administrator would."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it without warning."""
        self.send_signal(signal.SIGKILL)


class Twistd(Forked):
    """``twistd`` *arguments*, in *folder*, with its output appended to the file *log*.

    Its standard error goes to the file *errors*, if that is another.
    """

    def __init__(
        self, arguments: list[str], folder: Path, log: Path, errors: Path | None = None
    ) -> None:
        args = ["twistd", *arguments]
        log.touch()  # it may be read before the process has opened it
        super().__init__(args, _twistd, args, folder, log, errors or log, dict(os.environ))


class Client(Forked):
    """``pyconchat`` *arguments*, in *folder*.

    *stdin* and *stdout* are the paths of two terminals: what is typed is not echoed to the output.
    """

    def __init__(
        self, arguments: list[str], folder: Path, stdin: str, stdout: str, environ: dict[str, str]
    ) -> None:
        args = ["pyconchat", *arguments]
        super().__init__(args, _client, arguments, folder, stdin, stdout, environ)


def _twistd(
    args: list[str], folder: Path, log: Path, errors: Path, environ: dict[str, str]
) -> None:
    """Run twistd in this newly forked process."""
    for file, stream in ((log, sys.stdout), (errors, sys.stderr)):
        with file.open("ab") as output:
            os.dup2(output.fileno(), stream.fileno())
    _becomes(folder, environ)
    sys.argv = args
    twistd.run()


def _client(
    arguments: list[str], folder: Path, stdin: str, stdout: str, environ: dict[str, str]
) -> None:
    """Run the client in this newly forked process."""
    os.setsid()
    for descriptor, terminal in enumerate((stdin, stdout, stdout)):
        opened = os.open(terminal, os.O_RDWR)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin = os.fdopen(0, closefd=False)
    _becomes(folder, environ)
    sys.exit(client.main(arguments))


def _becomes(folder: Path, environ: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    os.chdir(folder)

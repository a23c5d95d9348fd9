"""Processes of twistd that start in a tenth of a second, forked off one that has imported it all.

Each is a process of its own, in which twistd's own main function runs: as after typing the
command, but for the half second in which Python imports the same modules every time. That the
command itself starts is what `tests/scenarios/test_service.py` checks.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

from twisted.scripts import twistd

__all__ = ["CLEAN", "TWISTD", "Twistd"]

CLEAN = (0, -signal.SIGTERM, -signal.SIGINT)
"""Exit statuses of an orderly end: twistd ends by the signal that it was sent (signal(7))."""

TWISTD = str(Path(sys.executable).with_name("twistd"))

_forking = get_context("forkserver")
# pytest, because each process imports what is the main module here.
_forking.set_forkserver_preload(
    [
        "pytest",
        "pyconchat.server.service",
        "pyconchat.store.sql",
        "alembic.command",
        "tests.support.processes",
    ]
)


class Twistd:
    """``twistd`` *arguments*, in *folder*, with its output added to the file *log*.

    What it says of failures goes to the file *errors*, if that is another. The rest is as of
    `subprocess.Popen`.
    """

    def __init__(
        self, arguments: list[str], folder: Path, log: Path, errors: Path | None = None
    ) -> None:
        self.args = ["twistd", *arguments]
        log.touch()  # for who reads it before it is opened there
        self._process = _forking.Process(
            target=_run,
            args=(self.args, folder, log, errors or log, dict(os.environ)),
            daemon=True,
        )
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


def _run(
    arguments: list[str], folder: Path, log: Path, errors: Path, environ: dict[str, str]
) -> None:
    """Be twistd, in a process that was just forked."""
    for file, stream in ((log, sys.stdout), (errors, sys.stderr)):
        with file.open("ab") as output:
            os.dup2(output.fileno(), stream.fileno())
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    os.chdir(folder)
    sys.argv = arguments
    twistd.run()

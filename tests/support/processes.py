"""Processes of twistd and of the client that start in a tenth of a second.

They are forked off a process that has imported everything, and run the command's own main
function. That the commands themselves start is checked by `tests/scenarios/test_service.py` and
`tests/scenarios/test_client_plain.py`.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from twisted.scripts import twistd

from pyconchat.auth import passwords
from pyconchat.client import main as client

__all__ = ["CLEAN", "TWISTD", "Client", "Twistd", "run_client"]

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
        "tests.support.frozen",
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
            with suppress(ProcessLookupError):  # it ends now
                os.kill(self.pid, sent)

    def terminate(self) -> None:
        """Stop it as an administrator would."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it without warning."""
        self.send_signal(signal.SIGKILL)


class Twistd(Forked):
    """``twistd`` *arguments*, in *folder*, with its output appended to the file *log*.

    Its standard error goes to the file *errors*, if that is another. *constants* are values of the
    program that it has in this process, by their full names, such as a shorter time to wait.
    *environ* are variables of its environment, besides those of this process. It hashes passwords
    with little work, unless *real_hashes*: the real work takes tens of milliseconds for each login.
    """

    def __init__(
        self,
        arguments: list[str],
        folder: Path,
        log: Path,
        errors: Path | None = None,
        constants: Mapping[str, float] | None = None,
        environ: Mapping[str, str] | None = None,
        real_hashes: bool = False,
    ) -> None:
        args = ["twistd", *arguments]
        log.touch()  # it may be read before the process has opened it
        files = folder, log, errors or log
        variables = {**os.environ, **(environ or {})}
        values = dict(constants or {})
        super().__init__(args, _twistd, args, *files, variables, values, real_hashes)


class Client(Forked):
    """``pyconchat`` *arguments*, in *folder*.

    *files* are the descriptors of its standard input, output and error. If the input is a terminal,
    it is the controlling terminal. *constants* are as in `Twistd`.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        files: tuple[int, int, int],
        environ: dict[str, str],
        constants: Mapping[str, float] | None = None,
    ) -> None:
        args, passed = ["pyconchat", *arguments], [_Passed(each) for each in files]
        values = dict(constants or {})
        super().__init__(args, _client, list(arguments), folder, passed, environ, values)


def run_client(
    *arguments: str | bytes,
    environ: dict[str, str],
    timeout: float,
    data: bytes = b"",
    folder: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run ``pyconchat`` *arguments* in pipes, with *data* as its input, as `subprocess.run` does.

    Raises `subprocess.TimeoutExpired` if it has not ended after *timeout* seconds.
    """
    (stdin, feed), (output, stdout), (errors, stderr) = os.pipe(), os.pipe(), os.pipe()
    names = [os.fsdecode(each) for each in arguments]
    client = Client(names, folder or Path.cwd(), (stdin, stdout, stderr), environ)
    for theirs in (stdin, stdout, stderr):
        os.close(theirs)
    with ThreadPoolExecutor(3) as threads:
        threads.submit(_write, feed, data)
        read = [threads.submit(_read, each) for each in (output, errors)]
        try:
            status = client.wait(timeout)
        finally:
            client.kill()
    out, err = (each.result() for each in read)
    return subprocess.CompletedProcess(client.args, status, out, err)


def _write(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file, suppress(BrokenPipeError):
        file.write(data)


def _read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


class _Passed:
    """A descriptor that is passed to another process, where it is an `int`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> Any:
        return _take, (DupFd(self._descriptor),)


def _take(passed: Any) -> int:
    descriptor: int = passed.detach()
    return descriptor


def _twistd(
    args: list[str],
    folder: Path,
    log: Path,
    errors: Path,
    environ: dict[str, str],
    constants: dict[str, float],
    real_hashes: bool,
) -> None:
    """Run twistd in this newly forked process."""
    for file, stream in ((log, sys.stdout), (errors, sys.stderr)):
        with file.open("ab") as output:
            os.dup2(output.fileno(), stream.fileno())
    _becomes(folder, environ)
    _set(constants)
    if not real_hashes:
        passwords._argon2 = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    sys.argv = args
    twistd.run()


def _set(constants: Mapping[str, float]) -> None:
    for name, value in constants.items():
        module, _, constant = name.rpartition(".")
        assert hasattr(import_module(module), constant), name
        setattr(import_module(module), constant, value)


def _client(
    arguments: list[str],
    folder: Path,
    files: list[int],
    environ: dict[str, str],
    constants: dict[str, float],
) -> None:
    """Run the client in this newly forked process."""
    os.setsid()
    for descriptor, passed in enumerate(files):
        os.dup2(passed, descriptor)
    for passed in set(files):
        os.close(passed)
    if os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # As Python opens them when it starts.
    sys.stdin = os.fdopen(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    for name, descriptor, errors in (
        ("stdout", 1, "surrogateescape"),
        ("stderr", 2, "backslashreplace"),
    ):
        by_line = os.isatty(descriptor) or name == "stderr"
        stream = os.fdopen(descriptor, "w", 1 if by_line else -1, "utf-8", errors, closefd=False)
        setattr(sys, name, stream)
    _becomes(folder, environ)
    _set(constants)
    sys.exit(client.main(arguments))


def _becomes(folder: Path, environ: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    os.chdir(folder)

"""Runs ``pyconchat-admin`` in processes of its own, and examines state folders."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING

from pyconchat.server import admin as program
from tests.support.servers import PATIENCE, Server

if TYPE_CHECKING:  # each process imports this module, and should start quickly
    from tests.support.programs import Program

__all__ = ["FILE", "PASSWORD", "Result", "Tree", "admin", "exchange", "share_file", "tree"]

PASSWORD = "secret of "
"""The first part of each password; the user's name follows."""

FILE = bytes(range(256)) * 300

Tree = dict[str, tuple[int, str]]
"""The mode of each file and folder in a folder, and the hash of each file."""


@dataclass
class Result:
    """Exit status and output of a program."""

    status: int | None
    out: str
    err: str

    @property
    def line(self) -> str:
        """Check that the program failed with one line on standard error, and return the line."""
        assert self.status == 1, self
        (line,) = self.err.splitlines()
        assert line.startswith("pyconchat-admin: "), self
        assert "None" not in line, self
        return line

    @property
    def lines(self) -> list[str]:
        """Check that the program succeeded, and return the lines that it printed."""
        assert (self.status, self.err) == (0, ""), self
        return self.out.splitlines()


def _run(arguments: list[str], folder: Path, max_file_bytes: int | None) -> None:
    """Run the program in this newly forked process, with its input and output in *folder*."""
    os.umask(0)
    for descriptor, name in enumerate(("in", "out", "err")):
        flags = os.O_RDWR | os.O_CREAT
        os.dup2(os.open(folder / name, flags, 0o600), descriptor)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    if max_file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))
    sys.exit(program.main(arguments))


def admin(
    state: Path | None,
    *arguments: str,
    typed: bytes = b"",
    max_file_bytes: int | None = None,
    pause_at: Path | None = None,
    while_paused: Callable[[], None] = lambda: None,
) -> Result:
    """Run the program on *state*, with *typed* as its standard input.

    When the program has begun to write the file *pause_at*, it is paused for a call of
    *while_paused*.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").write_bytes(typed)
        where = [] if state is None else ["--state", str(state)]
        process = get_context("forkserver").Process(
            target=_run, args=([*where, *arguments], folder, max_file_bytes)
        )
        process.start()
        if pause_at is not None:
            _pause(process, pause_at, while_paused)
        process.join(PATIENCE * 2)
        out, err = ((folder / name).read_text() for name in ("out", "err"))
        return Result(process.exitcode, out, err)


def _pause(process: BaseProcess, at: Path, while_paused: Callable[[], None]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not (at.exists() and at.stat().st_size):
        assert process.is_alive(), f"it ended without {at}"
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert process.pid is not None
    with suppress(ProcessLookupError):  # it may have ended since
        os.kill(process.pid, signal.SIGSTOP)
    try:
        while_paused()
    finally:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)


def share_file(server: Server, sender: Program, group: str) -> None:
    """Share a file with *group* as *sender*."""
    ticket = sender.does("/send notes.pdf", group)["ticket"]
    assert b"shared 1 " in exchange(server, f"upload {ticket} 0 {len(FILE)}\n".encode() + FILE)


def exchange(server: Server, sent: bytes) -> bytes:
    """Send *sent* on a new connection, and return everything that the server sends."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
        connection.sendall(sent)
        received = b""
        while data := connection.recv(65536):
            received += data
    return received


def tree(folder: Path) -> Tree:
    """Return the modes and hashes of everything in *folder*."""
    return {
        str(path.relative_to(folder)): (
            stat.S_IMODE(path.lstat().st_mode),
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in folder.rglob("*")
    }

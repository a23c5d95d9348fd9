"""``pyconchat-admin`` in processes of its own, and what it works on."""

from __future__ import annotations

import hashlib
import os
import resource
import socket
import stat
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from pyconchat.server import admin as program
from tests.support.people import PATIENCE, Server

if TYPE_CHECKING:  # each process imports this module, and should start quickly
    from tests.support.programs import Program

__all__ = ["FILE", "PASSWORD", "Ended", "Tree", "admin", "exchange", "tree", "uploads"]

PASSWORD = "secret of "
"""The password of everybody, before their name."""

FILE = bytes(range(256)) * 300

Tree = dict[str, tuple[int, str]]
"""The modes and hashes of all files in a folder, and the modes of its folders."""


@dataclass
class Ended:
    """What came of a program."""

    status: int | None
    out: str
    err: str

    @property
    def line(self) -> str:
        """Return the one line with which it failed."""
        assert self.status == 1, self
        (line,) = self.err.splitlines()
        assert line.startswith("pyconchat-admin: "), self
        assert "None" not in line, self
        return line

    @property
    def lines(self) -> list[str]:
        """Return what it printed when all was well."""
        assert (self.status, self.err) == (0, ""), self
        return self.out.splitlines()


def _run(words: list[str], folder: Path, files_of_at_most: int | None) -> None:
    """Be the program, in a process that was just forked, with its input and output in *folder*."""
    os.umask(0)
    for descriptor, name in enumerate(("in", "out", "err")):
        flags = os.O_RDWR | os.O_CREAT
        os.dup2(os.open(folder / name, flags, 0o600), descriptor)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    if files_of_at_most is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (files_of_at_most, files_of_at_most))
    sys.exit(program.main(words))


def admin(
    state: Path | None, *words: str, typed: bytes = b"", files_of_at_most: int | None = None
) -> Ended:
    """Run the program on *state*, for which somebody has *typed* something."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").write_bytes(typed)
        where = [] if state is None else ["--state", str(state)]
        process = get_context("forkserver").Process(
            target=_run, args=([*where, *words], folder, files_of_at_most)
        )
        process.start()
        process.join(PATIENCE * 2)
        out, err = ((folder / name).read_text() for name in ("out", "err"))
        return Ended(process.exitcode, out, err)


def uploads(server: Server, sender: Program, group: str) -> None:
    """Have *sender* share a file with *group*."""
    ticket = sender.does("/send notes.pdf", group)["ticket"]
    assert b"shared 1 " in exchange(server, f"upload {ticket} 0 {len(FILE)}\n".encode() + FILE)


def exchange(server: Server, sent: bytes) -> bytes:
    """Send *sent* to a new connection, and return what comes back, perhaps after a greeting."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
        connection.sendall(sent)
        received = b""
        while data := connection.recv(65536):
            received += data
    return received


def tree(folder: Path) -> Tree:
    """Return what is in *folder*."""
    return {
        str(path.relative_to(folder)): (
            stat.S_IMODE(path.lstat().st_mode),
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in folder.rglob("*")
    }

"""Backups by ``pyconchat-admin``, and its check of a damaged state."""

from __future__ import annotations

import itertools
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.administration import FILE, admin, exchange, share_file, tree
from tests.support.programs import Program, numbers
from tests.support.servers import PATIENCE, Server

pytestmark = pytest.mark.server(scope="module", tls=True)

Enter = Callable[..., Program]


class Talker(threading.Thread):
    """Sends messages to a group until it is stopped."""

    def __init__(self, sender: Program, group: str) -> None:
        super().__init__(daemon=True)
        self.acknowledged = 0  # number of the last acknowledged entry
        self._sender, self._group = sender, group
        self._stopped = threading.Event()
        self._progress = threading.Condition()

    def run(self) -> None:
        while not self._stopped.is_set():
            ids = [self._sender.requests("words " * 20, self._group) for _ in range(20)]
            seq = self._sender.answer(ids[-1])["seq"]
            with self._progress:
                self.acknowledged = seq
                self._progress.notify_all()

    def waits_for(self, seq: int) -> None:
        """Wait until the entry *seq* is acknowledged."""
        with self._progress:
            assert self._progress.wait_for(lambda: self.acknowledged >= seq, PATIENCE)

    def stop(self) -> None:
        self._stopped.set()
        self.join(PATIENCE)


# Backups.


def test_a_backup_under_load(
    server: Server, enter: Enter, serve: Callable[[Path], Server], tmp_path: Path
) -> None:
    """The server is not interrupted; the backup has every entry acknowledged before it began."""
    alice, bob = enter("alice"), enter("bob")
    alice.does("/create load open")
    share_file(server, alice, "load")
    bob.does("/join load")
    talker = Talker(bob, "load")
    talker.start()
    talker.waits_for(100)
    before, folder = talker.acknowledged, tmp_path / "new" / "backup"
    (line,) = admin(
        server.state,
        "backup",
        str(folder),
        pause_at=folder / "pyconchat.db",  # while the database is being copied
        while_paused=lambda: alice.does("during the backup", "load"),
    ).lines
    talker.stop()
    assert str(folder) in line
    assert len(admin(folder, "check").lines) == 1

    copy = serve(folder)
    again = enter("alice", copy, token=alice.hello["token"], password="", since={"load": 0})
    received = numbers(again.entries, "load")
    assert received == list(range(1, len(received) + 1))
    assert len(received) >= before
    ticket = again.does("/get notes.pdf", "load")["ticket"]
    assert exchange(copy, f"download {ticket}\n".encode()).endswith(FILE)
    assert again.does("hello", "load")["seq"] == len(received) + 1


def test_who_may_read_a_backup(server: Server, tmp_path: Path) -> None:
    """Only its owner, whatever the umask; it contains the TLS key but not the lock."""
    folder = tmp_path / "backup"
    assert len(admin(server.state, "backup", str(folder)).lines) == 1
    found = tree(folder)
    for name, (mode, digest) in found.items():
        assert mode == (0o600 if digest else 0o700), name
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    top = {name for name in found if "/" not in name}
    assert top - {"files"} == {"pyconchat.db", "tls-key.pem", "tls-certificate.pem"}
    for name in ("tls-key.pem", "tls-certificate.pem"):
        assert (folder / name).read_bytes() == (server.state / name).read_bytes()


@pytest.mark.parametrize("why", ["exists", "below a file", "disk full", "unreadable file"])
def test_a_failed_backup(why: str, state: Path, tmp_path: Path) -> None:
    """One line says why, and no incomplete backup is left."""
    folder, max_bytes = tmp_path / "backup", None
    match why:
        case "exists":
            folder.mkdir()
            (folder / "letters").write_text("mine")
        case "below a file":
            (tmp_path / "file").write_text("mine")
            folder = tmp_path / "file" / "backup"
        case "disk full":
            max_bytes = 100_000
        case _:
            (state / "files" / "00").mkdir(
                exist_ok=True
            )  # the folder of real ids that begin with 00
            (state / "files" / "00" / "00lost").symlink_to("nowhere")
    before = tree(tmp_path)
    result = admin(state, "backup", str(folder), max_file_bytes=max_bytes)
    assert result.out == ""
    assert {
        "exists": f"{folder}: this exists already, and a backup makes a new folder",
        "below a file": "directory",
        "disk full": "disk",
        "unreadable file": "00lost",
    }[why] in result.line
    assert tree(tmp_path) == before


def test_backups_beside_removals(server: Server, enter: Enter, tmp_path: Path) -> None:
    """While files are shared and removed, no backup lacks a file of its own database."""
    alice, stopped = enter("remover"), threading.Event()
    alice.does("/create churn open")

    def share() -> None:
        ticket = alice.does("/send notes.pdf", "churn")["ticket"]
        exchange(server, f"upload {ticket} 0 {len(FILE)}\n".encode() + FILE)

    def churn() -> None:
        for number in itertools.count(1):
            if stopped.is_set():
                return
            share()
            alice.does(f"/remove {number}", "churn")

    for _ in range(5):
        share()

    churning = threading.Thread(target=churn, daemon=True)
    churning.start()
    try:
        for number in range(6):
            folder = tmp_path / f"backup{number}"
            assert len(admin(server.state, "backup", str(folder)).lines) == 1
            assert len(admin(folder, "check").lines) == 1
    finally:
        stopped.set()
        churning.join(PATIENCE)


# Checks.


def test_a_sound_state(server: Server, enter: Enter, stopped: Path) -> None:
    """One line says so, also while the server runs; the check changes nothing."""
    gus = enter("checked")
    gus.does("/create checked password tea-time")
    gus.does("/topic all is sound", "checked")
    before = tree(stopped)
    for state in (server.state, stopped):
        (line,) = admin(state, "check").lines
        assert line.startswith("No problems found: ")
    assert tree(stopped) == before


def _overwrite_page(state: Path) -> None:
    database = state / "pyconchat.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'entries'"
        ).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with database.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xa5" * size)


def _statement(sql: str) -> Callable[[Path], None]:
    def change(state: Path) -> None:
        with closing(sqlite3.connect(state / "pyconchat.db")) as connection, connection:
            assert connection.execute(sql).rowcount == 1

    return change


def _delete_file(state: Path) -> None:
    (path,) = (each for each in (state / "files").rglob("*") if each.is_file())
    path.unlink()


TEA = "conversation = (SELECT conversation FROM groups)"

DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a gap": (_statement(f"DELETE FROM entries WHERE {TEA} AND seq = 600"), "1202 entries"),
    "no last entry": (
        _statement(f"DELETE FROM entries WHERE {TEA} AND seq = 1203"),
        "next would be 1204",
    ),
    "an entry too many": (
        _statement(
            "UPDATE conversations SET head = 1202 WHERE id = (SELECT conversation FROM groups)"
        ),
        "next would be 1203",
    ),
    "an overwritten page": (_overwrite_page, ""),
    "a missing file": (_delete_file, "group tea: the content of file 1 is missing"),
    "a missing member": (_statement("DELETE FROM members WHERE key = 'bob'"), "group tea: its log"),
    "broken JSON": (
        _statement(f"UPDATE entries SET body = '{{\"type\"' WHERE {TEA} AND seq = 600"),
        "entry 600 is damaged",
    ),
    "another event": (
        _statement(
            f"""UPDATE entries SET body = '{{"type":"left","name":"eve","why":"left"}}'"""
            f" WHERE {TEA} AND seq = 600"
        ),
        "group tea",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state(damage: str, state: Path) -> None:
    """The problem is printed, one line says what to do, and the exit status is 1."""
    break_it, problem = DAMAGES[damage]
    break_it(state)
    result = admin(state, "check")
    assert "restore a backup" in result.line or not result.out
    assert problem in result.out
    assert "No problems found" not in result.out

"""Backups by ``pyconchat-admin``, and what it finds in a state that is damaged."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.administration import FILE, admin, exchange, tree, uploads
from tests.support.people import PATIENCE, Server
from tests.support.programs import Program, numbers

Enter = Callable[..., Program]


class Pump(threading.Thread):
    """Says numbered lines in a group, one after the other, until it is told to stop."""

    def __init__(self, sender: Program, group: str) -> None:
        super().__init__(daemon=True)
        self.said = 0  # the number of the last entry that was acknowledged
        self._sender, self._group = sender, group
        self._enough = threading.Event()

    def run(self) -> None:
        while not self._enough.is_set():
            ids = [self._sender.requests("words " * 20, self._group) for _ in range(20)]
            self.said = self._sender.answer(ids[-1])["seq"]

    def stop(self) -> None:
        self._enough.set()
        self.join(PATIENCE)


# Backups.


def test_a_backup_under_load(
    running: Server, enter: Enter, serve: Callable[[Path], Server], tmp_path: Path
) -> None:
    """The server goes on meanwhile; one on the backup has all that was acknowledged before."""
    alice, talker = enter("alice"), enter("talker")
    alice.does("/create load open")
    uploads(running, alice, "load")
    talker.does("/join load")
    pump = Pump(talker, "load")
    pump.start()
    while pump.said < 100:
        assert pump.is_alive()
    before, folder = pump.said, tmp_path / "new" / "backup"
    (said,) = admin(running.state, "backup", str(folder)).lines
    after = pump.said
    pump.stop()
    assert str(folder) in said
    assert after > before, "it held the server up"
    assert len(admin(folder, "check").lines) == 1

    copy = serve(folder)
    again = enter("alice", copy, token=alice.hello["token"], password="", since={"load": 0})
    came = numbers(again.entries, "load")
    assert came == list(range(1, len(came) + 1))
    assert len(came) >= before
    ticket = again.does("/get notes.pdf", "load")["ticket"]
    assert exchange(copy, f"download {ticket}\n".encode()).endswith(FILE)
    assert again.does("hello", "load")["seq"] == len(came) + 1


def test_who_may_read_a_backup(running: Server, tmp_path: Path) -> None:
    """Its owner alone, whatever the umask; the key of the door is in it, the lock is not."""
    folder = tmp_path / "backup"
    assert len(admin(running.state, "backup", str(folder)).lines) == 1
    found = tree(folder)
    for name, (mode, digest) in found.items():
        assert mode == (0o600 if digest else 0o700), name
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    top = {name for name in found if "/" not in name}
    assert top - {"files"} == {"pyconchat.db", "tls-key.pem", "tls-certificate.pem"}
    for name in ("tls-key.pem", "tls-certificate.pem"):
        assert (folder / name).read_bytes() == (running.state / name).read_bytes()


@pytest.mark.parametrize("why", ["there", "below a file", "no room", "a file that cannot be read"])
def test_a_backup_that_cannot_be(why: str, state: Path, tmp_path: Path) -> None:
    """One line says why, and nothing is there that looks like a backup."""
    folder, most = tmp_path / "backup", None
    match why:
        case "there":
            folder.mkdir()
            (folder / "letters").write_text("mine")
        case "below a file":
            (tmp_path / "file").write_text("mine")
            folder = tmp_path / "file" / "backup"
        case "no room":
            most = 100_000
        case _:
            (state / "files" / "00").mkdir(exist_ok=True)  # a real id may begin so
            (state / "files" / "00" / "00lost").symlink_to("nowhere")
    before = tree(tmp_path)
    ended = admin(state, "backup", str(folder), files_of_at_most=most)
    assert ended.out == ""
    assert {
        "there": "exists",
        "below a file": "directory",
        "no room": "disk",
        "a file that cannot be read": "00lost",
    }[why] in ended.line
    assert tree(tmp_path) == before


# Checking.


def test_what_is_sound(running: Server, enter: Enter, stopped: Path) -> None:
    """One line says so, of a server that runs and changes too; nothing is touched."""
    gus = enter("checked")
    gus.does("/create checked password tea-time")
    gus.does("/topic what is sound", "checked")
    before = tree(stopped)
    for state in (running.state, stopped):
        (line,) = admin(state, "check").lines
        assert line.startswith("All is well: ")
    assert tree(stopped) == before


def _damaged_page(state: Path) -> None:
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


def _lost_file(state: Path) -> None:
    (path,) = (each for each in (state / "files").rglob("*") if each.is_file())
    path.unlink()


TEA = "conversation = (SELECT conversation FROM groups)"

DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a gap": (_statement(f"DELETE FROM entries WHERE {TEA} AND seq = 600"), "1202 entries"),
    "no end": (_statement(f"DELETE FROM entries WHERE {TEA} AND seq = 1203"), "next would be 1204"),
    "too many": (
        _statement(
            "UPDATE conversations SET head = 1202 WHERE id = (SELECT conversation FROM groups)"
        ),
        "next would be 1203",
    ),
    "a page": (_damaged_page, ""),
    "a lost file": (_lost_file, "group tea: the bytes of file 1 are missing"),
    "a lost member": (_statement("DELETE FROM members WHERE key = 'bob'"), "group tea: its log"),
    "no words": (
        _statement(f"UPDATE entries SET body = '{{\"type\"' WHERE {TEA} AND seq = 600"),
        "group tea",
    ),
    "other words": (
        _statement(
            f"""UPDATE entries SET body = '{{"type":"left","name":"eve","why":"left"}}'"""
            f" WHERE {TEA} AND seq = 600"
        ),
        "group tea",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged(damage: str, state: Path) -> None:
    """What is wrong is printed, a line says what to do about it, and the status is 1."""
    breaks, told = DAMAGES[damage]
    breaks(state)
    ended = admin(state, "check")
    assert "restore a backup" in ended.line or not ended.out
    assert told in ended.out
    assert "All is well" not in ended.out

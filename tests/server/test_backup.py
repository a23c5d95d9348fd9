"""`back_up`: files that are removed while it runs, and links in the state folder."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pyconchat.config import HOST_KEY_FILE
from pyconchat.domain.decisions import Decision, NewEntry
from pyconchat.domain.events import AnyEvent, FileRemoved, FileShared
from pyconchat.domain.text import SafeText
from pyconchat.server import backup
from pyconchat.server.backup import DATABASE, back_up, require_opened, require_regular
from pyconchat.store import BadStore, SqlStore
from tests.contracts.building import ALICE, AT, create
from tests.support.stores import copy_empty


class Busy(SqlStore):
    """A store of a server that removes the oldest file, and shares another, at each snapshot."""

    churns = False
    snapshots = 0

    def begin(self, folder: Path) -> None:
        """Create the state folder *folder*, with three files in a group."""
        self.folder = folder
        self.open()
        self.group = create(self, 2)
        for _ in range(3):
            self.share()

    def share(self) -> None:
        number = self.group.last_file + 1
        self._path(number).parent.mkdir(parents=True, exist_ok=True)
        self._path(number).write_bytes(b"x" * number)
        id = self._path(number).name
        self._commit_event(FileShared(number, SafeText("notes"), ALICE.name, number, "0" * 64, id))

    def remove(self, number: int) -> None:
        self._commit_event(FileRemoved(number, SafeText("notes"), ALICE.name))
        self._path(number).unlink()

    def snapshot(self, path: Path) -> None:
        super().snapshot(path)
        self.snapshots += 1
        if self.churns and self.snapshots < 5:
            self.remove(min(self.group.files))
            self.share()

    def _path(self, number: int) -> Path:
        id = f"{number:02}" + "a" * 30
        return self.folder / "files" / id[:2] / id

    def _commit_event(self, event: AnyEvent) -> None:
        version = self.group.version
        self.group.apply(event, AT)  # type: ignore[arg-type]
        self.commit([Decision(AT, [NewEntry(2, event, version)])])


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Busy]:
    state = tmp_path / "state"
    state.mkdir()
    copy_empty(state)
    store = Busy(f"sqlite:///{state / DATABASE}")
    store.begin(state)
    yield store
    store.close()


def check(folder: Path) -> list[int]:
    """Check that *folder* has exactly the files of its database; return their sizes."""
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        expected = dict(database.execute("SELECT id, size FROM files"))
    found = {path.name: path.stat().st_size for path in (folder / "files").glob("??/*")}
    assert found == expected
    return sorted(found.values())


def test_files_that_are_removed_after_the_snapshot(busy: Busy, tmp_path: Path) -> None:
    """A new snapshot is taken, until it has no file that was removed before it was copied."""
    busy.churns = True
    back_up(busy, busy.folder, tmp_path / "backup")
    assert len(check(tmp_path / "backup")) == 3
    assert busy.snapshots > 1


def test_the_name_is_of_a_complete_copy(
    busy: Busy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup that is killed at any step leaves nothing that can be taken for a whole one."""
    target = tmp_path / "backup"
    paths: list[Path] = []

    def copying(*arguments: object) -> None:
        paths.append(next(each for each in reversed(arguments) if isinstance(each, Path)))
        assert not target.exists()
        original(*arguments)  # type: ignore[arg-type]

    original = backup._copy
    monkeypatch.setattr(backup, "_copy", copying)
    busy.churns = True
    back_up(busy, busy.folder, target)
    assert len(paths) > 3
    assert target.with_name("backup.unfinished") in paths[-1].parents
    assert [path.name for path in tmp_path.iterdir() if "backup" in path.name] == ["backup"]


def test_what_another_backup_has_left(busy: Busy, tmp_path: Path) -> None:
    """It is named and not changed; the new backup fails."""
    left = tmp_path / "backup.unfinished"
    left.mkdir()
    with pytest.raises(FileExistsError, match=r"backup\.unfinished"):
        back_up(busy, busy.folder, tmp_path / "backup")
    assert list(left.iterdir()) == []


def test_a_file_that_the_state_lacks(busy: Busy, tmp_path: Path) -> None:
    """A damaged state is backed up as it is."""
    busy._path(2).unlink()
    back_up(busy, busy.folder, tmp_path / "backup")
    assert [path.stat().st_size for path in sorted((tmp_path / "backup").glob("files/*/*"))] == [
        1,
        3,
    ]


def test_times_and_modes(busy: Busy, tmp_path: Path) -> None:
    """A copy has the time of the original, by which orphans are found, and mode 0600."""
    os.utime(busy._path(1), (AT // 1000, AT // 1000))
    os.chmod(busy._path(1), 0o644)
    back_up(busy, busy.folder, tmp_path / "backup")
    copy = next((tmp_path / "backup").glob("files/01/*"))
    assert copy.stat().st_mtime == AT // 1000
    assert copy.stat().st_mode & 0o777 == 0o600


def test_the_ssh_host_key(busy: Busy, tmp_path: Path) -> None:
    """Clients know the server by it, also after it was restored."""
    (busy.folder / HOST_KEY_FILE).write_text("key")
    back_up(busy, busy.folder, tmp_path / "backup")
    copy = tmp_path / "backup" / HOST_KEY_FILE
    assert copy.read_text() == "key"
    assert copy.stat().st_mode & 0o777 == 0o600


LINKED = ["tls-key.pem", "ssh_host_ed25519_key", "files/01", "files/02/link"]


@pytest.mark.parametrize("name", LINKED)
@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_links_are_not_followed(busy: Busy, tmp_path: Path, name: str, kind: str) -> None:
    """A backup never reads what a link in the state folder, or a pipe, leads to."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    path = busy.folder / name
    if name == "files/01":
        busy._path(1).unlink()
        path.rmdir()
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(secret if name == "files/01" else secret / "key")
    with pytest.raises(OSError, match=path.name):
        back_up(busy, busy.folder, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_the_folder_for_files_on_another_disk(
    busy: Busy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That link is followed with the rights of the server's user, but not as root."""
    (busy.folder / "files").rename(tmp_path / "disk")
    (busy.folder / "files").symlink_to(tmp_path / "disk")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    back_up(busy, busy.folder, tmp_path / "backup")
    assert check(tmp_path / "backup") == [1, 2, 3]
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(OSError, match="files"):
        back_up(busy, busy.folder, tmp_path / "other")


def test_postgresql_is_refused_before_anything_is_copied(tmp_path: Path) -> None:
    """One line says what to do instead."""
    store = SqlStore("postgresql://nowhere/chat")
    with pytest.raises(BadStore, match="pg_dump"):
        back_up(store, tmp_path, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


@pytest.mark.parametrize("rest", ["", "-wal", "-shm"])
def test_a_database_that_is_a_link(busy: Busy, tmp_path: Path, rest: str) -> None:
    """It is refused before SQLite opens the target of the link."""
    database = busy.folder / DATABASE
    require_regular(database)
    path = database.with_name(DATABASE + rest)
    path.unlink(missing_ok=True)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="not a regular file"):
        require_regular(database)
    assert not (tmp_path / "elsewhere").exists()


def test_a_database_that_was_a_link_when_it_was_opened(busy: Busy, tmp_path: Path) -> None:
    """The open file must be the one in the folder."""
    database = busy.folder / DATABASE
    require_opened(database)
    database.rename(tmp_path / "moved")
    database.write_bytes((tmp_path / "moved").read_bytes())
    with pytest.raises(OSError, match="was replaced"):
        require_opened(database)

"""SQLite's write-ahead log that is written in advance: kills at any point lose nothing."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from pyconchat.store import SqlStore, wal
from tests.contracts.building import NO_LIMIT, commit, create, say, texts
from tests.support.stores import copy_empty, share_statements

TEA = 2


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prewrite few bytes, so that the tests are quick; the last piece is a part of one."""
    monkeypatch.setattr(wal, "PIECE", 50_000)
    monkeypatch.setattr(wal, "MAX_WAL", 230_000)


def opened(folder: Path) -> SqlStore:
    """Return the store in *folder*, as a server opens it at its start."""
    store = SqlStore(f"sqlite:///{folder / 'pyconchat.db'}")
    share_statements(store)
    store.open()
    return store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an empty database."""
    folder = tmp_path / "server"
    folder.mkdir()
    copy_empty(folder)
    return folder


def killed(folder: Path, to: str = "killed") -> Path:
    """Return a copy of *folder* as a killed server leaves it on the disk."""
    copy = folder.with_name(to)
    copy.mkdir()
    for file in ("pyconchat.db", "pyconchat.db-wal"):
        shutil.copy(folder / file, copy / file)
    return copy


def said(folder: Path) -> list[str]:
    """Return the messages that a server finds in *folder* at its start."""
    store = opened(folder)
    store.prepare()
    found = texts(store.entries(TEA, 1, NO_LIMIT, 10_000))
    store.close()
    return found


def size(folder: Path) -> int:
    """Return the length of the WAL in bytes."""
    return (folder / "pyconchat.db-wal").stat().st_size


def test_kills(folder: Path) -> None:
    """At each point the database has what was committed."""
    store = opened(folder)
    create(store, TEA)
    commit(store, say(TEA, "before"))
    assert said(killed(folder, "not prepared")) == ["before"]
    store.prepare()
    assert size(folder) == wal.MAX_WAL
    assert said(killed(folder, "prepared")) == ["before"]
    partly = killed(folder, "partly")
    os.truncate(partly / "pyconchat.db-wal", 70_001)
    assert said(partly) == ["before"]
    commit(store, say(TEA, "after"))
    assert size(folder) == wal.MAX_WAL, "it does not grow"
    assert said(killed(folder, "after a commit")) == ["before", "after"]
    expected = ["before", "after"]
    for number in range(60):
        commit(store, say(TEA, f"{number} {'x' * 3000}"))
        expected.append(f"{number} {'x' * 3000}")
    assert size(folder) > wal.MAX_WAL, "it grows when it has to"
    assert said(killed(folder, "grown")) == expected
    store.close()
    assert said(folder) == expected


def test_another_process_has_written(folder: Path) -> None:
    """Its commit is not overwritten."""
    store = opened(folder)
    create(store, TEA)
    assert wal.truncate_wal(store._writing.connect())
    other = sqlite3.connect(folder / "pyconchat.db")
    other.execute("UPDATE accounts SET name = name")
    other.execute("CREATE TABLE by_an_administrator (x)")
    other.commit()
    before = size(folder)
    with store._writing.connect() as connection:
        assert not wal.prewrite_wal(connection)
    assert size(folder) == before > 0
    other.close()
    commit(store, say(TEA, "hello"))
    assert said(killed(folder)) == ["hello"]
    tables = sqlite3.connect(folder / "pyconchat.db").execute("SELECT name FROM sqlite_schema")
    assert ("by_an_administrator",) in tables.fetchall()
    store.close()


def test_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is empty again, and the server starts."""
    store = opened(folder)
    create(store, TEA)
    write = os.pwrite

    def pwrite(descriptor: int, data: bytes, at: int) -> int:
        if at:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data, at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    store.prepare()
    assert size(folder) == 0
    commit(store, say(TEA, "hello"))
    assert said(killed(folder)) == ["hello"]
    store.close()


def test_flushes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `normal`, a thread flushes what was committed, at the end at the latest."""
    flushed: list[int] = []
    flush = os.fdatasync

    def fdatasync(descriptor: int) -> None:
        flush(descriptor)
        flushed.append(os.fstat(descriptor).st_ino)

    store = SqlStore(f"sqlite:///{folder / 'pyconchat.db'}", "normal")
    share_statements(store)
    store.open()
    store.prepare()
    monkeypatch.setattr(os, "fdatasync", fdatasync)
    create(store, TEA)
    commit(store, say(TEA, "hello"))
    inode = (folder / "pyconchat.db-wal").stat().st_ino
    store.close()
    assert set(flushed) == {inode}
    assert said(folder) == ["hello"]

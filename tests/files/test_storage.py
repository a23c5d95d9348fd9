"""Storage: in which order files become durable, what is resumed, and what is removed."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from pyconchat.files.storage import Storage

ID = "ab" * 16


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    storage = Storage(tmp_path / "files")
    storage.open()
    return storage


def test_a_file_is_durable_before_it_has_its_name(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes are flushed, then the file is renamed, then the folder is flushed."""
    done: list[str] = []
    fsync, rename = os.fsync, os.rename

    def note_fsync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def note_rename(*names: Any, **more: Any) -> None:
        done.append("rename")
        rename(*names, **more)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "rename", note_rename)
    partial = storage.begin("alice", "key", 0)
    partial.write([b"ab", b"", b"c"])
    assert not storage.path_of(ID).exists()
    assert partial.digest() == hashlib.sha256(b"abc").hexdigest()
    partial.move_to(storage.path_of(ID))
    assert done[:3] == ["file", "rename", "folder"]
    assert storage.path_of(ID).read_bytes() == b"abc"
    assert storage.partial_size("alice", "key") == 0


def test_an_upload_is_resumed(storage: Storage) -> None:
    """It can be resumed at any offset up to its size. The hash is that of the whole file."""
    partial = storage.begin("alice", "key", 0)
    partial.write([b"abcdef"])
    partial.close()
    assert storage.partial_size("alice", "key") == 6
    assert storage.partial_size("alice", "another") == 0
    partial = storage.begin("alice", "key", 4)
    assert partial.size == 4
    partial.write([b"X"])
    assert partial.digest() == hashlib.sha256(b"abcdX").hexdigest()
    partial.move_to(storage.path_of(ID))
    assert storage.path_of(ID).read_bytes() == b"abcdX"


def test_other_users_can_read_nothing(storage: Storage, tmp_path: Path) -> None:
    """All files and folders are readable by the server's user only, whatever the umask."""
    before = os.umask(0)
    try:
        partial = storage.begin("alice", "key", 0)
        partial.write([b"abc"])
        partial.move_to(storage.path_of(ID))
        storage.begin("alice", "other", 0).close()
    finally:
        os.umask(before)
    for path in (tmp_path / "files").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_key_is_never_a_path(storage: Storage, tmp_path: Path) -> None:
    """Whatever characters the key of an upload has, its file is directly in the folder."""
    for key in ("../../x", "/etc/passwd", "a\0b", "x" * 10_000, "\N{SNOWMAN}"):
        partial = storage.begin("alice", key, 0)
        partial.close()
    assert len(list((tmp_path / "files" / "partial").iterdir())) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["files"]


def test_cleaning(storage: Storage) -> None:
    """Abandoned uploads, and files without an entry, are removed once they are old."""
    day = 86_400
    for id in ("aa" * 16, "bb" * 16, "cc" * 16):
        partial = storage.begin("alice", id, 0)
        partial.write([b"abc"])
        partial.move_to(storage.path_of(id))
    for key in ("old", "new"):
        storage.begin("alice", key, 0).close()
    now = storage.path_of("aa" * 16).stat().st_mtime + 10 * day
    for id in ("aa" * 16, "bb" * 16):
        os.utime(storage.path_of(id), (now - day - 10, now - day - 10))
    os.utime(storage.path_of("cc" * 16), (now - day + 10, now - day + 10))
    (old, new) = (storage._partial("alice", key) for key in ("old", "new"))
    os.utime(old, (now - day - 10, now - day - 10))
    os.utime(new, (now - day + 10, now - day + 10))
    assert storage.clean({"aa" * 16}, now, day) == 2
    assert storage.path_of("aa" * 16).exists()
    assert not storage.path_of("bb" * 16).exists()
    assert storage.path_of("cc" * 16).exists()
    assert (old.exists(), new.exists()) == (False, True)


def test_removing_a_missing_file(storage: Storage) -> None:
    """It is no error."""
    storage.remove([ID])


def test_symbolic_links_are_not_followed(storage: Storage, tmp_path: Path) -> None:
    """A link in place of an unfinished upload is an error, and its target does not change."""
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    storage._partial("alice", "key").symlink_to(target)
    with pytest.raises(OSError, match="symbolic"):
        storage.begin("alice", "key", 0)
    assert target.read_bytes() == b"precious"


def test_removing_interrupted_uploads(storage: Storage) -> None:
    """The uploads of one owner are removed, except the active ones."""
    for owner in ("alice", "bob"):
        for key in ("a", "b"):
            partial = storage.begin(owner, key, 0)
            partial.write([b"abc"])
            partial.close()
    assert storage.interrupted_bytes("alice", []) == 6
    storage.remove_interrupted("alice", ["b"])
    assert (storage.partial_size("alice", "a"), storage.partial_size("alice", "b")) == (0, 3)
    assert storage.interrupted_bytes("bob", []) == 6

"""Files that are complete on the disk before they have their names."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pyconchat.disk import sync, temporary_file


def test_a_temporary_file_is_complete_and_private(tmp_path: Path) -> None:
    """It has all bytes and mode 0600 before the caller gives it its name."""
    target = tmp_path / "kept"
    before = os.umask(0)
    try:
        with temporary_file(target, b"data") as new:
            assert new.parent == tmp_path
            assert new.read_bytes() == b"data"
            assert stat.S_IMODE(new.stat().st_mode) == 0o600
            new.rename(target)
    finally:
        os.umask(before)
    assert list(tmp_path.iterdir()) == [target]


def test_a_temporary_file_is_removed(tmp_path: Path) -> None:
    """It is removed when the caller fails, and when the caller has linked it."""
    target = tmp_path / "kept"
    with pytest.raises(ValueError, match="no"), temporary_file(target, b"data"):
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []
    with temporary_file(target, b"data") as new:
        os.link(new, target)
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_cannot_be_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller gets the error, and no file is left."""

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"), temporary_file(tmp_path / "kept", b"data"):
        pytest.fail("the file is not on the disk")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="No space"):
        sync(tmp_path)

"""DownloadFolder: files are saved only in the folder, whatever the server calls them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyconchat.client.files.download_folder import DownloadFolder, local_name

HASH = "0123456789abcdef" * 4

ATTACKS = {
    "../../.ssh/authorized_keys": "authorized_keys",
    "/etc/passwd": "passwd",
    "..\\..\\autorun.inf": "autorun.inf",
    ".bashrc": "bashrc",
    "..": "file",
    "a/..": "file",
    "": "file",
    "evil\x1b]0;owned\x07\r\n.txt": "evil .txt",
    "gpj.\u202eexe": "gpj.exe",
    "x\0.txt": "x.txt",
    "a" * 5000 + ".pdf": None,
}
"""Names that an attacker would try, and the local name, where it is a certain one."""


@pytest.fixture
def folder(tmp_path: Path) -> DownloadFolder:
    return DownloadFolder(tmp_path / "in")


def save(folder: DownloadFolder, name: str, data: bytes = b"data", number: int = 1) -> Path:
    """Save a file that the server calls *name*; return its path."""
    file, path = folder.begin(number, HASH)
    with file:
        file.write(data)
    return folder.finish(path, name)


def outside(tmp_path: Path) -> list[str]:
    """Return the names of the files beside the folder."""
    return sorted(path.name for path in tmp_path.iterdir() if path.name != "in")


@pytest.mark.parametrize(("name", "expected"), ATTACKS.items(), ids=range(len(ATTACKS)))
def test_hostile_names(
    folder: DownloadFolder, tmp_path: Path, name: str, expected: str | None
) -> None:
    """Each is saved as one visible file directly in the folder."""
    path = save(folder, name)
    assert path.parent == folder.path
    assert os.listdir(folder.path) == [path.name]
    assert path.read_bytes() == b"data"
    assert not path.name.startswith(".")
    assert path.name == (expected or path.name)
    assert outside(tmp_path) == []


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(
        st.sampled_from("ab./\\ ~-\0\n\t\x1b\u202e\u200b\ufeff\u0301\ud800\U0001f375")
        | st.characters(),
        max_size=300,
    )
)
def test_random_names(tmp_path: Path, name: str) -> None:
    """One component, visible, safe to show, and short enough for any disk."""
    local = local_name(name)
    assert local
    assert "/" not in local
    assert "\0" not in local
    assert not local.startswith("."), repr(local)
    assert len(local.encode()) <= 200
    assert not any(ord(char) < 32 for char in local)
    folder = tmp_path / "in"
    for path in [save(DownloadFolder(folder), name), save(DownloadFolder(folder), name)]:
        assert path.parent == folder
        assert stat.S_ISREG(path.lstat().st_mode)
        path.unlink()
    assert list(folder.iterdir()) == []


def test_nothing_is_overwritten(folder: DownloadFolder) -> None:
    """Whether it is a file, a folder, a link, or a link to nothing."""
    path = folder.path
    path.mkdir()
    (path / "notes.pdf").write_bytes(b"mine")
    (path / "notes (1).pdf").mkdir()
    (path / "notes (2).pdf").symlink_to("notes.pdf")
    (path / "notes (3).pdf").symlink_to(path.parent / "nowhere")
    assert save(folder, "notes.pdf") == path / "notes (4).pdf"
    assert (path / "notes.pdf").read_bytes() == b"mine"
    assert not (path.parent / "nowhere").exists()


@pytest.mark.parametrize("kind", ["symlink", "dangling", "fifo", "folder"])
def test_the_part_is_no_link(folder: DownloadFolder, tmp_path: Path, kind: str) -> None:
    """Nothing is written through what exists under the name of the unfinished file."""
    target = tmp_path / "target"
    file, path = folder.begin(1, HASH)
    file.close()
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        if kind == "symlink":
            target.write_bytes(b"precious")
        path.symlink_to(target)
    with pytest.raises(OSError, match=r"\w"):
        folder.begin(1, HASH)
    assert not target.exists() or target.read_bytes() == b"precious"


def test_names_of_parts(folder: DownloadFolder) -> None:
    """Each file has its own, and a hash cannot be a path."""
    paths = []
    for number, sha256 in ((1, HASH), (2, HASH), (1, "f" * 64), (1, "../../../x"), (1, "")):
        file, path = folder.begin(number, sha256)
        file.close()
        assert path.parent == folder.path
        assert path.name.startswith(".pyconchat-")
        assert path.name.endswith(".part")
        paths.append(path)
    assert len(set(paths[:3])) == 3

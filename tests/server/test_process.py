"""The state folder and its lock file, when somebody else may write there."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pyconchat.server.process import LOCK, lock_folder, make_folder, running_server

HOLDS = """
import fcntl, os, sys
lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
os.write(lock, sys.argv[2].encode() if len(sys.argv) > 2 else b"%d\\n" % os.getpid())
print("locked", flush=True)
sys.stdin.read()
"""


def holder(folder: Path, *written: str) -> subprocess.Popen[str]:
    """Start a process that has locked *folder*, and has *written* its process id or something."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder / LOCK), *written],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


def test_a_running_server(tmp_path: Path) -> None:
    """It is found by its lock; without a lock the file is ignored."""
    assert running_server(tmp_path) is None
    with holder(tmp_path) as process:
        assert running_server(tmp_path) == process.pid
        process.communicate("")
    assert running_server(tmp_path) is None


@pytest.mark.parametrize(
    "written",
    ["-1\n", "0\n", "1\n", "-17\n", "", "\n", "+9\n", "1_0\n", " 12\n", "9" * 5000, "4194305\n"],
)
def test_a_lock_file_that_names_another_process(tmp_path: Path, written: str) -> None:
    """No process is signalled that is not the server: no group, not init, not this one."""
    for name in (written, f"{os.getpid()}\n", f"{os.getppid()}\n"):
        with holder(tmp_path, name) as process:
            assert running_server(tmp_path) is None
            process.communicate("")
        (tmp_path / LOCK).unlink()


def test_a_lock_file_that_is_a_link(tmp_path: Path) -> None:
    """It is not followed: neither is the target truncated, nor read."""
    target = tmp_path / "target"
    target.write_text("mine")
    (tmp_path / LOCK).symlink_to(target)
    with pytest.raises(OSError, match="lock"):
        lock_folder(tmp_path)
    with pytest.raises(OSError, match="lock"):
        running_server(tmp_path)
    assert target.read_text() == "mine"


def test_a_lock_file_that_is_a_pipe(tmp_path: Path) -> None:
    """The server does not block on it."""
    os.mkfifo(tmp_path / LOCK)
    with pytest.raises(OSError, match="regular"):
        lock_folder(tmp_path)


def test_a_new_folder_belongs_to_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner is changed by descriptor; a replacement of it is not changed."""
    changed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda descriptor, uid, gid: changed.append((uid, gid)))
    monkeypatch.setattr(os, "chown", None)
    if os.getuid() == 0:
        make_folder(tmp_path / "a" / "b", (1, 1))
        assert changed == [(1, 1)]
    secret = tmp_path / "secret"
    secret.mkdir()
    make = Path.mkdir

    def swapped(self: Path, *args: object, **more: object) -> None:
        if self.name == "state":
            self.symlink_to(secret)
        else:
            make(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", swapped)
    with pytest.raises(OSError, match="state"):
        make_folder(tmp_path / "state", (1, 1))
    assert changed in ([], [(1, 1)])


def test_the_lock_of_a_folder(tmp_path: Path) -> None:
    """It is held by the descriptor, and the file has the process id."""
    lock = lock_folder(tmp_path)
    with pytest.raises(BlockingIOError):
        lock_folder(tmp_path)
    assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"
    fcntl.flock(lock, fcntl.LOCK_UN)
    os.close(lock)

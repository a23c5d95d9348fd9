"""Files with the clients of others: scp, sftp and sshfs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import PATIENCE, Server
from tests.support.skips import require_program
from tests.support.ssh import OpenSsh, registers

pytestmark = pytest.mark.server(ssh=True, scope="module", toml='new_groups = "open"')

SIZE = 100_000_000
"""Bytes of the large file."""

MAX_GROWTH = 24 * 2**20
"""Maximum bytes by which the server grows while it takes or sends the large file."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of 100 MB."""
    path = tmp_path_factory.mktemp("large") / "large.bin"
    with path.open("wb") as file:
        for _ in range(SIZE // 10**6):
            file.write(os.urandom(10**6))
    yield path
    path.unlink()


@pytest.fixture(autouse=True)
def unharmed(server: Server) -> Iterator[None]:
    """The server has no traceback, and has not grown."""
    with server.is_unharmed(MAX_GROWTH):
        yield


@pytest.fixture
def key(server: Server, ssh: OpenSsh) -> Path:
    """The key of erin, who is in tea."""
    path = ssh.key()
    registers(server, "erin", "tea", Path(f"{path}.pub").read_text())
    return path


def sha256_of(path: Path) -> str:
    """Return the hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run(command: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
    """Run *command*, with *text* as its input."""
    return subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=4 * PATIENCE, check=False
    )


def shared(server: Server, ssh: OpenSsh, key: Path) -> list[str]:
    """Return the names of the files in tea."""
    done = run(ssh.file_command("sftp", key, "-b", "-", "erin@127.0.0.1"), "ls -1 tea\n")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()[1:]
    return [line.removeprefix("tea/").strip() for line in lines]


def test_a_large_file(server: Server, ssh: OpenSsh, key: Path, large: Path, tmp_path: Path) -> None:
    """With scp there, and with sftp back, in two parts: the same hash."""
    done = run(ssh.file_command("scp", key, str(large), "erin@127.0.0.1:tea/"))
    assert done.returncode == 0, done.stderr
    got = tmp_path / "got.bin"
    with large.open("rb") as file:
        got.write_bytes(file.read(SIZE // 3))
    batch = f"reget tea/large.bin {got}\nrm tea/large.bin\n"
    done = run(ssh.file_command("sftp", key, "-b", "-", "erin@127.0.0.1"), batch)
    assert done.returncode == 0, done.stderr
    assert sha256_of(got) == sha256_of(large)
    got.unlink()


def test_a_large_file_after_a_cut(
    server: Server, ssh: OpenSsh, key: Path, large: Path, tmp_path: Path
) -> None:
    """A put that is killed is gone on with by reput: the same hash."""
    command = ssh.file_command("sftp", key, "-l", "160000", "-b", "-", "erin@127.0.0.1")
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as sftp:
        assert sftp.stdin is not None
        sftp.stdin.write(f"put {large} tea/\n")
        sftp.stdin.flush()
        partial, until = server.state / "files" / "partial", time.monotonic() + PATIENCE
        while sum(each.stat().st_size for each in partial.iterdir()) < SIZE // 20:
            assert time.monotonic() < until
            time.sleep(0.05)
        sftp.kill()
    assert shared(server, ssh, key) == []
    batch = f"reput {large} tea/large.bin\n"
    done = run(ssh.file_command("sftp", key, "-b", "-", "erin@127.0.0.1"), batch)
    assert done.returncode == 0, done.stderr
    got = tmp_path / "got.bin"
    done = run(ssh.file_command("scp", key, "erin@127.0.0.1:tea/large.bin", str(got)))
    assert done.returncode == 0, done.stderr
    assert sha256_of(got) == sha256_of(large)
    run(ssh.file_command("sftp", key, "-b", "-", "erin@127.0.0.1"), "rm tea/large.bin\n")
    got.unlink()


def test_refusals(server: Server, ssh: OpenSsh, key: Path, tmp_path: Path) -> None:
    """The reason is shown, and the exit status is not 0."""
    small = tmp_path / "small.txt"
    small.write_text("small\n")
    to_root = run(ssh.file_command("scp", key, str(small), "erin@127.0.0.1:"))
    assert to_root.returncode != 0
    assert "A file is shared in the folder of a group" in to_root.stderr
    folder = run(ssh.file_command("scp", key, "-r", str(tmp_path), "erin@127.0.0.1:tea/"))
    assert folder.returncode != 0
    assert "A folder is a group" in folder.stderr
    for line in ("mkdir x", "rename tea/a tea/b", "ln -s tea/a tea/b", "get tea/nothing"):
        done = run(ssh.file_command("sftp", key, "-b", "-", "erin@127.0.0.1"), f"{line}\n")
        assert done.returncode == 1, line
    assert shared(server, ssh, key) == []


def test_sshfs(server: Server, ssh: OpenSsh, key: Path, tmp_path: Path) -> None:
    """Folders are listed, and files are read, also large ones in small parts."""
    large, data = tmp_path / "large.bin", os.urandom(1_000_000)
    large.write_bytes(data)
    assert run(ssh.file_command("scp", key, str(large), "erin@127.0.0.1:tea/")).returncode == 0
    small = tmp_path / "small.txt"
    for text in ("old\n", "new\n"):
        small.write_text(text)
        assert run(ssh.file_command("scp", key, str(small), "erin@127.0.0.1:tea/")).returncode == 0
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    options = ssh.options(key)
    program = require_program("sshfs")
    done = run([program, "erin@127.0.0.1:/", str(mounted), *options])
    if "fuse" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    try:
        assert os.listdir(mounted) == ["tea"]
        _, newest, older = sorted(os.listdir(mounted / "tea"))
        assert (mounted / "tea" / older).read_text() == "old\n"
        assert (mounted / "tea" / newest).read_text() == "new\n"
        assert (mounted / "tea" / "small.txt").stat().st_size == 4
        with (mounted / "tea" / "large.bin").open("rb", buffering=0) as file:
            assert b"".join(iter(lambda: file.read(4096), b"")) == data
        with pytest.raises(OSError, match=r"not implemented|not supported|not permitted"):
            (mounted / "more").mkdir()
        (mounted / "tea" / "copy.txt").write_text("a copy\n")
        assert (mounted / "tea" / "copy.txt").read_text() == "a copy\n"
    finally:
        run([require_program("fusermount3"), "-u", str(mounted)])

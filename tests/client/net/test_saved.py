"""Folder: what the client keeps on this machine, for its owner alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyconchat.client.net.address import Address, parse_address
from pyconchat.client.net.saved import Folder, default_folder

HOST = Address("host", 8000)
OTHER = Address("host", 9000)


@pytest.fixture(params=[0o022, 0o000], ids=["umask 022", "umask 000"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def tokens(folder: Folder) -> Path:
    return folder.path / "tokens"


def test_nothing_is_made_before_something_is_kept(folder: Folder) -> None:
    """Who only looks leaves nothing behind."""
    assert folder.token(HOST, "alice") is None
    assert folder.last_name(HOST) is None
    folder.forget_token(HOST, "alice")
    assert not folder.path.exists()


def test_a_token_is_kept(folder: Folder) -> None:
    """For each name at each address there is one, whatever the case of the name's letters."""
    folder.keep_token(HOST, "Alice", "t1")
    folder.keep_token(HOST, "bob", "t2")
    folder.keep_token(OTHER, "alice", "t3")
    folder.keep_token(parse_address("[::1]"), "alice", "t4")
    again = Folder(folder.path)
    assert again.token(HOST, "alice") == "t1"
    assert again.token(HOST, "ALICE") == "t1"
    assert again.token(HOST, "bob") == "t2"
    assert again.token(OTHER, "alice") == "t3"
    assert again.token(parse_address("[::1]"), "alice") == "t4"
    assert again.token(HOST, "carol") is None
    folder.keep_token(HOST, "alice", "t5")
    assert folder.token(HOST, "alice") == "t5"


def test_nobody_else_can_read_it(folder: Folder, umask: None) -> None:
    """The file is 0600 and the folder 0700, whatever the umask."""
    folder.keep_token(HOST, "alice", "t1")
    folder.keep_token(HOST, "alice", "t2")
    folder.history(HOST)
    assert mode(folder.path) == 0o700
    assert [mode(path) for path in folder.path.iterdir()] == [0o600, 0o600]


def test_a_file_that_all_could_read(folder: Folder) -> None:
    """One of another program, or of before, is not read by all any more once it has a new token."""
    folder.path.mkdir(parents=True)
    tokens(folder).write_text('{"bob@host:8000": "t0"}')
    tokens(folder).chmod(0o644)
    folder.keep_token(HOST, "alice", "t1")
    assert mode(tokens(folder)) == 0o600
    assert folder.token(HOST, "bob") == "t0"


def test_a_token_is_forgotten(folder: Folder) -> None:
    """Only that one."""
    folder.keep_token(HOST, "alice", "t1")
    folder.keep_token(HOST, "bob", "t2")
    folder.forget_token(HOST, "alice")
    folder.forget_token(HOST, "carol")
    assert folder.token(HOST, "alice") is None
    assert folder.token(HOST, "bob") == "t2"
    assert "t1" not in tokens(folder).read_text()


def test_who_was_there_last(folder: Folder) -> None:
    """The last name is that of the last login at that address, not at another."""
    folder.keep_token(HOST, "alice", "t1")
    folder.keep_token(HOST, "bob", "t2")
    folder.keep_token(OTHER, "carol", "t3")
    assert folder.last_name(HOST) == "bob"
    folder.keep_token(HOST, "alice", "t4")
    assert folder.last_name(HOST) == "alice"
    assert folder.last_name(Address("ost", 8000)) is None


def test_who_was_there_last_with_the_token_of_before(folder: Folder) -> None:
    """A login with the token that was kept, which stays the same, is a login too."""
    folder.keep_token(HOST, "alice", "t1")
    folder.keep_token(HOST, "bob", "t2")
    folder.keep_token(HOST, "alice", "t1")
    assert folder.last_name(HOST) == "alice"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b'{"alice@host:8000": 1}',
        b"\xff\xfe",
        b'{"alice@host:8000": "\xff"}',
    ],
)
def test_a_file_that_makes_no_sense(folder: Folder, data: bytes) -> None:
    """It is as none, and is replaced by one that makes sense."""
    folder.path.mkdir(parents=True)
    tokens(folder).write_bytes(data)
    assert folder.token(HOST, "alice") is None
    assert folder.last_name(HOST) is None
    folder.keep_token(HOST, "alice", "t1")
    assert folder.token(HOST, "alice") == "t1"


def test_what_a_crash_has_left(folder: Folder) -> None:
    """A half-written file of a process of the same number is no hindrance, nor followed."""
    folder.path.mkdir(parents=True)
    victim = folder.path / "victim"
    victim.write_text("precious")
    (folder.path / f"tokens.{os.getpid()}").symlink_to(victim)
    folder.keep_token(HOST, "alice", "t1")
    assert folder.token(HOST, "alice") == "t1"
    assert victim.read_text() == "precious"


def test_only_the_token_is_there(folder: Folder) -> None:
    """Nothing is left beside it."""
    folder.keep_token(HOST, "alice", "t1")
    assert [path.name for path in folder.path.iterdir()] == ["tokens"]


def test_a_history_for_each_server(folder: Folder) -> None:
    """Each address has a file of its own, inside of the folder, and keeps what is in it."""
    addresses = ["host", "host:9000", "[::1]", "HOST", "..", "..:9000", "höst"]
    paths = [folder.history(parse_address(each)) for each in addresses]
    assert len({*paths}) == len(paths) - 1  # a host has no upper case
    assert {path.parent for path in paths} == {folder.path}
    paths[0].write_text("hello")
    assert folder.history(HOST).read_text() == "hello"


def test_a_history_that_is_a_link(folder: Folder) -> None:
    """Nothing is written through a link."""
    path = folder.history(HOST)
    path.unlink()
    path.symlink_to(folder.path / "victim")
    with pytest.raises(OSError, match="history"):
        folder.history(HOST)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_STATE_HOME": "/var/state"}, Path("/var/state/pyconchat/client")),
        ({}, Path("/home/me/.local/state/pyconchat/client")),
        ({"XDG_STATE_HOME": ""}, Path("/home/me/.local/state/pyconchat/client")),
        ({"XDG_STATE_HOME": "relative"}, Path("/home/me/.local/state/pyconchat/client")),
    ],
)
def test_where_it_is(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: Path
) -> None:
    """Where the XDG Base Directory Specification says; a relative path is to be ignored."""
    monkeypatch.setenv("HOME", "/home/me")
    assert default_folder(environ) == expected

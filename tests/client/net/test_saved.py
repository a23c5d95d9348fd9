"""SavedState: what the client saves on this machine, only for its owner."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyconchat.client.net.address import Address, parse_address
from pyconchat.client.net.saved import SavedState, default_path

HOST = Address("host", 8000)
OTHER = Address("host", 9000)


@pytest.fixture(params=[0o022, 0o000], ids=["umask 022", "umask 000"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set the umask."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    """Return the permissions of the file at *path*."""
    return stat.S_IMODE(path.stat().st_mode)


def tokens(saved: SavedState) -> Path:
    """Return the path of the file of tokens."""
    return saved.path / "tokens"


def test_reading_creates_nothing(saved: SavedState) -> None:
    """Not even the folder."""
    assert saved.token(HOST, "alice") is None
    assert saved.last_name(HOST) is None
    saved.delete_token(HOST, "alice")
    assert not saved.path.exists()


def test_tokens(saved: SavedState) -> None:
    """There is one for each name, in any case, at each address."""
    saved.save_token(HOST, "Alice", "t1")
    saved.save_token(HOST, "bob", "t2")
    saved.save_token(OTHER, "alice", "t3")
    saved.save_token(parse_address("[::1]"), "alice", "t4")
    again = SavedState(saved.path)
    assert again.token(HOST, "alice") == "t1"
    assert again.token(HOST, "ALICE") == "t1"
    assert again.token(HOST, "bob") == "t2"
    assert again.token(OTHER, "alice") == "t3"
    assert again.token(parse_address("[::1]"), "alice") == "t4"
    assert again.token(HOST, "carol") is None
    saved.save_token(HOST, "alice", "t5")
    assert saved.token(HOST, "alice") == "t5"


def test_permissions(saved: SavedState, umask: None) -> None:
    """The file is 0600 and the folder 0700, whatever the umask."""
    saved.save_token(HOST, "alice", "t1")
    saved.save_token(HOST, "alice", "t2")
    saved.history(HOST)
    assert mode(saved.path) == 0o700
    assert [mode(path) for path in saved.path.iterdir()] == [0o600, 0o600]


def test_permissions_of_an_existing_file(saved: SavedState) -> None:
    """They are corrected with the next token."""
    saved.path.mkdir(parents=True)
    tokens(saved).write_text('{"bob@pyconchat://host:8000": "t0"}')
    tokens(saved).chmod(0o644)
    saved.save_token(HOST, "alice", "t1")
    assert mode(tokens(saved)) == 0o600
    assert saved.token(HOST, "bob") == "t0"


def test_a_token_that_came_over_tls(saved: SavedState) -> None:
    """It is not used without TLS on the same port, and the other way round."""
    secure = HOST._replace(tls=True)
    saved.save_token(secure, "alice", "t1")
    assert saved.token(HOST, "alice") is None
    assert saved.last_name(HOST) is None
    saved.save_token(HOST, "alice", "t2")
    assert saved.token(secure, "alice") == "t1"


def test_deleting_a_token(saved: SavedState) -> None:
    """The others are kept."""
    saved.save_token(HOST, "alice", "t1")
    saved.save_token(HOST, "bob", "t2")
    saved.delete_token(HOST, "alice")
    saved.delete_token(HOST, "carol")
    assert saved.token(HOST, "alice") is None
    assert saved.token(HOST, "bob") == "t2"
    assert "t1" not in tokens(saved).read_text()


def test_the_last_name(saved: SavedState) -> None:
    """It is the name of the last login at that address."""
    saved.save_token(HOST, "alice", "t1")
    saved.save_token(HOST, "bob", "t2")
    saved.save_token(OTHER, "carol", "t3")
    assert saved.last_name(HOST) == "bob"
    saved.save_token(HOST, "alice", "t4")
    assert saved.last_name(HOST) == "alice"
    assert saved.last_name(Address("ost", 8000)) is None


def test_the_last_name_with_an_unchanged_token(saved: SavedState) -> None:
    """A login with the saved token counts too."""
    saved.save_token(HOST, "alice", "t1")
    saved.save_token(HOST, "bob", "t2")
    saved.save_token(HOST, "alice", "t1")
    assert saved.last_name(HOST) == "alice"


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
def test_an_invalid_file(saved: SavedState, data: bytes) -> None:
    """It counts as empty, and is replaced."""
    saved.path.mkdir(parents=True)
    tokens(saved).write_bytes(data)
    assert saved.token(HOST, "alice") is None
    assert saved.last_name(HOST) is None
    saved.save_token(HOST, "alice", "t1")
    assert saved.token(HOST, "alice") == "t1"


def test_a_temporary_file_of_a_crash(saved: SavedState) -> None:
    """It is no obstacle, and a link in its place is not followed."""
    saved.path.mkdir(parents=True)
    victim = saved.path / "victim"
    victim.write_text("precious")
    (saved.path / f"tokens.{os.getpid()}").symlink_to(victim)
    saved.save_token(HOST, "alice", "t1")
    assert saved.token(HOST, "alice") == "t1"
    assert victim.read_text() == "precious"


def test_no_temporary_file_is_left(saved: SavedState) -> None:
    """Only the file of tokens exists."""
    saved.save_token(HOST, "alice", "t1")
    assert [path.name for path in saved.path.iterdir()] == ["tokens"]


def test_histories(saved: SavedState) -> None:
    """Each address has a file of its own in the folder, whose content is kept."""
    addresses = ["host", "host:9000", "[::1]", "HOST", "a-b", "a_b", "höst"]
    paths = [saved.history(parse_address(each)) for each in addresses]
    assert len({*paths}) == len(paths) - 1  # a host has no upper case
    assert {path.parent for path in paths} == {saved.path}
    paths[0].write_text("hello")
    assert saved.history(HOST).read_text() == "hello"


def test_a_history_that_is_a_link(saved: SavedState) -> None:
    """Nothing is written through it."""
    path = saved.history(HOST)
    path.unlink()
    path.symlink_to(saved.path / "victim")
    with pytest.raises(OSError, match="history"):
        saved.history(HOST)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_STATE_HOME": "/var/state"}, Path("/var/state/pyconchat/client")),
        ({}, Path("/home/me/.local/state/pyconchat/client")),
        ({"XDG_STATE_HOME": ""}, Path("/home/me/.local/state/pyconchat/client")),
        ({"XDG_STATE_HOME": "relative"}, Path("/home/me/.local/state/pyconchat/client")),
    ],
)
def test_the_default_path(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: Path
) -> None:
    """By the XDG Base Directory Specification, which ignores relative paths."""
    monkeypatch.setenv("HOME", "/home/me")
    assert default_path(environ) == expected


def test_the_view(saved: SavedState, umask: None) -> None:
    """It is saved beside the tokens, and another choice replaces it."""
    assert saved.view() == ""
    saved.save_view("all")
    saved.save_view("one")
    assert SavedState(saved.path).view() == "one"
    assert mode(saved.path / "settings") == 0o600
    (saved.path / "settings").write_text("[]")
    assert saved.view() == ""

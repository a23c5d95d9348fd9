"""KnownHosts: the file of pinned certificates."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pyconchat.client.net.known_hosts import KnownHosts

ONE = ":".join(["1A"] * 32)
OTHER = ":".join(["2B"] * 32)


@pytest.fixture
def known(tmp_path: Path) -> KnownHosts:
    return KnownHosts(tmp_path / "client" / "known_hosts")


def test_reading_creates_nothing(known: KnownHosts) -> None:
    """Not even the folder."""
    assert known.get("localhost", 8443) is None
    assert not known.path.parent.exists()


def test_pins(known: KnownHosts) -> None:
    """One for each host and port: the newest."""
    known.pin("localhost", 8443, OTHER)
    known.pin("localhost", 8444, ONE)
    known.pin("localhost", 8443, ONE)
    assert known.get("localhost", 8443) == ONE
    assert known.get("localhost", 84) is None
    assert known.get("host", 8443) is None
    text = known.path.read_text()
    assert text == f"localhost:8444 SHA256 {ONE}\nlocalhost:8443 SHA256 {ONE}\n"


@pytest.mark.parametrize(
    ("host", "same", "written"),
    [
        ("Chat.Example.ORG", "chat.example.org.", "chat.example.org:8443"),
        ("::1", "0:0:0:0:0:0:0:1", "[::1]:8443"),
        ("FE80::A%eth0", "fe80::a%eth0", "[fe80::a%eth0]:8443"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1:8443"),
    ],
)
def test_spellings_of_one_host(host: str, same: str, written: str, known: KnownHosts) -> None:
    """Upper case, a final dot and zeros do not matter."""
    known.pin(host, 8443, ONE)
    assert known.get(same, 8443) == ONE
    assert known.path.read_text() == f"{written} SHA256 {ONE}\n"


def test_permissions(known: KnownHosts) -> None:
    """File 0600 and folder 0700, whatever the umask, after every change."""
    before = os.umask(0)
    try:
        for port in (1, 2):
            known.pin("localhost", port, ONE)
            assert stat.S_IMODE(known.path.stat().st_mode) == 0o600
            assert stat.S_IMODE(known.path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_a_file_is_replaced_as_a_whole(known: KnownHosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one exists until the new one is complete; a failure leaves no other file."""
    known.pin("localhost", 1, ONE)
    before = known.path.read_text()

    def fail(new: str, old: Path) -> None:
        assert Path(new).read_text() == before + f"localhost:2 SHA256 {ONE}\n"
        assert old.read_text() == before
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        known.pin("localhost", 2, ONE)
    assert list(known.path.parent.iterdir()) == [known.path]
    assert known.path.read_text() == before


def test_a_file_edited_by_hand(known: KnownHosts) -> None:
    """Comments and blank lines are kept; lower case, tabs and CRLF are understood."""
    known.path.parent.mkdir()
    text = f"# ours\n\n  Tea.example.org:8443\tSHA256 {ONE.lower()} \r\n#tea2:8443 SHA256 {ONE}"
    known.path.write_text(text, newline="")
    assert known.get("tea.example.org", 8443) == ONE
    assert known.get("tea2", 8443) is None
    known.pin("new", 1, OTHER)
    assert known.path.read_bytes().decode() == f"{text}\nnew:1 SHA256 {OTHER}\n"


def test_several_lines_for_a_server(known: KnownHosts) -> None:
    """The first counts, and the next pin replaces all."""
    known.path.parent.mkdir()
    known.path.write_text(f"tea:1 SHA256 {ONE}\ntea:1 SHA256 {OTHER}\n")
    assert known.get("tea", 1) == ONE
    known.pin("tea", 1, OTHER)
    assert known.path.read_text() == f"tea:1 SHA256 {OTHER}\n"


@pytest.mark.parametrize(
    "line",
    [
        b"tea:1 SHA256",
        b"tea:1 SHA256 " + ONE[:-1].encode(),
        b"tea:1 SHA256 " + ONE.encode() + b":1A",
        b"tea:1 MD5 " + ONE.encode(),
        b"tea:1 SHA256 " + ONE.replace(":", "").encode(),
        b"tea:1 SHA256 " + "\N{ARABIC-INDIC DIGIT ONE}".encode() + ONE[1:].encode(),
        b"# comment\x0btea:1 SHA256 " + ONE.encode(),
        "# comment\N{LINE SEPARATOR}tea:1 SHA256 ".encode() + ONE.encode(),
        b"\xff\xfe\0tea:1 SHA256 " + ONE.encode(),
        b"tea:1 SHA256 " + b"1A:" * 100_000,
        b"\x1b]0;title\x07",
        bytes(range(10)) + bytes(range(11, 256)),
    ],
    ids=lambda line: repr(line[:40]),
)
def test_lines_that_are_no_entries(line: bytes, known: KnownHosts) -> None:
    """They are ignored, and kept byte for byte."""
    known.path.parent.mkdir()
    known.path.write_bytes(line + b"\n")
    assert known.get("tea", 1) is None
    known.pin("tea", 1, OTHER)
    assert known.path.read_bytes() == line + f"\ntea:1 SHA256 {OTHER}\n".encode()
    assert known.get("tea", 1) == OTHER


@pytest.mark.parametrize(
    ("host", "fingerprint"),
    [
        ("two words", ONE),
        (f"x:1 SHA256 {ONE}\ntea", ONE),
        ("#tea", ONE),
        ("tea", ONE[:-3]),
        ("tea", f"{ONE}\nx:1 SHA256 {ONE}"),
        ("tea", ""),
    ],
)
def test_invalid_pins(host: str, fingerprint: str, known: KnownHosts) -> None:
    """They are refused: `get` would not find them, or they are more than one line."""
    with pytest.raises(ValueError, match="not a host and a fingerprint"):
        known.pin(host, 1, fingerprint)
    assert not known.path.exists()

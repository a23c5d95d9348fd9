"""Where fetched files go, whatever the server calls them; and transfers that meet with trouble."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from zope.interface import implementer

from pyconchat.client.files.downloads import Downloads, local_name
from pyconchat.client.files.transfer import Broken, Download, Upload

HASH = "0123456789abcdef" * 4

ATTACKS = {
    "../../.ssh/authorized_keys": "authorized_keys",
    "/etc/passwd": "passwd",
    "..\\..\\autorun.inf": "autorun.inf",
    ".bashrc": "bashrc",
    "..": "file",
    "a/..": "file",
    "": "file",
    "evil\x1b]0;owned\x07\r\n.txt": "evil]0;owned.txt",
    "gpj.\u202eexe": "gpj.exe",
    "x\0.txt": "x.txt",
    "a" * 5000 + ".pdf": None,
}
"""Eleven names that an attacker would try, and what becomes of each where that is fixed."""


@pytest.fixture
def downloads(tmp_path: Path) -> Downloads:
    return Downloads(tmp_path / "in")


def fetch(downloads: Downloads, name: str, data: bytes = b"data", number: int = 1) -> Path:
    """Fetch a file of that *name*; return where it is."""
    file, path = downloads.begin(number, HASH)
    with file:
        file.write(data)
    return downloads.finish(path, name)


def outside(tmp_path: Path) -> list[str]:
    """Return what is beside the folder for downloads."""
    return sorted(path.name for path in tmp_path.iterdir() if path.name != "in")


@pytest.mark.parametrize(("name", "expected"), ATTACKS.items(), ids=range(len(ATTACKS)))
def test_eleven_names(
    downloads: Downloads, tmp_path: Path, name: str, expected: str | None
) -> None:
    """Every name ends up as one visible file directly in the folder."""
    assert len(ATTACKS) == 11
    path = fetch(downloads, name)
    assert path.parent == downloads.folder
    assert os.listdir(downloads.folder) == [path.name]
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
def test_any_name(tmp_path: Path, name: str) -> None:
    """Whatever the name: one component, visible, safe to show, short enough for any disk."""
    local = local_name(name)
    assert local
    assert "/" not in local
    assert "\0" not in local
    assert not local.startswith("."), repr(local)
    assert len(local.encode()) <= 200
    assert not any(ord(char) < 32 for char in local)
    folder = tmp_path / "in"
    for path in [fetch(Downloads(folder), name), fetch(Downloads(folder), name)]:
        assert path.parent == folder
        assert stat.S_ISREG(path.lstat().st_mode)
        path.unlink()
    assert list(folder.iterdir()) == []


def test_never_over_a_file(downloads: Downloads) -> None:
    """An existing file, folder, link, or link to nowhere is left as it is."""
    folder = downloads.folder
    folder.mkdir()
    (folder / "notes.pdf").write_bytes(b"mine")
    (folder / "notes (1).pdf").mkdir()
    (folder / "notes (2).pdf").symlink_to("notes.pdf")
    (folder / "notes (3).pdf").symlink_to(folder.parent / "nowhere")
    assert fetch(downloads, "notes.pdf") == folder / "notes (4).pdf"
    assert (folder / "notes.pdf").read_bytes() == b"mine"
    assert not (folder.parent / "nowhere").exists()


@pytest.mark.parametrize("kind", ["symlink", "dangling", "fifo", "folder"])
def test_never_through_a_link(downloads: Downloads, tmp_path: Path, kind: str) -> None:
    """What stands where the unfinished download would be is not written through."""
    target = tmp_path / "target"
    file, path = downloads.begin(1, HASH)
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
        downloads.begin(1, HASH)
    assert not target.exists() or target.read_bytes() == b"precious"


def test_a_part_is_of_one_file(downloads: Downloads) -> None:
    """What is here of a download is not gone on with as another; nor can a hash be a path."""
    paths = []
    for number, sha256 in ((1, HASH), (2, HASH), (1, "f" * 64), (1, "../../../x"), (1, "")):
        file, path = downloads.begin(number, sha256)
        file.close()
        assert path.parent == downloads.folder
        assert path.name.startswith(".pyconchat-")
        assert path.name.endswith(".part")
        paths.append(path)
    assert len(set(paths[:3])) == 3


# Transfers, over connections in memory.


class Wire(StringTransportWithDisconnection):
    """A connection to a server that says what a test has it say."""

    def loseConnection(self) -> None:
        if self.connected:
            super().loseConnection()

    def abortConnection(self) -> None:
        self.loseConnection()


@implementer(IStreamClientEndpoint)
class Endpoint:
    """Connects to a server that answers each connection by the next of *answers*."""

    def __init__(self, clock: Clock, answer: Callable[[Any, Wire], None]) -> None:
        self.connections = 0
        self._clock = clock
        self._answer = answer

    def connect(self, factory: Any) -> Deferred[Any]:
        self.connections += 1
        protocol, wire = factory.buildProtocol(None), Wire()
        wire.protocol = protocol
        protocol.makeConnection(wire)
        self._clock.callLater(0.01, self._answer, protocol, wire)
        return succeed(protocol)


def run_until(clock: Clock, done: Deferred[Any], seconds: float) -> list[Any]:
    """Let *seconds* pass; return the result, if there is one."""
    results: list[Any] = []
    done.addBoth(results.append)
    for _ in range(int(seconds * 10)):
        if results:
            break
        clock.advance(0.1)
    return results


def test_an_upload_whose_end_the_server_has_not_noticed(clock: Clock, tmp_path: Path) -> None:
    """After a cut that only we notice, the server is busy for up to 60 s: we wait so long."""
    path = tmp_path / "notes.pdf"
    path.write_bytes(b"abcdef")

    def answer(protocol: Any, wire: Wire) -> None:
        if clock.seconds() < 59:
            protocol.dataReceived(b"refused busy: notes.pdf is being sent already.\n")
        else:
            protocol.dataReceived(b"shared 1 6 x\n")
        wire.loseConnection()

    upload = Upload(clock, Endpoint(clock, answer), path, maybeDeferred)
    sending = Deferred.fromCoroutine(
        upload.send(lambda: succeed(("t" * 32, 3)), lambda _sha256: succeed(0))
    )
    (result,) = run_until(clock, sending, 120)
    assert result is None, result
    assert upload.number == 1


def test_a_download_that_falls_silent(clock: Clock, tmp_path: Path) -> None:
    """A download of which nothing comes for two minutes, as after a change of network, goes on."""
    data = b"abcdef"
    rests = [b"ab", b"cdef"]

    def answer(protocol: Any, wire: Wire) -> None:
        protocol.dataReceived(rests.pop(0))

    endpoint = Endpoint(clock, answer)
    downloads = Downloads(tmp_path / "in")
    download = Download(clock, endpoint, "a.txt", len(data), downloads, maybeDeferred)
    digest = hashlib.sha256(data).hexdigest()
    fetching = Deferred.fromCoroutine(download.fetch(1, digest, lambda: succeed("t" * 32)))
    results = run_until(clock, fetching, 150)
    assert endpoint.connections == 2
    assert results == [tmp_path / "in" / "a.txt"]


@pytest.mark.parametrize("cut", [1, 7, 11])
def test_a_cut_is_no_refusal(clock: Clock, tmp_path: Path, cut: int) -> None:
    """A file that begins like a refusal, cut anywhere, is gone on with."""
    data = b"refused by the board: " + b"x" * 2000
    sent = [0]

    def answer(protocol: Any, wire: Wire) -> None:
        piece = data[sent[0] :][:cut] if sent[0] == 0 else data[sent[0] :]
        offset = int(wire.value().split()[2])
        sent[0] = offset + len(piece)
        protocol.dataReceived(data[offset : sent[0]])
        wire.loseConnection()

    downloads = Downloads(tmp_path / "in")
    endpoint = Endpoint(clock, answer)
    download = Download(clock, endpoint, "a.txt", len(data), downloads, maybeDeferred)
    digest = hashlib.sha256(data).hexdigest()
    fetching = Deferred.fromCoroutine(download.fetch(1, digest, lambda: succeed("t" * 32)))
    assert run_until(clock, fetching, 20) == [tmp_path / "in" / "a.txt"]


def test_a_refusal_of_a_small_file(clock: Clock, tmp_path: Path) -> None:
    """A refusal that is longer than the file is shown, not taken for the file."""

    def answer(protocol: Any, wire: Wire) -> None:
        protocol.dataReceived(b"refused not-member: You are not a member of tea.\n")
        wire.loseConnection()

    downloads = Downloads(tmp_path / "in")
    download = Download(clock, Endpoint(clock, answer), "a.txt", 5, downloads, maybeDeferred)
    fetching = Deferred.fromCoroutine(download.fetch(1, HASH, lambda: succeed("t" * 32)))
    (failure,) = run_until(clock, fetching, 20)
    assert failure.check(Broken)
    assert "not a member" in str(failure.value)

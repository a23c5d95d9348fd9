"""Uploads and downloads over connections in memory that end, fall silent or are refused."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from zope.interface import implementer

from pyconchat.client.files.download import Download
from pyconchat.client.files.download_folder import DownloadFolder
from pyconchat.client.files.snapshot import snapshot_of
from pyconchat.client.files.transfer import Network, TransferFailed
from pyconchat.client.files.upload import Upload

HASH = "0123456789abcdef" * 4


class FakeTransport(StringTransportWithDisconnection):
    """A transport that can be closed and aborted more than once."""

    def loseConnection(self) -> None:
        if self.connected:
            super().loseConnection()

    def abortConnection(self) -> None:
        self.loseConnection()


@implementer(IStreamClientEndpoint)
class Endpoint:
    """Connects to a server in memory; *answer* is called for each connection."""

    def __init__(self, clock: Clock, answer: Callable[[Any, FakeTransport], None]) -> None:
        self.connections = 0
        self._clock = clock
        self._answer = answer

    def connect(self, factory: Any) -> Deferred[Any]:
        self.connections += 1
        protocol, transport = factory.buildProtocol(None), FakeTransport()
        transport.protocol = protocol
        protocol.makeConnection(transport)
        self._clock.callLater(0.01, self._answer, protocol, transport)
        return succeed(protocol)


def run_until(clock: Clock, done: Deferred[Any], seconds: float) -> list[Any]:
    """Let up to *seconds* pass; return the result, if there is one."""
    results: list[Any] = []
    done.addBoth(results.append)
    for _ in range(int(seconds * 10)):
        if results:
            break
        clock.advance(0.1)
    return results


def test_an_upload_while_the_server_is_busy(clock: Clock, tmp_path: Path) -> None:
    """The server may need 60 s to notice that an earlier attempt has ended."""
    path = tmp_path / "notes.pdf"
    path.write_bytes(b"abcdef")

    def answer(protocol: Any, transport: FakeTransport) -> None:
        if clock.seconds() < 59:
            protocol.dataReceived(b"refused busy: notes.pdf is being sent already.\n")
        else:
            protocol.dataReceived(b"shared 1 6 x\n")
        transport.loseConnection()

    upload = Upload(Network(clock, Endpoint(clock, answer), maybeDeferred), path)
    sending = Deferred.fromCoroutine(
        upload.send(lambda: succeed(("t" * 32, 3)), lambda _sha256: succeed(0))
    )
    (result,) = run_until(clock, sending, 120)
    assert result is None, result
    assert upload.number == 1


def test_a_silent_download(clock: Clock, tmp_path: Path) -> None:
    """After two minutes without a byte it continues on a new connection."""
    data = b"abcdef"
    pieces = [b"ab", b"cdef"]

    def answer(protocol: Any, transport: FakeTransport) -> None:
        protocol.dataReceived(pieces.pop(0))

    endpoint = Endpoint(clock, answer)
    folder = DownloadFolder(tmp_path / "in")
    download = Download(Network(clock, endpoint, maybeDeferred), "a.txt", len(data), folder)
    digest = hashlib.sha256(data).hexdigest()
    fetching = Deferred.fromCoroutine(download.fetch(1, digest, lambda: succeed("t" * 32)))
    results = run_until(clock, fetching, 150)
    assert endpoint.connections == 2
    assert results == [tmp_path / "in" / "a.txt"]


@pytest.mark.parametrize("size", [1, 7, 11])
def test_a_part_that_looks_like_a_refusal(clock: Clock, tmp_path: Path, size: int) -> None:
    """A file that begins like a refusal is completed by the next attempt."""
    data = b"refused by the board: " + b"x" * 2000
    sent = [0]

    def answer(protocol: Any, transport: FakeTransport) -> None:
        piece = data[sent[0] :][:size] if sent[0] == 0 else data[sent[0] :]
        offset = int(transport.value().split()[2])
        sent[0] = offset + len(piece)
        protocol.dataReceived(data[offset : sent[0]])
        transport.loseConnection()

    folder = DownloadFolder(tmp_path / "in")
    endpoint = Endpoint(clock, answer)
    download = Download(Network(clock, endpoint, maybeDeferred), "a.txt", len(data), folder)
    digest = hashlib.sha256(data).hexdigest()
    fetching = Deferred.fromCoroutine(download.fetch(1, digest, lambda: succeed("t" * 32)))
    assert run_until(clock, fetching, 20) == [tmp_path / "in" / "a.txt"]


def test_a_refusal_that_is_longer_than_the_file(clock: Clock, tmp_path: Path) -> None:
    """It is reported, and not saved as the file."""

    def answer(protocol: Any, transport: FakeTransport) -> None:
        protocol.dataReceived(b"refused not-member: You are not a member of tea.\n")
        transport.loseConnection()

    folder = DownloadFolder(tmp_path / "in")
    download = Download(Network(clock, Endpoint(clock, answer), maybeDeferred), "a.txt", 5, folder)
    fetching = Deferred.fromCoroutine(download.fetch(1, HASH, lambda: succeed("t" * 32)))
    (failure,) = run_until(clock, fetching, 20)
    assert failure.check(TransferFailed)
    assert "not a member" in str(failure.value)


# Files that change.


def upload_of(clock: Clock, path: Path, endpoint: Endpoint) -> tuple[Upload, Deferred[Any]]:
    """Begin to upload the file at *path*."""
    upload = Upload(Network(clock, endpoint, maybeDeferred), path)
    sending = upload.send(lambda: succeed(("t" * 32, 0)), lambda _sha256: succeed(0))
    return upload, Deferred.fromCoroutine(sending)


def test_a_file_that_grows(clock: Clock, tmp_path: Path) -> None:
    """The bytes that were there at the start are sent, and the hash is theirs."""
    path = tmp_path / "a.log"
    path.write_bytes(b"start")
    received: list[bytes] = []

    def answer(protocol: Any, transport: FakeTransport) -> None:
        received.append(transport.value())
        protocol.dataReceived(b"shared 1 5 x\n")
        transport.loseConnection()

    def run(function: Any, *args: Any) -> Deferred[Any]:
        with path.open("ab") as file:  # it grows at each step
            file.write(b" more")
        return maybeDeferred(function, *args)

    upload = Upload(Network(clock, Endpoint(clock, answer), run), path)
    sending = Deferred.fromCoroutine(
        upload.send(lambda: succeed(("t" * 32, 0)), lambda _sha256: succeed(0))
    )
    assert run_until(clock, sending, 5) == [None]
    (data,) = received
    header, _, body = data.partition(b"\n")
    digest = hashlib.sha256(body).hexdigest()
    assert header == f"upload {'t' * 32} 0 {len(body)} {digest}".encode()
    assert body in (b"start", b"start more")


def test_a_file_of_proc(clock: Clock) -> None:
    """Its reported size is 0, but it is not empty."""
    received: list[bytes] = []

    def answer(protocol: Any, transport: FakeTransport) -> None:
        received.append(transport.value().partition(b"\n")[2])
        protocol.dataReceived(b"shared 1 5 x\n")
        transport.loseConnection()

    upload, sending = upload_of(clock, Path("/proc/version"), Endpoint(clock, answer))
    assert run_until(clock, sending, 5) == [None]
    assert received == [Path("/proc/version").read_bytes()]
    assert upload.size == len(received[0])


@pytest.mark.parametrize("later", [b"other", b"sta"])
def test_a_file_that_changes(clock: Clock, tmp_path: Path, later: bytes) -> None:
    """One sentence after the first refusal, and not after a minute and a half of attempts."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"start")

    def answer(protocol: Any, transport: FakeTransport) -> None:
        path.write_bytes(later)
        protocol.dataReceived(b"refused bad-argument: The hash is another.\n")
        transport.loseConnection()

    endpoint = Endpoint(clock, answer)
    _, sending = upload_of(clock, path, endpoint)
    (failure,) = run_until(clock, sending, 5)
    assert str(failure.value) == "a.txt: it changes while it is sent"
    assert endpoint.connections == 1


def test_a_file_that_becomes_shorter(clock: Clock, tmp_path: Path) -> None:
    """Before it is read again: the server would wait for the rest."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"start")

    def run(function: Any, *args: Any) -> Deferred[Any]:
        result = maybeDeferred(function, *args)
        path.write_bytes(b"s")
        return result

    upload = Upload(Network(clock, Endpoint(clock, lambda *_: None), run), path)
    sending = Deferred.fromCoroutine(
        upload.send(lambda: succeed(("t" * 32, 0)), lambda _sha256: succeed(0))
    )
    (failure,) = run_until(clock, sending, 5)
    assert failure.check(TransferFailed)
    assert "it changes" in str(failure.value)


@pytest.mark.parametrize("kind", ["folder", "device", "fifo"])
def test_what_is_no_file(tmp_path: Path, kind: str) -> None:
    """It is refused at once, without waiting for a writer."""
    path = tmp_path / "x"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path = Path("/dev/zero")
    with pytest.raises(OSError, match="not a file"):
        snapshot_of(path)


def test_the_reason_of_a_server_that_closes(clock: Clock, tmp_path: Path) -> None:
    """It is in the sentence at the end, and its line never gets into a fetched file."""
    reason = b"* There were too many connections from your address; try again in 9 s.\n"

    def answer(protocol: Any, transport: FakeTransport) -> None:
        protocol.dataReceived(reason)
        transport.loseConnection()

    path = tmp_path / "a.txt"
    path.write_bytes(b"start")
    endpoint = Endpoint(clock, answer)
    _, sending = upload_of(clock, path, endpoint)
    (failure,) = run_until(clock, sending, 200)
    assert "try again in 9 s" in str(failure.value)
    folder = DownloadFolder(tmp_path / "in")
    download = Download(Network(clock, endpoint, maybeDeferred), "a.txt", 5000, folder)
    fetching = Deferred.fromCoroutine(download.fetch(1, HASH, lambda: succeed("t" * 32)))
    (failure,) = run_until(clock, fetching, 200)
    assert "try again in 9 s" in str(failure.value)
    assert [each.stat().st_size for each in (tmp_path / "in").iterdir()] == [0]

"""The transfer door in memory: the test controls the time and the disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IHalfCloseableDescriptor
from twisted.internet.task import Clock
from zope.interface import directlyProvides

from pyconchat.chat.chat import Chat
from pyconchat.config import Config, FilesConfig, LimitsConfig
from pyconchat.files import FileSharing, Storage
from pyconchat.store import SqlStore
from tests.support.connections import TestConnection
from tests.support.programs import UNLIMITED, MemoryServer, WiredProgram, pieces

IDLE = 60
PIECE = 65_536


class FileServer(MemoryServer):
    """A server with shared files; disk calls run at once, or one by one if *slow* is set."""

    def __init__(self, store: SqlStore, clock: Clock, folder: Path, files: FilesConfig) -> None:
        self.folder = folder
        self.slow = False
        self._waiting: list[tuple[Deferred[Any], Callable[[], Any]]] = []
        config = Config(limits=LimitsConfig(**UNLIMITED), files=files)
        super().__init__(store, clock, config, self._keep_files)
        self.sharing.start({}, {})
        self.alice = self.program("alice", "password of alice")
        self.alice.does("/create tea open")

    def _keep_files(self, chat: Chat) -> FileSharing:
        self.sharing = FileSharing(chat, Storage(self.folder), self.run)
        return self.sharing

    def run(self, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Run a disk call, or queue it."""
        if not self.slow:
            return maybeDeferred(call, *args)
        done: Deferred[Any] = Deferred()
        self._waiting.append((done, lambda: call(*args)))
        return done

    def run_disk_call(self) -> None:
        """Run one queued disk call."""
        if self._waiting:
            done, call = self._waiting.pop(0)
            maybeDeferred(call).chainDeferred(done)
        self.waits(0)

    def ticket(self, line: str = "/send notes.pdf", who: WiredProgram | None = None) -> str:
        """Return the ticket of an upload or download."""
        return str((who or self.alice).does(line, "tea")["ticket"])

    def share(self, data: bytes) -> None:
        """Share a file."""
        connection = self.connect().sends(f"upload {self.ticket()} 0 {len(data)}\n".encode() + data)
        assert connection.receives().startswith(b"shared ")

    def partial_bytes(self) -> int:
        """Return the size of all incomplete uploads."""
        return sum(path.stat().st_size for path in (self.folder / "partial").iterdir())


@pytest.fixture
def make_server(
    store: SqlStore, clock: Clock, tmp_path: Path
) -> Iterator[Callable[..., FileServer]]:
    servers: list[FileServer] = []

    def build(**files: Any) -> FileServer:
        config = FilesConfig(**{"free_disk": 0, **files})
        servers.append(FileServer(store, clock, tmp_path / "files", config))
        return servers[-1]

    yield build
    for each in servers:
        each.stop()


MakeServer = Callable[..., FileServer]


def half_closeable(connection: TestConnection) -> TestConnection:
    """Allow one direction of the connection to be closed, as with TCP."""
    directlyProvides(connection.wire, IHalfCloseableDescriptor)
    connection.wire.loseWriteConnection = lambda: None  # type: ignore[attr-defined]
    return connection


def test_a_header_in_pieces(make_server: MakeServer) -> None:
    """The header and the file may arrive byte by byte."""
    server = make_server()
    data = b"\x00\xff\n{upload "
    connection = server.connect()
    for piece in pieces(f"upload {server.ticket()} 0 {len(data)}\r\n".encode() + data):
        connection.sends(piece)
    digest = hashlib.sha256(data).hexdigest()
    assert connection.receives().decode() == f"shared 1 {len(data)} {digest}\n"
    server.alice.sees("shared", number=1, size=len(data), sha256=digest)
    connection = server.connect()
    for piece in pieces(f"download {server.ticket('/get 1')} 3\r\n".encode()):
        connection.sends(piece)
    assert connection.receives() == data[3:]
    assert connection.wire.closed


def test_a_slow_disk_pauses_the_upload(make_server: MakeServer) -> None:
    """While 1 MB waits for the disk, nothing more is read from the peer."""
    server = make_server()
    size = 4_000_000
    connection = server.connect()
    connection.sends(f"upload {server.ticket()} 0 {size}\n".encode())
    server.slow = True
    sent = 0
    for _ in range(3):
        while not connection.wire.paused:
            connection.sends(b"x" * PIECE)
            sent += PIECE
            assert sent - server.partial_bytes() <= 2_300_000
        server.run_disk_call()
    while connection.wire.connected and not connection.receives():
        if not connection.wire.paused and sent < size:
            connection.sends(b"x" * min(PIECE, size - sent))
            sent += min(PIECE, size - sent)
        server.run_disk_call()
    assert server.alice.does("/files", "tea")["files"][0]["size"] == size


def test_a_file_is_shared_when_it_is_complete(make_server: MakeServer) -> None:
    """Until the disk has all of it, nobody sees the file; then everybody does."""
    server = make_server()
    server.slow = True
    connection = server.connect()
    id = server.alice.requests("/send notes.pdf", "tea")
    while not any(each.get("re") == id for each in server.alice.objects):
        server.run_disk_call()
        server.alice.receives()
    connection.sends(f"upload {server.alice.answer(id)['ticket']} 0 3\nabc".encode())
    for _ in range(20):
        shared = [each for each in server.alice.events if each["type"] == "shared"]
        assert bool(shared) is bool(server.alice.does("/files", "tea")["files"])
        server.run_disk_call()
        server.alice.receives()
    assert len(shared) == 1
    assert server.partial_bytes() == 0


@pytest.mark.parametrize("end", ["idle", "cut"])
def test_an_interrupted_upload_can_be_resumed(make_server: MakeServer, end: str) -> None:
    """An upload without progress for 60 seconds is cut; the next /send returns the offset."""
    server = make_server()
    connection = server.connect()
    connection.sends(f"upload {server.ticket()} 0 10\nabc".encode())
    server.clock.advance(IDLE - 1)
    connection.sends(b"def")
    assert not connection.wire.aborted
    if end == "cut":
        connection.wire.loseConnection()
    else:
        server.clock.advance(IDLE - 1)
        assert not connection.wire.aborted
        server.clock.advance(1)
    assert not connection.wire.connected
    assert server.alice.does("/send notes.pdf", "tea")["offset"] == 6
    connection = server.connect()
    connection.sends(f"upload {server.ticket()} 6 10\nghij".encode())
    assert connection.receives().startswith(b"shared 1 10 ")


@pytest.mark.parametrize("chatty", [False, True], ids=["silent", "sends something"])
def test_a_download_that_is_not_read_is_cut(make_server: MakeServer, chatty: bool) -> None:
    """After 60 seconds in which the peer reads nothing, even if it sends something."""
    server = make_server()
    server.share(b"x" * 1_000_000)
    connection = server.connect()
    connection.wire.stops_reading()
    connection.sends(f"download {server.ticket('/get 1')}\n".encode())
    assert 0 < len(connection.receives()) < 600_000
    for _ in range(10):
        server.clock.advance(IDLE / 2)
        if chatty and connection.wire.connected:
            connection.sends(b".")
    assert not connection.wire.connected


def test_a_slow_download_completes(make_server: MakeServer) -> None:
    """A peer that reads a little in each minute gets the whole file."""
    server = make_server()
    data = bytes(range(256)) * 4000
    server.share(data)
    connection = server.connect()
    connection.wire.stops_reading()
    connection.sends(f"download {server.ticket('/get 1')}\n".encode())
    got = connection.receives()
    while connection.wire.connected:
        server.clock.advance(IDLE - 1)
        connection.wire.reads(1)
        got += connection.receives()
    assert got == data


@pytest.mark.parametrize("expired", [False, True], ids=["fresh", "an expired ticket"])
@pytest.mark.parametrize(
    ("line", "group", "answers"),
    [
        ("/quit everywhere", None, []),
        ("/password", None, ["password of alice", *["another password"] * 2]),
        ("/leave", "tea", ["yes"]),
        ("/remove 1", "tea", []),
        ("/delete tea", None, ["tea"]),
    ],
)
def test_a_download_ends_with_the_right_to_it(
    make_server: MakeServer, line: str, group: str | None, answers: list[str], expired: bool
) -> None:
    """The rest of the file is not sent, and the connection is cut, not closed in order."""
    server = make_server(ticket_seconds=IDLE)
    server.share(b"x" * 2_000_000)
    connection = server.connect()
    connection.wire.stops_reading()
    connection.sends(f"download {server.ticket('/get 1')}\n".encode())
    if expired:
        for _ in range(2):
            server.clock.advance(IDLE - 1)
            connection.wire.reads(1)
        server.ticket("/get 1")  # expired ones go
    server.alice.does(line, group, answers=answers)
    got = len(connection.receives())
    while connection.wire.connected:
        connection.wire.reads(1)
        got += len(connection.receives())
    assert got < 2_000_000


@pytest.mark.parametrize("size", ["", " 0 900"], ids=["unknown", "known"])
def test_an_upload_over_the_quota(make_server: MakeServer, size: str) -> None:
    """It is refused with the limit, and its bytes are not partial_bytes."""
    server = make_server(account_bytes=500)
    connection = server.connect()
    connection.sends(f"upload {server.ticket()}{size}\n".encode() + b"x" * 900)
    shown = connection.receives().decode()
    assert shown.startswith("refused ")
    assert "500 bytes" in shown
    assert server.partial_bytes() == 0
    assert server.alice.does("/send notes.pdf", "tea")["most"] == 500


def test_a_refused_upload_that_continues(make_server: MakeServer) -> None:
    """The peer has two seconds to read the refusal, even if it keeps sending."""
    server = make_server()
    connection = half_closeable(server.connect())
    connection.sends(b"upload %b\n" % (b"0" * 32))
    assert connection.receives().startswith(b"refused bad-token: ")
    for _ in range(10):
        server.clock.advance(1)
        if connection.wire.connected:
            connection.sends(b"x" * PIECE)
    assert not connection.wire.connected


def test_maximum_uploads_of_an_account(make_server: MakeServer) -> None:
    """A third upload is refused with the number. When one has ended, the next is accepted."""
    server = make_server()
    connections = [server.connect() for _ in range(3)]
    for number, connection in enumerate(connections):
        ticket = server.ticket(f"/send f{number}")
        connection.sends(f"upload {ticket} 0 3\na".encode())
    assert [connection.wire.connected for connection in connections] == [True, True, False]
    shown = connections[2].receives().decode()
    assert shown.startswith("refused too-many: ")
    assert "2" in shown
    connections[0].sends(b"bc")
    assert connections[0].receives().startswith(b"shared 1 ")
    shown = server.connect().sends(f"upload {server.ticket()} 0 1\na".encode()).receives()
    assert shown.startswith(b"shared 2 ")
    connections[1].wire.loseConnection()


def test_a_kick_during_an_upload(make_server: MakeServer) -> None:
    """The upload is refused, and nothing is shared."""
    server = make_server()
    bob = server.program("bob", "password of bob")
    bob.does("/join tea")
    connection = server.connect()
    connection.sends(f"upload {server.ticket(who=bob)} 0 3\nab".encode())
    server.alice.does("/kick bob", "tea")
    connection.sends(b"c")
    assert connection.receives().startswith(b"refused not-member: ")
    assert server.alice.does("/files", "tea")["files"] == []
    assert [path for path in server.folder.rglob("*") if path.is_file()] == []


def test_a_file_that_is_missing_on_the_disk(make_server: MakeServer) -> None:
    """The refusal does not say that the disk is full."""
    server = make_server()
    server.share(b"abc")
    for path in server.folder.rglob("*"):
        if path.is_file():
            path.unlink()
    shown = server.connect().sends(f"download {server.ticket('/get 1')}\n".encode()).receives()
    assert shown.startswith(b"refused ")
    assert b"disk-full" not in shown


def test_ended_connections_leave_nothing_behind(make_server: MakeServer) -> None:
    """Whatever they sent, ended connections are removed."""
    server = make_server()
    before = len(server.factory.open_doors)
    server.share(b"abc")
    for data in (
        b"upload x\n",
        b"download x\n",
        f"upload {server.ticket()} 9 9\n".encode(),
        f"upload {server.ticket()} x\n".encode(),
        f"download {server.ticket('/get 1')}\n".encode(),
        b"upload " + b"x" * 600,
        b"upload \xff\xfe\x00\n",
        b"upload \n",
        b"upload x",
    ):
        connection = server.connect()
        connection.sends(data)
        connection.ends_input()
        server.waits(3)
        assert not connection.wire.connected, data
    assert len(server.factory.open_doors) == before
    assert not server.sharing._active


def test_a_private_file(make_server: MakeServer) -> None:
    """The tickets, the list and the events have ``with``; a third person gets no ticket."""
    server = make_server()
    alice, bob = server.alice, server.program("bob", "password of bob")
    carol = server.program("carol", "password of carol")
    sending = alice.does("/send notes.pdf", **{"with": "bob"})
    assert (sending["type"], sending["with"]) == ("upload", "bob")
    server.connect().sends(f"upload {sending['ticket']} 0 3\nabc".encode())
    for program, other in ((alice, "bob"), (bob, "alice")):
        event = program.sees("shared", number=1, file="notes.pdf", size=3)
        assert event["with"] == other
        files = program.does("/files", **{"with": other})
        assert (files["with"], [each["name"] for each in files["files"]]) == (other, ["notes.pdf"])
        fetching = program.does("/get 1", **{"with": other})
        assert (fetching["type"], fetching["with"]) == ("download", other)
        connection = server.connect().sends(f"download {fetching['ticket']}\n".encode())
        assert connection.receives() == b"abc"
    for other in ("alice", "bob"):
        assert carol.does("/files", **{"with": other})["files"] == []
        assert carol.asks("/get 1", **{"with": other})["code"] == "no-such-file"
    assert bob.asks("/remove 1", **{"with": "alice"})["code"] == "not-yours"
    alice.does("/remove 1", **{"with": "bob"})
    bob.sees("removed", number=1)
    assert not [each for each in carol.objects if each.get("type") in ("shared", "removed")]

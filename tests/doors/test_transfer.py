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
from tests.support.programs import UNLIMITED, House, WiredProgram, pieces

IDLE = 60
PIECE = 65_536


class FileHouse(House):
    """A server with shared files; disk calls run at once, or one by one if *slow* is set."""

    def __init__(self, store: SqlStore, clock: Clock, folder: Path, files: FilesConfig) -> None:
        self.folder = folder
        self.slow = False
        self._waiting: list[tuple[Deferred[Any], Callable[[], Any]]] = []
        config = Config(limits=LimitsConfig(**UNLIMITED), files=files)
        super().__init__(store, clock, config, self._keep_files)
        self.sharing.start()
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
        caller = self.caller().sends(f"upload {self.ticket()} 0 {len(data)}\n".encode() + data)
        assert caller.receives().startswith(b"shared ")

    def partial_bytes(self) -> int:
        """Return the size of all incomplete uploads."""
        return sum(path.stat().st_size for path in (self.folder / "partial").iterdir())


@pytest.fixture
def house(store: SqlStore, clock: Clock, tmp_path: Path) -> Iterator[Callable[..., FileHouse]]:
    houses: list[FileHouse] = []

    def build(**files: Any) -> FileHouse:
        config = FilesConfig(**{"free_disk": 0, **files})
        houses.append(FileHouse(store, clock, tmp_path / "files", config))
        return houses[-1]

    yield build
    for each in houses:
        each.closes()


Build = Callable[..., FileHouse]


def half_closeable(caller: TestConnection) -> TestConnection:
    """Allow one direction of the connection to be closed, as with TCP."""
    directlyProvides(caller.wire, IHalfCloseableDescriptor)
    caller.wire.loseWriteConnection = lambda: None  # type: ignore[attr-defined]
    return caller


def test_a_header_in_pieces(house: Build) -> None:
    """The header and the file may arrive byte by byte."""
    here = house()
    data = b"\x00\xff\n{upload "
    caller = here.caller()
    for piece in pieces(f"upload {here.ticket()} 0 {len(data)}\r\n".encode() + data):
        caller.sends(piece)
    digest = hashlib.sha256(data).hexdigest()
    assert caller.receives().decode() == f"shared 1 {len(data)} {digest}\n"
    here.alice.sees("shared", number=1, size=len(data), sha256=digest)
    caller = here.caller()
    for piece in pieces(f"download {here.ticket('/get 1')} 3\r\n".encode()):
        caller.sends(piece)
    assert caller.receives() == data[3:]
    assert caller.wire.closed


def test_a_slow_disk_pauses_the_upload(house: Build) -> None:
    """While 1 MB waits for the disk, nothing more is read from the peer."""
    here = house()
    size = 4_000_000
    caller = here.caller()
    caller.sends(f"upload {here.ticket()} 0 {size}\n".encode())
    here.slow = True
    sent = 0
    for _ in range(3):
        while not caller.wire.paused:
            caller.sends(b"x" * PIECE)
            sent += PIECE
            assert sent - here.partial_bytes() <= 2_300_000
        here.run_disk_call()
    while caller.wire.connected and not caller.receives():
        if not caller.wire.paused and sent < size:
            caller.sends(b"x" * min(PIECE, size - sent))
            sent += min(PIECE, size - sent)
        here.run_disk_call()
    assert here.alice.does("/files", "tea")["files"][0]["size"] == size


def test_a_file_is_shared_when_it_is_complete(house: Build) -> None:
    """Until the disk has all of it, nobody sees the file; then everybody does."""
    here = house()
    here.slow = True
    caller = here.caller()
    id = here.alice.requests("/send notes.pdf", "tea")
    while not any(each.get("re") == id for each in here.alice.objects):
        here.run_disk_call()
        here.alice.receives()
    caller.sends(f"upload {here.alice.answer(id)['ticket']} 0 3\nabc".encode())
    for _ in range(20):
        shared = [each for each in here.alice.events if each["type"] == "shared"]
        assert bool(shared) is bool(here.alice.does("/files", "tea")["files"])
        here.run_disk_call()
        here.alice.receives()
    assert len(shared) == 1
    assert here.partial_bytes() == 0


@pytest.mark.parametrize("end", ["idle", "cut"])
def test_an_interrupted_upload_can_be_resumed(house: Build, end: str) -> None:
    """An upload without progress for 60 seconds is cut; the next /send returns the offset."""
    here = house()
    caller = here.caller()
    caller.sends(f"upload {here.ticket()} 0 10\nabc".encode())
    here.clock.advance(IDLE - 1)
    caller.sends(b"def")
    assert not caller.wire.aborted
    if end == "cut":
        caller.wire.loseConnection()
    else:
        here.clock.advance(IDLE - 1)
        assert not caller.wire.aborted
        here.clock.advance(1)
    assert not caller.wire.connected
    assert here.alice.does("/send notes.pdf", "tea")["offset"] == 6
    caller = here.caller()
    caller.sends(f"upload {here.ticket()} 6 10\nghij".encode())
    assert caller.receives().startswith(b"shared 1 10 ")


@pytest.mark.parametrize("chatty", [False, True], ids=["silent", "sends something"])
def test_a_download_that_is_not_read_is_cut(house: Build, chatty: bool) -> None:
    """After 60 seconds in which the peer reads nothing, even if it sends something."""
    here = house()
    here.share(b"x" * 1_000_000)
    caller = here.caller()
    caller.wire.stops_reading()
    caller.sends(f"download {here.ticket('/get 1')}\n".encode())
    assert 0 < len(caller.receives()) < 600_000
    for _ in range(10):
        here.clock.advance(IDLE / 2)
        if chatty and caller.wire.connected:
            caller.sends(b".")
    assert not caller.wire.connected


def test_a_slow_download_completes(house: Build) -> None:
    """A peer that reads a little in each minute gets the whole file."""
    here = house()
    data = bytes(range(256)) * 4000
    here.share(data)
    caller = here.caller()
    caller.wire.stops_reading()
    caller.sends(f"download {here.ticket('/get 1')}\n".encode())
    got = caller.receives()
    while caller.wire.connected:
        here.clock.advance(IDLE - 1)
        caller.wire.reads(1)
        got += caller.receives()
    assert got == data


@pytest.mark.parametrize("size", ["", " 0 900"], ids=["unknown", "known"])
def test_an_upload_over_the_quota(house: Build, size: str) -> None:
    """It is refused with the limit, and its bytes are not partial_bytes."""
    here = house(account_bytes=500)
    caller = here.caller()
    caller.sends(f"upload {here.ticket()}{size}\n".encode() + b"x" * 900)
    shown = caller.receives().decode()
    assert shown.startswith("refused ")
    assert "500 bytes" in shown
    assert here.partial_bytes() == 0
    assert here.alice.does("/send notes.pdf", "tea")["most"] == 500


def test_a_refused_upload_that_continues(house: Build) -> None:
    """The peer has two seconds to read the refusal, even if it keeps sending."""
    here = house()
    caller = half_closeable(here.caller())
    caller.sends(b"upload %b\n" % (b"0" * 32))
    assert caller.receives().startswith(b"refused bad-token: ")
    for _ in range(10):
        here.clock.advance(1)
        if caller.wire.connected:
            caller.sends(b"x" * PIECE)
    assert not caller.wire.connected


def test_maximum_uploads_of_an_account(house: Build) -> None:
    """A third upload is refused with the number. When one has ended, the next is accepted."""
    here = house()
    callers = [here.caller() for _ in range(3)]
    for number, caller in enumerate(callers):
        ticket = here.ticket(f"/send f{number}")
        caller.sends(f"upload {ticket} 0 3\na".encode())
    assert [caller.wire.connected for caller in callers] == [True, True, False]
    shown = callers[2].receives().decode()
    assert shown.startswith("refused too-many: ")
    assert "2" in shown
    callers[0].sends(b"bc")
    assert callers[0].receives().startswith(b"shared 1 ")
    shown = here.caller().sends(f"upload {here.ticket()} 0 1\na".encode()).receives()
    assert shown.startswith(b"shared 2 ")
    callers[1].wire.loseConnection()


def test_a_kick_during_an_upload(house: Build) -> None:
    """The upload is refused, and nothing is shared."""
    here = house()
    bob = here.program("bob", "password of bob")
    bob.does("/join tea")
    caller = here.caller()
    caller.sends(f"upload {here.ticket(who=bob)} 0 3\nab".encode())
    here.alice.does("/kick bob", "tea")
    caller.sends(b"c")
    assert caller.receives().startswith(b"refused not-member: ")
    assert here.alice.does("/files", "tea")["files"] == []
    assert [path for path in here.folder.rglob("*") if path.is_file()] == []


def test_a_file_that_is_missing_on_the_disk(house: Build) -> None:
    """The refusal does not say that the disk is full."""
    here = house()
    here.share(b"abc")
    for path in here.folder.rglob("*"):
        if path.is_file():
            path.unlink()
    shown = here.caller().sends(f"download {here.ticket('/get 1')}\n".encode()).receives()
    assert shown.startswith(b"refused ")
    assert b"disk-full" not in shown


def test_ended_connections_leave_nothing_behind(house: Build) -> None:
    """Whatever they sent, ended connections are removed."""
    here = house()
    before = len(here.factory.open_doors)
    here.share(b"abc")
    for data in (
        b"upload x\n",
        b"download x\n",
        f"upload {here.ticket()} 9 9\n".encode(),
        f"upload {here.ticket()} x\n".encode(),
        f"download {here.ticket('/get 1')}\n".encode(),
        b"upload " + b"x" * 600,
        b"upload \xff\xfe\x00\n",
        b"upload \n",
        b"upload x",
    ):
        caller = here.caller()
        caller.sends(data)
        caller.ends_input()
        here.waits(3)
        assert not caller.wire.connected, data
    assert len(here.factory.open_doors) == before
    assert not here.sharing._active

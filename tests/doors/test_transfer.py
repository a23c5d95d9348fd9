"""The door for transfers, over wires in memory, with time and the disk in our hands."""

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
    """A house that keeps files; its disk does what it is asked at once, or when it is let."""

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
        """Do what is for the disk."""
        if not self.slow:
            return maybeDeferred(call, *args)
        done: Deferred[Any] = Deferred()
        self._waiting.append((done, lambda: call(*args)))
        return done

    def disk_goes_on(self) -> None:
        """Do one thing that waits for the disk."""
        if self._waiting:
            done, call = self._waiting.pop(0)
            maybeDeferred(call).chainDeferred(done)
        self.waits(0)

    def ticket(self, line: str = "/send notes.pdf", who: WiredProgram | None = None) -> str:
        """Return a ticket."""
        return str((who or self.alice).does(line, "tea")["ticket"])

    def shares(self, data: bytes) -> None:
        """Share a file."""
        caller = self.caller().sends(f"upload {self.ticket()} 0 {len(data)}\n".encode() + data)
        assert caller.receives().startswith(b"shared ")

    def kept(self) -> int:
        """Return how many bytes of unfinished uploads are here."""
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
    """Make the connection one of which one side can be closed, as those of TCP are."""
    directlyProvides(caller.wire, IHalfCloseableDescriptor)
    caller.wire.loseWriteConnection = lambda: None  # type: ignore[attr-defined]
    return caller


def test_a_header_in_pieces(house: Build) -> None:
    """However the bytes are cut, the header and the file are what they are."""
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


def test_a_disk_that_is_slower(house: Build) -> None:
    """Nothing more is read from a peer when 1 MB waits for the disk, until the disk has it."""
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
            assert sent - here.kept() <= 2_300_000
        here.disk_goes_on()
    while caller.wire.connected and not caller.receives():
        if not caller.wire.paused and sent < size:
            caller.sends(b"x" * min(PIECE, size - sent))
            sent += min(PIECE, size - sent)
        here.disk_goes_on()
    assert here.alice.does("/files", "tea")["files"][0]["size"] == size


def test_half_a_file_is_never_seen(house: Build) -> None:
    """Until the disk has all of it, nobody sees a file; then everybody does."""
    here = house()
    here.slow = True
    caller = here.caller()
    id = here.alice.requests("/send notes.pdf", "tea")
    while not any(each.get("re") == id for each in here.alice.objects):
        here.disk_goes_on()
        here.alice.receives()
    caller.sends(f"upload {here.alice.answer(id)['ticket']} 0 3\nabc".encode())
    for _ in range(20):
        shared = [each for each in here.alice.events if each["type"] == "shared"]
        assert bool(shared) is bool(here.alice.does("/files", "tea")["files"])
        here.disk_goes_on()
        here.alice.receives()
    assert len(shared) == 1
    assert here.kept() == 0


@pytest.mark.parametrize("end", ["idle", "cut"])
def test_a_transfer_that_ends_early(house: Build, end: str) -> None:
    """One that does not move for 60 seconds is cut; what came is kept, and named by /send."""
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
def test_a_reader_who_does_not_read(house: Build, chatty: bool) -> None:
    """A download of which nothing is taken for 60 seconds is cut, whatever its peer sends."""
    here = house()
    here.shares(b"x" * 1_000_000)
    caller = here.caller()
    caller.wire.stops_reading()
    caller.sends(f"download {here.ticket('/get 1')}\n".encode())
    assert 0 < len(caller.receives()) < 600_000
    for _ in range(10):
        here.clock.advance(IDLE / 2)
        if chatty and caller.wire.connected:
            caller.sends(b".")
    assert not caller.wire.connected


def test_a_slow_reader(house: Build) -> None:
    """A download that goes on, however slowly, arrives."""
    here = house()
    data = bytes(range(256)) * 4000
    here.shares(data)
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
def test_more_than_there_may_be(house: Build, size: str) -> None:
    """What is over the quota is refused with the numbers, and not kept."""
    here = house(account_bytes=500)
    caller = here.caller()
    caller.sends(f"upload {here.ticket()}{size}\n".encode() + b"x" * 900)
    shown = caller.receives().decode()
    assert shown.startswith("refused ")
    assert "500 bytes" in shown
    assert here.kept() == 0
    assert here.alice.does("/send notes.pdf", "tea")["most"] == 500


def test_one_who_is_refused_and_sends_on(house: Build) -> None:
    """Who is refused has two seconds to read why, and no more by sending on."""
    here = house()
    caller = half_closeable(here.caller())
    caller.sends(b"upload %b\n" % (b"0" * 32))
    assert caller.receives().startswith(b"refused bad-token: ")
    for _ in range(10):
        here.clock.advance(1)
        if caller.wire.connected:
            caller.sends(b"x" * PIECE)
    assert not caller.wire.connected


def test_two_at_a_time(house: Build) -> None:
    """A third upload of one account is refused with the number; when one has ended it is not."""
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


def test_kicked_in_the_middle(house: Build) -> None:
    """Who is kicked while sending has nothing shared, and is told."""
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


def test_bytes_that_are_gone_from_the_disk(house: Build) -> None:
    """Who fetches a file whose bytes are not on the disk is not told that the disk is full."""
    here = house()
    here.shares(b"abc")
    for path in here.folder.rglob("*"):
        if path.is_file():
            path.unlink()
    shown = here.caller().sends(f"download {here.ticket('/get 1')}\n".encode()).receives()
    assert shown.startswith(b"refused ")
    assert b"disk-full" not in shown


def test_no_connection_is_left(house: Build) -> None:
    """Whatever they were for, connections that have ended are forgotten."""
    here = house()
    before = len(here.factory.open_doors)
    here.shares(b"abc")
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

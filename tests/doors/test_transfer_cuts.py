"""A transfer that is cut at any await leaves nothing behind, at the line door and the web door."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pyconchat.config import Config, FilesConfig, LimitsConfig
from pyconchat.files import FileSharing, Storage, storage
from pyconchat.files.storage import Partial
from tests.support.programs import UNLIMITED, MemoryServer, WiredProgram
from tests.support.stepwise import MAX_STEPS, StepByStep
from tests.support.stores import quick_store
from tests.support.web import WebUsers

DATA = bytes(range(256)) * 8
SHA256 = hashlib.sha256(DATA).hexdigest()

FLOWS = {
    "upload": ("/send {}", f"upload {{}} 0 {len(DATA)} {SHA256}\n"),
    "upload until the input ends": ("/send {}", "upload {}\n"),
    "upload with another hash": ("/send {}", f"upload {{}} 0 {len(DATA)} {'0' * 64}\n"),
    "download": ("/get 1", "download {}\n"),
    "PUT": (
        "/send {}",
        f"PUT /file/{{}} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(DATA)}\r\n\r\n",
    ),
    "GET": ("/get 1", "GET /file/{}/a.bin HTTP/1.1\r\nHost: localhost\r\n\r\n"),
}
"""The command that gives the ticket, and the beginning of the connection."""


class Sharing:
    """A server with file 1 in tea, where alice is; its disk and its store run stepwise."""

    def __init__(self, folder: Path) -> None:
        self.work = StepByStep()
        self.store = quick_store(folder)
        self.clock = Clock()
        config = Config(limits=LimitsConfig(**UNLIMITED), files=FilesConfig(free_disk=0))
        self.received = b""  # the answer to the last transfer
        self.server = MemoryServer(
            *(self.store, self.clock, config, self._files(folder / "files")),
            hasher=self.work,
            threads=self.work,
        )
        self.sharing.start({}, {})
        self.web = WebUsers(self.server.factory, self.clock)
        self.alice: WiredProgram = self.server.program("alice", "alice pw")
        self.alice.does("/create tea open")
        self.transfer("upload", "a.bin", MAX_STEPS)
        assert self.alice.does("/files", "tea")["files"]

    def _files(self, folder: Path) -> Any:
        def make(chat: Any) -> FileSharing:
            self.sharing = FileSharing(chat, Storage(folder), self.work.run)
            return self.sharing

        return make

    def transfer(self, flow: str, name: str, steps: int) -> bool:
        """Begin a transfer and cut it after *steps* steps; return whether there were more."""
        line, head = FLOWS[flow]
        data = head.format(self.alice.does(line.format(name), "tea")["ticket"]).encode()
        data += DATA if "/send" in line else b""
        self.work.stepwise = True
        if flow in ("PUT", "GET"):
            user = self.web.connects()
            user.sends(data)
            protocol, tick, wire = user.protocol, lambda: user.waits(0), user.wire
        else:
            connection = self.server.connect()
            connection.sends(data)
            protocol, tick, wire = connection.door, connection.tick, connection.wire
            if flow == "upload until the input ends":
                connection.ends_input()
        done = 0
        while done < steps and self.work.step():
            tick()
            done += 1
        self.received = wire.value()
        if wire.connected:
            protocol.connectionLost(Failure(ConnectionLost()))
        more = done == steps
        while self.work.step():
            tick()
        self.work.stepwise = False
        self.server.waits(10)
        return more


@pytest.mark.parametrize("flow", FLOWS)
def test_a_cut_at_any_await(flow: str, tmp_path: Path, failures: list[object]) -> None:
    """Its file is closed, its place is free, and the same file can be sent at once."""
    server = Sharing(tmp_path)
    alone, files = len(server.server.factory.open_doors), len(os.listdir("/proc/self/fd"))
    for steps in range(MAX_STEPS):
        name = f"{steps}.bin"
        more = server.transfer(flow, name, steps)
        assert (steps, len(server.server.factory.open_doors)) == (steps, alone)
        assert (steps, len(os.listdir("/proc/self/fd"))) == (steps, files)
        assert (steps, server.sharing._active) == (steps, {})
        assert failures == []
        if "/send" in FLOWS[flow][0]:
            server.transfer("upload", name, MAX_STEPS)
            names = [each["name"] for each in server.alice.does("/files", "tea")["files"]]
            assert (steps, name in names) == (steps, True)
        if not more:
            break
    else:
        raise AssertionError("the flow needs more steps")
    assert steps
    server.server.stop()
    server.store.close()


FAULTS = ["disk", "begin", "write", "fsync", "mkdir", "rename", "sync"]


@pytest.mark.parametrize("flow", ["upload", "PUT"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_that_is_full_at_any_step(
    fault: str, flow: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says so, nothing is left, and the upload succeeds when there is space again."""
    server = Sharing(tmp_path)
    files = len(os.listdir("/proc/self/fd"))

    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        place: Any = {"fsync": os, "mkdir": Path, "rename": Path, "sync": storage, "write": Partial}
        full.setattr(place.get(fault, Storage), fault, fails)
        server.transfer(flow, "b.bin", MAX_STEPS)
    assert server.received.count(b"cannot store files now") == 1, server.received
    assert server.received.startswith(b"HTTP/1.1 507 " if flow == "PUT" else b"refused disk-full: ")
    assert len(os.listdir("/proc/self/fd")) == files
    assert server.sharing._active == {}
    assert [path.name for path in (tmp_path / "files" / "partial").iterdir()] == []
    server.transfer(flow, "b.bin", MAX_STEPS)
    found = [each["name"] for each in server.alice.does("/files", "tea")["files"]]
    assert found == ["a.bin", "b.bin"]
    server.server.stop()
    server.store.close()
